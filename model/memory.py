"""Reading a memory: attention over slots (9) and what the memory CNN makes of it (10).

The attended rows are `p[j] * m_j`, and a convolution is linear before its ReLU. So every slot is
projected through all filter taps once (`project`, D wide), and each step only scales and adds the
projections (`combine`, C wide). The numbers are those of convolving the scaled rows.
"""

from collections.abc import Sequence

import tensorflow as tf

from model.parameters import Parameters


def distinct_words(ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The distinct ids [n] and, for each place of `ids`, which of them it is (same shape).

    Many slots of a batch hold the same word: it is embedded and projected once, then gathered.
    """
    words, place = tf.unique(tf.reshape(ids, [-1]))
    return words, tf.reshape(place, tf.shape(ids))


def masked_softmax(scores: tf.Tensor, filled: tf.Tensor) -> tf.Tensor:
    """Softmax over the last axis where `filled` is True; zero elsewhere.

    Args:
        scores: [..., S], any float type; computed in float32 at least.
        filled: bool, broadcastable to `scores`. A row without a filled slot gives zeros.

    Returns:
        [..., S], each row sums to one over its filled slots.
    """
    wide = scores if scores.dtype == tf.float64 else tf.cast(scores, tf.float32)
    wide = tf.where(filled, wide, wide.dtype.min)
    exponent = tf.exp(wide - tf.stop_gradient(tf.reduce_max(wide, -1, keepdims=True)))
    exponent = tf.where(filled, exponent, tf.zeros_like(exponent))
    total = tf.reduce_sum(exponent, -1, keepdims=True)
    return tf.cast(tf.math.divide_no_nan(exponent, total), scores.dtype)


def additive_attention(
    keys: tf.Tensor,
    query: tf.Tensor,
    vector: tf.Tensor,
    filled: tf.Tensor | None = None,
) -> tf.Tensor:
    """Softmax over slots of `v^T tanh(k_i + q)` (Bahdanau et al., 2015).

    Args:
        keys: [B, S, A], what of the scores depends on the slots alone.
        query: [B, K, A], what depends on the step.
        vector: [A, 1], v.
        filled: bool, broadcastable to [B, K, S]; None where all slots are.

    Returns:
        [B, K, S], zero in empty slots.
    """
    energies = tf.tanh(keys[:, tf.newaxis] + query[:, :, tf.newaxis])  # [B, K, S, A]
    scores = tf.tensordot(energies, vector, 1)[..., 0]
    return masked_softmax(scores, tf.ones_like(scores, tf.bool) if filled is None else filled)


class MemoryCNN:
    """Windows over neighbouring slots, ReLU, maximum over positions: equation (10).

    One bias per filter, not one per position and filter as the paper prints it: the authors' code
    has one per filter, and only that keeps the maximum shift-invariant.

    Args:
        parameters: where the filters `w_<name>_<h>` [h, D, C] and biases `b_<name>_<h>` [C] live.
        name: `im`, `us` or `ot`, as in the paper.
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        memory_dim: int,
        channels: int,
        windows: Sequence[int] = (3, 4, 5),
    ):
        self.parameters, self.name = parameters, name
        self.memory_dim, self.channels, self.windows = memory_dim, channels, windows
        self.width, self.projected_width = channels * len(windows), channels * sum(windows)
        for h in windows:
            parameters.add_weight(f"w_{name}_{h}", [h, memory_dim, channels])
            parameters.add_bias(f"b_{name}_{h}", [channels])

    def project(self, contents: tf.Tensor) -> tf.Tensor:
        """Sends every slot through every filter tap: [..., D] to [..., sum(windows) * C]."""
        taps = [self.parameters[f"w_{self.name}_{h}"] for h in self.windows]
        kernel = tf.concat(taps, 0)  # [sum(windows), D, C]
        kernel = tf.reshape(tf.transpose(kernel, [1, 0, 2]), [self.memory_dim, -1])
        return tf.tensordot(contents, kernel, 1)

    def arrange(self, projected: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Lays the taps of each window side by side, once for all steps.

        Args:
            projected: [B, S, sum(windows) * C] from `project`.

        Returns:
            For each width h of window, [B, S - h + 1, h, C].
        """
        taps = tf.split(projected, [h * self.channels for h in self.windows], 2)
        return tuple(_slide(tf.split(tap, h, 2)) for h, tap in zip(self.windows, taps, strict=True))

    def combine(self, arranged: tuple[tf.Tensor, ...], attention: tf.Tensor) -> tf.Tensor:
        """Adds the taps of each window, scaled by the attention, and takes the maximum.

        Args:
            arranged: from `arrange`.
            attention: [B, Q, S], zero in empty slots (whose rows thereby are zero rows).

        Returns:
            [B, Q, C * len(windows)].
        """
        by_slot = tf.transpose(attention, [0, 2, 1])  # [B, S, Q]
        parts = []
        for h, rows in zip(self.windows, arranged, strict=True):
            # max(ReLU(x + b)) = ReLU(max(x) + b), so the maximum comes first.
            bias = self.parameters[f"b_{self.name}_{h}"]
            parts.append(tf.nn.relu(largest_sum(_slide([by_slot] * h), rows) + bias))
        return tf.concat(parts, -1)


def _slide(taps: list[tf.Tensor]) -> tf.Tensor:
    """Window p holds row p + o of tap o: h times [B, S, X] to [B, S - h + 1, h, X]."""
    positions = taps[0].shape[1] - len(taps) + 1
    return tf.stack([tap[:, o : o + positions] for o, tap in enumerate(taps)], 2)


@tf.custom_gradient
def largest_sum(weights: tf.Tensor, rows: tf.Tensor):
    """Each window's weighted sum of its rows, the largest over all windows.

    The sums of all windows and queries are the largest tensor of a model, so they are not kept for
    the gradient but computed again: small matrix products cost less than memory does.

    Args:
        weights: [B, P, h, Q] for P windows of h rows and Q queries.
        rows: [B, P, h, C].

    Returns:
        [B, Q, C]. Equal windows share its gradient, as in `tf.reduce_max`.
    """

    def gradient(upstream):
        """[B, Q, C] to the gradients of `weights` and `rows`."""
        # Without this, the sums would be those of before: equal operations are merged.
        with tf.control_dependencies([upstream]):
            sums = tf.matmul(weights, rows, transpose_a=True)  # [B, P, Q, C]
        hits = tf.cast(sums == tf.reduce_max(sums, 1, keepdims=True), sums.dtype)
        hits *= (upstream / tf.reduce_sum(hits, 1))[:, tf.newaxis]
        return tf.matmul(rows, hits, transpose_b=True), tf.matmul(weights, hits)

    return tf.reduce_max(tf.matmul(weights, rows, transpose_a=True), 1), gradient


class SingleSlot:
    """What the windows reduce to where a memory has one slot: `ReLU(W_p m + b_p)`.

    Args:
        width: 3C in the paper's form; the released code maps to all other features' width.
    """

    def __init__(self, parameters: Parameters, memory_dim: int, width: int):
        self.parameters, self.width = parameters, width
        parameters.add_weight("W_p", [memory_dim, width])
        parameters.add_bias("b_p", [width])

    def project(self, contents: tf.Tensor) -> tf.Tensor:
        """[..., D] to [..., width]."""
        return tf.tensordot(contents, self.parameters["W_p"], 1)

    def arrange(self, projected: tf.Tensor) -> tuple[tf.Tensor]:
        """The projected slot as it is."""
        return (projected,)

    def combine(self, arranged: tuple[tf.Tensor], attention: tf.Tensor) -> tf.Tensor:
        """[B, 1, width] scaled by [B, Q, 1] gives [B, Q, width]."""
        return tf.nn.relu(attention * arranged[0] + self.parameters["b_p"])


class WeightedSum:
    """The memory without its CNN (CSMN-NoCNN): the sum of the attended rows."""

    def __init__(self, memory_dim: int):
        self.width = self.projected_width = memory_dim

    def project(self, contents: tf.Tensor) -> tf.Tensor:
        """The contents themselves, [..., D]."""
        return contents

    def arrange(self, projected: tf.Tensor) -> tuple[tf.Tensor]:
        """The contents as they are."""
        return (projected,)

    def combine(self, arranged: tuple[tf.Tensor], attention: tf.Tensor) -> tf.Tensor:
        """[B, S, D] weighted by [B, Q, S] gives [B, Q, D]."""
        return tf.matmul(attention, arranged[0])
