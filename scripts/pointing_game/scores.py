"""Means over phrases, by what they name and over all of them, as flat numbers."""

from collections.abc import Iterable, Sequence
from statistics import mean

from utils.entities import KINDS
from utils.metrics.pointing import Played

# Names in the report, and what they are the mean of.
METRICS = {
    "hit_rate": "hit",
    "random_hit_rate": "random",
    "centre_hit_rate": "centre",
    "correctness": "correctness",
    "uniform_correctness": "random",  # a uniform map's mass in a box is the share that it covers
}

Phrases = Sequence[tuple[tuple[str, ...], Played]]
"""Kinds of each phrase and what became of it."""


def score(phrases: Phrases) -> dict[str, float | int]:
    """All numbers: `hit_rate` ... and `phrases` over all, `hit_rate_people` ... of a kind.

    A phrase of several kinds counts in each of them, and once over all.
    """
    numbers = _means(played for _, played in phrases)
    for kind in kinds_of(phrases):
        of_kind = _means(played for kinds, played in phrases if kind in kinds)
        numbers |= {f"{name}_{kind}": number for name, number in of_kind.items()}
    return numbers


def kinds_of(phrases: Phrases) -> list[str]:
    """The kinds that are there: those of Flickr30k Entities in its order, then any others."""
    found = {kind for kinds, _ in phrases for kind in kinds}
    return [*(kind for kind in KINDS if kind in found), *sorted(found.difference(KINDS))]


def _means(played: Iterable[Played]) -> dict[str, float | int]:
    played = list(played)
    means = {name: mean(float(getattr(one, x)) for one in played) for name, x in METRICS.items()}
    return {**means, "phrases": len(played)}
