"""What a loaded model says: a caption, and what it looked at; imports no TensorFlow."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from utils.errors import UserError
from utils.predictions import join_words


@dataclass(frozen=True)
class Caption:
    """What a model writes for a picture.

    Attributes:
        text: for people: hashtags with their sign, Korean in whole words.
        words: the words, a hashtag once.
        log_probability: of the words and their end; None for separate tags.
        prediction: the words as `predictions.jsonl` has them.
        user_words: the words of the person that the model has read, best first.
        picture: its name, or its number where it has none.
        features: [I, D] float16, what the model has read of the picture.
        size: (height, width) of the picture in pixels.
        ids: [L] int32, what was written, its end included, 0 behind it.
        run: whose caption it is, for people: the run folder and the step.
    """

    text: str
    words: list[str]
    log_probability: float | None
    prediction: str
    user_words: list[str]
    picture: str
    features: np.ndarray = field(repr=False, compare=False)
    size: tuple[int, int] = field(repr=False)
    ids: np.ndarray = field(repr=False, compare=False)
    run: str = field(repr=False, compare=False)

    def check_run(self, run: str) -> None:
        """Refuses the caption of a run whose ids mean other words.

        Args:
            run: that is asked about it.

        Raises:
            UserError: it is another one's.
        """
        if self.run != run:
            raise UserError(f"the caption is of {self.run}; expected one of {run}")


@dataclass(frozen=True)
class Attention:
    """What a model looked at when it wrote each of T words; a row of all weights sums to one.

    Attributes:
        words: T of them, as they were written (a hashtag maybe twice), without the end.
        image: [T, h, w] float32, of the picture's cells; None where no cell is attended to.
        user: [T, U] float32, of the person's words.
        user_words: U of them.
        written: [T, T] float32, of the words written before; zero from the word itself on. [T, 0]
            for a model without a memory of words.
        written_words: GO, and the words but the last.
        window: (left, top, width, height) of the cells' grid in pixels of the picture; None without
            cells.
    """

    words: list[str]
    image: np.ndarray | None
    user: np.ndarray
    user_words: list[str]
    written: np.ndarray
    written_words: list[str]
    window: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Saliency:
    """Where in a picture a model finds each of W words.

    Attributes:
        words: W of them.
        measure: what `values` are: log_probability, or attention of a model that has it.
        values: [W, h, w] float32, how probable the word is where the model sees this cell alone, or
            its share of the attention.
        shown: [W, h, w] float32, the same from 0 to 1 of each word, to draw it.
        unknown: words of the sentence that were left out.
        window: (left, top, width, height) of the cells' grid in pixels of the picture.
        size: (height, width) of the picture in pixels.
    """

    words: list[str]
    measure: Literal["log_probability", "attention"]
    values: np.ndarray
    shown: np.ndarray
    unknown: list[str]
    window: tuple[float, float, float, float]
    size: tuple[int, int]


def caption_of(
    words: list[str], readable: str | None, task: str, score: float, **about: Any
) -> Caption:
    """Names what was written.

    Args:
        words: as they were decoded.
        readable: the same for people; None where the words in a row are.
        task: caption or hashtag.
        score: log probability; not finite for separate tags.
        **about: the other attributes of `Caption`.
    """
    prediction = join_words(words, task)
    if task == "hashtag":
        words = prediction.split()
        readable = " ".join(f"#{tag}" for tag in words)
    return Caption(
        text=prediction if readable is None else readable,
        words=words,
        log_probability=float(score) if math.isfinite(score) else None,
        prediction=prediction,
        **about,
    )


def attention_of(
    weights: Mapping[str, np.ndarray],
    words: list[str],
    user_words: list[str],
    window: tuple[float, float, float, float] | None,
) -> Attention:
    """Names the slots of a single caption's attention.

    Args:
        weights: name of memory (image, user, word) to [L, slots] float32, see
            `model.attention.attend`.
        words: T that were written.
        user_words: that were read.
        window: of the cells, in pixels of the picture; None where no picture is seen.
    """
    none = np.zeros([len(words), 0], np.float32)
    # A memory that an ablation lacks has slots too, but nothing is ever read from them.
    looked = {name: part[: len(words)] for name, part in weights.items() if part.any()}
    cells = looked.get("image", none)
    written = looked.get("word", none)[:, : len(words)]
    seen = window is not None and cells.shape[1] > 0
    return Attention(
        words=words,
        image=as_grid(cells) if seen else None,
        user=looked.get("user", none)[:, : len(user_words)],
        user_words=list(user_words),
        written=written,
        written_words=["GO", *words[:-1]][: written.shape[1]],
        window=window if seen else None,
    )


def as_grid(cells: np.ndarray) -> np.ndarray:
    """[..., C] to [..., h, w], of the cells of a square row by row."""
    side = math.isqrt(cells.shape[-1])
    return cells.reshape(*cells.shape[:-1], side, side)
