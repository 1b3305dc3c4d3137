"""Random numbers of a post: they depend on a key and on its row, not on its batch or device."""

from collections.abc import Sequence

import tensorflow as tf


def uniform(key: int | tf.Tensor, rows: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Numbers in [0, 1) for each post.

    Args:
        key: int32.
        rows: [B] int32, which posts of the subset these are.
        shape: of one post's numbers.

    Returns:
        [B, *shape] float32.
    """
    draw = lambda row: tf.random.stateless_uniform(shape, tf.stack([key, row]))  # noqa: E731
    numbers = tf.map_fn(draw, rows, fn_output_signature=tf.float32)
    return tf.reshape(numbers, [tf.size(rows), *shape])  # without rows, map_fn knows no shape


def dropout_masks(
    noise: tf.Tensor, rows: tf.Tensor, shape: Sequence[int], rate: float
) -> tf.Tensor:
    """What dropout multiplies with: 0 with probability `rate`, else 1 / (1 - rate).

    Args:
        noise: [2] int32, seed of the run and step.
        rows, shape: as in `uniform`.
        rate: in [0, 1).

    Returns:
        [B, *shape] float32.
    """
    key = tf.random.stateless_uniform([], noise, None, None, tf.int32)
    kept = uniform(key, rows, shape) >= rate
    return tf.where(kept, 1 / (1 - rate), 0.0)
