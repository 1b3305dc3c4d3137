"""Table 1: statistics of the posts, beside those of the authors' data set."""

from collections.abc import Mapping
from pathlib import Path

from data_loader.view import list_views, open_view, view_name
from scripts.reproduction.results import NOTHING, Grid, write_grids
from utils.charts import Bar, draw_bars
from utils.files import write_text
from utils.tables import format_table

TITLE = "Table 1: statistics of the data set"
NOTE = "averages, with medians in parentheses; paper: as the authors report of their Instagram data"
BOTH = "unique over both"
COUNTS = ("posts", "users")
AVERAGES = ("posts_per_user", "words_per_post")
STATISTICS = (*COUNTS, *(f"{name}_{kind}" for name in AVERAGES for kind in ("average", "median")))


def views_of_tasks(root: Path) -> list[tuple[str, str, str]]:
    """One view per task: one that is there, else the one of the paper's Table 2 to be built."""
    found = {name.split("-")[0]: tuple(name.split("-")) for name in list_views(root)}
    return [found.get(task, (task, "users", "others")) for task in ("caption", "hashtag")]


def measure(root: Path) -> dict[str, dict[str, float]]:
    """Statistics of both tasks' posts, from the reports of the views.

    Returns:
        {caption, hashtag, unique over both: {statistic: number}}.
    """
    views = [open_view(root, *view) for view in views_of_tasks(root)]
    measured = {view.settings["task"]: view.report["statistics"] for view in views}
    measured[BOTH] = _unique(views)
    return measured


def _unique(views: list) -> dict[str, int]:
    """Posts and users of both views, counted once; a view knows only those built before it."""
    for view in views:
        both = view.report.get("both_tasks") or {}
        if both.get("other_view"):
            return {name: both[name] for name in COUNTS}
    return {}


def grid(measured: Mapping, reported: Mapping) -> Grid:
    """Table 1 in the paper's form, each column beside the paper's."""
    header = ["data set"]
    for name in (*COUNTS, *AVERAGES):
        header += [name.replace("posts_per_", "posts/").replace("words_per_", "words/"), "paper"]
    rows = []
    for name in reported:
        cells = [name]
        for statistic in (*COUNTS, *AVERAGES):
            cells += [_cell(numbers.get(name, {}), statistic) for numbers in (measured, reported)]
        rows.append(cells)
    return Grid(TITLE, header, rows)


def _cell(numbers: Mapping[str, float], statistic: str) -> str:
    if statistic in COUNTS:
        return f"{numbers[statistic]:,}" if statistic in numbers else NOTHING
    if f"{statistic}_average" not in numbers:
        return NOTHING
    digits = 1 if statistic == "posts_per_user" else 2
    return f"{numbers[f'{statistic}_average']:.{digits}f} ({numbers[f'{statistic}_median']:g})"


def write_dataset_table(out: Path, root: Path, reported: Mapping) -> str:
    """Writes table1.txt, .md, .tex, .csv and .png; returns the text."""
    measured = measure(root)
    header = ["data set", *(f"{s}{which}" for s in STATISTICS for which in ("", " paper"))]
    rows = [
        [name, *(str(n.get(name, {}).get(s, "")) for s in STATISTICS for n in (measured, reported))]
        for name in reported
    ]
    write_text(out / "table1.csv", format_table(header, rows, "csv") + "\n")
    draw_bars(out / "table1.png", _panels(measured, reported), TITLE, NOTE)
    where = ", ".join(view_name(*view) for view in views_of_tasks(root))
    notes = (NOTE, f"measured: {where} in {root}")
    return write_grids(out, "table1", [grid(measured, reported)], notes)


def _panels(measured: Mapping, reported: Mapping) -> dict:
    chosen = (*COUNTS, *(f"{name}_average" for name in AVERAGES))
    series = {"measured": measured, "reported by the authors": reported}
    return {
        statistic.replace("_", " "): {
            title: {name: Bar(n[statistic]) for name, n in numbers.items() if statistic in n}
            for title, numbers in series.items()
        }
        for statistic in chosen
    }
