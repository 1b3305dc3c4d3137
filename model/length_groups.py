"""Posts in groups of nearly equal length, so that short captions are not computed as long ones."""

from typing import TypeVar

import tensorflow as tf

from model.captioner import Batch

T = TypeVar("T")
GROUPS = 8  # more would save little of what padding costs, and add calls


def longest_first(batch: Batch) -> tuple[Batch, tf.Tensor]:
    """The batch in the order of caption lengths, and the places [B] where its posts stood."""
    order = tf.argsort(batch["caption_length"], direction="DESCENDING", stable=True)
    return {name: tf.gather(column, order) for name, column in batch.items()}, order


def split_groups(posts: T) -> list[T]:
    """`GROUPS` parts of nearly equal size, one after the other; some are empty in small batches.

    Args:
        posts: tensors [B, ...], in any structure.
    """
    flat = tf.nest.flatten(posts)
    size, more = tf.shape(flat[0])[0] // GROUPS, tf.shape(flat[0])[0] % GROUPS
    sizes = size + tf.cast(tf.range(GROUPS) < more, tf.int32)
    columns = [tf.split(column, sizes, num=GROUPS) for column in flat]
    return [tf.nest.pack_sequence_as(posts, part) for part in zip(*columns, strict=True)]


def join_groups(groups: list[dict[str, tf.Tensor]], order: tf.Tensor) -> dict[str, tf.Tensor]:
    """What each group computed, [b, t, X] by name, as [B, T, X] in the order of the batch.

    Args:
        groups: of `split_groups`, so that the first has the longest captions.
        order: of `longest_first`.
    """
    back = tf.argsort(order)

    def join(parts: list[tf.Tensor]) -> tf.Tensor:
        """[b, t, X] of each group to [B, T, X], zero behind each group's own longest."""
        steps = tf.shape(parts[0])[1]
        missing = [[[0, 0], [0, steps - tf.shape(part)[1]], [0, 0]] for part in parts]
        padded = [tf.pad(part, pad) for part, pad in zip(parts, missing, strict=True)]
        return tf.gather(tf.concat(padded, 0), back)

    return {name: join([group[name] for group in groups]) for name in groups[0]}


def original_places(real: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Where the real positions stand in the batch before `longest_first`.

    Args:
        real: [B, T] bool, in the order of `longest_first`.
        order: [B], its result.

    Returns:
        (post, step) [N, 2] int64, one after the other as `real` has them.
    """
    index = tf.where(real)
    post = tf.cast(tf.gather(order, index[:, 0]), tf.int64)
    return tf.stack([post, index[:, 1]], 1)
