"""A captioner whose captions end where the benchmark says, whatever its weights are."""

from typing import Any, NamedTuple

import tensorflow as tf

from model.captioner import Batch, Captioner
from scripts.benchmark.dense import plant_end


class _Context(NamedTuple):
    inner: Any
    last: tf.Tensor  # [B] int32, words before EOS


class _State(NamedTuple):
    inner: Any
    count: tf.Tensor  # [B, K] int32, words written


class Planted:
    """`captioner`, but each caption ends after `caption_length` words of its batch."""

    def __init__(self, captioner: Captioner):
        self._captioner = captioner
        self.parameters, self.vocab_size = captioner.parameters, captioner.vocab_size
        self.word_slots, self.score_dtype = captioner.word_slots, captioner.score_dtype

    def encode(self, batch: Batch) -> _Context:
        """See `model.captioner.Captioner`."""
        return _Context(self._captioner.encode(batch), batch["caption_length"])

    def initial_state(self, context: _Context, beams: int = 1) -> _State:
        """See `model.captioner.Captioner`."""
        count = tf.zeros([tf.size(context.last), beams], tf.int32)
        return _State(self._captioner.initial_state(context.inner, beams), count)

    def step(self, tokens: tf.Tensor, state: _State, context: _Context):
        """See `model.captioner.Captioner`."""
        logits, inner, extras = self._captioner.step(tokens, state.inner, context.inner)
        now = state.count == context.last[:, tf.newaxis]
        flat = plant_end(tf.reshape(logits, [-1, self.vocab_size]), tf.reshape(now, [-1]))
        return tf.reshape(flat, tf.shape(logits)), _State(inner, state.count + 1), extras
