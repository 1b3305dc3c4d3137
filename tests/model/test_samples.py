"""Samples of every captioner: the words that eval writes, and what it looked at."""

import numpy as np
import pytest
import tensorflow as tf

from model.attention import attend
from model.captioner import EOS, GO, PAD, UNK
from model.decoding import decode, most_probable_words
from model.samples import Sampler
from tests.model.captioners import CAPTIONERS, make, make_batch


class Posts:
    """Posts that keep what they are told."""

    def __init__(self, model, sampled=False):
        self.batch = {name: value.numpy() for name, value in make_batch(model, posts=3).items()}
        self.sampled = sampled

    def samples(self, ids, attention):
        self.ids, self.attention = ids, attention
        return ["a sample"]


@pytest.mark.parametrize("variant", CAPTIONERS)
def test_every_captioner_writes_greedily_and_stays_as_it_is(variant):
    model = make(variant)
    posts, before = Posts(model), model.parameters.values()
    assert Sampler(posts)(model) == ["a sample"]
    batch = {name: tf.constant(value) for name, value in posts.batch.items()}
    np.testing.assert_array_equal(posts.ids, decode(model, batch).ids[:, 0])
    expected = attend(model, batch, tf.constant(posts.ids))
    assert posts.attention.keys() == {name for name, w in expected.items() if np.any(w)}
    for name, weights in posts.attention.items():
        np.testing.assert_array_equal(weights, expected[name])
    for name, value in model.parameters.values().items():
        np.testing.assert_array_equal(value, before[name])


def test_separate_tags_are_the_most_probable_ones():
    model = make("nowo-noquery")
    posts = Posts(model)
    Sampler(posts, separate_tags=2)(model)
    batch = {name: tf.constant(value) for name, value in posts.batch.items()}
    np.testing.assert_array_equal(posts.ids, most_probable_words(model, batch, 2))


def test_running_text_is_drawn_the_same_each_time_and_has_no_special_characters():
    model = make("char-rnn")
    posts = Posts(model, sampled=True)
    posts.batch["prefix"] = np.array([[9, 8], [7, 0], [0, 0]], np.int32)
    sampler = Sampler(posts)
    sampler(model)
    first = posts.ids
    sampler(model)
    np.testing.assert_array_equal(posts.ids, first)
    assert first[0, :2].tolist() == [9, 8] and first[1, 0] == 7 and posts.attention == {}
    for text in first:
        written = text[: text.tolist().index(EOS)] if EOS in text else text
        assert not np.isin(written, [PAD, GO, UNK]).any()
