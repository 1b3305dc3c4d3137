"""What every method's settings have in common."""

import dataclasses
import math
from typing import Any, Literal

from utils.checks import check_range
from utils.errors import UserError

ImageLayer = Literal["pool5", "res5c", "none"]  # of CSMN and its baselines
# Features of a picture by the names of the networks' layers: how many rows of numbers.
IMAGE_SLOTS = {
    "none": 0,
    "pool5": 1,  # ResNet: the mean of res5c
    "res5c": 7 * 7,
    "res4": 14 * 14,
    "pool3": 1,  # Inception v3: the mean of mixed10
    "mixed10": 8 * 8,
    "frames26": 26,  # of a clip: the mean of mixed10 for each of 26 frames
    "cells8": 8 * 8,  # the picture's own pixels, cell by cell
    "rgb227": 227 * 227,  # the picture itself
}


class Method:
    """What the rest of the project asks of every method's settings.

    Attributes:
        captioner: the model's class, such as `show_tell.ShowTell` in the package `model`; empty for
            a method that has none.
        image_layer: features that a post must have, or none.
        word_slots: L, the longest caption with the symbol that begins it.
        context_words: U, the words that a post's user brings.
        spec: which batches and which loss: `released` follows the authors' code.
        reads: `posts` of a view, or running `text` of a corpus.
        learns: False for a method that only searches.
        embedding: the parameter that is the one embedding of words, `word_dim` wide, and can start
            from word vectors; None for a method with several or without.
        word_bias: the parameter that is added to the words' logits and starts at the logarithms of
            their frequencies; None where it starts at 0.
        word_query: False for separate tag generation, which writes no sequence.
        attends: whether every step says what it looked at.
        tags_per_post: then, how many tags are predicted; None for the training posts' mean.
    """

    captioner: str = ""
    image_layer: str = "none"
    word_slots: int = 16
    context_words: int = 0
    spec: str = "paper"
    reads: str = "posts"
    learns: bool = True
    embedding: str | None = None
    word_bias: str | None = None
    word_query: bool = True
    attends: bool = False
    tags_per_post: int | None = None

    def arguments(self, image_dim: int) -> dict[str, Any]:
        """What the model's constructor is given, besides what all of them are.

        They are the fields under their own names, `image_dim` for a method that sees, and
        `image_slots` where a picture has several.

        Args:
            image_dim: width of a feature row.

        Raises:
            UserError: image features that this model cannot read.
        """
        fields, slots = dataclasses.asdict(self), IMAGE_SLOTS[self.image_layer]
        fields.pop("word_slots", None)  # common to all
        if slots:
            fields["image_dim"] = image_dim
        if slots > 1:
            fields["image_slots"] = slots
        return fields

    def check(self) -> None:
        """Refuses values that cannot work.

        Raises:
            UserError: names the flag, its value and what it may be.
        """


def check_sizes(config: Method, *names: str) -> None:
    """Refuses sizes below 1, and captions without room for a word.

    Raises:
        UserError: names the flag.
    """
    for name in names:
        check_range(name, getattr(config, name), 1)
    # A caption of word_slots 1 would be its first symbol alone.
    check_range("word_slots", config.word_slots, 2)


def check_weight(name: str, value: float) -> None:
    """Refuses what is no finite number from 0 on, such as the weight of a part of the loss.

    Raises:
        UserError: names the flag.
    """
    if not 0 <= value < math.inf:
        raise UserError(f"--{name} is {value}; expected 0 or more")


def check_share(name: str, value: float) -> None:
    """Refuses what is not in [0, 1), such as a share of numbers that dropout leaves out.

    Raises:
        UserError: names the flag.
    """
    check_range(name, value, 0)
    if not value < 1:
        raise UserError(f"--{name} is {value}; expected less than 1")
