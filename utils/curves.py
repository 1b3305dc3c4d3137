"""Curves of several runs and tables of their final numbers, as one PNG."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

PANEL = (4.6, 3.0)  # inches
ROW, LETTER = 0.24, 0.085  # inches of a table's row, and of a letter in it
NOTE_ROW, NOTE_LETTER = 0.14, 0.062
SMOOTH_FROM = 200  # points; of more, a running mean is drawn over the pale values
LONGEST = 44  # letters of a name
STEEP = 20  # of a loss that falls by such a factor, the logarithm is drawn
WORDS = 2  # columns of a table that are not numbers, the first ones
DASHES = ("-", "--", ":", "-.")


class Line(NamedTuple):
    """One curve."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


class Panel(NamedTuple):
    """Curves with one pair of axes; `logarithmic` where that shows more of steep ones."""

    heading: str
    x: str
    lines: Sequence[Line]
    logarithmic: bool = False


class Cells(Protocol):
    """A table as text; `best` has the (row, column) of cells that are set in bold."""

    header: list[str]
    rows: list[list[str]]
    best: set[tuple[int, int]]


class Part(NamedTuple):
    """Panels beside one another, a table below, and notes below that."""

    title: str
    panels: Sequence[Panel]
    table: Cells
    notes: Sequence[str] = ()


def draw_curves(path: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
    """Draws the parts below one another; a label has one colour in all of them.

    Args:
        path: the PNG to write.
        parts: at least one.
        labels: of all lines.
    """
    # matplotlib's own pyplot would look for a screen.
    from matplotlib.figure import Figure

    heights = [_height(part) for part in parts]
    width = max(_width(part) for part in parts)
    figure = Figure((width, sum(heights)), dpi=120, layout="constrained")
    styles = {label: _style(number) for number, label in enumerate(labels)}
    figures = figure.subfigures(len(parts), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, area in zip(parts, figures, strict=True):
        _draw_part(area, part, styles)
    figure.savefig(path, format="png")


def shorten_middle(text: str, most: int = LONGEST) -> str:
    """At most so many letters: the beginning and the end, which tell names apart.

    >>> shorten_middle("csmn-p5-caption-users-others-seed0", 15)
    'csmn-p5…s-seed0'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[len(text) - half :]}"


def running_mean(values: Sequence[float], width: int) -> np.ndarray:
    """The mean of up to `width` values around each, fewer at the ends: [N] to [N]."""
    values = np.asarray(values, float)
    sums = np.concatenate([[0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - width // 2, 0)
    end = np.minimum(np.arange(len(values)) + width - width // 2, len(values))
    return (sums[end] - sums[first]) / (end - first)


def _style(number: int) -> dict:
    from matplotlib import colormaps

    colours = colormaps["tab10"].colors
    dash = DASHES[number // len(colours) % len(DASHES)]
    return {"color": colours[number % len(colours)], "linestyle": dash}


def _draw_part(area, part: Part, styles: dict) -> None:
    """Title and legend, panels, table and notes, each in its row."""
    heights = [_head_height(part), PANEL[1] if part.panels else 0.01, _table_height(part)]
    grid = area.add_gridspec(3, max(1, len(part.panels)), height_ratios=heights)
    head, table = area.add_subplot(grid[0, :]), area.add_subplot(grid[2, :])
    head.axis("off")
    head.text(0, 1, part.title, fontsize=12, fontweight="bold", va="top")
    _draw_legend(head, part, styles)
    for column, panel in enumerate(part.panels):
        _draw_panel(area.add_subplot(grid[1, column]), panel, styles)
    _draw_table(table, part)


def _draw_panel(axis, panel: Panel, styles: dict) -> None:
    values = [value for line in panel.lines for value in line.y if value > 0]
    for line in panel.lines:
        style, many = styles[line.label], len(line.y) > SMOOTH_FROM
        marker = "o" if len(line.y) < 30 else None
        if many:
            axis.plot(line.x, line.y, color=style["color"], linewidth=0.6, alpha=0.25)
        y = running_mean(line.y, len(line.y) // 40) if many else line.y
        axis.plot(line.x, y, linewidth=1.6, marker=marker, markersize=3, **style)
    if panel.logarithmic and values and max(values) > STEEP * min(values):
        axis.set_yscale("log")
    axis.set_title(panel.heading, fontsize=10)
    axis.set_xlabel(panel.x, fontsize=8)
    axis.tick_params(which="both", labelsize=8)
    axis.grid(color="#e1e4ea", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_legend(axis, part: Part, styles: dict) -> None:
    """One for all panels; a run without a curve has none."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], label=shorten_middle(label), linewidth=2, **styles[label])
        for label in _labels(part, styles)
    ]
    where = {"loc": "lower left", "bbox_to_anchor": (0, 0), "borderaxespad": 0}
    columns = _legend_columns(part)
    axis.legend(handles=handles, ncols=columns, frameon=False, fontsize=8, **where)


def _labels(part: Part, order: Iterable[str]) -> list[str]:
    """The labels that have a curve."""
    there = {line.label for panel in part.panels for line in panel.lines}
    return [label for label in order if label in there]


def _draw_table(axis, part: Part) -> None:
    from matplotlib.table import Table

    axis.axis("off")
    letters, height = _column_letters(part), ROW / _table_height(part)
    table = Table(axis, loc="upper left")
    for row, cells in enumerate([part.table.header, *part.table.rows]):
        for column, text in enumerate(map(shorten_middle, cells)):
            where = "left" if column < WORDS else "right"
            width = letters[column] / sum(letters)
            cell = table.add_cell(row, column, width, height, text=text, loc=where)
            cell.visible_edges, cell.PAD = "horizontal", 0.02
            cell.set_edgecolor("#c9ced6")
            bold = not row or (row - 1, column) in part.table.best
            cell.set_text_props(fontweight="bold" if bold else "normal")
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    axis.add_table(table)
    axis.text(0, 0, "\n".join(_notes(part)), fontsize=7, color="#687083", va="bottom")


def _column_letters(part: Part) -> list[int]:
    """The widest cell of each column, in letters, and room around it."""
    cells = zip(part.table.header, *part.table.rows, strict=True)
    return [2 + max(len(shorten_middle(text)) for text in column) for column in cells]


def _legend_columns(part: Part) -> int:
    widest = max(
        (len(shorten_middle(line.label)) for p in part.panels for line in p.lines), default=1
    )
    return max(1, int(_width(part) / ((widest + 6) * LETTER)))


def _notes(part: Part) -> list[str]:
    """The notes in lines that are no wider than the part."""
    letters = int(_width(part) / NOTE_LETTER)
    return [line for note in part.notes for line in textwrap.wrap(note, letters)]


def _width(part: Part) -> float:
    """Inches that the panels, or the table, take."""
    return max(PANEL[0] * len(part.panels), LETTER * sum(_column_letters(part)), PANEL[0])


def _height(part: Part) -> float:
    panels = PANEL[1] if part.panels else 0
    return _head_height(part) + panels + _table_height(part) + 0.3


def _head_height(part: Part) -> float:
    lines = {line.label for panel in part.panels for line in panel.lines}
    return 0.3 + 0.19 * math.ceil(len(lines) / _legend_columns(part))


def _table_height(part: Part) -> float:
    return ROW * (len(part.table.rows) + 1) + NOTE_ROW * len(_notes(part)) + 0.1
