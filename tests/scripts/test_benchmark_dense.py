"""The dense form and the model: two ways to the same numbers."""

import numpy as np
import pytest
import tensorflow as tf

from model import length_groups
from model.captioner import EOS
from model.decoding import decode
from model.losses import cross_entropy
from scripts.benchmark.dense import DenseCSMN
from scripts.benchmark.planted import Planted
from tests.model.captioners import VARIANTS, make, make_batch

variants = pytest.mark.parametrize("variant", VARIANTS)
# Fewer posts than groups of equal length, and more.
sizes = pytest.mark.parametrize("posts", [5, 21])


def gradients(model, loss):
    with tf.GradientTape() as tape:
        value = loss()
    found = tape.gradient(value, model.parameters.variables)
    return value.numpy(), {name: tf.convert_to_tensor(g).numpy() for name, g in found.items()}


@variants
@sizes
def test_loss_and_gradients_are_those_of_the_dense_form(variant, posts):
    model = make(variant, dtype="float64")
    batch = make_batch(model, posts)

    def ours():
        total, targets = cross_entropy(model.forward(batch))
        return total / targets

    loss, found = gradients(model, ours)
    expected_loss, expected = gradients(model, lambda: DenseCSMN(model).loss(batch))
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, atol=1e-12, err_msg=name)
        assert np.abs(gradient).max() > 0, name


def test_groups_change_nothing_where_padding_is_learnt_too(monkeypatch):
    model = make("p5", dtype="float64")
    batch = make_batch(model, 21)

    def loss():
        total, targets = cross_entropy(model.forward(batch, extra_targets=1))
        return total / targets

    assert length_groups.GROUPS == 8
    value, found = gradients(model, loss)
    monkeypatch.setattr(length_groups, "GROUPS", 1)
    expected_value, expected = gradients(model, loss)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, atol=1e-12, err_msg=name)
        assert np.abs(gradient).max() > 0, name


@variants
@sizes
def test_greedy_search_writes_what_the_dense_form_writes(variant, posts):
    model = make(variant, dtype="float64")
    batch = make_batch(model, posts)
    ids = decode(model, batch, stop_at_eos=False).ids[:, 0]
    expected, lead = DenseCSMN(model).decode(batch, with_lead=True)
    np.testing.assert_array_equal(ids, expected)
    assert (lead.numpy() > 0).all()


@variants
@sizes
def test_captions_end_where_they_are_planted(variant, posts):
    model = make(variant, dtype="float64")
    batch = make_batch(model, posts)
    length = batch["caption_length"]
    ids = decode(Planted(model), batch).ids[:, 0].numpy()
    expected, _ = DenseCSMN(model).decode(batch, length)
    np.testing.assert_array_equal(ids, expected)
    assert ((ids != 0).sum(1) == length.numpy() + 1).all()
    assert (ids[np.arange(len(ids)), length] == EOS).all()
