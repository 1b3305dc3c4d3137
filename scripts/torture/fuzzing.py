"""Feeds damaged and odd input to everything that reads input, in processes of their own.

    counts = fuzz(cases=2000, seed=0)
    print(format_counts(counts))

A case is good when its input is read, and what is read is what stood there, or when it is refused
by a `UserError`. It fails by any other exception, by a record that was lost or changed in silence,
by more than 10 seconds of a processor or 120 of the clock, or by more than 2 GB of memory. Every
case is made from the seed, the target and its number alone: `replay("coco", 616, seed=0)` does it
again.
"""

import contextlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

from scripts.torture import flags, importers, media, readers, stored, words
from scripts.torture.samples import SOURCES
from utils.errors import UserError
from utils.tables import format_table

MEMORY = 2 * 2**30  # bytes that a case may use
SECONDS = 10  # of a processor
CLOCK = 120  # seconds of the clock: for waiting, and not for other programs that hold processors
PATIENCE = 2 * CLOCK  # seconds until a process counts as gone that cannot even be ended
KEPT_FAILURES = 20
Case = Callable[[random.Random, Path], bool]


class Target(NamedTuple):
    """What is fed, and its share of the cases: dear ones get fewer."""

    case: Case
    share: float


# What is read from strangers, and what costs little, gets most; none gets less than 900 of 100,000.
TARGETS: dict[str, Target] = {
    "tokenizer": Target(words.tokens_case, 14),
    "hashtags": Target(words.hashtags_case, 6),
    "links": Target(words.links_case, 4),
    "released tokenizers": Target(words.released_case, 6),
    "characters": Target(words.characters_case, 5),
    "korean": Target(words.korean_case, 4),
    **{name: Target(partial(importers.import_case, name), 3) for name in SOURCES},
    "stories": Target(importers.stories_case, 2),
    "pictures": Target(media.picture_case, 8),
    "clips": Target(media.clip_case, 1),
    "predictions read": Target(readers.predictions_case, 3),
    "predictions written": Target(readers.written_predictions_case, 2),
    "configurations": Target(readers.configuration_case, 2),
    "logs": Target(readers.log_case, 1.5),
    "metrics": Target(readers.metrics_case, 1.5),
    "answers of a study": Target(readers.answers_case, 2),
    "histories": Target(readers.history_case, 2),
    "word vectors": Target(readers.vectors_case, 1),
    "vocabularies": Target(readers.vocabulary_case, 1),
    "checkpoints": Target(stored.checkpoint_case, 2),
    "views": Target(stored.view_case, 1.5),
    "corpora": Target(stored.corpus_case, 1.5),
    "features": Target(stored.features_case, 1.5),
    "command lines": Target(flags.command_case, 3),
}


class Job(NamedTuple):
    """One case: a name in `TARGETS` and a number."""

    target: str
    number: int


@dataclass
class Counts:
    """What became of the cases of one target.

    Attributes:
        read: inputs that were read.
        refused: inputs that were refused in words.
        failed: all others.
        failures: of the first of these, their number and what happened.
    """

    read: int = 0
    refused: int = 0
    failed: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """How many there were."""
        return self.read + self.refused + self.failed

    def add(self, number: int, outcome: str) -> None:
        """Counts a case by what `run_case` says of it."""
        if outcome in ("read", "refused"):
            setattr(self, outcome, getattr(self, outcome) + 1)
            return
        self.failed += 1
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append((number, outcome))


def fuzz(
    cases: int, seed: int, targets: Sequence[str] = (), processes: int = 2
) -> dict[str, Counts]:
    """Runs about as many cases, at least one of each target.

    Args:
        cases: over all targets, by their shares.
        seed: decides all of them.
        targets: names in `TARGETS`; by default all.
        processes: that work at a time; the counts do not depend on it.

    Returns:
        target to its counts.
    """
    jobs = plan(cases, targets or tuple(TARGETS))
    counts = {target: Counts() for target in targets or TARGETS}
    with tempfile.TemporaryDirectory() as folder:
        workers = [
            Worker(jobs[first::processes], seed, Path(folder, str(first)))
            for first in range(processes)
        ]
        while busy := [worker for worker in workers if worker.left]:
            ready = wait([worker.connection for worker in busy], PATIENCE)
            for worker in busy:
                for job, outcome in worker.outcomes(worker.connection in ready, bool(ready)):
                    counts[job.target].add(job.number, outcome)
        for worker in workers:
            worker.close()
    return counts


def plan(cases: int, targets: Sequence[str]) -> list[Job]:
    """The cases of a run, dear and cheap ones mixed."""
    total = sum(TARGETS[target].share for target in targets)
    numbers = {t: max(1, round(cases * TARGETS[t].share / total)) for t in targets}
    jobs = [Job(target, number) for target in targets for number in range(numbers[target])]
    random.Random(0).shuffle(jobs)
    return jobs


class Worker:
    """A process that does cases one after another; where one ends it, the next process goes on."""

    def __init__(self, jobs: Sequence[Job], seed: int, folder: Path):
        self.left, self._seed, self._folder = list(reversed(jobs)), seed, folder
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe(duplex=False)
        arguments = (list(reversed(self.left)), self._seed, self._folder, theirs)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def outcomes(self, ready: bool, any_ready: bool) -> list[tuple[Job, str]]:
        """What it did since it was asked last."""
        if not ready:
            return [] if any_ready else [self._ended("no sign of life")]
        try:
            outcomes = self.connection.recv()
            return [(self.left.pop(), outcome) for outcome in outcomes]
        except EOFError:
            self._process.join()
            return [self._ended(_why(self._process.exitcode))]

    def close(self) -> None:
        """Waits until the process has tidied up behind itself."""
        self._process.join(PATIENCE)
        self._process.kill()

    def _ended(self, why: str) -> tuple[Job, str]:
        self._process.kill()
        self._process.join()
        failed = self.left.pop()
        if self.left:
            self._start()
        return failed, f"the process ended: {why}"


def _why(status: int | None) -> str:
    if status == -signal.SIGPROF:
        return f"more than {SECONDS} seconds of a processor"
    if status == -signal.SIGALRM:
        return f"more than {CLOCK} seconds of the clock"
    return f"signal {signal.Signals(-status).name}" if status and status < 0 else f"exit {status}"


def _work(jobs: Sequence[Job], seed: int, folder: Path, connection: Connection) -> None:
    """Does the cases and sends what became of each."""
    _limit_memory()
    for job in jobs:
        # Of the clock more: other programs may hold the processors.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, CLOCK)
        connection.send([run_case(job, seed, folder)])
    for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
        signal.setitimer(timer, 0)


def _limit_memory() -> None:
    """Lets this process map 2 GB more than it has, so that a case that wants more fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def run_case(job: Job, seed: int, folder: Path) -> str:
    """Does one case: `read`, `refused`, or the end of its traceback."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        replay(job.target, job.number, seed, folder)
    except UserError as error:
        said = str(error)
        if _lacked_memory(error):
            return f"memory ran out: {said:.300}"
        lines = said.count("\n")
        return "refused" if said and lines == 0 else f"a refusal of {lines + 1} lines: {said:.300}"
    except BaseException:
        return traceback.format_exc(limit=-4)
    return "read"


def _lacked_memory(error: BaseException | None) -> bool:
    """Whether a refusal is one for lack of memory, which no input may bring about."""
    while error:
        if isinstance(error, MemoryError) or "MemoryError" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def replay(target: str, number: int, seed: int = 0, folder: Path | None = None) -> None:
    """Does one case again and lets its exception through.

    Args:
        target: a name in `TARGETS`.
        number: the case.
        seed: of the run.
        folder: an empty one; its files stay, to be looked at. By default a new one.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="torture-"))
    rng = random.Random(f"{seed} {target} {number}")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        TARGETS[target].case(rng, folder)


def format_counts(counts: dict[str, Counts]) -> str:
    """A table for people, and below it each failure that was kept."""
    rows = [
        [name, str(count.cases), str(count.read), str(count.refused), str(count.failed)]
        for name, count in counts.items()
    ]
    total: Counter[str] = Counter()
    for count in counts.values():
        total.update(
            {name: getattr(count, name) for name in ("cases", "read", "refused", "failed")}
        )
    rows.append(["all", *(str(total[name]) for name in ("cases", "read", "refused", "failed"))])
    table = format_table(["input", "cases", "read", "refused in words", "failed"], rows, "text")
    failures = [
        f"\n{name} {number}:\n{what}"
        for name, count in counts.items()
        for number, what in count.failures
    ]
    return table + "".join(failures)
