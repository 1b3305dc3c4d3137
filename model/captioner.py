"""What every captioner promises; decoding, training, the demo and the tests know nothing else."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from model.parameters import Parameters

PAD, GO, EOS, UNK = 0, 1, 2, 3

Batch = dict[str, tf.Tensor]
"""One batch, as `data_loader/pipeline.py` makes it:

    image          [B, I, image_dim]  feature rows
    context        [B, U] int32       the user's words, best first, 0 after the end
    context_length [B] int32
    caption        [B, L - 1] int32   target words without GO and EOS, 0 after the end; a text that
                                      is cut off at [B, L] has no EOS
    caption_length [B] int32
    row            [B] int32          which post of the subset this is
    prefix         [B, P] int32       only in decoding, and not needed: the words that a caption
                                      begins with, 0 after the end
"""


class Outputs(NamedTuple):
    """Teacher-forced predictions at the `N` real target positions of a batch, packed.

    Attributes:
        logits: [N, V], float32 or wider.
        targets: [N] int32.
        index: [N, 2] int64, (post in the batch, step) of each row; posts come in any order.
        attention: name of memory to [B, T, slots].
        penalty: what else is to be made small, summed over the posts; None for nothing.
        statistics: what the model's statistics become after this training step, by name, equal on
            all replicas; None or empty in evaluation, and for a model without.
        losses: [N], of each target, where they are not the cross-entropy of its logits' softmax.
    """

    logits: tf.Tensor
    targets: tf.Tensor
    index: tf.Tensor
    attention: dict[str, tf.Tensor]
    penalty: tf.Tensor | None = None
    statistics: dict[str, tf.Tensor] | None = None
    losses: tf.Tensor | None = None


class Captioner(Protocol):
    """A model that writes one word at a time.

    The context stays [B, ...] and does not change while decoding; the state is a named tuple of
    tensors that lead with [B, K] (K beams).
    """

    parameters: Parameters
    vocab_size: int
    word_slots: int
    score_dtype: tf.DType

    def encode(self, batch: Batch) -> Any:
        """Everything that is computed once per post."""

    def initial_state(self, context: Any, beams: int = 1) -> Any:
        """The state before the first word."""

    def step(self, tokens: tf.Tensor, state: Any, context: Any) -> tuple[tf.Tensor, Any, dict]:
        """Reads the word before, gives the next: [B, K] to (logits [B, K, V], state, extras)."""

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps of the batch's captions under teacher forcing.

        `noise` also says whether this is training: [2] int32, the run's seed and the step, from
        which dropout is drawn together with each post's `row`, and with which a batch is normalised
        by its own moments. None is evaluation: nothing is left out, and a post's outputs do not
        depend on its batch.
        """


def batch_of(
    images: np.ndarray, context_words: int, word_slots: int, words: np.ndarray | None = None
) -> Batch:
    """A batch of one person's pictures or clips, without captions.

    Args:
        images: [B, I, image_dim].
        context_words, word_slots: U and L, of the model.
        words: [<= U] ids of the person's words, best first; None for nobody's pictures.
    """
    words = np.zeros(0, np.int32) if words is None else words
    count, context = len(images), np.pad(words, (0, context_words - len(words)))
    columns = {
        "image": np.asarray(images, np.float32),
        "context": np.tile(context.astype(np.int32), (count, 1)),
        "context_length": np.full(count, len(words), np.int32),
        "caption": np.zeros([count, word_slots - 1], np.int32),
        "caption_length": np.zeros(count, np.int32),
        "row": np.arange(count, dtype=np.int32),
    }
    return {name: tf.constant(column) for name, column in columns.items()}


def caption_steps(batch: Batch) -> tf.Tensor:
    """T: the longest caption of the batch and its EOS; 1 for an empty part of a global batch."""
    return tf.reduce_max(tf.concat([batch["caption_length"], [0]], 0)) + 1


def teacher_forcing(
    batch: Batch, word_slots: int, extra_targets: int = 0
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Inputs, targets and which positions are real.

        caption  the   cat   0      length 2
        inputs   GO    the   cat    0 ...      [B, L]
        targets  the   cat   EOS    0 ...      [B, L]
        real     True  True  True   False ...  [B, L]

    Args:
        batch: with `caption` [B, L] or narrower and `caption_length` [B].
        word_slots: L.
        extra_targets: positions after EOS that count as real, with PAD as their target; never
            beyond the batch's longest caption (the released training's mask has 1).
    """
    caption, length = batch["caption"], batch["caption_length"]
    missing = word_slots - tf.shape(caption)[1]
    caption = tf.pad(caption, [[0, 0], [0, missing]])
    inputs = tf.pad(caption[:, :-1], [[0, 0], [1, 0]], constant_values=GO)
    positions = tf.range(word_slots)
    end = tf.cast(positions == length[:, tf.newaxis], caption.dtype)
    targets = caption + EOS * end
    inputs.set_shape([None, word_slots])
    last = tf.minimum(length + extra_targets, tf.reduce_max(length))
    return inputs, targets, positions <= last[:, tf.newaxis]
