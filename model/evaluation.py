"""Runs a captioner over a subset: teacher-forced scores and decoded captions, every post once."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.captioner import EOS, Captioner
from model.decoding import decode, most_probable_words
from model.training import make_validation_step


class Decoded(NamedTuple):
    """Captions by post.

    Attributes:
        rows: [N] int64, which post of the subset.
        ids: [N, L] int32, the best caption's words, without EOS, 0 after the end.
        scores: [N], its log probability; NaN for separate tags.
    """

    rows: np.ndarray
    ids: np.ndarray
    scores: np.ndarray


def teacher_forced_scores(
    strategy: tf.distribute.Strategy, captioner: Captioner, batches: Iterable
) -> dict[str, float]:
    """Mean loss per target word, perplexity and per-word accuracy (EOS is a target too).

    Args:
        strategy: where replicas run.
        captioner: the model.
        batches: a distributed data set, finite.
    """
    step = make_validation_step(strategy, captioner, batches.element_spec)
    totals = np.zeros(3)
    for batch in batches:
        totals += [float(value) for value in step(batch)]
    loss, correct, targets = totals
    mean = loss / max(targets, 1)
    with np.errstate(over="ignore"):
        perplexity = float(np.exp(mean))
    return {"loss": mean, "perplexity": perplexity, "word_accuracy": correct / max(targets, 1)}


def decode_subset(
    strategy: tf.distribute.Strategy,
    captioner: Captioner,
    batches: Iterable,
    separate_tags: int | None = None,
    **options,
) -> Decoded:
    """Decodes every post of the batches; no replica waits for another within a batch.

    Args:
        strategy: where replicas run.
        captioner: the model.
        batches: a distributed data set or anything that yields its batches.
        separate_tags: predict this many most probable words instead of a sequence.
        options: of `decode`.
    """

    def replica(batch):
        if separate_tags:
            words = most_probable_words(captioner, batch, separate_tags)
            return batch["row"], words, tf.fill([tf.shape(words)[0]], np.nan)
        hypotheses = decode(captioner, batch, **options)
        return batch["row"], hypotheses.ids[:, 0], hypotheses.scores[:, 0]

    @tf.function(input_signature=[batches.element_spec])
    def step(batch):
        return strategy.run(replica, args=(batch,))

    parts = [_local(strategy, step(batch)) for batch in batches]
    rows, ids, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Decoded(rows.astype(np.int64), _without_end(ids), scores)


def _local(strategy: tf.distribute.Strategy, values) -> list[np.ndarray]:
    """Each returned tensor's replicas, one after the other."""
    return [
        np.concatenate([part.numpy() for part in strategy.experimental_local_results(value)])
        for value in values
    ]


def _without_end(ids: np.ndarray) -> np.ndarray:
    """Zeros from the first EOS on."""
    ended = np.cumsum(ids == EOS, axis=1) > 0
    return np.where(ended, 0, ids)
