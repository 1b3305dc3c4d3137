"""Which runs fill a table, by which commands, and which of them are done."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from configuration import Config, find_preset, parse_config
from data_loader.view import VOCABULARY, view_name
from scripts.reproduction.options import Options, flags_for
from scripts.reproduction.tables import FULL, Table
from utils.checkpoint import list_checkpoints
from utils.errors import UserError
from utils.files import sha256

# Where these differ, the numbers of a run are the same.
NO_MATTER = {
    "run_dir",
    "data.data_dir",
    "train.num_gpus",
    "train.virtual_towers",
    "train.keep_checkpoints",
    "train.checkpoint_every",
    "train.report_every",
}


class Run(NamedTuple):
    """One training and its evaluation."""

    preset: str
    task: str
    split: str
    context: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder below runs/, and its log's name."""
        return f"{self.preset}-{view_name(self.task, self.split, self.context)}-seed{self.seed}"


@dataclass(frozen=True)
class Job:
    """A run and what it takes.

    Attributes:
        run: which one.
        folder: its run folder.
        commands: train, then eval.
        metrics: the file that eval writes.
    """

    run: Run
    folder: Path
    commands: tuple[tuple[str, ...], ...]
    metrics: Path


def runs_of(table: Table, seeds: Callable[[str], int], leak: bool) -> list[Run]:
    """All runs of a table, row by row.

    Args:
        table: with the rows and splits that are to be filled.
        seeds: preset to its number of runs.
        leak: also the full model under --context all.
    """
    runs = []
    for split in table.splits:
        for preset in (row.preset for row in table.rows):
            contexts = ("others", "all") if leak and preset == FULL else ("others",)
            runs += [
                Run(preset, table.task, split, context, seed)
                for context in contexts
                for seed in range(seeds(preset))
            ]
    return runs


def make_job(run: Run, options: Options, sizes: Mapping[str, str | int] | None = None) -> Job:
    """The commands of one run.

    Args:
        run: which one.
        options: the command line; its paths, sizes and devices are passed on.
        sizes: `train_args`, `epochs` and `batch_size` in place of the options' (a smoke size).
    """
    sizes = sizes or {}
    folder = options.out / "runs" / run.name
    learns = find_preset(run.preset).model.learns
    where = {name: getattr(run, name) for name in ("preset", "task", "split", "context", "seed")}
    train = _flags({**where, "data_dir": options.root, "run_dir": folder})
    evaluate = ["--run_dir", str(folder)]
    if learns:
        for name in ("epochs", "batch_size"):
            train += _flags({name: sizes.get(name, getattr(options, name))})
        devices = _flags({"num_gpus": _gpus(options)})
        train += [*devices, *flags_for(run.preset, sizes.get("train_args", options.train_args))]
        evaluate += devices
        if options.checkpoint != "best":
            evaluate += ["--checkpoint", options.checkpoint]
    suffix = f"-{options.checkpoint}" if learns and options.checkpoint != "best" else ""
    commands = (command("train", train), command("eval", evaluate))
    return Job(run, folder, commands, folder / f"metrics{suffix}.json")


def command(module: str, arguments: Iterable[str]) -> tuple[str, ...]:
    """`python -m module arguments`, by this very Python."""
    return (sys.executable, "-m", module, *map(str, arguments))


def is_done(job: Job, root: Path) -> bool:
    """Whether a run was trained and evaluated as asked, so that nothing is left to do.

    Args:
        job: the run.
        root: the data root, whose vocabulary must be that of the run.

    Raises:
        UserError: the folder holds a run of other settings, which neither training goes on with
            nor the table may show.
    """
    recorded = _read(job.folder / "configuration.json")
    steps = list_checkpoints(job.folder)
    if recorded is None:
        return False
    wanted = parse_config(list(job.commands[0][3:]))
    difference = _difference(wanted, recorded, job, root)
    if difference and steps:
        raise UserError(
            f"{job.folder} was run with other settings ({difference}): give the same ones, or "
            "another --out"
        )
    if difference or recorded["train"]["epochs"] < wanted.train.epochs:
        return False
    return _is_newer(job.metrics, [job.folder / "configuration.json", *_states(job.folder, steps)])


def _difference(wanted: Config, recorded: dict, job: Job, root: Path) -> str:
    """Says in which settings a recorded run is not the one that is asked for."""
    asked, there = _flatten(wanted.to_dict()), _flatten(recorded)
    asked = {name: value for name, value in asked.items() if name not in NO_MATTER}
    if wanted.data.extractor is None:
        asked.pop("data.extractor")
    more_epochs = asked["train.epochs"] > there.get("train.epochs", 0)
    if more_epochs:
        asked.pop("train.epochs")  # the run goes on to there
    run = job.run
    words = root / view_name(run.task, run.split, run.context) / VOCABULARY
    if "vocabulary_sha256" in there and words.is_file():
        asked["vocabulary_sha256"] = sha256(words)
    return "; ".join(
        f"{name} {_short(there.get(name))}, not {_short(value)}"
        for name, value in asked.items()
        if there.get(name) != value
    )


def _states(folder: Path, steps: list[int]) -> list[Path]:
    return [folder / "checkpoints" / str(step) / "state.json" for step in steps[-1:]]


def _is_newer(path: Path, others: list[Path]) -> bool:
    try:
        return all(path.stat().st_mtime_ns >= other.stat().st_mtime_ns for other in others)
    except FileNotFoundError:
        return False


def _gpus(options: Options) -> int | None:
    """Several jobs at once would fight for one GPU, so they take the CPU."""
    return 0 if options.parallel > 1 else options.num_gpus


def _flags(values: Mapping[str, Any]) -> list[str]:
    given = {name: value for name, value in values.items() if value is not None}
    return [part for name, value in given.items() for part in (f"--{name}", str(value))]


def _flatten(sections: Mapping[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, value in sections.items():
        inner = value.items() if isinstance(value, Mapping) else ()
        flat |= {f"{name}.{key}": item for key, item in inner} or {name: value}
    return flat


def _short(value: Any) -> str:
    return str(value)[:12] if isinstance(value, str) else str(value)


def _read(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
