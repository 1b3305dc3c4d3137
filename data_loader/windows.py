"""Windows of running text, in the place of posts: what a character model is trained on.

A window is W characters, all of which are predicted; nothing before it is known. In training, the
text is a circle that each epoch cuts at another place, so that every character is seen once per
epoch and in many surroundings; in evaluation, it is cut into W, W, ... and what is left.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from data_loader.corpus import Corpus, Text
from data_loader.pipeline import Reader
from utils.errors import UserError


@dataclass(frozen=True)
class Windows:
    """What `data_loader.pipeline.Posts` is for posts; a row is the place where a window begins.

    Attributes:
        subset: the text.
        width: W, characters per window.
        epoch: windows per epoch of a training, for which the text is a circle and all windows are
            whole; it is gone through as often as that takes. None for an evaluation.
    """

    subset: Text
    width: int
    epoch: int | None = None
    features = None  # no images
    unit = "windows"

    def __len__(self) -> int:
        return self.epoch or len(self.rows)

    @property
    def left_out(self) -> dict[str, int]:
        """Nothing is."""
        return {}

    @property
    def rows(self) -> np.ndarray:
        """[N] int64, where the windows of an evaluation begin."""
        return np.arange(0, len(self.subset), self.width, dtype=np.int64)

    @cached_property
    def reader(self) -> Reader:
        """What `tf.data` calls; one for all data sets of these windows."""
        return Reader(self)

    def order(self, seed: int, epoch: int, runs_of: int | None = None) -> np.ndarray:
        """Where the windows of an epoch begin, shuffled; a function of (seed, epoch).

        Where W does not divide the text, the last window overlaps with the first. All lengths are
        equal: there is nothing to sort by, for `runs_of`.
        """
        generator = np.random.default_rng([seed, epoch])
        rows, size = self.rows, len(self.subset)
        passes = [
            (generator.permutation(rows) + generator.integers(size)) % size
            for _ in range(math.ceil(len(self) / len(rows)))
        ]
        return np.concatenate(passes)[: len(self)]

    def read(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """One batch; `model/captioner.py` has the schema.

        A whole window is a caption of W words, which has no end. The last window of an evaluation
        is shorter, and its end is that of the last story.
        """
        rows, ids = np.asarray(rows, np.int64), self.subset.ids
        places = rows[:, np.newaxis] + np.arange(self.width)  # [B, W]
        caption = ids[places % len(ids)].astype(np.int32)
        length = np.full(len(rows), self.width, np.int32)
        if self.epoch is None:
            left = len(ids) - rows
            length = np.where(left < self.width, left - 1, self.width).astype(np.int32)
            caption[np.arange(self.width) >= length[:, np.newaxis]] = 0
        return {
            "image": np.zeros([len(rows), 0, 1], np.float16),
            "context": np.zeros([len(rows), 0], np.int32),
            "context_length": np.zeros(len(rows), np.int32),
            "caption": caption,
            "caption_length": length,
            "row": rows.astype(np.int32),
        }

    def gather(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """As `read`, in the types that a model gets."""
        batch = self.read(rows)
        return {**batch, "image": batch["image"].astype(np.float32)}

    def identity(self) -> dict[str, int | str]:
        """Which text this is, in few digits."""
        digest = hashlib.sha256(self.subset.ids.astype("<i4").tobytes()).hexdigest()
        return {"number": len(self.subset), "text": digest[:16]}


def open_windows(corpus: Corpus, name: str, width: int, least: int | None = None) -> Windows:
    """The windows of a subset.

    Args:
        corpus: from `open_corpus`.
        name: of the subset.
        width: W.
        least: for a training: how many windows an epoch has at least.

    Raises:
        UserError: no such subset.
    """
    if name not in corpus.subsets:
        raise UserError(f"{corpus.folder} has no subset {name}; it has {', '.join(corpus.subsets)}")
    windows = Windows(corpus.subsets[name], width)
    return windows if least is None else replace(windows, epoch=max(least, len(windows)))
