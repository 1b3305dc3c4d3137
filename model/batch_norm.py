"""Batch normalisation (Ioffe and Szegedy, 2015) over the global batch.

    y = g (x - mean) / sqrt(variance + epsilon) + b

In training, mean and variance are those of the batch, of all replicas together: one device and
several compute the same. In evaluation they are moving averages over the training steps, which a
checkpoint keeps like a parameter, though no gradient moves them.
"""

from typing import NamedTuple

import tensorflow as tf

from model.parameters import Parameters


class Moments(NamedTuple):
    """Of every channel, [C], over all rows of the global batch."""

    mean: tf.Tensor
    variance: tf.Tensor
    rows: tf.Tensor  # how many there were, []


class BatchNorm:
    """One layer.

    Args:
        parameters: where the learnt `g_<name>` and `b_<name>` and the statistics `mean_<name>` and
            `variance_<name>` live, [C] each.
        name: of the layer.
        channels: C.
        momentum: share of a new batch in the moving averages (PyTorch's sense; Keras and TensorFlow
            call 1 minus this the momentum).
        epsilon: keeps the root away from 0.
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        channels: int,
        momentum: float = 0.01,
        epsilon: float = 1e-5,
    ):
        self.parameters, self.name = parameters, name
        self.momentum, self.epsilon = momentum, epsilon
        parameters.add_bias(f"g_{name}", [channels], 1.0)
        parameters.add_bias(f"b_{name}", [channels])
        parameters.add_statistic(f"mean_{name}", [channels], 0.0)
        parameters.add_statistic(f"variance_{name}", [channels], 1.0)

    def __call__(self, x: tf.Tensor, training: bool) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Normalises each channel.

        Args:
            x: [..., C]; in training, a replica's part of the batch, which may be empty.
            training: whether the batch's own moments are used. Call it outside of any condition or
                loop then: replicas wait for each other.

        Returns:
            [..., C], and the statistics after this batch, by name: `Parameters.set_statistics`
            takes them when the step is done. None in evaluation.
        """
        if not training:
            mean, variance = (self.parameters.statistics[name] for name in self._names())
            return self._normalise(x, mean, variance), {}
        moments = _global_moments(tf.cast(x, self.parameters.score_dtype))
        return self._normalise(x, moments.mean, moments.variance), self._moved(moments)

    def _names(self) -> tuple[str, str]:
        return f"mean_{self.name}", f"variance_{self.name}"

    def _normalise(self, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(x, mean.dtype) - mean
        normal = tf.cast(wide * tf.math.rsqrt(variance + self.epsilon), x.dtype)
        return normal * self.parameters[f"g_{self.name}"] + self.parameters[f"b_{self.name}"]

    def _moved(self, moments: Moments) -> dict[str, tf.Tensor]:
        """The moving averages, one step on; unbiased, as PyTorch and Keras's fused kernel do."""
        unbiased = moments.variance * moments.rows / tf.maximum(moments.rows - 1, 1)
        new = dict(zip(self._names(), (moments.mean, unbiased), strict=True))
        # A global batch without rows, which only an ill-made feed would give, says nothing.
        share = tf.where(moments.rows > 0, tf.constant(self.momentum, moments.rows.dtype), 0)
        return {
            name: (1 - share) * self.parameters.statistics[name] + share * tf.stop_gradient(value)
            for name, value in new.items()
        }


def _global_moments(x: tf.Tensor) -> Moments:
    """Over all axes but the last, and over all replicas.

    In two rounds, because a difference of large sums would lose the variance's digits.
    """
    axes = list(range(x.shape.rank - 1))
    rows = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), x.dtype)
    total, rows = _sum_over_replicas([tf.reduce_sum(x, axes), rows])
    rows = tf.stop_gradient(rows)
    mean = total / tf.maximum(rows, 1)
    (squares,) = _sum_over_replicas([tf.reduce_sum(tf.square(x - mean), axes)])
    return Moments(mean, squares / tf.maximum(rows, 1), rows)


def _sum_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Its gradient is the sum of all replicas' gradients."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
