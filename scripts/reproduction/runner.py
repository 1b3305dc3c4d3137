"""Runs jobs, one after the other or several at once, and says how far it is.

A job is a process of its own: nothing that one leaves in memory reaches the next, and one that
fails leaves the others alone.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from scripts.reproduction.plan import Job
from utils.errors import UserError

PROJECT = Path(__file__).parent.parent.parent
# Runs one command in the project's folder, its output appended to a log; returns its exit status.
Execute = Callable[[Sequence[str], Path], int]


class Processes:
    """Runs commands as processes, and ends those that run when this program ends."""

    def __init__(self, environment: Mapping[str, str] | None = None):
        self._environment = {**os.environ, **(environment or {})}
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def __call__(self, command: Sequence[str], log: Path) -> int:
        """See `Execute`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as output:
            process = self._start(command, output)
            if process is None:
                return -signal.SIGINT
            try:
                status = process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
        with self._lock:
            self._running.discard(process)
        return status

    def stop(self) -> None:
        """Asks what runs to end, as Ctrl-C does, and starts nothing more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.send_signal(signal.SIGINT)

    def _start(self, command: Sequence[str], output) -> subprocess.Popen | None:
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                [*_dies_with_this_program(), *command],
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches it once, through `stop`: the second one would not wait for a save.
                start_new_session=True,
            )
            self._running.add(process)
        return process


def run_jobs(
    jobs: Sequence[Job],
    execute: Execute,
    parallel: int = 1,
    say: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
    stop: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Runs all jobs; one that fails is said at once, and the others go on.

    Args:
        jobs: what to do, in this order.
        execute: runs one command.
        parallel: how many at once.
        say: gets one line per job.
        clock: seconds.
        stop: called when Ctrl-C interrupts, before the jobs that run are waited for.

    Returns:
        Why jobs failed, by the run's name: the last line of the log and where the log is.
    """
    failed: dict[str, str] = {}
    began = clock()
    pool = ThreadPoolExecutor(parallel)
    try:
        started = {pool.submit(run_job, job, execute, clock): job for job in jobs}
        for count, future in enumerate(as_completed(started), 1):
            name = started[future].run.name
            said, problem = _outcome(future)
            if problem:
                failed[name] = problem
            elapsed = clock() - began
            left = elapsed / count * (len(jobs) - count)
            say(
                f"[{count}/{len(jobs)}] {name}: {said}; "
                f"{as_time(elapsed)} so far, about {as_time(left)} left"
            )
    except KeyboardInterrupt:
        stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return failed


def run_job(job: Job, execute: Execute, clock: Callable[[], float]) -> float:
    """Runs one job's commands until one fails; returns the seconds that it took.

    Raises:
        UserError: a command failed; the message has the log's last line.
    """
    began, log = clock(), log_of(job.folder)
    for command in job.commands:
        status = execute(command, log)
        if status:
            raise UserError(f"{command[2]} failed ({status}): {last_line(log)} (log: {log})")
    return clock() - began


def log_of(folder: Path) -> Path:
    """A run's log: beside its folder, which must hold nothing but the run."""
    return folder.with_name(f"{folder.name}.log")


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "no log"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "the log is empty"


def as_time(seconds: float) -> str:
    """Minutes and seconds.

    >>> as_time(3725)
    '62:05'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _outcome(future: Future) -> tuple[str, str | None]:
    try:
        return f"done in {as_time(future.result())}", None
    except UserError as error:
        return f"FAILED: {error}", str(error)


def _dies_with_this_program() -> list[str]:
    """Killed, this program cannot stop what it started: Linux does, where util-linux is there.

    Otherwise the next start would find the run folder in use by a training of the last one.
    """
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "TERM"] if found else []
