from types import SimpleNamespace

import numpy as np

from data_loader import frequencies
from data_loader.frequencies import log_frequencies


def test_a_bias_that_predicts_words_as_often_as_they_come(monkeypatch):
    """By its softmax; words of posts that are left out do not count, ends do, padding does not."""
    monkeypatch.setattr(frequencies, "ROWS", 2)
    ids = np.array([[4, 5, 4], [6, 0, 0], [5, 0, 0], [4, 3, 0], [5, 5, 0]], np.int32)
    posts = SimpleNamespace(rows=np.array([0, 2, 3, 4]), subset=SimpleNamespace(caption_ids=ids))
    bias = log_frequencies(posts, 8)
    assert bias.dtype == np.float32 and bias.max() == 0
    counts = np.array([1, 1, 4, 1, 3, 4, 1, 1])  # PAD, GO, EOS, UNK, four words
    probability = np.exp(bias) / np.exp(bias).sum()
    np.testing.assert_allclose(probability, counts / counts.sum(), rtol=1e-6)
