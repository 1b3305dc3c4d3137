"""The rows that need no training: the most frequent tags, whatever the picture shows."""

from collections.abc import Iterable
from pathlib import Path

from data_loader.view import list_views, open_view, view_name
from scripts.frequent_tags import score_prior
from scripts.reproduction.results import Key, Measured
from scripts.reproduction.tables import PRIOR, Table


def measure_priors(
    tables: Iterable[Table], root: Path, context: str = "others"
) -> dict[Key, Measured]:
    """Scores the image-free prior of each table that has a row for it, on the views that are there.

    Args:
        tables: those that are printed.
        root: the data root.
        context: of the views; it makes no difference to the scores.

    Returns:
        What `results.collect` returns of trained rows.
    """
    found = {}
    for table in tables:
        for split in table.splits if table.priors else ():
            if view_name(table.task, split, context) not in list_views(root):
                continue
            view = open_view(root, table.task, split, context)
            subset = view.subsets[view.test_subset]
            if len(subset):
                key = (table.task, PRIOR, split, context)
                found[key] = Measured([score_prior(view, subset)])
    return found
