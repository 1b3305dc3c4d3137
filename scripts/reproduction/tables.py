"""What a table of results is: which methods, on which posts, by which metrics, beside what."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

REPORTED = Path(__file__).parent.parent / "reported"
SHIPPED, NO_USERS = "shipped", "none"  # the split and the user context of data sets without users
STORY = "story"  # the task of a character model: it has no view of posts
# Reported numbers: {source: {row: {metric: number}}}.
Numbers = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        preset: its settings, and its key in the reported numbers; without a training, the key.
        label: its name in the paper; [*] marks no personalisation, as there.
        size: of a prior, how many tags or characters; None where it finds out itself.
    """

    preset: str
    label: str
    size: int | None = None


class Reported(NamedTuple):
    """A column of numbers that others report.

    Attributes:
        source: its key in the reported numbers.
        heading: above the column.
        split: beside which split's columns it stands; None for every one.
        metrics: our name and its own of the metrics that are shown; by default all, by our names.
        charted: whether the chart shows it.
    """

    source: str
    heading: str
    split: str | None = None
    metrics: tuple[tuple[str, str], ...] = ()
    charted: bool = True

    def named(self, metric: str) -> str | None:
        """What it calls a metric; None for one that is not shown."""
        return dict(self.metrics).get(metric) if self.metrics else metric


@dataclass(frozen=True)
class Table:
    """One table of results.

    Attributes:
        name: of its files.
        title: for people.
        task: what is predicted.
        splits: how posts are divided, one block of columns each.
        metrics: name in metrics.json to heading.
        main: the metric that one number stands for.
        rows: methods that are trained (or search), in the paper's order, ours last.
        reported: columns beside ours.
        notes: what a reader must know; the first one also stands below the chart.
        section: of the reported numbers; by default all of them.
        priors: rows below them of what knows nothing of a post, counted and not trained.
        others: rows of methods that only others report.
        context: the user context of the views.
        leak: the preset that is also trained under `--context all`.
        blocks: heading to the metrics that are printed together; by default all.
        charted: the metrics that the chart shows; by default all.
        digits: decimals, as many as the authors print.
        least_is_best: whether less of the main metric is better.
    """

    name: str
    title: str
    task: str
    splits: tuple[str, ...]
    metrics: Mapping[str, str]
    main: str
    rows: tuple[Row, ...]
    reported: tuple[Reported, ...]
    notes: tuple[str, ...]
    section: str | None = None
    priors: tuple[Row, ...] = ()
    others: tuple[Row, ...] = ()
    context: str = "others"
    leak: str | None = None
    blocks: Mapping[str, tuple[str, ...]] | None = None
    charted: tuple[str, ...] = ()
    digits: int = 3
    least_is_best: bool = False

    @property
    def lines(self) -> tuple[Row, ...]:
        """All rows that are printed."""
        return (*self.rows, *self.priors, *self.others)

    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """The metrics that are printed together, by the heading of their part of the table."""
        return self.blocks or {self.title: tuple(self.metrics)}

    def on(self, split: str) -> "Table":
        """The same table of a data set that came without a split, and was divided here."""
        return replace(self, splits=(split,)) if self.splits == (SHIPPED,) else self


@dataclass(frozen=True)
class System:
    """A published system and its tables.

    Attributes:
        about: what it is, for people.
        tables: by what `--table` calls them.
        reported: the file in scripts/reported with the authors' numbers.
        sources: what `scripts.build_dataset --source` calls its data sets.
        counts_posts: whether there is a Table 1, of the posts themselves.
    """

    about: str
    tables: Mapping[int | str, Table]
    reported: str
    sources: tuple[str, ...]
    counts_posts: bool = False

    @property
    def presets(self) -> list[str]:
        """The methods of all tables, each once."""
        rows = (row.preset for table in self.tables.values() for row in table.rows)
        return list(dict.fromkeys(rows))

    def numbers(self, table: Table) -> Numbers:
        """What is reported beside a table."""
        reported = read_reported(self.reported)
        return reported[table.section] if table.section else reported


def read_reported(system: str = "attend2u") -> dict:
    """The numbers that the authors of a system report; each file says where they stand.

    Args:
        system: a file in scripts/reported.

    Returns:
        Of attend2u, `table_1`: {data set: {statistic: number}}; `table_2` and `table_3`:
        {split: {preset: {metric: number}}}. Of instagram_korean, `caption` and `hashtag`, and of
        hashtag_story, each source: {preset: {metric: number}} with the names of metrics.json.
    """
    return json.loads((REPORTED / f"{system}.json").read_text(encoding="utf-8"))
