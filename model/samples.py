"""What a model writes for a few posts while it is trained, and what it looks at."""

from typing import Protocol

import numpy as np
import tensorflow as tf

from model.attention import attend
from model.captioner import GO, PAD, UNK, Captioner
from model.decoding import decode, most_probable_words
from utils.samples import Sample


class Shown(Protocol):
    """The posts; see `data_loader/shown.py`."""

    batch: dict[str, np.ndarray]
    sampled: bool

    def samples(self, ids: np.ndarray, attention: dict[str, np.ndarray]) -> list[Sample]:
        """Texts and pictures of what was written."""


class Sampler:
    """Writes for the same posts again and again, on one device, without compiling.

    A graph would take longer to trace than these few posts take to be written.

    Args:
        shown: the posts.
        separate_tags: as for `model.evaluation.make_decoder`.
    """

    def __init__(self, shown: Shown, separate_tags: int | None = None):
        self._shown, self._separate_tags = shown, separate_tags
        self._batch = {name: tf.convert_to_tensor(a) for name, a in shown.batch.items()}

    def __call__(self, captioner: Captioner) -> list[Sample]:
        """Writes, and looks at what the captioner attended to. The captioner stays as it is."""
        ids = self._write(captioner)
        attention = {} if self._shown.sampled else attend(captioner, self._batch, ids)
        found = {name: tf.cast(w, tf.float32).numpy() for name, w in attention.items()}
        return self._shown.samples(ids.numpy(), {n: w for n, w in found.items() if w.any()})

    def _write(self, captioner: Captioner) -> tf.Tensor:
        """[N, L] int32, words and the end, 0 after it."""
        if self._separate_tags:
            return most_probable_words(captioner, self._batch, self._separate_tags)
        if self._shown.sampled:
            forbidden = (PAD, GO, UNK)
            return decode(captioner, self._batch, sample=True, forbidden=forbidden).ids[:, 0]
        return decode(captioner, self._batch).ids[:, 0]
