"""Reading a memory: attention over slots (9) and what the memory CNN makes of it (10).

The attended rows are `p[j] * m_j`, and a convolution is linear before its ReLU. So every slot is
projected through all filter taps once per post (`project`, D wide), and each step only scales and
adds the projections (`combine`, C wide). The numbers are those of convolving the scaled rows.
"""

from collections.abc import Sequence

import tensorflow as tf

from model.parameters import Parameters


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

    def combine(self, projected: tf.Tensor, attention: tf.Tensor) -> tf.Tensor:
        """Adds the taps of each window, scaled by the attention, and takes the maximum.

        Args:
            projected: [B, S, sum(windows) * C] from `project`.
            attention: [B, Q, S], zero in empty slots (whose rows thereby are zero rows).

        Returns:
            [B, Q, C * len(windows)].
        """
        slots = projected.shape[1]
        taps = tf.split(projected, [h * self.channels for h in self.windows], 2)
        parts = []
        for h, tap in zip(self.windows, taps, strict=True):
            tap = tf.split(tap, h, 2)  # h times [B, S, C]
            positions = slots - h + 1
            window = tf.add_n(
                [
                    attention[:, :, o : o + positions, tf.newaxis]
                    * tap[o][:, tf.newaxis, o : o + positions]
                    for o in range(h)
                ]
            )  # [B, Q, positions, C]
            # max(ReLU(x + b)) = ReLU(max(x) + b), so the maximum comes first.
            bias = self.parameters[f"b_{self.name}_{h}"]
            parts.append(tf.nn.relu(tf.reduce_max(window, 2) + bias))
        return tf.concat(parts, -1)


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

    def combine(self, projected: tf.Tensor, attention: tf.Tensor) -> tf.Tensor:
        """[B, 1, width] scaled by [B, Q, 1] gives [B, Q, width]."""
        return tf.nn.relu(attention * projected + self.parameters["b_p"])


class WeightedSum:
    """The memory without its CNN (CSMN-NoCNN): the sum of the attended rows."""

    def __init__(self, memory_dim: int):
        self.width = self.projected_width = memory_dim

    def project(self, contents: tf.Tensor) -> tf.Tensor:
        """The contents themselves, [..., D]."""
        return contents

    def combine(self, projected: tf.Tensor, attention: tf.Tensor) -> tf.Tensor:
        """[B, S, D] weighted by [B, Q, S] gives [B, Q, D]."""
        return tf.matmul(attention, projected)
