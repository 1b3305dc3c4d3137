"""Batch normalisation against Keras, and its statistics from step to checkpoint."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.batch_norm import BatchNorm
from model.optimizer import Adam
from model.parameters import Parameters
from model.training import make_train_step, make_validation_step
from tests.model.captioners import make, make_batch, take

C, MOMENTUM, EPSILON = 3, 0.2, 1e-3


@pytest.fixture
def layer():
    """A layer whose parameters and statistics are moved."""
    layer = BatchNorm(Parameters(0, "float64"), "x", C, MOMENTUM, EPSILON)
    generator = np.random.default_rng(0)
    for variable in layer.parameters.stored.values():
        variable.assign_add(generator.uniform(0.1, 0.5, variable.shape))
    return layer


def inputs(*shape):
    return tf.constant(np.random.default_rng(1).normal(2, 3, size=[*shape, C]))


def keras_layer(layer, shape):
    theirs = keras.layers.BatchNormalization(
        momentum=1 - MOMENTUM, epsilon=EPSILON, dtype="float64"
    )
    theirs.build(shape)
    theirs.set_weights(list(layer.parameters.values().values()))
    return theirs


@pytest.mark.parametrize("shape", [(7,), (2, 5, 4)], ids=["rows", "images"])
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients_are_those_of_keras(layer, shape, training):
    x, theirs = inputs(*shape), keras_layer(layer, [*shape, C])
    found = []
    for function in (lambda x: layer(x, training)[0], lambda x: theirs(x, training=training)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
            loss = tf.reduce_sum(tf.sin(y))
        found.append((y, tape.gradient(loss, x)))
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_statistics_move_by_the_momentum_towards_unbiased_moments(layer):
    x, before = inputs(2, 5), layer.parameters.values()
    _, moved = layer(x, True)
    rows = x.numpy().reshape(-1, C)
    expected = {"mean_x": rows.mean(0), "variance_x": rows.var(0, ddof=1)}
    assert moved.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(moved[name], 0.8 * before[name] + 0.2 * value, rtol=1e-9)
    assert layer(x, False)[1] == {}


def test_one_row_and_none_are_legal(layer):
    before = layer.parameters.values()
    y, moved = layer(inputs(1), True)
    np.testing.assert_allclose(y[0], before["b_x"])
    np.testing.assert_allclose(moved["variance_x"], 0.8 * before["variance_x"])
    y, moved = layer(inputs(0), True)
    assert y.shape == [0, C]
    for name, value in moved.items():
        np.testing.assert_array_equal(value, before[name])


def test_large_means_leave_the_variance_its_digits():
    layer = BatchNorm(Parameters(0), "x", C)
    x = tf.constant(1000 + np.random.default_rng(0).normal(size=(50, C)), tf.float32)
    np.testing.assert_allclose(np.std(layer(x, True)[0], 0), 1, rtol=1e-3)


def test_in_evaluation_a_post_does_not_depend_on_its_batch():
    model, noise = make("show-tell-cnn"), tf.constant([0, 1])
    batch = make_batch(model)
    alone = take(batch, [2])
    rows = model.forward(batch).index[:, 0] == 2
    np.testing.assert_allclose(
        model.forward(batch).logits[rows], model.forward(alone).logits, atol=1e-6
    )
    learning = model.forward(batch, noise=noise).logits[rows]
    assert np.abs(learning - model.forward(alone, noise=noise).logits).max() > 1e-3


def test_a_training_step_moves_the_statistics_and_a_validation_step_does_not():
    strategy, model = tf.distribute.OneDeviceStrategy("/cpu:0"), make("show-tell-cnn")
    batch = make_batch(model)
    spec = {name: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for name, v in batch.items()}
    before = model.parameters.values()
    expected = model.forward(batch, noise=tf.constant([0, 4])).statistics
    make_validation_step(strategy, model, spec)(batch)
    for name, value in model.parameters.values().items():
        np.testing.assert_array_equal(value, before[name])
    make_train_step(strategy, model, Adam(model.parameters.variables), spec)(batch, 0.01, 4)
    assert expected.keys() == model.parameters.statistics.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(model.parameters.statistics[name], value, rtol=1e-6)
        assert np.abs(value - before[name]).max() > 1e-4


def test_statistics_are_stored_but_not_learnt():
    parameters = make("show-tell-cnn").parameters
    names = {"mean_image", "variance_image"}
    assert parameters.statistics.keys() == names and not names & parameters.variables.keys()
    values = parameters.values()
    assert values.keys() == parameters.variables.keys() | names
    values["mean_image"] = values["mean_image"] + 2
    parameters.assign(values)
    np.testing.assert_array_equal(parameters.statistics["mean_image"], np.full(11, 2))
    del values["mean_image"]
    with pytest.raises(ValueError, match=r"missing: \['mean_image'\]"):
        parameters.assign(values)
