"""Runs a captioner over a subset: teacher-forced scores and decoded captions, every post once."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.captioner import EOS, Captioner
from model.decoding import decode, most_probable_words
from model.losses import sums_by_post
from model.training import Sums, make_validation_step


class Decoded(NamedTuple):
    """Captions by post.

    Attributes:
        rows: [N] int32, which post of the subset.
        ids: [N, L] int32, the best caption's words, without EOS, 0 after the end.
        scores: [N], its log probability; NaN for separate tags.
    """

    rows: np.ndarray
    ids: np.ndarray
    scores: np.ndarray


class Forced(NamedTuple):
    """Teacher-forced sums by post, over its words and EOS.

    Attributes:
        rows: [N] int32, which post of the subset.
        loss: [N], negative log probabilities.
        correct: [N], targets that are the most probable word.
        targets: [N].
    """

    rows: np.ndarray
    loss: np.ndarray
    correct: np.ndarray
    targets: np.ndarray

    def scores(self, unit: str = "word") -> dict[str, float]:
        """Mean loss per target word, perplexity and per-word accuracy."""
        sums = (column.sum(dtype=np.float64) for column in self[1:])
        return word_scores(*sums, unit)


def unit_of(captioner: Captioner) -> str:
    """What the model writes at a step: a word, or what it says itself."""
    return getattr(captioner, "unit", "word")


def word_scores(
    loss: float, correct: float, targets: float, unit: str = "word"
) -> dict[str, float]:
    """Means of sums over target words (EOS is one too); of characters, also bits."""
    targets = max(float(targets), 1.0)
    mean = float(loss) / targets
    with np.errstate(over="ignore"):
        perplexity = float(np.exp(mean))
    bits = {"bits_per_character": mean / math.log(2)} if unit == "character" else {}
    accuracy = {f"{unit}_accuracy": float(correct) / targets}
    return {"loss": mean, "perplexity": perplexity, **bits, **accuracy}


def teacher_forced_scores(
    strategy: tf.distribute.Strategy,
    captioner: Captioner,
    batches: Iterable,
    step: Callable[..., Sums] | None = None,
) -> dict[str, float]:
    """`word_scores` of a subset, summed over all replicas and workers.

    Args:
        strategy: where replicas run.
        captioner: the model.
        batches: a distributed data set, finite.
        step: of `make_validation_step`, for who scores often; without it, one is compiled.
    """
    step = step or make_validation_step(strategy, captioner, batches.element_spec)
    totals = np.zeros(3)
    for batch in batches:
        totals += [float(value) for value in step(batch)]
    return word_scores(*totals, unit_of(captioner))


def teacher_forced_posts(
    strategy: tf.distribute.Strategy, captioner: Captioner, batches: Iterable
) -> Forced:
    """The same by post, in one process: for standard errors, and to look at single posts."""

    def replica(batch):
        return batch["row"], *sums_by_post(captioner.forward(batch), tf.size(batch["row"]))

    step = _compile(strategy, replica, batches.element_spec)
    return Forced(*_joined(_local(strategy, step(batch)) for batch in batches))


def decode_subset(
    strategy: tf.distribute.Strategy,
    captioner: Captioner,
    batches: Iterable,
    separate_tags: int | None = None,
    **options,
) -> Decoded:
    """Decodes every post of the batches, as `make_decoder` says.

    Args:
        strategy: where replicas run.
        captioner: the model.
        batches: a distributed data set or anything that yields its batches.
        separate_tags, options: see `make_decoder`.
    """
    decode = make_decoder(strategy, captioner, batches.element_spec, separate_tags, **options)
    return Decoded(*_joined(decode(batch) for batch in batches))


def make_decoder(
    strategy: tf.distribute.Strategy,
    captioner: Captioner,
    batch_spec,
    separate_tags: int | None = None,
    **options,
) -> Callable[..., Decoded]:
    """Compiles `decode(batch)`, for the posts of all replicas of this process.

    No replica waits for another within a batch.

    Args:
        strategy: where replicas run.
        captioner: the model.
        batch_spec: `element_spec` of the distributed data set.
        separate_tags: predict this many most probable words instead of a sequence.
        options: of `decode`.
    """

    def replica(batch):
        if separate_tags:
            words = most_probable_words(captioner, batch, separate_tags)
            return batch["row"], words, tf.fill([tf.shape(words)[0]], np.nan)
        hypotheses = decode(captioner, batch, **options)
        return batch["row"], hypotheses.ids[:, 0], hypotheses.scores[:, 0]

    step = _compile(strategy, replica, batch_spec)

    def decode_batch(batch) -> Decoded:
        rows, ids, scores = _local(strategy, step(batch))
        return Decoded(rows, without_end(ids), scores)

    return decode_batch


def _compile(strategy: tf.distribute.Strategy, replica: Callable, batch_spec) -> Callable:
    @tf.function(input_signature=[batch_spec])
    def step(batch):
        return strategy.run(replica, args=(batch,))

    return step


def _joined(parts: Iterable[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """The columns [B, ...] of all batches, one after the other."""
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _local(strategy: tf.distribute.Strategy, values) -> list[np.ndarray]:
    """Each returned tensor's replicas, one after the other."""
    return [
        np.concatenate([part.numpy() for part in strategy.experimental_local_results(value)])
        for value in values
    ]


def without_end(ids: np.ndarray) -> np.ndarray:
    """Captions [N, L] with zeros from the first EOS on."""
    ended = np.cumsum(ids == EOS, axis=1) > 0
    return np.where(ended, 0, ids)
