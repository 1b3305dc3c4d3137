"""Makes the faults that must be survived, really, and counts how many were.

    python -m scripts.torture                                # hours: 20 kills each, 100,000 cases
    python -m scripts.torture --only kills disk --kills 5
    python -m scripts.torture --only kills --programs training --json kills.json

Prints a table with a row per fault; exit status 1 where one was not survived. Everything happens
in a temporary folder; a part that needs rights that are not there (a small disk is mounted) says
so and is not counted as a failure.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from scripts.torture.disk import fill_disks
from scripts.torture.fuzzing import format_counts, fuzz
from scripts.torture.java import trouble_java
from scripts.torture.kills import PROGRAMS, kill_programs
from scripts.torture.outcome import Outcome
from scripts.torture.programs import Workshop
from scripts.torture.rivals import set_rivals
from scripts.torture.rot import damage_files
from scripts.torture.workers import lose_workers
from utils.checks import check_range
from utils.command_line import parse
from utils.environment import commit
from utils.errors import run_command
from utils.reports import write_report
from utils.tables import format_table

Part = Literal["kills", "disk", "damage", "rivals", "java", "workers", "fuzzing"]
Killed = Literal["building", "extraction", "training"]


@dataclass(frozen=True)
class Options:
    """Makes the faults that must be survived, and counts how many were."""

    only: tuple[Part, ...] = ()
    """Parts to do; by default all."""
    kills: int = 20
    """How often each program is killed."""
    programs: tuple[Killed, ...] = tuple(PROGRAMS)
    """Programs that are killed."""
    workers: int = 5
    """Workers of trainings by two processes that are killed."""
    cases: int = 100_000
    """Damaged and odd inputs that are fed to what reads."""
    seed: int = 0
    """Decides moments, bits and inputs."""
    json: Path | None = None
    """Also write the numbers to this file."""

    def check(self) -> None:
        """Refuses numbers that cannot be.

        Raises:
            UserError: names the flag.
        """
        for name in ("kills", "workers", "cases"):
            check_range(name, getattr(self, name), 1)
        check_range("seed", self.seed, 0)


def fuzz_readers(options: Options) -> list[Outcome]:
    """Feeds damaged and odd input; the table of all targets is printed."""
    counts = fuzz(options.cases, options.seed)
    print(format_counts(counts), flush=True)
    cases = sum(count.cases for count in counts.values())
    failed = sum(count.failed for count in counts.values())
    return [Outcome("fuzzing", "damaged or odd input", cases, cases - failed)]


PARTS: dict[Part, Callable[[Options, Workshop], list[Outcome]]] = {
    "kills": lambda o, workshop: kill_programs(workshop, o.kills, o.seed, o.programs),
    "disk": lambda o, workshop: fill_disks(workshop),
    "damage": lambda o, workshop: damage_files(workshop, o.seed),
    "rivals": lambda o, workshop: set_rivals(workshop),
    "java": lambda o, workshop: trouble_java(workshop),
    "workers": lambda o, workshop: [lose_workers(workshop, o.workers, o.seed)],
    "fuzzing": lambda o, workshop: fuzz_readers(o),
}


def main() -> None:
    """Does the parts one after the other; prints the table, writes JSON."""
    options = parse(Options)
    options.check()
    outcomes, began = [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        workshop = Workshop(Path(folder))
        for name in options.only or PARTS:
            for outcome in PARTS[name](options, workshop):
                print(describe(outcome), flush=True)
                outcomes.append(outcome)
                if options.json:  # hours may be lost otherwise
                    write_report(options.json, report(outcomes, options, time.monotonic() - began))
    print()
    print(table(outcomes))
    sys.exit(1 if any(outcome.failed for outcome in outcomes) else 0)


def describe(outcome: Outcome) -> str:
    """One line, as soon as it is known."""
    state = "FAILED" if outcome.failed else "ok" if outcome.tried else "not done"
    numbers = f"{outcome.survived:,} of {outcome.tried:,}"
    return f"{state:8} {outcome.fault}: {numbers}" + (f" ({outcome.note})" if outcome.note else "")


def table(outcomes: list[Outcome]) -> str:
    """A row for each fault."""
    rows = [
        [outcome.fault, outcome.part, f"{outcome.tried:,}", f"{outcome.survived:,}", outcome.note]
        for outcome in outcomes
    ]
    return format_table(["fault", "part", "made", "survived", "note"], rows)


def report(outcomes: list[Outcome], options: Options, seconds: float) -> dict:
    """What the JSON file says."""
    flags = {name: value for name, value in asdict(options).items() if name != "json"}
    return {
        "commit": commit(),
        **flags,
        "seconds": round(seconds),
        "failed": sum(outcome.failed for outcome in outcomes),
        "outcomes": [outcome._asdict() for outcome in outcomes],
    }


if __name__ == "__main__":
    run_command(main)
