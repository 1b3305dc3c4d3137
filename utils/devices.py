"""Which devices a command runs on: the CPU, GPUs, towers on one CPU, or several machines.

TensorFlow fixes its devices at the first operation of a process, so `make_strategy` comes first.
"""

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

# Notes of TensorFlow 2.21 and its libraries that a healthy start prints.
_NOTE = re.compile(rb"WARNING: All log messages before absl|[IW]\d{4} |E\d{4} .*cuInit")


def quiet_tensorflow() -> None:
    """Imports TensorFlow without the notes that it prints on every start.

    `TF_CPP_MIN_LOG_LEVEL` hides most, but not what is logged before TensorFlow's own logging
    starts. So stderr goes to a file meanwhile, and what is not such a note is printed after all.
    With `TF_CPP_MIN_LOG_LEVEL=0`, or TensorFlow imported before, everything shows.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "tensorflow" in sys.modules or os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0":
        return
    with tempfile.TemporaryFile() as held:
        try:
            with _stderr_into(held):
                import tensorflow as tf

                tf.config.list_physical_devices()  # looks for CUDA, and notes its absence
        finally:
            held.seek(0)
            lines = [line for line in held if not _NOTE.match(line)]
            sys.stderr.write(b"".join(lines).decode(errors="replace"))


@contextlib.contextmanager
def _stderr_into(file: BinaryIO) -> Iterator[None]:
    """Redirects the file descriptor, since C++ code knows no `sys.stderr`."""
    sys.stderr.flush()
    before = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def make_strategy(
    num_gpus: int | None = 0, virtual_towers: int = 0, fast: bool = False
) -> "tf.distribute.Strategy":
    """Chooses the devices of this process.

    With `TF_CONFIG` set, or in a SLURM step of several tasks, this process is one of several
    workers, and `num_gpus` counts the GPUs of each worker: start one worker per machine, or let
    SLURM give every task its own GPUs (`--gpus-per-task`).

    Args:
        num_gpus: GPUs to use; 0 is the CPU, None is one GPU if there is one.
        virtual_towers: with `num_gpus` 0, this many replicas share the CPU: the same code path as
            several GPUs, to test and debug it. 0 and 1 are a single replica.
        fast: let GPU kernels add in any order: faster, but two equal runs differ in the last bits.

    Raises:
        UserError: these devices do not exist, or the request contradicts itself.
        RuntimeError: TensorFlow has already initialised its devices.
    """
    quiet_tensorflow()
    import tensorflow as tf

    if num_gpus is None:
        found = len(tf.config.list_physical_devices("GPU"))
        num_gpus = 0 if virtual_towers > 1 else min(1, found)
    _check_request(num_gpus, virtual_towers)
    gpus = _use_gpus(num_gpus, fast)
    if is_one_of_several_workers():
        return _several_workers(gpus, virtual_towers)
    if virtual_towers > 1:
        return tf.distribute.MirroredStrategy(_split_cpu(virtual_towers))
    if num_gpus > 1:
        return tf.distribute.MirroredStrategy([f"/gpu:{i}" for i in range(num_gpus)])
    return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")


def is_chief(strategy: "tf.distribute.Strategy") -> bool:
    """Whether this process writes the run folder: true in all but one of several workers."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec():
        return True
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return (resolver.task_type, resolver.task_id) == ("worker", 0)


def is_one_of_several_workers() -> bool:
    """Whether `TF_CONFIG` or SLURM has started this process as a worker of a cluster.

    Raises:
        UserError: `TF_CONFIG` is not what TensorFlow expects.
    """
    return _has_cluster(os.environ.get("TF_CONFIG", "")) or _in_slurm_step()


def _check_request(num_gpus: int, virtual_towers: int) -> None:
    for flag, value in (("--num_gpus", num_gpus), ("--virtual_towers", virtual_towers)):
        if value < 0:
            raise UserError(f"{flag} {value}: give a number of at least 0")
    if num_gpus and virtual_towers > 1:
        raise UserError(
            f"--virtual_towers {virtual_towers} splits the CPU and --num_gpus {num_gpus} uses GPUs:"
            " give one of them"
        )


def _use_gpus(count: int, fast: bool) -> list["tf.config.PhysicalDevice"]:
    """Makes the first `count` GPUs visible to TensorFlow, and no other."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if count > len(found):
        raise UserError(_too_few_gpus(count, len(found)))
    gpus = found[:count]
    tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        # Otherwise the first process takes all memory of a GPU, and evaluating beside it fails.
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus and not fast:
        # CPU kernels give equal bits as they are (a test holds them to it).
        tf.config.experimental.enable_op_determinism()
    return gpus


def _too_few_gpus(asked: int, found: int) -> str:
    ways = [f"--num_gpus {found}"] if found else []
    towers = f" --virtual_towers {asked}" if asked > 1 else ""
    ways.append(f"--num_gpus 0{towers} for the CPU")
    return f"--num_gpus {asked}: TensorFlow finds {found} here; use " + ", or ".join(ways)


def _split_cpu(towers: int) -> list[str]:
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(towers)]
    tf.config.set_logical_device_configuration(cpu, parts)
    return [f"/cpu:{i}" for i in range(towers)]


def _has_cluster(text: str) -> bool:
    """Whether a `TF_CONFIG` names several tasks; TensorFlow's own errors do not say why."""
    if not text.strip():
        return False
    try:
        value = json.loads(text)
        cluster = value.get("cluster", {})
        if cluster:
            cluster[value["task"]["type"]][int(value["task"]["index"])]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError(
            f"TF_CONFIG is {text!r}: expected JSON such as"
            ' {"cluster": {"worker": ["host1:port", "host2:port"]},'
            ' "task": {"type": "worker", "index": 0}}, whose task is in its cluster'
        ) from error
    return sum(map(len, cluster.values())) > 1


def _in_slurm_step() -> bool:
    # Only `srun` sets the step's variables: the batch script itself is not a worker.
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    return tasks.isdigit() and int(tasks) > 1


def _several_workers(gpus: list, virtual_towers: int) -> "tf.distribute.Strategy":
    import tensorflow as tf

    if virtual_towers > 1:
        raise UserError(
            f"--virtual_towers {virtual_towers}: not with TF_CONFIG or several SLURM tasks;"
            " start more workers instead, or unset TF_CONFIG"
        )
    if _has_cluster(os.environ.get("TF_CONFIG", "")):
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    else:
        resolver = _slurm_resolver(len(gpus))
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _slurm_resolver(num_gpus: int) -> "tf.distribute.cluster_resolver.ClusterResolver":
    """The workers of this SLURM step.

    TensorFlow's resolver expands the list of hosts. The rest is done here: it fails without GPUs,
    and it sorts hosts as text (node10 before node2) where SLURM's ranks do not, so that a worker
    finds itself by its host's name.
    """
    import tensorflow as tf

    # Two jobs may share a machine: ports that follow from the job's number keep them apart.
    port = 12000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 20000
    tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
    slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=port, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
    )
    workers = slurm.cluster_spec().job_tasks("worker")
    own = f"{os.environ['SLURMD_NODENAME']}:{port + int(os.environ['SLURM_LOCALID'])}"
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": workers}),
        task_type="worker",
        task_id=workers.index(own),
        num_accelerators={"GPU": num_gpus},
        rpc_layer="grpc",
    )
