"""Two processes where there may be one: the second is refused, and told who the first is."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.torture.outcome import Outcome, TortureError, attempt
from scripts.torture.programs import (
    BUILD,
    EXTRACT,
    TRAIN,
    Program,
    Workshop,
    expect_one_line,
    finish,
    run,
    start,
)

PATIENCE = 120.0  # seconds until the first process has its lock


def set_rivals(workshop: Workshop) -> list[Outcome]:
    """A second process in a run folder, in the rows of an extraction, and on a view."""
    return [
        attempt("rivals", "two trainings in one run folder", partial(rival_trainings, workshop)),
        attempt("rivals", "two extractions of one shard", partial(rival_extractions, workshop)),
        attempt("rivals", "two builds of one view", partial(rival_builds, workshop)),
    ]


def rival_trainings(workshop: Workshop) -> None:
    """The run folder belongs to the first."""
    place = workshop.place("rival-runs")
    (place / "data").symlink_to(workshop.root)
    _refuse_second(TRAIN, place, "run/lock", "--epochs", "100000")


def rival_extractions(workshop: Workshop) -> None:
    """The rows of a shard belong to the first; the first is stopped, so that it cannot end."""
    place = workshop.place("rival-extractions")
    shutil.copytree(workshop.root, place / "data")
    lock = "data/features/patches-cells8.shard-0-of-1.lock"
    _refuse_second(EXTRACT, place, lock, short="data/features/patches-cells8.lock")


def rival_builds(workshop: Workshop) -> None:
    """A view belongs to the first from the beginning, not when all the work is done."""
    place = workshop.place("rival-builds")
    _refuse_second(BUILD, place, "data/.caption-users-others.lock")


def _refuse_second(
    program: Program, place: Path, lock: str, *more: str, short: str | None = None
) -> None:
    """Starts two; the first, which has the lock, is stopped while it does not hold `short`."""
    first = start(program.module, [*program.arguments, *more], place)
    try:
        _wait_for(lambda: f"process {first.pid} " in _said(place / lock), "who holds the lock")
        if short:
            _wait_for(lambda: _stop_without(first, place / short), "the first to go on")
        os.killpg(first.pid, signal.SIGSTOP)  # it neither ends nor lets go
        second = run(program, place, *more)
        expect_one_line(second, f"process {first.pid} on {socket.gethostname()}")
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        finish(first)


def _said(lock: Path) -> str:
    return lock.read_text() if lock.is_file() else ""


def _stop_without(process: subprocess.Popen, lock: Path) -> bool:
    """Stops a process; where it holds this lock, it goes on, and the answer is False."""
    os.killpg(process.pid, signal.SIGSTOP)
    _wait_for(lambda: _state(process.pid) == "T", "a process to stop")
    with open(lock, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.killpg(process.pid, signal.SIGCONT)
            return False
    return True


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def _wait_for(happens: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not happens():
        if time.monotonic() > until:
            raise TortureError(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.005)
