"""Two levels find what one finds, ties included."""

import numpy as np
import pytest
import tensorflow as tf

from model.top_k import block_width, top_k

SIZES = [(size, k) for size in (1, 2, 7, 31, 36, 60, 97) for k in (1, 3, 5) if k <= size]


@pytest.mark.parametrize(("size", "k"), SIZES)
def test_it_is_the_top_k_of_all_scores(size, k):
    random = np.random.default_rng(size)
    # Few different values, so that there are ties within blocks and between them.
    for scores in (random.normal(size=(4, 3, size)), random.integers(0, 3, (50, 2, size))):
        scores = tf.constant(scores, tf.float32)
        values, indices = top_k(scores, k)
        expected = tf.math.top_k(scores, k)
        np.testing.assert_array_equal(values, expected.values)
        np.testing.assert_array_equal(indices, expected.indices)
        assert values.shape == (*scores.shape[:-1], k)


def test_refused_words_are_taken_when_nothing_else_is_left():
    lowest = tf.float32.min
    scores = tf.constant([[lowest] * 11 + [1.0, 2.0] + [lowest] * 4])
    values, indices = top_k(scores, 3)
    assert indices.numpy().tolist() == [[12, 11, 0]]
    assert values.numpy().tolist() == [[2.0, 1.0, lowest]]


@pytest.mark.parametrize("possible", [0, 1, 2, 97])
def test_impossible_words_stand_before_what_fills_the_last_block(possible):
    scores = np.full([1, 97], -np.inf, np.float32)  # 97 is prime: two places are filled
    scores[0, 97 - possible :] = np.arange(possible)
    values, indices = top_k(tf.constant(scores), 4)
    expected = tf.math.top_k(scores, 4)
    np.testing.assert_array_equal(values, expected.values)
    np.testing.assert_array_equal(indices, expected.indices)


@pytest.mark.parametrize(
    ("size", "width"), [(40_000, 200), (60_000, 240), (40_004, 146), (97, 9), (31, 5), (1, 1)]
)
def test_blocks_divide_the_vocabulary_where_they_can(size, width):
    assert block_width(size) == width
