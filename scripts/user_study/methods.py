"""The methods of a study: runs that eval has been through, all on the same posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configuration import Config
from data_loader.trained import open_view_of_run
from data_loader.view import View
from scripts.contact_sheet import read_posts
from utils.errors import UserError
from utils.files import sha256
from utils.run_folder import RunFolder


@dataclass(frozen=True)
class Method:
    """One method: what it is called, where it is from, what it wrote.

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


def open_methods(runs: Sequence[Path], data_dir: Path | None) -> tuple[list[Method], View]:
    """Opens the compared runs, ours first, and the view of ours.

    Args:
        runs: folders, each once.
        data_dir: the data root, where it has moved.

    Raises:
        UserError: a run that was not evaluated, or runs on different posts.
    """
    if len({run.resolve() for run in runs}) < len(runs):
        raise UserError("a run is given twice: --ours and --baselines are different run folders")
    configs = [Config.from_dict(RunFolder.open(run).configuration) for run in runs]
    for run, config in zip(runs, configs, strict=True):
        _check_task(runs[0], configs[0], run, config)
    presets = [config.preset for config in configs]
    methods = [
        Method(name, preset, run, _read_rows(run))
        for name, preset, run in zip(_names(runs, presets), presets, runs, strict=True)
    ]
    for method in methods[1:]:
        _check_posts(methods[0], method)
    return methods, open_view_of_run(RunFolder.open(runs[0]), configs[0].data, data_dir)


def _names(runs: Sequence[Path], presets: list[str]) -> list[str]:
    """Presets, or folder names, or whole paths: the first of them that differ."""
    folders = [run.resolve().name for run in runs]
    choices = (presets, folders, [str(run) for run in runs])
    return next(names for names in choices if len(set(names)) == len(names))


def _check_task(first: Path, ours: Config, run: Path, other: Config) -> None:
    for field in ("task", "split"):
        mine, theirs = getattr(ours.data, field), getattr(other.data, field)
        if mine != theirs:
            raise UserError(
                f"{first} has --{field} {mine}, but {run} has --{field} {theirs}: a study compares "
                f"runs of one {field}; make one study for each"
            )


def _read_rows(run: Path) -> dict[str, dict[str, Any]]:
    path = RunFolder.open(run).predictions
    if not path.is_file():
        raise UserError(f"{run} was not evaluated: python -m eval --run_dir {run}")
    return {str(row["id"]): row for row in read_posts(path)}


def _check_posts(ours: Method, other: Method) -> None:
    """Refuses runs that were evaluated on different posts, of which one would be favoured."""
    strange = sorted(ours.rows.keys() ^ other.rows.keys())
    if strange:
        raise UserError(
            f"{ours.run} and {other.run} were evaluated on different posts: {len(strange):,} are "
            f"in one of them only, such as {strange[0]}; evaluate both on the same subset"
        )
    for id_, row in ours.rows.items():
        for field in ("references", "image", "user"):
            if row[field] != other.rows[id_][field]:
                raise UserError(
                    f"post {id_} has other {field} in {ours.run} than in {other.run}: "
                    "evaluate both on the same data root"
                )
