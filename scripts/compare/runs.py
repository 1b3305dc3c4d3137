"""What run folders have to compare, as far as it is there."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configuration import Config
from utils.checkpoint import checkpoints_folder, list_checkpoints, read_state
from utils.errors import UserError
from utils.json_text import parse_json
from utils.run_folder import RunFolder

Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Run:
    """One run.

    Attributes:
        folder: where it is.
        label: its name in pictures and tables.
        kind: caption, hashtag, or text.
        config: what it was asked to do.
        records: its log.
        metrics: what metrics.json says; empty where eval has not been.
        global_batch: posts per step on all GPUs together.
        data: tells apart runs whose test posts may differ.
    """

    folder: Path
    label: str
    kind: str
    config: Config
    records: list[dict[str, Any]]
    metrics: dict[str, Any]
    data: tuple
    global_batch: int

    def curve(self, name: str, by_epoch: bool) -> list[Point]:
        """The values of one name over epochs or steps; none where there are none.

        Args:
            name: of the log: loss, val_loss, val_score ...
            by_epoch: over epochs that are done, with fractions; of a log that does not tell how
                long an epoch is, nothing.
        """
        steps = self.steps_per_epoch if by_epoch else 1
        if not steps:
            return []
        there = (record for record in self.records if is_number(record.get(name)))
        return [(record["step"] / steps, record[name]) for record in there]

    @property
    def steps(self) -> int | None:
        """Steps that the log knows of; None for a method that learns nothing."""
        return max((record["step"] for record in self.records), default=None)

    @property
    def steps_per_epoch(self) -> int | None:
        """As the log shows it once an epoch is done; before, by the size of the batch."""
        first = [r["step"] for r in self.records if r.get("epoch") == 1]
        if first and any(r.get("epoch", 0) > 1 for r in self.records):
            return max(first)
        posts = self._posts()
        return math.ceil(posts / self.global_batch) if posts else None

    def _posts(self) -> int | None:
        return self.data[-1]

    def best(self, name: str) -> float | None:
        """The lowest loss, or the highest score, of the log's values of a name."""
        values = [value for _, value in self.curve(name, by_epoch=False)]
        return (min if "loss" in name else max)(values) if values else None


def is_number(value: Any) -> bool:
    """Whether a JSON value can be drawn: a NaN is written as null."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def open_runs(folders: Sequence[Path], labels: Sequence[str] = ()) -> list[Run]:
    """Opens the runs; says what is left out: folders without a run, and a second mention.

    Raises:
        UserError: no run is left, or labels do not fit.
    """
    if labels and len(labels) != len(folders):
        raise UserError(f"--labels: {len(labels)} names for {len(folders)} runs; give one per run")
    named = dict(zip(map(str, folders), labels, strict=True)) if labels else {}
    found: dict[Path, RunFolder] = {}
    for folder in folders:
        if folder.resolve() in found:
            print(f"{folder} is left out: it was named before")
            continue
        try:
            found[folder.resolve()] = RunFolder.open(folder)
        except UserError as error:
            print(f"{folder} is left out: {error}")
    if not found:
        raise UserError("none of these folders is a run; `python -m train` makes one")
    names = [named.get(str(run.path)) for run in found.values()]
    names = names if labels else distinct_names(list(found))
    if len(set(names)) < len(names):
        raise UserError(f"--labels: two runs are called the same ({', '.join(map(str, names))})")
    return [_open(run, name) for run, name in zip(found.values(), names, strict=True)]


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with as many of the folders above as tell equal ones apart.

    >>> distinct_names([Path("/a/x/run"), Path("/a/y/run"), Path("/a/other")])
    ['x/run', 'y/run', 'other']
    """
    names = [folder.name for folder in folders]
    for depth in range(2, max(len(folder.parts) for folder in folders) + 1):
        count = Counter(names)
        names = [
            "/".join(folder.parts[-depth:]) if count[name] > 1 else name
            for folder, name in zip(folders, names, strict=True)
        ]
    return names


def _open(run: RunFolder, label: str) -> Run:
    config = Config.from_dict(run.configuration)
    kind = "text" if config.model.reads == "text" else config.data.task
    records = [r for r in run.records() if is_number(r.get("step"))]
    metrics = _read_metrics(run)
    training = run.configuration.get("training_posts")
    posts = training.get("number") if isinstance(training, dict) else None
    if kind == "text" and config.model.window:
        posts = math.ceil(posts / config.model.window) if posts else None
    tested = (metrics.get("posts"), metrics.get("subset"), metrics.get("characters"))
    data = (run.configuration.get("vocabulary_sha256"), *tested, posts)
    batch = _global_batch(run) or config.train.batch_size
    return Run(run.path, label, kind, config, records, metrics, data, batch)


def _global_batch(run: RunFolder) -> int | None:
    """As the newest checkpoint that can be read has it; the configuration knows one GPU's share."""
    for step in reversed(list_checkpoints(run.path)):
        try:
            found = read_state(checkpoints_folder(run.path) / str(step)).get("global_batch")
        except (UserError, OSError):
            continue
        if isinstance(found, int) and found > 0:
            return found
    return None


def _read_metrics(run: RunFolder) -> dict[str, Any]:
    """What eval has written; without it, or where it is damaged, nothing."""
    if not run.metrics.is_file():
        return {}
    try:
        metrics = parse_json(run.metrics.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{run.metrics} cannot be read ({error}): python -m eval --run_dir {run.path}")
        return {}
    return metrics if isinstance(metrics, dict) else {}
