"""METEOR with its first stage only, equal words: what is left of it where no stemmer reaches.

NLTK's `single_meteor_score` matches equal words, then English stems, then WordNet's synonyms; on
Korean the later stages find nothing. It is not called here because it looks every other word up in
WordNet all the same, a corpus that NLTK downloads. The Java METEOR (`utils.metrics.meteor`) is
another version, with weights tuned for English.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5  # NLTK's, of Lavie and Agarwal 2007


def meteor_exact(words: Sequence[str], reference: Sequence[str]) -> float:
    """METEOR of a sentence against one reference, words in lower case.

    A mean of precision and recall that leans to recall, less a penalty for hits that are scattered
    over many chunks: with all words in order, it still is 1 - 0.5 / words^3.

        >>> meteor_exact(["a", "b"], ["A", "b", "c"])  # P = 1, R = 2/3, one chunk of two hits
        0.646551724137931

    Returns:
        From 0 to 1; 0 where a side has no words.
    """
    pairs = _align(words, reference)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(words), len(pairs) / len(reference)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    return (1 - GAMMA * (_chunks(pairs) / len(pairs)) ** BETA) * mean


def _align(words: Sequence[str], reference: Sequence[str]) -> list[tuple[int, int]]:
    """Places of equal words on both sides: from the end, each word takes the last that is free.

    NLTK's order; with repeated words another could have fewer chunks.
    """
    free: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(reference):
        free[word.lower()].append(place)
    pairs = []
    for place in reversed(range(len(words))):
        places = free[words[place].lower()]
        if places:
            pairs.append((place, places.pop()))
    return pairs[::-1]


def _chunks(pairs: Sequence[tuple[int, int]]) -> int:
    """Runs of pairs that follow one another on both sides."""
    follows = ((a + 1, b + 1) == after for (a, b), after in pairwise(pairs))
    return len(pairs) - sum(follows)
