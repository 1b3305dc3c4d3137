"""Final scores of runs as tables: the best of each column is marked."""

from collections.abc import Sequence
from typing import NamedTuple

from model.networks import is_random
from scripts.compare.runs import Run, is_number
from utils.metrics.caption import METRICS
from utils.tables import format_number, format_table

SCORES = {
    "caption": (*METRICS, "Bleu_1_sentence", "perplexity"),
    "hashtag": ("F1", "micro_precision", "micro_recall", "precision_at_1", "perplexity"),
    "text": ("bits_per_character", "character_accuracy", "perplexity"),
}
VALIDATION = ("val_loss", "val_score")
LOWER = ("loss", "perplexity", "bits_per_character")  # is better, wherever it is in the name
DIGITS = 4


class Table(NamedTuple):
    """Cells as text, and which of them are the best of their columns.

    Attributes:
        header: [C].
        rows: [R][C].
        best: (row, column) of each.
    """

    header: list[str]
    rows: list[list[str]]
    best: set[tuple[int, int]]


def score_table(runs: Sequence[Run]) -> Table:
    """A row per run: preset, steps, validation and test; `-` for what is not there.

    Args:
        runs: of one kind.
    """
    names = [*VALIDATION, *SCORES[runs[0].kind]]
    names = [name for name in names if any(value_of(run, name) is not None for run in runs)]
    header = ["run", "preset", "steps", *(_heading(name) for name in names)]
    rows = [
        [run.label, run.config.preset, format_number(run.steps)]
        + [format_number(value_of(run, name), DIGITS) for name in names]
        for run in runs
    ]
    columns = [[value_of(run, name) for run in runs] for name in names]
    best = {
        (row, 3 + column)
        for column, (name, values) in enumerate(zip(names, columns, strict=True))
        for row in best_rows(values, any(part in name for part in LOWER))
    }
    return Table(header, rows, best)


def value_of(run: Run, name: str) -> float | None:
    """The best validation of the log, or a number of metrics.json as it is."""
    if name in VALIDATION:
        return run.best(name)
    value = run.metrics.get(name)
    return float(value) if is_number(value) else None


def best_rows(values: Sequence[float | None], lower: bool) -> list[int]:
    """Which values are the best, those that look the same included; none where one is alone."""
    there = [round(value, DIGITS) for value in values if value is not None]
    if len(there) < 2:
        return []
    best = min(there) if lower else max(there)
    return [
        row
        for row, value in enumerate(values)
        if value is not None and round(value, DIGITS) == best
    ]


def markdown(runs: Sequence[Run]) -> str:
    """The table with the best in bold, and its notes."""
    table = score_table(runs)
    rows = [
        [
            f"**{cell}**" if (row, column) in table.best else cell
            for column, cell in enumerate(cells)
        ]
        for row, cells in enumerate(table.rows)
    ]
    return "\n\n".join([format_table(table.header, rows, "markdown"), *notes(runs)])


def notes(runs: Sequence[Run]) -> list[str]:
    """What a reader has to know before comparing the numbers."""
    found = ["Validation: the best of each run; scores: of eval; the best of a column is marked."]
    without = [run.label for run in runs if not run.metrics]
    if without:
        found.append(f"No metrics.json: {listed(without)} (python -m eval --run_dir RUN).")
    evaluated = [run for run in runs if run.metrics]
    if len({run.data[:-1] for run in evaluated}) > 1:
        found.append("Not all of these runs were tested on the same posts and words.")
    random = [run.label for run in runs if is_random(run.config.data.extractor or "")]
    if random:
        found.append(f"Images seen by a network of random weights: {listed(random)}.")
    return found


def listed(names: Sequence[str], most: int = 4) -> str:
    """The first names, and how many others there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"


def csv_table(runs: Sequence[Run]) -> str:
    """One row per run of any kind, with every number of metrics.json as it is."""
    measured = dict.fromkeys(n for run in runs for n, v in run.metrics.items() if is_number(v))
    names = [*VALIDATION, *measured]
    rows = [
        [run.label, str(run.folder), run.kind, run.config.preset, _raw(run.steps)]
        + [_raw(value_of(run, name)) for name in names]
        for run in runs
    ]
    return format_table(["run", "folder", "kind", "preset", "steps", *names], rows, "csv")


def _heading(name: str) -> str:
    return name.replace("val_", "val ").replace("Bleu_", "B-").replace("_", " ")


def _raw(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
