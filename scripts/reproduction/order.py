"""Whether the rules of the toy world show in the order of rows."""

import math
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev

from data_loader.toy_world import load_ceilings
from scripts.reproduction.attend_to_you import FULL
from scripts.reproduction.results import Measured, Results
from scripts.reproduction.tables import Table
from utils.tables import format_table

# The rows whose order the planted rules decide, and what their models can see.
SIGHTS = {
    FULL: "full",
    "csmn-nouc-p5": "no_user",
    "csmn-nowo-p5": "no_word",
    "csmn-noim": "no_image",
}
# By which metrics: those that have ceilings. Under teacher forcing, every kind of sight counts;
# written freely, no_word may reach what full reaches.
HELD = {"caption": ("Bleu_1", "word_accuracy"), "hashtag": ("F1", "word_accuracy")}
BROKEN = "NO"
TITLE = "The order of rows that the planted rules ask for"
NOTE = (
    f"It holds where the difference exceeds the spread of both over their seeds. {FULL} must stand "
    "above the\nothers. Those are trained too briefly for their order among themselves to be sure: "
    "it is information."
)


def check_order(tables: Iterable[Table], results: Results, world: Path) -> tuple[str, bool]:
    """Holds the measured order of rows against the planted rules.

    The full model must beat one that sees less by more than both scatter together over their
    seeds, wherever the best possible scores of the two differ. The other pairs are shown.

    Args:
        tables: those that were filled.
        results: from `results.collect`.
        world: the toy world, whose ceilings say which differ.

    Returns:
        The check as a table, and whether everything held that must.
    """
    ceilings = load_ceilings(world)
    rows = [row for table in tables for row in _lines(table, results, ceilings[table.task])]
    if not rows:
        return f"{TITLE}: nothing to compare, of {', '.join(SIGHTS)} fewer than two are there", True
    header = ["posts", "row", "above", "metric", "measured", "spread", "ceilings", "holds"]
    text = "\n\n".join([TITLE, format_table(header, rows), NOTE])
    return text, all(row[-1] != BROKEN for row in rows)


def _lines(table: Table, results: Results, ceilings: dict) -> Iterator[list[str]]:
    """Yields a line per split, pair and metric of one table."""
    for split in table.splits:
        for pair in combinations(SIGHTS, 2):
            there = [results.get((table.task, preset, split, "others")) for preset in pair]
            for metric in HELD[table.task] if all(there) else ():
                best = {preset: ceilings[SIGHTS[preset]][metric] for preset in pair}
                if FULL not in pair and len(set(best.values())) == 1:
                    continue
                high, low = sorted(pair, key=best.__getitem__, reverse=True)
                cells = [results[table.task, preset, split, "others"] for preset in (high, low)]
                compared = compare(*cells, metric, [best[high], best[low]], FULL in pair)
                yield [f"{table.task} {split}", high, low, metric, *compared]


def compare(
    high: Measured, low: Measured, metric: str, best: list[float], must: bool = True
) -> list[str]:
    """One line of the check: difference, spread of both, difference of the ceilings, verdict.

    Args:
        high: the row whose ceiling is higher.
        low: the other.
        metric: which.
        best: the ceilings of both.
        must: whether what does not hold fails; else it is `open` within the spread, `reversed`
            beyond.
    """
    ours, theirs = high.values(metric), low.values(metric)
    planted = best[0] - best[1]
    if not ours or not theirs:
        return ["-", "-", f"{planted:+.3f}", BROKEN if must else "-"]
    difference = mean(ours) - mean(theirs)
    spread = math.hypot(*(stdev(v) if len(v) > 1 else 0.0 for v in (ours, theirs)))
    verdict = _verdict(difference, spread, must) if planted else "equal ceilings"
    return [f"{difference:+.3f}", f"{spread:.3f}", f"{planted:+.3f}", verdict]


def _verdict(difference: float, spread: float, must: bool) -> str:
    if difference > spread:
        return "yes"
    if must:
        return BROKEN
    return "reversed" if difference < -spread else "open"
