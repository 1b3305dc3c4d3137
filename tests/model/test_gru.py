"""The gated recurrent unit against Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.gru import GRU
from model.lstm import unfold
from model.parameters import Parameters

B, T, X, H = 2, 4, 3, 5


def make(stateless=False, **kinds):
    """A layer with all biases moved."""
    parameters = Parameters(0, **kinds)
    layer = GRU(parameters, "x", X, H, stateless)
    generator = np.random.default_rng(1)
    for variable in parameters.variables.values():
        variable.assign_add(generator.normal(size=variable.shape) * 0.3)
    return layer


def sequence_of(layer, inputs):
    """Hidden states of all steps, [B, T, H]."""

    def advance(state, projected):
        state = layer.step(projected, state)
        return state, state.hidden

    return unfold(advance, layer.zeros([B]), layer.project(inputs), inputs.dtype)[1].numpy()


@pytest.fixture
def inputs():
    return tf.constant(np.random.default_rng(0).normal(size=(B, T, X)))


def test_a_sequence_is_that_of_keras(inputs):
    layer = make(dtype=tf.float64)
    values = layer.parameters.values()
    theirs = keras.layers.GRU(H, return_sequences=True, reset_after=True, dtype="float64")
    theirs.build(inputs.shape)
    biases = np.stack([values["b_x"], values["b_x_h"]])
    theirs.set_weights([values["W_x_x"], values["W_x_h"], biases])
    np.testing.assert_allclose(sequence_of(layer, inputs), theirs(inputs), atol=1e-12)


def test_a_stateless_layer_starts_from_zeros_at_every_step(inputs):
    layer = make(stateless=True, dtype=tf.float64)
    assert layer.parameters.variables.keys() == {"W_x_x", "b_x", "b_x_h"}
    kept = make(dtype=tf.float64)
    for name, variable in layer.parameters.variables.items():
        kept.parameters.variables[name].assign(variable)
    first = sequence_of(kept, inputs[:, :1])[:, 0]
    found = sequence_of(layer, inputs)
    np.testing.assert_allclose(found[:, 0], first, atol=1e-12)
    swapped = sequence_of(layer, tf.reverse(inputs, [1]))
    np.testing.assert_allclose(swapped[:, ::-1], found, atol=1e-12)
    assert np.abs(sequence_of(kept, tf.reverse(inputs, [1]))[:, ::-1] - found).max() > 1e-3


def test_a_narrow_layer_remembers_widely():
    layer = GRU(Parameters(0, compute_dtype="bfloat16"), "x", X, H)
    state = layer.zeros([B])
    assert state.hidden.dtype == tf.float32
    projected = layer.project(tf.ones([B, X], tf.bfloat16))
    assert layer.step(projected, state).hidden.dtype == tf.float32
