"""ROUGE of single sentences (Lin 2004): n-grams as sets, and the longest common subsequence.

Systems name as ROUGE-L what they weigh very differently, so each F has its weight in its name.
"""

from collections.abc import Sequence
from typing import NamedTuple

from utils.metrics.sentence_bleu import count_ngrams


class Overlap(NamedTuple):
    """How much of a hypothesis is in a reference (precision), and the reverse (recall)."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean."""
        return f_measure(*self, beta=1)


def rouge_n(words: Sequence[str], reference: Sequence[str], n: int) -> Overlap:
    """ROUGE-N on the sets of n-grams: one that comes twice counts once."""
    own, true = set(count_ngrams(words, n)), set(count_ngrams(reference, n))
    return _overlap(len(own & true), len(own), len(true))


def rouge_l(words: Sequence[str], reference: Sequence[str]) -> Overlap:
    """ROUGE-L: the longest common subsequence, by the words of either side.

    >>> rouge_l("a b c d".split(), "b x d y z w v u".split())
    Overlap(precision=0.5, recall=0.25)
    """
    return _overlap(longest_common(words, reference), len(words), len(reference))


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    lengths = [0] * (len(second) + 1)  # of what was read of `first` and each beginning of `second`
    for word in first:
        before = lengths
        lengths = [0]
        for place, other in enumerate(second):
            longest = max(before[place + 1], lengths[place])
            lengths.append(before[place] + 1 if word == other else longest)
    return lengths[-1]


def f_measure(precision: float, recall: float, beta: float) -> float:
    """The weighted F, (1 + b^2) R P / (R + b^2 P); 0 where either is.

    >>> f_measure(0.5, 0.25, beta=8)
    0.251937984496124
    """
    if not precision or not recall:
        return 0.0
    weight = beta * beta
    return (1 + weight) * recall * precision / (recall + weight * precision)


def _overlap(hits: int, own: int, true: int) -> Overlap:
    return Overlap(hits / own if own else 0.0, hits / true if true else 0.0)
