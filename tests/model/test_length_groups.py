"""Grouping posts by length changes their order on the way, and nothing else."""

import numpy as np
import pytest
import tensorflow as tf

from model.length_groups import (
    GROUPS,
    join_groups,
    longest_first,
    original_places,
    split_groups,
)


def test_the_longest_come_first_and_equal_ones_keep_their_order():
    batch = {"caption_length": tf.constant([3, 5, 1, 5]), "row": tf.constant([10, 11, 12, 13])}
    sorted_batch, order = longest_first(batch)
    assert order.numpy().tolist() == [1, 3, 0, 2]
    assert sorted_batch["row"].numpy().tolist() == [11, 13, 10, 12]
    assert sorted_batch["caption_length"].numpy().tolist() == [5, 5, 3, 1]


@pytest.mark.parametrize("posts", [0, 1, GROUPS - 1, 2 * GROUPS + 3])
def test_groups_hold_every_post_once_in_order(posts):
    numbers = tf.range(posts)
    groups = split_groups({"a": numbers, "b": (numbers[:, tf.newaxis] * 2,)})
    assert len(groups) == GROUPS
    sizes = [int(tf.size(group["a"])) for group in groups]
    assert sum(sizes) == posts and max(sizes) - min(sizes) <= 1
    np.testing.assert_array_equal(tf.concat([g["a"] for g in groups], 0), numbers)
    np.testing.assert_array_equal(tf.concat([g["b"][0][:, 0] for g in groups], 0), numbers * 2)


def test_groups_of_different_lengths_join_in_the_order_of_the_batch():
    order = tf.constant([2, 0, 1])
    groups = [{"w": tf.constant([[[1.0], [2.0]]])}, {"w": tf.constant([[[3.0]], [[4.0]]])}]
    joined = join_groups(groups, order)["w"][:, :, 0].numpy()
    np.testing.assert_array_equal(joined, [[3, 0], [4, 0], [1, 2]])


def test_places_are_those_before_sorting():
    length = np.array([2, 4, 1], np.int32)
    batch, order = longest_first({"caption_length": tf.constant(length)})
    real = tf.range(4) < batch["caption_length"][:, tf.newaxis]
    index = original_places(real, order).numpy().tolist()
    assert index == [[1, 0], [1, 1], [1, 2], [1, 3], [0, 0], [0, 1], [2, 0]]
