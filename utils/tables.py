"""Tables of numbers, as text for a terminal and as Markdown for a README."""

from collections.abc import Mapping, Sequence
from typing import Literal

Style = Literal["text", "markdown"]
Number = float | int | None


def metric_table(
    columns: Mapping[str, Mapping[str, Number]], style: Style = "text", digits: int = 4
) -> str:
    """One row per metric, one column per source: ours, a ceiling, what the authors reported.

        >>> print(metric_table({"score": {"F1": 0.31}, "ceiling": {"F1": 0.4}}, digits=2))
        metric  score  ceiling
        ------  -----  -------
        F1       0.31     0.40

    Args:
        columns: heading to metrics. The rows are all metrics, in the order of their first
            appearance; a column that lacks one shows `-`.
        style: "text" or "markdown".
        digits: decimal places; integers have none.
    """
    metrics = _union(columns.values())
    rows = [
        [metric, *(format_number(values.get(metric), digits) for values in columns.values())]
        for metric in metrics
    ]
    return format_table(["metric", *columns], rows, style)


def system_table(
    systems: Mapping[str, Mapping[str, Number]], style: Style = "text", digits: int = 4
) -> str:
    """One row per system, one column per metric, the form of the paper's tables.

    Args:
        systems: name to metrics; see `metric_table`, of which this is the transpose.
        style: "text" or "markdown".
        digits: decimal places; integers have none.
    """
    metrics = _union(systems.values())
    rows = [
        [name, *(format_number(values.get(metric), digits) for metric in metrics)]
        for name, values in systems.items()
    ]
    return format_table(["system", *metrics], rows, style)


def format_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], style: Style = "text"
) -> str:
    """Lays out cells: the first column to the left, all others to the right.

    Args:
        header: [C] headings.
        rows: [R][C] cells, as long as the header.
        style: "text" (columns apart by two blanks) or "markdown".

    Raises:
        ValueError: a row of another length than the header, or an unknown style.
    """
    if style not in ("text", "markdown"):
        raise ValueError(f"unknown style {style!r}, expected 'text' or 'markdown'")
    escape = _escape if style == "markdown" else str
    cells = [[escape(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if style == "markdown":
        widths = [max(width, 3) for width in widths]
    head, *body = [_aligned(row, widths) for row in cells]
    if style == "text":
        lines = [head, ["-" * width for width in widths], *body]
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body))


def format_number(value: Number, digits: int = 4) -> str:
    """Formats a number with fixed decimals, an integer with thousands, None as `-`."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return [first, *others]


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")


def _union(rows: Sequence[Mapping[str, Number]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))
