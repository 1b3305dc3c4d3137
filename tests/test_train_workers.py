"""Two processes train as two machines do: they learn what one learns, and they stop together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.runs import learnt, run_train, train_flags
from tests.shared_data import REPOSITORY

pytestmark = pytest.mark.slow
SETTINGS = {"precision": "float64", "report_every": 2}


@pytest.fixture
def start(world, tmp_path):
    """Starts both workers on the run `pair`; ends them with the test."""
    workers = []

    def start_both(**settings):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        args = train_flags(world, tmp_path / "pair", batch_size=3, **SETTINGS, **settings)
        for index in range(2):
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": addresses}, "task": task}
            workers.append(start_worker(args, cluster))
        return workers

    yield start_both
    for worker in workers:
        worker.kill()
        worker.communicate()


def start_worker(args, cluster):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TF_CONFIG": json.dumps(cluster)}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bigram", *args],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def finish(workers):
    outputs = [worker.communicate(timeout=240)[0] for worker in workers]
    return [worker.returncode for worker in workers], outputs


def test_workers_learn_what_one_process_learns(start, world, tmp_path, bigram):
    codes, outputs = finish(start(epochs=2))
    assert codes == [0, 0], outputs
    run_train(world, tmp_path / "one", epochs=2, **(SETTINGS | {"batch_size": 6}))
    one, pair = learnt(tmp_path / "one"), learnt(tmp_path / "pair")
    assert pair["state"]["step"] == one["state"]["step"] == 14
    for name, value in one["arrays"].items():
        np.testing.assert_allclose(value, pair["arrays"][name], atol=1e-9, err_msg=name)
    for expected, found in zip(one["log"], pair["log"], strict=True):
        assert found == pytest.approx(expected, abs=1e-9)


def test_a_stop_of_one_worker_stops_all_at_the_same_step(start, tmp_path):
    """Otherwise the others would wait for it for ever."""
    workers = start(epochs=300)
    log = tmp_path / "pair/log.jsonl"
    while not log.exists():
        assert workers[1].poll() is None, workers[1].communicate()
        time.sleep(0.05)
    workers[1].send_signal(signal.SIGINT)
    codes, outputs = finish(workers)
    assert codes == [130, 130], outputs
    step = learnt(tmp_path / "pair")["state"]["step"]
    assert all(f"saved at step {step}" in output for output in outputs)
