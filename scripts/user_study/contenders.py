"""The contenders of a study: runs that eval has been through, and the posts that all share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from configuration import Config
from data_loader.trained import open_view_of_run
from data_loader.view import View
from scripts.contact_sheet import read_posts
from scripts.gallery_figures.runs import RANDOM
from utils.errors import UserError
from utils.files import sha256
from utils.run_folder import RunFolder

# Runs leave out posts whose images failed, a few percent; runs that share less than this part of
# the smallest one's posts were meant for different posts.
LEAST_SHARED = 0.1


@dataclass(frozen=True)
class Contender:
    """One method's run: what it is called, where it is from, what it wrote.

    Attributes:
        name: of tables: the preset, or the folder where two runs have the same preset.
        preset: the settings it was trained with.
        run: the run folder.
        rows: id of a post to its row of predictions.jsonl.
    """

    name: str
    preset: str
    run: Path
    rows: dict[str, dict[str, Any]]

    def description(self) -> dict[str, str]:
        """What the key says of the method."""
        return {
            "name": self.name,
            "preset": self.preset,
            "run": str(self.run),
            "predictions_sha256": sha256(RunFolder.open(self.run).predictions),
        }


@dataclass(frozen=True)
class Comparison:
    """What a study compares.

    Attributes:
        contenders: ours first; all have rows of the same posts.
        view: of our run; it has the users' other posts.
        notes: what a reader of the results should know of the runs.
    """

    contenders: list[Contender]
    view: View
    notes: list[str]


def open_comparison(runs: Sequence[Path], data_dir: Path | None) -> Comparison:
    """Opens the compared runs and leaves the posts that all of them have.

    Args:
        runs: folders, each once, ours first.
        data_dir: the data root, where it has moved.

    Raises:
        UserError: a run that was not evaluated, runs of different views, or hardly a post that all
            have.
    """
    if len({run.resolve() for run in runs}) < len(runs):
        raise UserError("a run is given twice: --ours and --baselines are different run folders")
    configs = [Config.from_dict(RunFolder.open(run).configuration) for run in runs]
    for run, config in zip(runs, configs, strict=True):
        _check_view(runs[0], configs[0], run, config)
    presets = [config.preset for config in configs]
    every = [
        Contender(name, preset, run, _read_rows(run))
        for name, preset, run in zip(_names(runs, presets), presets, runs, strict=True)
    ]
    contenders = _share_posts(every)
    view = open_view_of_run(RunFolder.open(runs[0]), configs[0].data, data_dir)
    left_out = _left_out(every, len(contenders[0].rows))
    notes = [*networks(contenders), *_leak(configs[0]), *left_out]
    return Comparison(contenders, view, notes)


def _names(runs: Sequence[Path], presets: list[str]) -> list[str]:
    """Presets, or folder names, or whole paths: the first of them that differ."""
    folders = [run.resolve().name for run in runs]
    choices = (presets, folders, [str(run) for run in runs])
    return next(names for names in choices if len(set(names)) == len(names))


def _check_view(first: Path, ours: Config, run: Path, other: Config) -> None:
    for field in ("task", "split", "context"):
        mine, theirs = getattr(ours.data, field), getattr(other.data, field)
        if mine != theirs:
            raise UserError(
                f"{first} has --{field} {mine}, but {run} has --{field} {theirs}: a study compares "
                f"runs of one {field}; make one study for each"
            )


def networks(contenders: list[Contender]) -> list[str]:
    """Which network's image features each run has read, as eval says it."""
    seen: dict[str, list[str]] = {}
    for one in contenders:
        for name in sorted({str(r["extractor"]) for r in one.rows.values() if r.get("extractor")}):
            seen.setdefault(name, []).append(one.name)
    untrained = ", random weights that never learnt to see"
    return [
        f"images seen by {network}{untrained if RANDOM in network else ''}: {', '.join(names)}"
        for network, names in seen.items()
    ]


def _leak(config: Config) -> list[str]:
    if config.data.context != "all":
        return []
    return [
        "the runs have --context all: the words of a user that they read include those of the "
        "very post that is asked about (the leak)"
    ]


def _read_rows(run: Path) -> dict[str, dict[str, Any]]:
    path = RunFolder.open(run).predictions
    if not path.is_file():
        raise UserError(f"{run} was not evaluated: python -m eval --run_dir {run}")
    return {str(row["id"]): row for row in read_posts(path)}


def _share_posts(contenders: list[Contender]) -> list[Contender]:
    """Leaves to each the posts that all have: a run lacks those whose image it could not read."""
    shared = set.intersection(*(set(one.rows) for one in contenders))
    fewest = min(len(one.rows) for one in contenders)
    if len(shared) < max(1, LEAST_SHARED * fewest):
        sizes = ", ".join(f"{one.run} {len(one.rows):,}" for one in contenders)
        raise UserError(
            f"the runs were evaluated on different posts: {len(shared):,} are in all of them "
            f"({sizes}); evaluate all on the same subset of the same data root"
        )
    left = [
        replace(one, rows={id_: row for id_, row in one.rows.items() if id_ in shared})
        for one in contenders
    ]
    for one in left[1:]:
        _check_rows(left[0], one)
    return left


def _left_out(contenders: list[Contender], shared: int) -> list[str]:
    """How many posts each run had beyond those that all share; nothing where none had."""
    beyond = [
        f"{one.name} has {len(one.rows) - shared:,} more"
        for one in contenders
        if len(one.rows) > shared
    ]
    if not beyond:
        return []
    return [f"posts are drawn from the {shared:,} that all runs have: {', '.join(beyond)}"]


def _check_rows(ours: Contender, other: Contender) -> None:
    """Refuses runs that know the same post differently."""
    for id_, row in ours.rows.items():
        for field in ("references", "image", "user"):
            if row[field] != other.rows[id_][field]:
                raise UserError(
                    f"post {id_} has other {field} in {ours.run} than in {other.run}: "
                    "evaluate both on the same data root"
                )
