"""BLEU of single sentences (Papineni et al. 2002), to be averaged: no counts are shared by them."""

import math
from collections import Counter
from collections.abc import Sequence


def sentence_bleu(
    words: Sequence[str], references: Sequence[Sequence[str]], orders: int
) -> list[float]:
    """BLEU-1 to BLEU-`orders` of one sentence, as NLTK's `sentence_bleu` has it.

    Uniform weights over the orders up to n, brevity penalty to the reference of the closest length
    (the shorter of two), no smoothing: 0 from the first order on of which no n-gram is a hit.

        >>> sentence_bleu(["girl", "selfie", "eye"], [["selfie"]], 2)
        [0.3333333333333333, 0.0]

    Args:
        words: the hypothesis.
        references: those without words are ignored.
        orders: the largest n.

    Returns:
        [orders] values from 0 to 1; zeros where a side has no words.
    """
    references = [reference for reference in references if reference]
    if not words or not references:
        return [0.0] * orders
    penalty = _brevity_penalty(len(words), [len(reference) for reference in references])
    logs, scores = 0.0, []
    for n in range(1, orders + 1):
        hits, count = _clipped_hits(words, references, n)
        logs += math.log(hits / count) if hits else -math.inf
        scores.append(penalty * math.exp(logs / n))
    return scores


def count_ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n words comes."""
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def _clipped_hits(
    words: Sequence[str], references: Sequence[Sequence[str]], n: int
) -> tuple[int, int]:
    """Hits, an n-gram counting at most as often as in one reference, and n-grams in all."""
    most: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        most |= count_ngrams(reference, n)
    own = count_ngrams(words, n)
    return (own & most).total(), own.total()


def _brevity_penalty(length: int, references: Sequence[int]) -> float:
    closest = min(references, key=lambda reference: (abs(reference - length), reference))
    return 1.0 if length >= closest else math.exp(1 - closest / length)
