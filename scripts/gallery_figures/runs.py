"""The files of several runs, as far as they are there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from scripts.gallery_figures.parts import Row
from scripts.reproduction.attend_to_you import TABLES
from utils.errors import UserError
from utils.explanations import ATTENTION, CROSSED, read_attention
from utils.json_text import parse_json
from utils.predictions import read_predictions
from utils.run_folder import RunFolder

LABELS = {row.preset: row.label.rstrip("*") for table in TABLES.values() for row in table.rows}
RANDOM = "random"  # in the name of a network that has never learnt to see


@dataclass(frozen=True, eq=False)
class Run:
    """What a run has said.

    Attributes:
        folder: the run folder.
        label: its name in the figures.
        task: caption or hashtag.
        predictions: rows of predictions.jsonl.
        attention: rows of attention.jsonl; none where there is no such file.
        crossed: rows of crossed.jsonl; none where there is no such file.
        step: of the checkpoint; None for a method that learns nothing.
    """

    folder: Path
    label: str
    task: str
    predictions: list[Row]
    attention: list[Row]
    crossed: list[Row]
    step: int | None

    def source(self) -> str:
        """Label, folder and checkpoint, as HTML."""
        step = f", step {self.step:,}" if self.step is not None else ""
        return f"<b>{escape(self.label)}</b> ({escape(self.folder.resolve().name)}{step})"

    def networks(self) -> str:
        """The networks behind the images; an untrained one is said to be one. As HTML."""
        names = sorted({str(row["extractor"]) for row in self.predictions if row.get("extractor")})
        untrained = {
            name: ", random weights that never learnt to see" * (RANDOM in name) for name in names
        }
        return " and ".join(escape(f"{name}{note}") for name, note in untrained.items())


def describe(runs: Sequence[Run]) -> str:
    """Where the predictions are from: runs, checkpoints, networks behind the images; as HTML."""
    seen: dict[str, list[str]] = {}
    for run in runs:
        seen.setdefault(run.networks(), []).append(run.source())
    parts = [
        " · ".join(sources) + (f" · images seen by {network}" if network else " · no images seen")
        for network, sources in seen.items()
    ]
    return "<br>".join(parts)


def load_runs(folders: Sequence[Path], labels: Sequence[str]) -> list[Run]:
    """Reads the runs; says of each file that is missing which command makes it.

    Raises:
        UserError: a folder is no run, a file of it is damaged, two labels are equal, or no run has
            predictions.
    """
    opened = [RunFolder.open(folder) for folder in folders]
    names = _labels(opened, labels)
    runs = [_load(run, name) for run, name in zip(opened, names, strict=True)]
    there = [run for run in runs if run is not None]
    if not there:
        raise UserError(
            f"none of the runs has predictions: python -m eval --run_dir {folders[0]} makes them"
        )
    return there


def _labels(runs: list[RunFolder], given: Sequence[str]) -> list[str]:
    if given and len(given) != len(runs):
        raise UserError(f"--labels: {len(given)} labels for {len(runs)} runs; give one per run")
    presets = [str(run.configuration.get("preset", run.path.name)) for run in runs]
    tasks = [_task(run) for run in runs]
    names = list(given) or [LABELS.get(preset, preset) for preset in presets]
    count = Counter(zip(tasks, names, strict=True))
    if not given:
        names = [
            run.path.resolve().name if count[task, name] > 1 else name
            for run, task, name in zip(runs, tasks, names, strict=True)
        ]
    pairs = list(zip(tasks, names, strict=True))
    if len(set(pairs)) < len(pairs):
        raise UserError(f"two runs are called the same ({', '.join(names)}): give --labels")
    return names


def _task(run: RunFolder) -> str:
    return str(run.configuration.get("data", {}).get("task", "caption"))


def _load(run: RunFolder, label: str) -> Run | None:
    if not run.predictions.is_file():
        print(f"{run.path} is left out: no predictions; python -m eval --run_dir {run.path}")
        return None
    attention, crossed = run.path / ATTENTION, run.path / CROSSED
    return Run(
        run.path,
        label,
        _task(run),
        _with_pictures(read_predictions(run.predictions), run.predictions, "eval"),
        _with_pictures(read_attention(attention), attention) if attention.is_file() else [],
        _with_pictures(read_predictions(crossed), crossed) if crossed.is_file() else [],
        _step(run),
    )


def _with_pictures(rows: list[Row], path: Path, command: str = "scripts.explain") -> list[Row]:
    """The rows, each with a user and an image."""
    needed = ("user", "image", "image_user", "image_post")
    for row in rows:
        for name in needed if path.name == CROSSED else needed[:2]:
            if not isinstance(row.get(name), str):
                raise UserError(
                    f'{path}, id {row["id"]!r}: "{name}" is {row.get(name)!r:.60}, not a string; '
                    f"write the file again: python -m {command} --run_dir {path.parent}"
                )
    return rows


def _step(run: RunFolder) -> int | None:
    """Of the checkpoint behind the predictions, where eval has written it."""
    try:
        step = parse_json(run.metrics.read_text(encoding="utf-8")).get("step")
    except (OSError, ValueError, AttributeError):
        return None
    return step if isinstance(step, int) else None
