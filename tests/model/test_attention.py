"""The attention of given captions: equal to `step` by hand, shares of one, none in empty slots."""

import numpy as np
import pytest
import tensorflow as tf

from model.attention import attend, attend_subset, with_end
from model.captioner import EOS, GO
from tests.model.captioners import CAPTIONERS, make, make_batch, take

IDS = np.array(
    [[5, 9, 4, EOS, 0, 0, 0], [EOS, 0, 0, 0, 0, 0, 0], [8, 8, 6, 7, 11, 12, 13]], np.int32
)


def by_hand(model, batch, ids):
    """One post at a time, one step after the other, as long as its caption is."""
    posts = []
    for post in range(len(ids)):
        one = take(batch, [post])
        context = model.encode(one)
        state, before, steps = model.initial_state(context), GO, []
        for word in ids[post][ids[post] > 0]:
            _, state, extras = model.step(tf.constant([[before]]), state, context)
            attention = extras.get("attention", {})
            steps.append({name: w[0, 0].numpy() for name, w in attention.items()})
            before = int(word)
        posts.append(steps)
    return posts


@pytest.mark.parametrize("variant", CAPTIONERS)
def test_equals_steps_by_hand(variant):
    model = make(variant)
    batch = make_batch(model, posts=3)
    found = attend(model, batch, tf.constant(IDS))
    expected = by_hand(model, batch, IDS)
    for post, steps in enumerate(expected):
        for name in found:
            for step, weights in enumerate(steps):
                np.testing.assert_allclose(found[name][post, step], weights[name], atol=1e-6)
            assert not np.any(found[name][post, len(steps) :])


@pytest.mark.parametrize("variant", ["p5", "r5c", "nowo", "seq2seq", "attend-tell"])
def test_steps_sum_to_one_and_empty_slots_get_nothing(variant):
    model = make(variant)
    batch = make_batch(model, posts=3)
    found = {name: w.numpy() for name, w in attend(model, batch, tf.constant(IDS)).items()}
    total = sum(weights.sum(-1) for weights in found.values())
    # The second user has no words: nothing to read where there is no other memory.
    something = (batch["context_length"].numpy() > 0) | (found.keys() != {"user"})
    np.testing.assert_allclose(total, (IDS > 0) & something[:, np.newaxis], atol=1e-6)
    for post, length in enumerate(batch["context_length"].numpy()):
        assert "user" not in found or not found["user"][post, :, length:].any()
    written = np.tril(np.ones([7, 7]))  # the step t has GO and t words to read
    assert "word" not in found or not found["word"][:, written == 0].any()


class Listed(list):
    """Batches as `attend_subset` takes them."""

    @property
    def element_spec(self):
        return {
            name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
            for name, value in self[0].items()
        }


@pytest.mark.parametrize(
    "variant, memories",
    [
        ("p5", {"image", "user", "word"}),
        ("nouc", {"image", "word"}),
        ("nowo", {"image", "user"}),
        ("attend-tell", {"image"}),
        ("seq2seq", {"user"}),
        ("show-tell", set()),
    ],
)
def test_a_subset_is_joined_without_absent_memories(variant, memories):
    model = make(variant)
    batch = make_batch(model, posts=3)
    parts = Listed([take(batch, [0, 1]), take(batch, [2])])
    found, whole = attend_subset(model, parts, IDS), attend(model, batch, tf.constant(IDS))
    assert found.keys() == memories
    for name, weights in found.items():
        np.testing.assert_allclose(weights, whole[name], atol=1e-6)


def test_the_end_stands_where_a_caption_is_not_cut():
    ids = np.where(IDS == EOS, 0, IDS)
    np.testing.assert_array_equal(with_end(ids), IDS)
    assert not (ids == EOS).any()  # the argument stays as it is
