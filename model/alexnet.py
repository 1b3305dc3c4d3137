"""AlexNet as a multi-label classifier of pictures (after Krizhevsky et al., 2012), from pixels.

    227 x 227 x 3  / 255
    conv 11 x 11 / 4, 96    ReLU   maxpool 2   BN   27 x 27 x 96
    conv 11 x 11, 256       ReLU   maxpool 2   BN    8 x 8 x 256
    conv 3 x 3, 384         ReLU               BN    6 x 6 x 384
    conv 3 x 3, 384         ReLU               BN    4 x 4 x 384
    conv 3 x 3, 256         ReLU   maxpool 2   BN    1 x 1 x 256
    dense 4096, 4096, 1000  ReLU   dropout     BN
    dense to the tags

That is the hashtags-to-stories project's table: its second convolution is as large as the first,
and nothing is padded. It writes no sequence: `step` gives every tag's logit whatever was written,
and the most probable tags are the prediction. Output k is tag k of the vocabulary, after the
special words, which can neither be predicted nor learnt. (The authors cut their list of names one
column too early, so that every prediction of theirs was read as another tag.)

What is learnt is the set of a post's known tags; there is no end to learn.

    softmax    - sum over the post's tags of log p(tag)                 the authors' head
    sigmoid    - sum over all tags of log p(it is one, or is not)       each tag by itself

Both are reported divided by the number of tags: nats per tag. What is made small is, of `sigmoid`,
the same; of `softmax`, as by the authors, the mean over posts, so that a step at their rate is as
long as theirs. A post without a known tag teaches nothing, but is a post of that mean.
"""

from typing import NamedTuple

import tensorflow as tf

from model.batch_norm import BatchNorm
from model.captioner import UNK, Batch, Outputs
from model.noise import dropout_masks
from model.parameters import Parameters

SIDE = 227
FIRST_TAG = UNK + 1  # after the special words


class Convolution(NamedTuple):
    """A row of the table."""

    size: int
    stride: int
    filters: int
    pooled: bool


CONVOLUTIONS = (
    Convolution(11, 4, 96, True),
    Convolution(11, 1, 256, True),
    Convolution(3, 1, 384, False),
    Convolution(3, 1, 384, False),
    Convolution(3, 1, 256, True),
)
UNITS = (4096, 4096, 1000)
# Keras's defaults, in PyTorch's sense of the momentum.
MOMENTUM, EPSILON = 0.01, 1e-3


class Features(NamedTuple):
    """What is known of the pictures."""

    logits: tf.Tensor  # [B, V], of the tags; the special words are impossible


class Targets(NamedTuple):
    """The known tags of the posts."""

    ids: tf.Tensor  # [N] int32
    index: tf.Tensor  # [N, 2] int64, post and place in its caption


class AlexNet:
    """The model; sizes default to the authors'.

    Args:
        vocab_size: V.
        word_slots: L, one more than the most tags of a post that are learnt.
        head: `softmax` or `sigmoid`.
        dropout: probability that a number of a dense layer is dropped in training.
        width: factor on all filters and units but the last layer's.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    image_slots, image_dim = SIDE * SIDE, 3

    def __init__(
        self,
        vocab_size: int,
        word_slots: int = 12,
        head: str = "softmax",
        dropout: float = 0.4,
        width: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.word_slots = vocab_size, word_slots
        self.head, self.dropout = head, dropout
        self.learns_by_post = head == "softmax"
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self.units = [max(1, round(width * units)) for units in UNITS]
        channels = self._make_convolutions(width)
        self._make_dense(channels)
        tags = vocab_size - FIRST_TAG
        self.parameters.add_weight("W_f", [self.units[-1], tags])
        # Each tag by itself is rare: the head of many decisions begins with one tag per post.
        start = -tf.math.log(float(tags)).numpy() if head == "sigmoid" else 0.0
        self.parameters.add_bias("b_f", [tags], start)

    def _make_convolutions(self, width: float) -> int:
        """Returns how many channels the last one has."""
        self.convolution_norms, channels = [], 3
        for number, row in enumerate(CONVOLUTIONS, 1):
            filters = max(1, round(width * row.filters))
            shape = [row.size, row.size, channels, filters]
            self.parameters.add_weight(f"w_conv_{number}", shape)
            self.parameters.add_bias(f"b_conv_{number}", [filters])
            self.convolution_norms.append(self._norm(f"conv_{number}_norm", filters))
            channels = filters
        return channels

    def _make_dense(self, inputs: int) -> None:
        self.dense_norms = []
        for number, units in enumerate(self.units, 1):
            self.parameters.add_weight(f"W_dense_{number}", [inputs, units])
            self.parameters.add_bias(f"b_dense_{number}", [units])
            self.dense_norms.append(self._norm(f"dense_{number}_norm", units))
            inputs = units

    def _norm(self, name: str, channels: int) -> BatchNorm:
        return BatchNorm(self.parameters, name, channels, MOMENTUM, EPSILON)

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Features:
        """The whole network: there is nothing left for a step to do."""
        return Features(self._logits(batch, None)[0])

    def initial_state(self, context: Features, beams: int = 1) -> tuple:
        """Nothing: no tag depends on another."""
        return ()

    def step(self, tokens: tf.Tensor, state: tuple, context: Features):
        """The same logits whatever was written: [B, K] to [B, K, V]."""
        logits = tf.repeat(context.logits[:, tf.newaxis], tf.shape(tokens)[1], axis=1)
        return logits, state, {"attention": {}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """The logits of the post, once for each of its different known tags; no end is a target."""
        logits, statistics = self._logits(batch, noise)
        ids, index = self._targets(batch)
        post = index[:, 0]
        losses = None
        if self.head == "sigmoid":
            losses = tf.gather(self._decisions(logits, ids, post), post)
        packed = tf.gather(logits, post)
        return Outputs(packed, ids, index, {}, statistics=statistics, losses=losses)

    # ------------------------------------------------------------------ their parts

    def _logits(self, batch: Batch, noise: tf.Tensor | None):
        """The table: pixels [B, 227 * 227, 3] to [B, V], and what becomes of the statistics."""
        pixels = tf.ensure_shape(batch["image"], [None, self.image_slots, self.image_dim])
        x = tf.cast(pixels, self.parameters.compute_dtype) / 255
        x, first = self._convolve(tf.reshape(x, [-1, SIDE, SIDE, 3]), noise is not None)
        x, second = self._connect(x, batch, noise)
        logits = tf.cast(self.parameters.dense(x, "W_f", "b_f"), self.score_dtype)
        special = tf.fill([tf.shape(x)[0], FIRST_TAG], logits.dtype.min)
        return tf.concat([special, logits], 1), first | second

    def _convolve(self, x: tf.Tensor, training: bool):
        """[B, 227, 227, 3] to [B, C], and statistics."""
        statistics = {}
        for number, norm in enumerate(self.convolution_norms, 1):
            filtered = self._filter(_not_empty(x), number)[: tf.shape(x)[0]]
            x, moved = norm(filtered, training)
            statistics |= moved
        return tf.ensure_shape(x, [None, 1, 1, x.shape[-1]])[:, 0, 0], statistics

    def _filter(self, x: tf.Tensor, number: int) -> tf.Tensor:
        """Convolution, ReLU and maximum of one row of the table; of one picture at least."""
        row = CONVOLUTIONS[number - 1]
        x = tf.nn.conv2d(x, self.parameters[f"w_conv_{number}"], row.stride, "VALID")
        x = tf.nn.relu(x + self.parameters[f"b_conv_{number}"])
        return tf.nn.max_pool2d(x, 2, 2, "VALID") if row.pooled else x

    def _connect(self, x: tf.Tensor, batch: Batch, noise: tf.Tensor | None):
        """[B, C] to [B, 1000], and statistics."""
        masks, statistics = self._masks(batch, noise), {}
        for number, mask in enumerate(masks, 1):
            x = self.parameters.dense(x, f"W_dense_{number}", f"b_dense_{number}")
            x = tf.nn.relu(x) * mask
            x, moved = self.dense_norms[number - 1](x, noise is not None)
            statistics |= moved
        return x, statistics

    def _masks(self, batch: Batch, noise: tf.Tensor | None) -> list[tf.Tensor]:
        """What dropout multiplies each dense layer with."""
        kind = self.parameters.compute_dtype
        if noise is None or not self.dropout:
            return [tf.ones([], kind)] * len(self.units)
        masks = dropout_masks(noise, batch["row"], [sum(self.units)], self.dropout)
        return tf.split(tf.cast(masks, kind), self.units, 1)

    def _targets(self, batch: Batch) -> Targets:
        """Every different known tag of a post, once."""
        tags = batch["caption"][:, : self.word_slots - 1]  # [B, T]
        places = tf.range(tf.shape(tags)[1])
        there = (places < batch["caption_length"][:, tf.newaxis]) & (tags >= FIRST_TAG)
        equal = tags[:, :, tf.newaxis] == tags[:, tf.newaxis]  # [B, T, T]
        before = places[:, tf.newaxis] > places
        index = tf.where(there & ~tf.reduce_any(equal & before, 2))
        return Targets(tf.gather_nd(tags, index), index)

    def _decisions(self, logits: tf.Tensor, ids: tf.Tensor, post: tf.Tensor) -> tf.Tensor:
        """Binary cross-entropy of all tags of each post, divided by how many it has: [B]."""
        place = tf.stack([post, tf.cast(ids, post.dtype) - FIRST_TAG], 1)
        tags = logits[:, FIRST_TAG:]
        truth = tf.scatter_nd(place, tf.ones_like(post, tags.dtype), tf.shape(tags, post.dtype))
        losses = tf.nn.sigmoid_cross_entropy_with_logits(truth, tags)
        return tf.reduce_sum(losses, 1) / tf.maximum(tf.reduce_sum(truth, 1), 1)


def _not_empty(x: tf.Tensor) -> tf.Tensor:
    """Pictures [B, ...], or one of zeros where there are none.

    An empty part of a global batch is legal, but its convolutions are not: oneDNN gives them wrong
    shapes, and ends the process over the gradient of their maximum.
    """
    blank = tf.zeros([1, *x.shape[1:]], x.dtype)
    return tf.cond(tf.shape(x)[0] > 0, lambda: x, lambda: blank)
