"""The smallest model that keeps a captioner's promises, to test what surrounds one in no time.

The next word depends on the word before, the image and the user's words, linearly.

`python -m tests.bigram --run_dir ...` trains it as `python -m train` trains CSMN, a little slower,
so that a test can interrupt it.
"""

import time
from typing import NamedTuple
from unittest import mock

import tensorflow as tf

from model.captioner import Outputs, teacher_forcing
from model.parameters import Parameters
from utils.errors import run_command


class State(NamedTuple):
    before: tf.Tensor  # [B, K] int32


class Bigram:
    """A captioner of three matrices."""

    def __init__(self, vocab_size: int, image_dim: int, word_slots: int, seed: int, dtype: str):
        self.vocab_size, self.word_slots = vocab_size, word_slots
        self.parameters = Parameters(seed, dtype)
        self.score_dtype = self.parameters.dtype
        self.parameters.add_weight("word/table", [vocab_size, vocab_size])
        self.parameters.add_weight("user/table", [vocab_size, vocab_size])
        self.parameters.add_weight("image", [image_dim, vocab_size])

    def encode(self, batch):
        images = tf.reduce_mean(batch["image"], 1) if batch["image"].shape[1] else 0.0
        image = tf.cast(images, self.score_dtype) @ self.parameters["image"]
        words = tf.gather(self.parameters["user/table"], batch["context"])
        return image + tf.reduce_mean(words, 1)  # [B, V]

    def initial_state(self, context, beams=1):
        return State(tf.zeros([tf.shape(context)[0], beams], tf.int32))

    def step(self, tokens, state, context):
        logits = tf.gather(self.parameters["word/table"], tokens) + context[:, tf.newaxis]
        return logits, State(tokens), {}

    def forward(self, batch, extra_targets=0, noise=None):
        inputs, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        logits, _, _ = self.step(inputs, None, self.encode(batch))
        index = tf.where(real)
        return Outputs(tf.gather_nd(logits, index), tf.gather_nd(targets, index), index, {})


def build(settings, vocab_size, image_dim, seed=0, precision="float32") -> Bigram:
    """Takes the place of `model.build.build_captioner`."""
    return Bigram(vocab_size, image_dim, settings.word_slots, seed, precision)


def use_bigram(patch=mock.patch) -> list:
    """The patches that put this model in place of CSMN, not yet started."""
    import model.saving  # noqa: F401 - imported while patched, it would keep this model for good

    places = ("model.start.build_captioner", "model.saving.build_captioner")
    return [patch(place, build) for place in places]


def main() -> None:
    """Trains slowly."""
    import train
    from data_loader.pipeline import Posts

    gather = Posts.gather

    def slow_gather(posts, rows):
        time.sleep(0.02)
        return gather(posts, rows)

    for patch in [*use_bigram(), mock.patch.object(Posts, "gather", slow_gather)]:
        patch.start()
    train.main()


if __name__ == "__main__":
    run_command(main)
