"""Batches of pictures or clips that are in no data set, for one person's captions."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from data_loader.images import MediaError, read_image
from utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

Encoder = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Pictures, each uint8 [H, W, 3], or clips [frames, H, W, 3], to features [B, I, image_dim]."""


def list_pictures(path: Path) -> list[Path]:
    """The file itself, or the files of a folder by name, hidden ones left out.

    Raises:
        UserError: nothing is there.
    """
    if not os.path.isdir(path):  # Path.is_dir may raise
        if not os.path.exists(path):
            raise UserError(f"--image: there is no picture and no folder {path}")
        return [path]
    try:
        found = [entry for entry in path.iterdir() if entry.is_file()]
    except OSError as error:
        raise UserError(f"--image: cannot read the folder {path}: {error.strerror}") from error
    found = sorted(entry for entry in found if not entry.name.startswith("."))
    if not found:
        raise UserError(f"--image: the folder {path} has no pictures (subfolders are not searched)")
    return found


def no_features(images: Sequence[np.ndarray]) -> np.ndarray:
    """The `Encoder` of a model without an image memory: [B, 0, 1]."""
    return np.zeros([len(images), 0, 1])


class Pictures:
    """Pictures as batches of `model/captioner.py`'s form, read and encoded as they are asked for.

    Args:
        paths: the files, N of them; a picture's place among them is its `row`.
        encoder: what makes the image memory.
        words: [<= U] int32, the words of the person's user memory.
        user_words: U.
        word_slots: L.
        batch_size: B, the most pictures in a batch.
        read: makes of a file what the encoder takes, or raises a MediaError.

    Attributes:
        skipped: file to the reason why it is not captioned; filled by iterating.
        contents: file to what tells different pictures apart; filled by iterating.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        encoder: Encoder,
        words: np.ndarray,
        user_words: int,
        word_slots: int,
        batch_size: int = 8,
        read: Callable[[Path], np.ndarray] = read_image,
    ):
        self.paths, self._encoder, self._batch_size = paths, encoder, batch_size
        self._read_file = read
        self._context = np.pad(words, (0, user_words - len(words))).astype(np.int32)
        self._context_length = len(words)
        self._caption_width = word_slots - 1
        self.skipped: dict[str, str] = {}
        self.contents: dict[str, bytes] = {}

    @property
    def element_spec(self) -> "dict[str, tf.TensorSpec]":
        """Shapes and types of a batch, for the graph that decodes it."""
        import tensorflow as tf

        return {
            name: tf.TensorSpec([None, *array.shape[1:]], array.dtype)
            for name, array in self._batch([], []).items()
        }

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Yields batches of the readable pictures.

        Raises:
            UserError: at the end, when no file was a readable picture.
        """
        with tqdm(total=len(self.paths), unit="picture", disable=None, leave=False) as progress:
            for first in range(0, len(self.paths), self._batch_size):
                rows = range(len(self.paths))[first : first + self._batch_size]
                read = {row: self._read(self.paths[row]) for row in rows}
                images = {row: image for row, image in read.items() if image is not None}
                if images:
                    yield self._batch(list(images), list(images.values()))
                progress.update(len(rows))
        if not self.contents:
            (name, reason), *others = self.skipped.items()
            more = f" (nor is any of {len(others)} other files)" if others else ""
            raise UserError(f"--image: {name} is no readable picture{more}: {reason}")

    def _read(self, path: Path) -> np.ndarray | None:
        try:
            image = self._read_file(path)
        except MediaError as error:
            self.skipped[str(path)] = str(error)
            return None
        self.contents[str(path)] = hashlib.sha256(image.tobytes()).digest()
        return image

    def _batch(self, rows: Sequence[int], images: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        count = len(rows)
        return {
            "image": self._encoder(images).astype(np.float32),
            "context": np.tile(self._context, (count, 1)),
            "context_length": np.full(count, self._context_length, np.int32),
            "caption": np.zeros([count, self._caption_width], np.int32),
            "caption_length": np.zeros(count, np.int32),
            "row": np.array(rows, np.int32),
        }
