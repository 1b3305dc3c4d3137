"""Tables of numbers: text for a terminal, Markdown for a README, LaTeX for a paper, CSV for all."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Style = Literal["text", "markdown", "latex", "csv"]
Number = float | int | None
_IN_LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
}


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
        style: see `format_table`.
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
        style: see `format_table`.
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
        style: "text" (columns apart by two blanks), "markdown", "latex" (a `tabular` with the
            rules of the package booktabs) or "csv" (RFC 4180, but lines end in a line feed).

    Raises:
        ValueError: a row of another length than the header, or an unknown style.
    """
    if style not in get_args(Style):
        raise ValueError(f"unknown style {style!r}, expected one of {', '.join(get_args(Style))}")
    if style == "csv":
        return _csv([header, *rows])
    escape = {"markdown": _escape, "latex": _escape_latex, "text": str}[style]
    cells = [[escape(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if style == "markdown":
        widths = [max(width, 3) for width in widths]
    head, *body = [_aligned(row, widths) for row in cells]
    return {"text": _text, "markdown": _markdown, "latex": _latex}[style](head, body, widths)


def _text(head: list[str], body: list[list[str]], widths: list[int]) -> str:
    lines = [head, ["-" * width for width in widths], *body]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _markdown(head: list[str], body: list[list[str]], widths: list[int]) -> str:
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body))


def _latex(head: list[str], body: list[list[str]], widths: list[int]) -> str:
    lines = [f"  {' & '.join(line)} \\\\" for line in (head, *body)]
    columns = "l" + "r" * (len(widths) - 1)
    frame = (f"\\begin{{tabular}}{{{columns}}}", "  \\toprule", lines[0], "  \\midrule")
    return "\n".join([*frame, *lines[1:], "  \\bottomrule", "\\end{tabular}"])


def _csv(rows: Sequence[Sequence[str]]) -> str:
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"rows of different lengths, expected {len(rows[0])} cells in each")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")


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


def _escape_latex(cell: str) -> str:
    return "".join(_IN_LATEX.get(letter, letter) for letter in cell)


def _union(rows: Sequence[Mapping[str, Number]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))
