import json
import os
import socket
import subprocess
import sys

import pytest

from utils import devices
from utils.errors import UserError


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in list(os.environ):
        if name.startswith("SLURM") or name == "TF_CONFIG":
            monkeypatch.delenv(name)


def start(num_gpus, virtual_towers, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.utils.strategy_process", str(num_gpus), str(virtual_towers)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    try:
        return process.communicate(timeout=300)
    finally:
        process.kill()


def result(process):
    output, errors = finish(process)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def test_the_cpu_is_one_replica_and_towers_are_several():
    one, three = start(0, 0), start(0, 3)
    assert result(one) == {
        "kind": "OneDeviceStrategy",
        "replicas": 1,
        "chief": True,
        "sum": [1.0],
    }
    assert result(three) == {
        "kind": "MirroredStrategy",
        "replicas": 3,
        "chief": True,
        "sum": [3.0, 3.0, 3.0],
    }


def test_gpus_that_are_not_there_are_one_line_with_both_ways_out():
    process = start(4, 0)
    _, errors = finish(process)
    assert process.returncode == 2
    last = errors.splitlines()[-1]
    assert last == (
        "error: --num_gpus 4: TensorFlow finds 0 here; use --num_gpus 0 --virtual_towers 4"
        " for the CPU"
    )
    assert "Traceback" not in errors


def test_the_message_offers_the_gpus_that_exist():
    assert devices._too_few_gpus(4, 2) == (
        "--num_gpus 4: TensorFlow finds 2 here; use --num_gpus 2, or --num_gpus 0"
        " --virtual_towers 4 for the CPU"
    )
    assert "--virtual_towers" not in devices._too_few_gpus(1, 0)


@pytest.mark.parametrize(
    ("gpus", "towers", "named"), [(-1, 0, "--num_gpus"), (0, -2, "--virtual"), (2, 2, "one of")]
)
def test_contradictions_are_refused(gpus, towers, named):
    with pytest.raises(UserError, match=named):
        devices.make_strategy(gpus, towers)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_a_wrong_tf_config_says_what_is_expected(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=r"TF_CONFIG is .*expected JSON"):
        devices.is_one_of_several_workers()


ONE_WORKER = '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'


@pytest.mark.parametrize("text", ["", "  ", "{}", '{"cluster": {}}', ONE_WORKER])
def test_a_tf_config_of_one_task_or_none_is_a_process_by_itself(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    assert not devices.is_one_of_several_workers()


def test_tasks_of_different_kinds_are_several_workers(monkeypatch):
    cluster = {"chief": ["a:1"], "worker": ["b:1"]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert devices.is_one_of_several_workers()


def test_a_single_worker_can_have_towers():
    found = result(start(0, 2, TF_CONFIG=ONE_WORKER))
    assert (found["kind"], found["chief"]) == ("MirroredStrategy", True)
    assert found["sum"] == [2.0, 2.0]


def test_a_slurm_batch_script_is_not_a_worker_but_a_step_is(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert not devices.is_one_of_several_workers()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert devices.is_one_of_several_workers()


def test_towers_and_workers_exclude_each_other(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(["a:1", "b:1"], 0))
    with pytest.raises(UserError, match="unset TF_CONFIG"):
        devices.make_strategy(0, 2)


def test_a_slurm_worker_finds_itself_by_its_host(monkeypatch):
    for name, value in slurm_step("node[2,10]", node="node2", local=1, rank=1).items():
        monkeypatch.setenv(name, value)
    resolver = devices._slurm_resolver(2)
    port = 12000 + 31007 % 20000
    assert resolver.cluster_spec().as_dict() == {
        "worker": [f"node10:{port}", f"node10:{port + 1}", f"node2:{port}", f"node2:{port + 1}"]
    }
    assert (resolver.task_type, resolver.task_id) == ("worker", 3)
    assert resolver.num_accelerators() == {"GPU": 2}


@pytest.mark.parametrize("scheduler", ["tf_config", "slurm"])
def test_two_processes_add_up_and_the_first_is_chief(scheduler):
    if scheduler == "tf_config":
        hosts = [f"localhost:{port}" for port in free_ports(2)]
        environments = [{"TF_CONFIG": tf_config(hosts, i)} for i in range(2)]
    else:
        environments = [
            slurm_step("localhost", "localhost", i, i)
            | {"SLURM_STEP_NUM_TASKS": "2", "SLURM_JOB_ID": str(os.getpid())}
            for i in range(2)
        ]
    processes = [start(0, 0, **environment) for environment in environments]
    first, second = [result(process) for process in processes]
    assert first["kind"] == "CollectiveAllReduceStrategy"
    assert (first["replicas"], first["chief"], first["sum"]) == (2, True, [2.0])
    assert (second["replicas"], second["chief"], second["sum"]) == (2, False, [2.0])


def test_the_log_level_of_the_user_stays(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    devices.quiet_tensorflow()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    devices.quiet_tensorflow()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "2"


def tf_config(hosts, index):
    return json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}})


def slurm_step(nodes, node, local, rank):
    """The variables that `srun` sets, two tasks on each node."""
    return {
        "SLURM_JOB_ID": "31007",
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(local),
        "SLURMD_NODENAME": node,
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": "2" if node == nodes else "2(x2)",
    }


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
