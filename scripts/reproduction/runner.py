"""Runs jobs, one after the other or several at once, and says how far it is.

A job is a process of its own: nothing that one leaves in memory reaches the next, and one that
fails leaves the others alone.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from scripts.reproduction.plan import Job
from utils.errors import UserError

PROJECT = Path(__file__).parent.parent.parent
# Runs one command where the person is, its output appended to a log; returns its exit status.
Execute = Callable[[Sequence[str], Path], int]


# Commands run where the person is, so that paths mean the same; there, modules are this project's.
MODULES = {
    "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH")))),
    "PYTHONSAFEPATH": "1",
}
IN_USE = " is in use by "  # of the message of `utils.run_folder`
WAIT_SECONDS = 15.0


class Processes:
    """Runs commands as processes, and ends those that run when this program ends."""

    def __init__(self, environment: Mapping[str, str] | None = None):
        self._environment = {**os.environ, **MODULES, **(environment or {})}
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
        stop: called when Ctrl-C or an error interrupts, before the jobs that run are waited for.

    Returns:
        Why jobs failed, by the run's name: the last line of the log and where the log is.
    """
    failed: dict[str, str] = {}
    began = clock()
    with _workers(parallel, stop) as pool:
        started = {pool.submit(run_job, job, execute, clock): job for job in jobs}
        for count, future in enumerate(as_completed(started), 1):
            name = started[future].run.name
            said, problem = _outcome(future)
            if problem:
                failed[name] = problem
            say(f"[{count}/{len(jobs)}] {name}: {said}; {_left(clock() - began, count, len(jobs))}")
    return failed


@contextlib.contextmanager
def _workers(parallel: int, stop: Callable[[], None]) -> Iterator[ThreadPoolExecutor]:
    """Threads; interrupted or broken, what they run is stopped before it is waited for."""
    pool = ThreadPoolExecutor(parallel)
    try:
        yield pool
    except BaseException:  # Ctrl-C as much as a mistake of this program
        stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _left(elapsed: float, count: int, jobs: int) -> str:
    left = elapsed / count * (jobs - count)
    return f"{as_time(elapsed)} so far, about {as_time(left)} left"


def run_job(
    job: Job,
    execute: Execute,
    clock: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Runs one job's commands until one fails; returns the seconds that it took.

    Raises:
        UserError: a command failed; the message has the last line that it wrote.
    """
    began, log = clock(), log_of(job.folder)
    for command in job.commands:
        said = attempt(command, execute, log)
        if said and IN_USE in said:
            # This program was killed: what trained for it saves before it lets the folder go.
            sleep(WAIT_SECONDS)
            said = attempt(command, execute, log)
        if said:
            raise UserError(said)
    return clock() - began


def attempt(command: Sequence[str], execute: Execute, log: Path) -> str | None:
    """Runs one command; says why it failed, None where it did not."""
    try:
        before = size_of(log)
        status = execute(command, log)
    except OSError as error:  # no such program, no place for its log
        return f"{command[2]} could not be run: {error}"
    if not status:
        return None
    return f"{command[2]} failed ({status}): {last_line(log, before)} (log: {log})"


def log_of(folder: Path) -> Path:
    """A run's log: beside its folder, which must hold nothing but the run."""
    return folder.with_name(f"{folder.name}.log")


def size_of(log: Path) -> int:
    """Bytes in a log, 0 where there is none."""
    return log.stat().st_size if log.exists() else 0


def last_line(log: Path, start: int = 0) -> str:
    """The last line of a log that says something.

    Args:
        log: the file.
        start: the byte where a command's own output begins; before it stand earlier attempts.
    """
    try:
        text = log.read_bytes()[start:].decode("utf-8", errors="replace")
    except OSError:
        return "no log"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"


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
