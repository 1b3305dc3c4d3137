"""What runs measured, beside what the authors report: cells, tables, charts."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from scripts.reproduction.plan import Job
from scripts.reproduction.tables import FULL, TABLES, Table
from utils.charts import Bar, draw_bars
from utils.files import write_text
from utils.tables import Style, format_table

DIGITS = 3  # as in the paper
FAILED, NOTHING = "failed", "-"
STYLES: dict[str, Style] = {"txt": "text", "md": "markdown", "tex": "latex"}


class Measured(NamedTuple):
    """The runs of one cell: a method, a split, a context, and all seeds.

    Attributes:
        metrics: one metrics.json per seed that was evaluated.
        failed: whether a seed failed; the cell is not shown as if it had all its seeds.
    """

    metrics: list[dict]
    failed: bool = False

    def values(self, metric: str) -> list[float]:
        """The numbers of a metric; empty where a run failed or has none."""
        found = [one.get(metric) for one in self.metrics]
        return [] if self.failed or None in found else found


Key = tuple[str, str, str, str]  # task, preset, split, context
Results = Mapping[Key, Measured]


class Grid(NamedTuple):
    """A table to print: heading, column headings, cells."""

    title: str
    header: list[str]
    rows: list[list[str]]


def collect(jobs: Iterable[Job], failed: Iterable[str]) -> dict[Key, Measured]:
    """Reads what eval wrote of each job.

    Args:
        jobs: all runs of the tables.
        failed: names of the runs that failed.
    """
    failed, results = set(failed), {}
    for job in jobs:
        run = job.run
        key = (run.task, run.preset, run.split, run.context)
        before = results.get(key, Measured([]))
        broken = run.name in failed or not job.metrics.exists()
        more = [] if broken else [json.loads(job.metrics.read_text(encoding="utf-8"))]
        results[key] = Measured(before.metrics + more, before.failed or broken)
    return results


def as_cell(measured: Measured | None, metric: str) -> str:
    """Mean and standard deviation over seeds: 0.864±0.015, 0.864 of one seed, or what is wrong."""
    if measured is None:
        return NOTHING
    if measured.failed:
        return FAILED
    values = measured.values(metric)
    if not values:
        return "not finite"
    return "±".join(f"{number:.{DIGITS}f}" for number in summary(values))


def summary(values: Sequence[float]) -> tuple[float, ...]:
    """Mean and, of several values, their standard deviation (that of a sample)."""
    return (mean(values), stdev(values)) if len(values) > 1 else (mean(values),)


def result_grid(table: Table, results: Results, reported: Mapping) -> Grid:
    """The table: per metric and split a column of ours, one of the paper's, one of the leak."""
    columns = list(_columns(table, results))
    header = ["method", *(heading for *_, heading in columns)]
    rows = []
    for row in table.lines:
        cells = [row.label]
        for split, context, metric, _ in columns:
            if context is None:
                number = reported.get(split, {}).get(row.preset, {}).get(metric)
                cells.append(NOTHING if number is None else f"{number:.{DIGITS}f}")
            else:
                key = (table.task, row.preset, split, context)
                cells.append(as_cell(results.get(key), metric))
        rows.append(cells)
    return Grid(table.title, header, rows)


def _columns(table: Table, results: Results):
    """Yields (split, context, metric, heading); the context is None in the paper's columns."""
    for split in table.splits:
        for metric in table.metrics:
            heading = _heading(table, metric, split)
            yield split, "others", metric, heading
            yield split, None, metric, "paper"
            if metric == table.main and (table.task, FULL, split, "all") in results:
                yield split, "all", metric, f"{heading}, context all"


def _heading(table: Table, metric: str, split: str) -> str:
    """The metric, and the split where the paper's table has several."""
    name = table.metrics[metric]
    return f"{name} {split}" if len(TABLES[table.number].splits) > 1 else name


def leak_grid(table: Table, results: Results) -> Grid | None:
    """What the released code's leak is worth: the full model under both contexts."""
    rows = []
    for split, metric, others, leak in _leaks(table, results):
        numbers = _differences(others, leak, metric)
        signs = (f"{n:{'+' * (not place)}.{DIGITS}f}" for place, n in enumerate(numbers))
        cells = [as_cell(others, metric), as_cell(leak, metric), "±".join(signs) or NOTHING]
        rows.append([_heading(table, metric, split), *cells])
    title = f"What the answer in the user's words is worth to CSMN-P5 ({table.task}s)"
    header = ["metric", "context others", "context all", "all - others"]
    return Grid(title, header, rows) if rows else None


def leak_csv(table: Table, results: Results) -> tuple[list[str], list[list[str]]]:
    """The same with a column for each single number."""
    names = ("context others", "context all", "difference")
    header = ["metric", "split", *(f"{name}{which}" for name in names for which in ("", " std"))]
    rows = []
    for split, metric, others, leak in _leaks(table, results):
        both = [summary(v) if v else () for v in (others.values(metric), leak.values(metric))]
        numbers = (*both, _differences(others, leak, metric))
        rows.append([metric, split, *(cell for pair in numbers for cell in _padded(pair))])
    return header, rows


def _leaks(table: Table, results: Results) -> Iterator[tuple[str, str, Measured, Measured]]:
    """Yields (split, metric, context others, context all) of the full model."""
    for split in table.splits:
        others, leak = (results.get((table.task, FULL, split, c)) for c in ("others", "all"))
        if others and leak:
            yield from ((split, metric, others, leak) for metric in table.metrics)


def _differences(others: Measured, leak: Measured, metric: str) -> tuple[float, ...]:
    """Of each seed with and without the leak: mean and standard deviation; () of other seeds."""
    before, after = others.values(metric), leak.values(metric)
    if not before or len(before) != len(after):
        return ()
    return summary([b - a for a, b in zip(before, after, strict=True)])


def csv_rows(table: Table, results: Results, reported: Mapping) -> tuple[list[str], list]:
    """The table with a column for each single number, for other programs."""
    columns = list(_columns(table, results))
    header = ["preset", "method"]
    for split, context, metric, heading in columns:
        if context is None:
            header.append(f"{metric} {split} paper")
        else:
            name = f"{metric} {split}" + (" context all" if "context" in heading else "")
            header += [name, f"{name} std", f"{name} seeds"]
    rows = [
        [
            row.preset,
            row.label,
            *(
                cell
                for column in columns
                for cell in _numbers(table, row, column, results, reported)
            ),
        ]
        for row in table.lines
    ]
    return header, rows


def _numbers(table: Table, row, column, results: Results, reported: Mapping) -> list[str]:
    split, context, metric, _ = column
    if context is None:
        number = reported.get(split, {}).get(row.preset, {}).get(metric)
        return ["" if number is None else str(number)]
    measured = results.get((table.task, row.preset, split, context), Measured([]))
    values = measured.values(metric)
    return [*_padded(summary(values) if values else ()), str(len(values) or "")]


def _padded(numbers: Sequence[float]) -> list[str]:
    """A mean and a standard deviation as two cells, empty where they are unknown."""
    cells = [f"{number:.6f}" for number in numbers]
    return [*cells, *[""] * (2 - len(cells))]


def chart_panels(table: Table, results: Results, reported: Mapping) -> dict:
    """What `utils.charts.draw_bars` shows of a table: a panel per metric and split."""
    panels = {}
    for split, context, metric, heading in _columns(table, results):
        if context != "others":
            continue
        ours, paper = {}, {}
        for row in table.lines:
            measured = results.get((table.task, row.preset, split, "others"), Measured([]))
            values = [value for value in measured.values(metric) if math.isfinite(value)]
            ours |= {row.label: Bar(*summary(values))} if values else {}
            number = reported.get(split, {}).get(row.preset, {}).get(metric)
            paper |= {} if number is None else {row.label: Bar(number)}
        panels[heading] = {"measured": ours, "reported by the authors": paper}
    return panels


def write_results(
    out: Path, table: Table, results: Results, reported: Mapping, measured_on: Sequence[str]
) -> str:
    """Writes table<N>.txt, .md, .tex, .csv and .png, and table<N>-leak.csv; returns the text.

    Args:
        out: an existing folder.
        table: whole; a cell without a result is a dash.
        results: from `collect`.
        reported: of this table, {split: {preset: {metric: number}}}.
        measured_on: notes on what was measured; the first one also stands below the chart.
    """
    grids = [result_grid(table, results, reported), leak_grid(table, results)]
    present = [grid for grid in grids if grid]
    name = f"table{table.number}"
    notes = (_seeds_note(table, results), *measured_on, *table.notes)
    if len(present) > 1:
        write_text(out / f"{name}-leak.csv", format_table(*leak_csv(table, results), "csv") + "\n")
    header, rows = csv_rows(table, results, reported)
    write_text(out / f"{name}.csv", format_table(header, rows, "csv") + "\n")
    panels = chart_panels(table, results, reported)
    note = "\n".join((*measured_on[:1], table.notes[0]))
    order = [row.label for row in table.lines]
    draw_bars(out / f"{name}.png", panels, table.title, note, order)
    return write_grids(out, name, present, notes)


def write_grids(out: Path, name: str, grids: Sequence[Grid], notes: Sequence[str]) -> str:
    """Writes <name>.txt, .md and .tex; returns the text."""
    texts = {}
    for ending, style in STYLES.items():
        comment = "% " if style == "latex" else ""
        parts = []
        for grid in grids:
            parts += [f"{comment}{grid.title}", format_table(grid.header, grid.rows, style)]
        texts[ending] = (
            "\n\n".join([*parts, "\n".join(f"{comment}{note}" for note in notes)]) + "\n"
        )
        write_text(out / f"{name}.{ending}", texts[ending])
    return texts["txt"]


def _seeds_note(table: Table, results: Results) -> str:
    trained = {row.preset for row in table.rows}
    counts = {
        len(one.metrics)
        for (task, preset, *_), one in results.items()
        if task == table.task and preset in trained
    }
    if counts <= {0, 1}:
        return "one seed"
    span = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(*counts)
    return f"mean±standard deviation over seeds ({span} per row)"
