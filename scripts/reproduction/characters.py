"""Character models by counting, which any that is trained should beat."""

import math

import numpy as np

from data_loader.corpus import Corpus

MOST = 2  # characters that are counted together: a table of V x V numbers


def score_characters(corpus: Corpus, size: int) -> dict[str, float]:
    """Perplexity and bits per character of counted characters or pairs, each count plus one.

    Args:
        corpus: its training text is counted; the ends of stories are characters too.
        size: 1 for single characters, 2 for those that follow another one.

    Returns:
        `perplexity` and `bits_per_character` of the test text, with `val_` of the validation text.
    """
    if not 1 <= size <= MOST:
        raise ValueError(f"size is {size}, expected 1 to {MOST}")
    known = len(corpus.vocabulary)
    counts = _count(corpus.subsets["train"].ids, size, known) + 1.0  # [V, V] or [1, V]
    bits = -np.log2(counts / counts.sum(axis=1, keepdims=True))
    numbers = {}
    for prefix, name in (("", "test"), ("val_", "val")):
        text = _count(corpus.subsets[name].ids, size, known)
        mean = float((text * bits).sum() / text.sum()) if text.any() else math.nan
        numbers |= {f"{prefix}perplexity": 2**mean, f"{prefix}bits_per_character": mean}
    return numbers


def _count(ids: np.ndarray, size: int, known: int) -> np.ndarray:
    """How often each character occurs, or follows each other one: [1, V] or [V, V]."""
    ids = ids.astype(np.int64)
    if size == 1:
        return np.bincount(ids, minlength=known)[np.newaxis]
    pairs = ids[:-1] * known + ids[1:]
    return np.bincount(pairs, minlength=known * known).reshape(known, known)
