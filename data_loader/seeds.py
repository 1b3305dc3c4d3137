"""Beginnings of stories as batches, and the text that a hashtag stands for."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from data_loader.characters import Characters, normalise
from data_loader.vocabulary import SPECIAL_WORDS
from utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf


def hashtags_of(prediction: str) -> list[str]:
    """The hashtags of a row of predictions; a special word is none.

    >>> hashtags_of("sun _UNK new_york")
    ['sun', 'new_york']
    """
    return [tag for tag in prediction.split() if tag not in SPECIAL_WORDS]


def seed_ids(hashtag: str, characters: Characters) -> np.ndarray:
    """The characters [P] int32 that a story about a hashtag begins with.

    The sign goes, and underscores are the blanks that a hashtag cannot have: `#new_york` begins
    "new york".

    Raises:
        UserError: nothing is left, or a character that no training text had; it is named.
    """
    text = normalise(hashtag.strip().lstrip("#").replace("_", " "), characters.form).strip()
    if not text:
        raise UserError(f"the hashtag {hashtag!r} has no character that a story could begin with")
    unknown = characters.unknown(text)
    if unknown:
        raise UserError(
            f"the hashtag {hashtag!r} has characters that the stories' model has never seen: "
            f"{' '.join(unknown)}"
        )
    return characters.encode(text)


class Seeds:
    """Batches for decoding, in `model/captioner.py`'s form: each beginning several times.

    Args:
        beginnings: ids, each [<= P] int32; P is the longest one's length.
        count: stories of each; story n of beginning i is row `i * count + n`, which is what its
            random numbers depend on.
        batch_size: the most stories in a batch.
    """

    def __init__(self, beginnings: Sequence[np.ndarray], count: int, batch_size: int = 100):
        longest = max(map(len, beginnings))
        padded = [np.pad(ids, (0, longest - len(ids))) for ids in beginnings]
        self._prefix = np.repeat(np.array(padded, np.int32), count, axis=0)
        self._batch_size = batch_size

    @property
    def element_spec(self) -> "dict[str, tf.TensorSpec]":
        """Shapes and types of a batch, for the graph that decodes it."""
        import tensorflow as tf

        return {
            name: tf.TensorSpec([None, *array.shape[1:]], array.dtype)
            for name, array in self._batch(np.arange(0)).items()
        }

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        rows = np.arange(len(self._prefix))
        for first in range(0, len(rows), self._batch_size):
            yield self._batch(rows[first : first + self._batch_size])

    def _batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "prefix": self._prefix[rows],
            "context": np.zeros([len(rows), 0], np.int32),
            "context_length": np.zeros(len(rows), np.int32),
            "row": rows.astype(np.int32),
        }
