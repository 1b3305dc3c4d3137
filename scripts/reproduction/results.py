"""What runs measured, beside what the authors report: cells, tables, charts."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from scripts.reproduction.plan import Job
from scripts.reproduction.tables import Numbers, Reported, Row, Table
from utils.charts import Bar, draw_bars
from utils.files import write_text
from utils.json_text import expecting, parse_json
from utils.tables import Style, format_table

FAILED, NOTHING = "failed", "-"
THEIRS, PRIOR = "reported by the authors", "prior"  # in charts
UNTRAINED = "random weights: never learnt to see"
STYLES: dict[str, Style] = {"txt": "text", "md": "markdown", "tex": "latex"}
MARKS = {"markdown": ("### ", "- "), "latex": ("% ", "% ")}  # before a title, before a note


class Measured(NamedTuple):
    """The runs of one cell: a method, a split, a context, and all seeds.

    Attributes:
        metrics: what was measured of each seed that was evaluated, by the names of metrics.json.
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


class Column(NamedTuple):
    """A column of the table.

    Attributes:
        split, metric: of which posts, and which number.
        heading: above it.
        context: of the runs; None for what others report.
        reported: then, whose numbers.
    """

    split: str
    metric: str
    heading: str
    context: str | None
    reported: Reported | None = None


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
        before = results.get(job.run.cell, Measured([]))
        there = all(path.exists() for path in job.metrics.values())
        broken = job.run.name in failed or not there
        more = [] if broken else [_read(job)]
        results[job.run.cell] = Measured(before.metrics + more, before.failed or broken)
    return results


def _read(job: Job) -> dict:
    """All numbers of a run under one roof: `val_perplexity` beside `perplexity`."""
    numbers = {}
    for prefix, path in job.metrics.items():
        numbers |= {f"{prefix}{name}": value for name, value in read_metrics(path).items()}
    return numbers


def read_metrics(path: Path) -> dict[str, Any]:
    """What eval wrote about a run.

    Raises:
        UserError: it cannot be read, or is damaged.
    """
    with expecting(path, "evaluate the run again: python -m eval --run_dir RUN"):
        return dict(parse_json(path.read_text(encoding="utf-8")).items())


def as_cell(measured: Measured | None, metric: str, digits: int = 3) -> str:
    """Mean and standard deviation over seeds: 0.864±0.015, 0.864 of one seed, or what is wrong."""
    if measured is None:
        return NOTHING
    if measured.failed:
        return FAILED
    values = measured.values(metric)
    if not values:  # eval writes null for a number that is not finite
        named = any(metric in one for one in measured.metrics)
        return "not finite" if named else NOTHING
    return "±".join(f"{number:.{digits}f}" for number in summary(values))


def summary(values: Sequence[float]) -> tuple[float, ...]:
    """Mean and, of several values, their standard deviation (that of a sample)."""
    return (mean(values), stdev(values)) if len(values) > 1 else (mean(values),)


def result_grids(table: Table, results: Results, reported: Numbers) -> list[Grid]:
    """The table in its parts: per metric and split a column of ours, those of others, the leak."""
    grids = []
    for title, metrics in table.parts().items():
        columns = _columns(table, results, reported, metrics)
        header = ["method", *(column.heading for column in columns)]
        rows = [
            [row.label, *(_cell(table, row, column, results, reported) for column in columns)]
            for row in _lines(table, columns, reported)
        ]
        grids.append(Grid(title, header, rows))
    return grids


def _lines(table: Table, columns: Sequence[Column], reported: Numbers) -> list[Row]:
    """Those of a part of the table; what only others measured stands where they have numbers."""

    def has_number(row: Row) -> bool:
        return any(_reported(row, column, reported) is not None for column in columns)

    return [row for row in table.lines if row not in table.others or has_number(row)]


def _cell(table: Table, row: Row, column: Column, results: Results, reported: Numbers) -> str:
    if column.context is None:
        number = _reported(row, column, reported)
        return NOTHING if number is None else f"{number:.{table.digits}f}"
    measured = results.get((table.task, row.preset, column.split, column.context))
    return as_cell(measured, column.metric, table.digits)


def _reported(row: Row, column: Column, reported: Numbers) -> float | None:
    if column.reported is None:
        return None
    numbers = _numbers_of(column.reported, reported).get(row.preset, {})
    return numbers.get(column.reported.named(column.metric))


def _numbers_of(source: Reported, reported: Numbers) -> dict[str, Mapping[str, float]]:
    """The rows of a source; beside them may stand what it is."""
    part = reported.get(source.source, {})
    return {row: numbers for row, numbers in part.items() if isinstance(numbers, Mapping)}


def _columns(
    table: Table, results: Results, reported: Numbers, metrics: Iterable[str]
) -> list[Column]:
    """Ours, those of others where they report the metric, and that of the leak."""
    columns = []
    for split in table.splits:
        for metric in metrics:
            heading = _heading(table, metric, split)
            columns.append(Column(split, metric, heading, table.context))
            columns += [
                Column(split, metric, source.heading, None, source)
                for source in _sources(table, split, metric, reported)
            ]
            if metric == table.main and (table.task, table.leak, split, "all") in results:
                columns.append(Column(split, metric, f"{heading}, context all", "all"))
    return columns


def _sources(table: Table, split: str, metric: str, reported: Numbers) -> list[Reported]:
    """Who reports a metric, beside the posts of a split."""
    return [
        source
        for source in table.reported
        if source.split in (None, split)
        and any(source.named(metric) in row for row in _numbers_of(source, reported).values())
    ]


def _heading(table: Table, metric: str, split: str) -> str:
    """The metric, and the split where the paper's table has several."""
    name = table.metrics[metric]
    return f"{name} {split}" if len(table.splits) > 1 else name


def leak_grid(table: Table, results: Results) -> Grid | None:
    """What the released code's leak is worth: the full model under both contexts."""
    rows = []
    for split, metric, others, leak in _leaks(table, results):
        numbers = _differences(others, leak, metric)
        signs = (f"{n:{'+' * (not place)}.{table.digits}f}" for place, n in enumerate(numbers))
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
        others, leak = (results.get((table.task, table.leak, split, c)) for c in ("others", "all"))
        if others and leak:
            yield from ((split, metric, others, leak) for metric in table.metrics)


def _differences(others: Measured, leak: Measured, metric: str) -> tuple[float, ...]:
    """Of each seed with and without the leak: mean and standard deviation; () of other seeds."""
    before, after = others.values(metric), leak.values(metric)
    if not before or len(before) != len(after):
        return ()
    return summary([b - a for a, b in zip(before, after, strict=True)])


def csv_rows(
    table: Table, results: Results, reported: Numbers
) -> tuple[list[str], list[list[str]]]:
    """The table with a column for each single number, for other programs."""
    columns = _columns(table, results, reported, table.metrics)
    header = ["preset", "method", *(name for column in columns for name in _csv_header(column))]
    rows = []
    for row in table.lines:
        numbers = [_numbers(table, row, column, results, reported) for column in columns]
        rows.append([row.preset, row.label, *(cell for cells in numbers for cell in cells)])
    return header, rows


def _csv_header(column: Column) -> list[str]:
    name = f"{column.metric} {column.split}"
    if column.context is None:
        return [f"{name} {column.heading}"]
    name += " context all" if column.context == "all" else ""
    return [name, f"{name} std", f"{name} seeds"]


def _numbers(
    table: Table, row: Row, column: Column, results: Results, reported: Numbers
) -> list[str]:
    if column.context is None:
        number = _reported(row, column, reported)
        return ["" if number is None else str(number)]
    key = (table.task, row.preset, column.split, column.context)
    values = results.get(key, Measured([])).values(column.metric)
    return [*_padded(summary(values) if values else ()), str(len(values) or "")]


def _padded(numbers: Sequence[float]) -> list[str]:
    """A mean and a standard deviation as two cells, empty where they are unknown."""
    cells = [f"{number:.6f}" for number in numbers]
    return [*cells, *[""] * (2 - len(cells))]


def chart_panels(table: Table, results: Results, reported: Numbers) -> dict:
    """What `utils.charts.draw_bars` shows of a table: a panel per metric and split."""
    panels: dict[str, dict[str, dict[str, Bar]]] = {}
    for column in _columns(table, results, reported, table.charted or table.metrics):
        if column.context == table.context:
            panel = {"measured": _bars([*table.rows, *table.others], table, column, results)}
            panel |= {THEIRS: {}} if table.reported else {}
            panel |= {PRIOR: _bars(table.priors, table, column, results)} if table.priors else {}
            panels[column.heading] = panel
        elif column.reported and column.reported.charted:  # right behind ours
            numbers = {row.label: _reported(row, column, reported) for row in table.lines}
            panel[THEIRS] |= {name: Bar(n) for name, n in numbers.items() if n is not None}
    return panels


def _bars(rows: Sequence[Row], table: Table, column: Column, results: Results) -> dict[str, Bar]:
    bars = {}
    for row in rows:
        key = (table.task, row.preset, column.split, column.context)
        values = results.get(key, Measured([])).values(column.metric)
        values = [value for value in values if math.isfinite(value)]
        bars |= {row.label: Bar(*summary(values))} if values else {}
    return bars


def write_results(
    out: Path, table: Table, results: Results, reported: Numbers, measured_on: Sequence[str]
) -> str:
    """Writes <name>.txt, .md, .tex, .csv and .png, and <name>-leak.csv; returns the text.

    Args:
        out: an existing folder.
        table: whole; a cell without a result is a dash.
        results: from `collect`.
        reported: of this table.
        measured_on: notes on what was measured; the first one also stands below the chart, and
            the one that names untrained networks.
    """
    leak, name = leak_grid(table, results), table.name
    grids = [*result_grids(table, results, reported), *([leak] if leak else [])]
    notes = (_seeds_note(table, results), *measured_on, *table.notes)
    if leak:
        write_text(out / f"{name}-leak.csv", format_table(*leak_csv(table, results), "csv") + "\n")
    header, rows = csv_rows(table, results, reported)
    write_text(out / f"{name}.csv", format_table(header, rows, "csv") + "\n")
    panels = chart_panels(table, results, reported)
    untrained = [one for one in measured_on[1:] if UNTRAINED in one]
    note = "\n".join((*measured_on[:1], *untrained, table.notes[0]))
    order = [row.label for row in table.lines]
    draw_bars(out / f"{name}.png", panels, table.title, note, order, {PRIOR: "measured"})
    return write_grids(out, name, grids, notes)


def write_grids(out: Path, name: str, grids: Sequence[Grid], notes: Sequence[str]) -> str:
    """Writes <name>.txt, .md and .tex; returns the text."""
    texts = {}
    for ending, style in STYLES.items():
        above, beside = MARKS.get(style, ("", ""))
        parts = []
        for grid in grids:
            parts += [f"{above}{grid.title}", format_table(grid.header, grid.rows, style)]
        texts[ending] = "\n\n".join([*parts, "\n".join(f"{beside}{note}" for note in notes)]) + "\n"
        write_text(out / f"{name}.{ending}", texts[ending])
    return texts["txt"]


def _seeds_note(table: Table, results: Results) -> str:
    trained = {row.preset for row in table.rows}
    own = [
        one
        for (task, preset, *_), one in results.items()
        if task == table.task and preset in trained
    ]
    counts = {len(one.metrics) for one in own}
    if counts <= {0, 1}:
        return "one seed"
    span = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(*counts)
    return f"mean±standard deviation over seeds ({span} per row)"
