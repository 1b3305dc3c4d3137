"""The training loss as a sum and a count: dividing happens once, over all replicas."""

import tensorflow as tf

from model.captioner import Outputs


def cross_entropy(outputs: Outputs) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of negative log probabilities (section 4.3) and number of real targets (EOS counts)."""
    losses = _by_target(outputs)
    return tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype)


def doubly_stochastic(attention: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """`sum_i (1 - sum_t alpha_ti)^2`, summed over the posts: every place looked at once in all.

    Xu et al., 2015, equation (14), before its lambda.

    Args:
        attention: [B, T, I], summed in float32 at least.
        real: [B, T] bool; steps that are not real count for nothing.
    """
    if attention.dtype != tf.float64:
        attention = tf.cast(attention, tf.float32)
    total = tf.reduce_sum(tf.where(real[:, :, tf.newaxis], attention, 0), 1)  # [B, I]
    return tf.reduce_sum(tf.square(1 - total))


def longest(outputs: Outputs) -> tf.Tensor:
    """T_max of the batch, EOS included; 0 for an empty one."""
    return tf.reduce_max(tf.concat([outputs.index[:, 1] + 1, [0]], 0))


def correct_words(outputs: Outputs) -> tf.Tensor:
    """How many targets are the most probable word: the numerator of the per-word accuracy."""
    best = tf.argmax(outputs.logits, -1, output_type=outputs.targets.dtype)
    return tf.reduce_sum(tf.cast(best == outputs.targets, outputs.logits.dtype))


def sums_by_post(outputs: Outputs, posts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Loss, most probable words and targets of each post: three times [posts]."""
    losses = _by_target(outputs)
    best = tf.argmax(outputs.logits, -1, output_type=outputs.targets.dtype)
    hits = tf.cast(best == outputs.targets, losses.dtype)
    post = tf.cast(outputs.index[:, 0], tf.int32)
    columns = (losses, hits, tf.ones_like(losses))
    return tuple(tf.math.unsorted_segment_sum(column, post, posts) for column in columns)


def _by_target(outputs: Outputs) -> tf.Tensor:
    """[N]: by the softmax of the logits, unless the model says otherwise."""
    if outputs.losses is not None:
        return outputs.losses
    return tf.nn.sparse_softmax_cross_entropy_with_logits(outputs.targets, outputs.logits)
