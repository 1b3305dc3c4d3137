"""Bar charts of results: one row per method, one panel per metric."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

COLOURS = ("#2f6f9f", "#c9ced6", "#d98b3a")
THICKNESS = 0.8  # of all bars of a row together; the rest keeps rows apart


class Bar(NamedTuple):
    """A number and how far it scatters, where that is known."""

    value: float
    spread: float | None = None


Panels = Mapping[str, Mapping[str, Mapping[str, Bar]]]


def rows_of(panels: Panels, order: Sequence[str] = ()) -> list[str]:
    """The rows of all panels: those in `order` as there, then others as they first appear."""
    there = dict.fromkeys(r for p in panels.values() for series in p.values() for r in series)
    return [*(row for row in order if row in there), *(row for row in there if row not in order)]


def draw_bars(
    path: Path,
    panels: Panels,
    title: str,
    note: str = "",
    order: Sequence[str] = (),
    lanes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Draws horizontal bars into a PNG; every panel has a scale of its own.

    Args:
        path: the picture to write.
        panels: heading to series to row to bar. All panels show the rows of any of them; a bar
            that is missing leaves a gap.
        title: above all panels.
        note: small print below.
        order: of rows, see `rows_of`.
        lanes: series to the one in whose place its bars stand: of other rows, in another colour.
    """
    # matplotlib's own pyplot would look for a screen.
    from matplotlib.figure import Figure

    rows = rows_of(panels, order)
    figure = Figure(
        (2.4 + 2.2 * len(panels), 1.6 + 0.36 * len(rows)), dpi=120, layout="constrained"
    )
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (heading, series) in zip(axes, panels.items(), strict=True):
        _draw_panel(axis, heading, series, rows, lanes)
    axes[0].set_yticks(range(len(rows)), rows)
    axes[0].invert_yaxis()
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names), frameon=False)
    figure.suptitle(title, x=0.01, y=0.97, ha="left", va="top", fontweight="bold")
    if note:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7, color="#687083")
    figure.savefig(path, format="png")


def _draw_panel(
    axis, heading: str, series: Mapping, rows: list[str], lanes: Mapping[str, str]
) -> None:
    places = [name for name in series if name not in lanes]
    height = THICKNESS / len(places)
    for number, (name, bars) in enumerate(series.items()):
        there = [(place, bars[row]) for place, row in enumerate(rows) if row in bars]
        offset = (places.index(lanes.get(name, name)) - (len(places) - 1) / 2) * height
        axis.barh(
            [place + offset for place, _ in there],
            [bar.value for _, bar in there],
            height,
            xerr=[bar.spread or 0 for _, bar in there],
            color=COLOURS[number % len(COLOURS)],
            label=name,
            error_kw={"elinewidth": 1, "ecolor": "#1f2430"},
        )
    axis.set_title(heading, fontsize=10)
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(lambda number, _: _short(number))
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#e1e4ea", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)


def _short(number: float) -> str:
    """Of a scale: 0.25, 4000, 200k."""
    return f"{number:g}" if number < 10_000 else f"{number / 1000:,.0f}k"
