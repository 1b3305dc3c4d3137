"""Which runs fill a table, and by which commands."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from configuration import find_preset
from data_loader.view import view_name
from scripts.reproduction.networks import trained_name
from scripts.reproduction.options import Options, flags_for
from scripts.reproduction.tables import STORY, Table


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
        view = () if self.task == STORY else (view_name(self.task, self.split, self.context),)
        return "-".join((self.preset, *view, f"seed{self.seed}"))

    @property
    def cell(self) -> tuple[str, str, str, str]:
        """What its numbers are a cell of, with those of other seeds."""
        return self.task, self.preset, self.split, self.context


@dataclass(frozen=True)
class Job:
    """A run and what it takes.

    Attributes:
        run: which one.
        folder: its run folder.
        commands: train, then eval.
        metrics: the files that eval writes, by what their metrics' names get in front.
    """

    run: Run
    folder: Path
    commands: tuple[tuple[str, ...], ...]
    metrics: Mapping[str, Path]


def runs_of(table: Table, seeds: Callable[[str], int]) -> list[Run]:
    """All runs of a table, row by row, one of them also under --context all (`Table.leak`).

    Args:
        table: with its rows and splits.
        seeds: preset to its number of runs.
    """
    runs = []
    for split in table.splits:
        for preset in (row.preset for row in table.rows):
            contexts = (table.context, *(["all"] if preset == table.leak else []))
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
        sizes: `train_args`, `epochs`, `batch_size` and `tokenizer` in place of the options' (a
            smoke size).
    """
    sizes = sizes or {}
    folder = options.out / "runs" / run.name
    learns = find_preset(run.preset).model.learns
    train = _flags({**_data(run, options), "run_dir": folder})
    evaluate, suffix = ["--run_dir", str(folder)], ""
    if learns:
        for name in ("epochs", "batch_size"):
            train += _flags({name: sizes.get(name, getattr(options, name))})
        devices = _flags({"num_gpus": _gpus(options)})
        train += [*devices, *flags_for([run.preset], sizes.get("train_args", options.train_args))]
        evaluate += devices
        if options.checkpoint != "best":
            evaluate += ["--checkpoint", options.checkpoint]
            suffix += f"-{options.checkpoint}"
    if run.task == "caption" and sizes.get("tokenizer"):
        evaluate += _flags({"tokenizer": sizes["tokenizer"]})
        suffix += f"-{sizes['tokenizer']}"
    commands = [command("train", train), command("eval", evaluate)]
    metrics = {"": folder / f"metrics{suffix}.json"}
    if run.task == STORY:
        commands.append(command("eval", [*evaluate, "--subset", "val"]))
        metrics["val_"] = folder / f"metrics-val{suffix}.json"
    return Job(run, folder, tuple(commands), metrics)


def command(module: str, arguments: Iterable[str]) -> tuple[str, ...]:
    """`python -m module arguments`, by this very Python."""
    return (sys.executable, "-m", module, *map(str, arguments))


def _data(run: Run, options: Options) -> dict[str, Any]:
    """What a run learns from."""
    if run.task == STORY:
        return {"preset": run.preset, "seed": run.seed, "data_dir": options.stories}
    where = {name: getattr(run, name) for name in ("preset", "task", "split", "context", "seed")}
    named = trained_name(run.preset, options.weights)
    return {**where, "data_dir": options.root, "extractor": named}


def _gpus(options: Options) -> int | None:
    """Several jobs at once would fight for one GPU, so they take the CPU."""
    return 0 if options.parallel > 1 else options.num_gpus


def _flags(values: Mapping[str, Any]) -> list[str]:
    given = {name: value for name, value in values.items() if value is not None}
    return [part for name, value in given.items() for part in (f"--{name}", str(value))]
