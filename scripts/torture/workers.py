"""A worker of a training by two processes is killed, again and again."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

from scripts.torture.compare import expect_same
from scripts.torture.outcome import Outcome, TortureError
from scripts.torture.programs import (
    TIMEOUT,
    TRAIN,
    Workshop,
    expect_success,
    finish,
    start,
)

WORKERS = 2
PER_RUN = 3  # workers that one training loses at most
MOST_SECONDS = 0.3  # from a report to the kill


def lose_workers(workshop: Workshop, losses: int, seed: int) -> Outcome:
    """Kills so many workers, and compares with a training that loses none.

    The launcher (`scripts/launch_local_cluster.py`) starts the group again each time.
    """
    outcome = partial(Outcome, "workers", f"kill -9 of one of {WORKERS} workers", losses)
    draw, survived = random.Random(f"workers {seed}"), 0
    try:
        whole = _place(workshop, "workers-whole")
        expect_success(finish(_start(whole)))
        reports = _reports(whole)
        while survived < losses:
            chain = _place(workshop, "workers-chain")
            most = min(PER_RUN, losses - survived)
            moments = sorted(draw.choices(range(1, reports), k=most))
            killed = _kill_some(chain, moments, draw)
            expect_same(whole / TRAIN.product, chain / TRAIN.product)
            survived += killed
            shutil.rmtree(chain)
    except TortureError as error:
        return outcome(survived, f"--seed {seed}: {error}")
    return outcome(survived, "the weights are those of a training that lost nobody")


def _place(workshop: Workshop, name: str) -> Path:
    place = workshop.place(name)
    (place / "data").symlink_to(workshop.root)
    return place


def _start(place: Path) -> subprocess.Popen:
    arguments = (str(WORKERS), "--restarts", str(PER_RUN), *TRAIN.arguments)
    return start("scripts.launch_local_cluster", arguments, place)


def _kill_some(place: Path, moments: list[int], draw: random.Random) -> int:
    """Trains to the end, and kills a worker each time that so many reports are written.

    Returns:
        How many were killed: the training may end before the last of them.
    """
    launcher, killed = _start(place), []

    def kill() -> None:
        for moment in moments:
            if not _wait_for(place, moment, launcher):
                return
            time.sleep(draw.random() * MOST_SECONDS)
            workers = _children(launcher.pid)
            if len(workers) == WORKERS:
                os.kill(draw.choice(workers), signal.SIGKILL)
                killed.append(moment)
                _wait_for_others(launcher, workers)

    killer = threading.Thread(target=kill)
    killer.start()
    expect_success(finish(launcher))
    killer.join()
    return len(killed)


def _wait_for(place: Path, reports: int, launcher: subprocess.Popen) -> bool:
    """Whether so many reports came before the end."""
    while launcher.poll() is None:
        if _reports(place) >= reports:
            return True
        time.sleep(0.02)
    return False


def _wait_for_others(launcher: subprocess.Popen, before: list[int]) -> None:
    """Until the launcher has started other workers."""
    until = time.monotonic() + TIMEOUT
    while launcher.poll() is None and time.monotonic() < until:
        now = _children(launcher.pid)
        if len(now) == WORKERS and not set(now) & set(before):
            return
        time.sleep(0.02)


def _children(process: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))
    except OSError:
        return []  # it has ended


def _reports(place: Path) -> int:
    log = place / TRAIN.product / "log.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0
