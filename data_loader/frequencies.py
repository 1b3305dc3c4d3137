"""How often words are targets: where the bias of an output layer can start."""

import numpy as np

from data_loader.pipeline import Posts
from data_loader.vocabulary import EOS, PAD

ROWS = 1 << 16  # counted at a time


def log_frequencies(posts: Posts, vocab_size: int) -> np.ndarray:
    """`log(count / total)` of each word as a target, shifted so that the largest is 0.

    With it, a new model predicts each word as often as it comes (NeuralTalk's start). An end counts
    once per post. A word that never comes, such as the special ones, is taken to come once.

    Args:
        posts: of the training; their captions fit the model.
        vocab_size: V.

    Returns:
        [V] float32.
    """
    counts = np.zeros(vocab_size, np.int64)
    for begin in range(0, len(posts.rows), ROWS):
        rows = posts.rows[begin : begin + ROWS]
        counts += np.bincount(posts.subset.caption_ids[rows].ravel(), minlength=vocab_size)
    counts[PAD], counts[EOS] = 0, len(posts.rows)
    logarithm = np.log(np.maximum(counts, 1))  # the total cancels
    return (logarithm - logarithm.max()).astype(np.float32)
