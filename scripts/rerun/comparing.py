"""Two runs, number by number."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils.checkpoint import list_checkpoints, load
from utils.predictions import read_predictions
from utils.run_folder import RunFolder, read_json
from utils.tables import format_table

OF_THE_CLOCK = {"time", "step", "epoch", "posts_per_second"}  # of a log's record
OF_THE_COMMAND = {"notes"}


class Row(NamedTuple):
    """What was compared.

    Attributes:
        what: its name.
        number: how many numbers, arrays or rows.
        equal: how many of them are equal bit for bit.
        difference: the largest relative difference; inf where something is missing or no number.
    """

    what: str
    number: int
    equal: int
    difference: float


def compare_runs(first: Path, second: Path) -> list[Row]:
    """Losses, weights, scores and predictions that both runs have, or the first one has."""
    rows = [*_logs(first, second), *_weights(first, second)]
    for path in sorted(first.glob("metrics*.json")):
        rows.append(_metrics(path, second / path.name))
    for path in sorted(first.glob("predictions*.jsonl")):
        rows.append(_predictions(path, second / path.name))
    return rows


def table(rows: Iterable[Row]) -> str:
    """The rows as text."""
    cells = [
        [row.what, f"{row.number:,}", f"{row.equal:,}", f"{row.difference:.2g}"] for row in rows
    ]
    return format_table(["compared", "number", "equal", "largest relative difference"], cells)


def _logs(first: Path, second: Path) -> Iterable[Row]:
    """One row for each value that both logs report at the same steps."""
    ours, theirs = (_by_step(RunFolder.open(run).records()) for run in (first, second))
    names = dict.fromkeys(name for name, _ in ours)
    for name in names:
        steps = [step for (n, step) in ours if n == name and (n, step) in theirs]
        if steps:
            pairs = [(ours[name, step], theirs[name, step]) for step in steps]
            yield _row(f"{name}, steps {steps[0]} to {steps[-1]}", pairs)


def _by_step(records: list[dict[str, Any]]) -> dict[tuple[str, int], float | None]:
    return {
        (name, record.get("step", 0)): value
        for record in records
        for name, value in record.items()
        if name not in OF_THE_CLOCK
    }


def _weights(first: Path, second: Path) -> Iterable[Row]:
    """One row for the newest checkpoint of a step that both have; without any, they differ."""
    steps = [set(list_checkpoints(run)) for run in (first, second)]
    if not steps[0]:
        return  # of a method that learns nothing
    if not steps[0] & steps[1]:
        yield Row("arrays of weights, no checkpoint of the same step", 0, 0, math.inf)
        return
    step = max(steps[0] & steps[1])
    ours, theirs = (load(run, step, optimizer=False).weights for run in (first, second))
    pairs = [(ours[name], theirs.get(name)) for name in ours]
    yield _row(f"arrays of weights, step {step}", pairs)


def _metrics(path: Path, other: Path) -> Row:
    ours, theirs = read_json(path), read_json(other) if other.exists() else {}
    names = [name for name in ours if name not in OF_THE_COMMAND]
    return _row(path.name, [(ours[name], theirs.get(name)) for name in names])


def _predictions(path: Path, other: Path) -> Row:
    """Rows by post; their numbers, such as log probabilities, are compared as numbers."""
    ours, theirs = _rows(path), _rows(other) if other.exists() else {}
    pairs = [
        (value, theirs.get(post, {}).get(name))
        for post, row in ours.items()
        for name, value in row.items()
    ]
    return _row(f"{path.name}, values of {len(ours):,} posts", pairs)


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in read_predictions(path)}


def _row(what: str, pairs: list[tuple[Any, Any]]) -> Row:
    found = [difference(first, second) for first, second in pairs]
    return Row(what, len(found), found.count(0.0), max(found, default=0.0))


def difference(first: Any, second: Any) -> float:
    """The largest absolute difference over the largest absolute value of the first.

    Args:
        first: a number, an array, or anything else.
        second: likewise.

    Returns:
        0 where they are equal, NaN and NaN too; inf where they differ and are not both numbers of
        one shape.
    """
    if not (_is_number(first) and _is_number(second)):
        return 0.0 if first == second and type(first) is type(second) else math.inf
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        return math.inf
    if np.array_equal(first, second, equal_nan=True):
        return 0.0
    gap = np.abs(first - second).max()
    return float(gap / max(np.abs(first).max(), 1e-12)) if np.isfinite(gap) else math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.ndarray) and not isinstance(value, bool)
