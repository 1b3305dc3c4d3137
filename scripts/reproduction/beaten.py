"""Whether what was trained beats what knows nothing."""

import math
from collections.abc import Iterable, Iterator
from statistics import mean, stdev

from scripts.reproduction.results import Measured, Results
from scripts.reproduction.tables import Table
from utils.tables import format_table

TITLE = "Trained rows beside the best prior of their table"
LEAST_SHARE = 0.01  # of a perplexity, which has no posts
NOTE = (
    "A trained row must be better than every prior, by more than the margin: the standard "
    "deviation over its seeds, but\nat least sqrt(m (1 - m) / N), the largest standard error that "
    "a mean m over N test posts can have, or of perplexity\n1 % of the prior's. The toy world is "
    "made so that the picture alone is worth much more than the priors have."
)
BROKEN = "NO"


def check_priors(tables: Iterable[Table], results: Results) -> tuple[str, bool]:
    """Holds every trained row against the priors of its table, by the table's main metric.

    Args:
        tables: those that were filled.
        results: from `results.collect`, with the priors; rows that are not there are left out.

    Returns:
        The check as a table, and whether all that was trained beats its priors.
    """
    rows = [row for table in tables for row in _lines(table, results)]
    if not rows:
        return f"{TITLE}: nothing was trained", True
    header = ["table", "row", "metric", "measured", "best prior", "margin", "beaten"]
    text = "\n\n".join([TITLE, format_table(header, rows), NOTE])
    return text, all(row[-1] != BROKEN for row in rows)


def _lines(table: Table, results: Results) -> Iterator[list[str]]:
    better = min if table.least_is_best else max
    for split in table.splits:
        keys = {row: (table.task, row.preset, split, table.context) for row in table.lines}
        scores = {row: results.get(key, Measured([])) for row, key in keys.items()}
        priors = [n for row in table.priors for n in scores[row].values(table.main)]
        for row in table.rows if priors else ():
            if keys[row] in results:
                best = better(priors)
                verdict = _verdict(table, scores[row], best)
                yield [table.name, row.label, table.metrics[table.main], *verdict]


def _verdict(table: Table, measured: Measured, prior: float) -> list[str]:
    """Measured, prior, margin and whether it is beaten, of one row."""
    values = measured.values(table.main)
    if not values:
        return ["-", f"{prior:.3f}", "-", BROKEN]
    ahead = (prior - mean(values)) if table.least_is_best else (mean(values) - prior)
    least = LEAST_SHARE * prior if table.least_is_best else _largest_error(mean(values), measured)
    margin = max(least, stdev(values) if len(values) > 1 else 0.0)
    numbers = [f"{number:.3f}" for number in (mean(values), prior, margin)]
    return [*numbers, "yes" if ahead > margin else BROKEN]


def _largest_error(score: float, measured: Measured) -> float:
    """Of a mean over posts in 0 to 1, whose variance is at most m (1 - m) (Bhatia and Davis).

    F1 of hits that are added up weighs posts by their tags; it is taken as a plain mean.
    """
    return math.sqrt(score * (1 - score) / measured.metrics[0]["posts"])
