"""Whether what was trained beats what knows nothing."""

from collections.abc import Iterable, Iterator
from statistics import mean, stdev

from scripts.reproduction.results import Measured, Results
from scripts.reproduction.tables import Table
from utils.tables import format_table

TITLE = "Trained rows beside the best prior of their table"
NOTE = (
    "A trained row must be better than every prior, by more than it scatters over its seeds. The "
    "toy world is made so\nthat the picture alone is worth much more than the priors have."
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
    header = ["table", "row", "metric", "measured", "best prior", "beaten"]
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
                verdict = _verdict(scores[row].values(table.main), best, table.least_is_best)
                yield [table.name, row.label, table.metrics[table.main], *verdict]


def _verdict(values: list[float], prior: float, least_is_best: bool) -> list[str]:
    if not values:
        return ["-", f"{prior:.3f}", BROKEN]
    ahead = (prior - mean(values)) if least_is_best else (mean(values) - prior)
    beaten = ahead > (stdev(values) if len(values) > 1 else 0.0)
    return [f"{mean(values):.3f}", f"{prior:.3f}", "yes" if beaten else BROKEN]
