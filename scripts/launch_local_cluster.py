"""Trains with several processes on one machine, and starts all of them again when one dies.

    python -m scripts.launch_local_cluster 2 --data_dir toy/data --batch_size 100 --restarts 3

Everything but `--restarts` goes to `python -m train`. The workers of a training cannot go on
without one of them, and one that starts alone waits for the others for ever: so the whole group is
ended and started again, from the last checkpoint. The weights become those of a run that nothing
happened to, bit for bit. Ctrl-C and SIGTERM let all workers save first.

Each worker has a part of this machine's GPUs (of CUDA_VISIBLE_DEVICES, where that is set); the
first one's output is shown, that of the others behind their number.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from scripts.reproduction.runner import MODULES
from utils.checks import check_range
from utils.command_line import parse_some
from utils.environment import hardware
from utils.errors import UserError, run_command

POLL_SECONDS = 0.1
LAST_WORDS_SECONDS = 30.0  # that the others have to say the same after a mistake in the command
MISTAKE = UserError.status
STOPPED = 128 + signal.SIGINT


@dataclass(frozen=True)
class Options:
    """Trains with several processes on this machine; other flags are those of train."""

    workers: tyro.conf.Positional[int]
    """Processes."""
    restarts: int = 3
    """How often all of them start again after one has died."""


class Worker:
    """One process of the group.

    Args:
        command: what it runs.
        index: its number; 0 is the chief.
        addresses: host and port of all of them.
        gpus: the value of CUDA_VISIBLE_DEVICES, or None to leave that as it is.
    """

    def __init__(
        self, command: Sequence[str], index: int, addresses: list[str], gpus: str | None = None
    ):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        devices = {} if gpus is None else {"CUDA_VISIBLE_DEVICES": gpus}
        self.index = index
        self._process = subprocess.Popen(
            [*_dies_with_this_process(), *command],
            env={**os.environ, **MODULES, **devices, "TF_CONFIG": json.dumps(cluster)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches it once, through `signal`
        )
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    @property
    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Sends a signal to the process, where it still runs."""
        self._process.send_signal(number)

    def end(self) -> None:
        """Kills it: checkpoints are whole whenever a process dies, and SIGTERM may be ignored."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _pass_on(self) -> None:
        before = "" if self.index == 0 else f"[{self.index}] "
        for line in self._process.stdout:
            print(f"{before}{line}", end="", flush=True)


def main() -> None:
    """Starts the group, again and again, until it has trained to the end."""
    options, train = parse_some(Options)
    check_range("workers", options.workers, 1)
    check_range("restarts", options.restarts, 0)
    command = [sys.executable, "-m", "train", *train]
    sys.exit(supervise(command, options.workers, options.restarts))


def supervise(command: Sequence[str], workers: int, restarts: int) -> int:
    """Runs a group until it ends by itself.

    Args:
        command: of each worker.
        workers: how many.
        restarts: how often the group starts again after one of it died.

    Returns:
        The exit status: 0, that of a mistake in the command, or 130 after Ctrl-C.

    Raises:
        UserError: a worker died once more than `restarts`.
    """
    for attempt in range(restarts + 1):
        with _Interrupts() as interrupts:
            group = start_group(command, workers)
            try:
                lost, status = watch(group, interrupts)
            finally:
                for worker in group:
                    worker.end()
        if lost is None:
            return status
        if interrupts.asked:  # it died before it could listen
            return STOPPED
        left = restarts - attempt
        print(f"worker {lost.index} of {workers} has died ({_cause(lost)}); ", end="")
        print(f"starting all again, {left} more times at most" if left else "giving up", flush=True)
    raise UserError(
        f"{restarts + 1} starts ended with a worker's death; its output above says why. The same "
        "command goes on from the last checkpoint"
    )


def start_group(command: Sequence[str], workers: int) -> list[Worker]:
    """Starts all workers at ports that are free now."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    parts = share_gpus(visible_gpus(), workers)
    return [Worker(command, i, addresses, parts[i]) for i in range(workers)]


def watch(group: Sequence[Worker], interrupts: "_Interrupts") -> tuple[Worker | None, int]:
    """Waits until all workers have ended by themselves, or one is lost.

    Returns:
        The lost one (None where all ended in order), and the exit status of the others.
    """
    while True:
        interrupts.pass_on(group)
        statuses = [worker.status for worker in group]
        ended = [(w, s) for w, s in zip(group, statuses, strict=True) if s is not None]
        if any(status == MISTAKE for _, status in ended):
            return None, _last_words(group)
        for worker, status in ended:
            if status not in (0, STOPPED):
                return worker, status
        if len(ended) == len(group):
            return None, max(statuses)
        time.sleep(POLL_SECONDS)


def _last_words(group: Sequence[Worker]) -> int:
    """A mistake ends all workers, some of which may wait for the first one until they are ended."""
    until = time.monotonic() + LAST_WORDS_SECONDS
    while any(worker.status is None for worker in group) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return MISTAKE


class _Interrupts:
    """Ctrl-C and SIGTERM, passed on to the workers; the second one ends them at once.

    Attributes:
        asked: how many came.
    """

    def __enter__(self) -> "_Interrupts":
        self.asked, self._passed = 0, 0
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._ask) for number in numbers}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def pass_on(self, group: Sequence[Worker]) -> None:
        """Asks all workers to save and stop, once."""
        if self.asked > 1:
            raise KeyboardInterrupt
        if self.asked > self._passed:
            self._passed = self.asked
            for worker in group:
                worker.signal(signal.SIGINT)

    def _ask(self, number: int, frame: object) -> None:
        self.asked += 1


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody listens at, all different."""
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def visible_gpus() -> list[str]:
    """The GPUs that may be used, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name.strip()]
    return [str(index) for index in range(len(hardware()["gpus"]))]


def share_gpus(gpus: Sequence[str], workers: int) -> list[str | None]:
    """An equal share for each worker; None for each where there are none.

    Raises:
        UserError: there are some, but fewer than workers.
    """
    if not gpus:
        return [None] * workers
    if len(gpus) < workers:
        raise UserError(
            f"{workers} workers and {len(gpus)} GPUs: start {len(gpus)} workers at most, or none of"
            " them on a GPU (CUDA_VISIBLE_DEVICES= before the command)"
        )
    each = len(gpus) // workers
    return [",".join(gpus[i * each : (i + 1) * each]) for i in range(workers)]


def _cause(worker: Worker) -> str:
    status = worker.status
    if status is None or status >= 0:
        return f"exit status {status}"
    return f"signal {signal.Signals(-status).name}"


def _dies_with_this_process() -> list[str]:
    """Killed, the launcher cannot end its workers: Linux does, where util-linux is there."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "KILL"] if found else []


if __name__ == "__main__":
    run_command(main)
