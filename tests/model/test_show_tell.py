"""ShowTell and its LSTM against loops in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import GO
from model.lstm import LSTM, LSTMState
from model.noise import dropout_masks, uniform
from model.parameters import Parameters
from tests.model.captioners import make, make_batch


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(values, name, inputs, hidden, memory):
    """One step; `inputs` is `W_x x` from every source together."""
    gates = inputs + values[f"b_{name}"] + hidden @ values[f"W_{name}_h"]
    i, f, g, o = np.split(gates, 4, -1)
    memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(memory), memory


def test_every_step_is_what_the_equations_say():
    model = make("show-tell", dtype="float64")
    batch = make_batch(model)
    outputs, values = model.forward(batch), model.parameters.values()
    for logits, (post, step) in zip(outputs.logits, outputs.index.numpy(), strict=True):
        image = batch["image"][post, 0].numpy().astype(np.float64) @ values["W_i"] + values["b_i"]
        words = [GO, *batch["caption"][post].numpy()[:step]]
        hidden = memory = np.zeros(10)
        for x in [image, *values["W_e"][words]]:
            hidden, memory = lstm(values, "lstm", x @ values["W_lstm_x"], hidden, memory)
        np.testing.assert_allclose(logits, hidden @ values["W_f"] + values["b_f"], atol=1e-9)


def test_dropout_is_on_what_enters_and_leaves_the_lstm():
    model = make("show-tell", dtype="float64")
    batch, noise = make_batch(model), tf.constant([7, 3])
    outputs, values = model.forward(batch, noise=noise), model.parameters.values()
    masks = dropout_masks(noise, batch["row"], [8, 11 + 10], 0.3).numpy().astype(np.float64)
    for logits, (post, step) in zip(outputs.logits, outputs.index.numpy(), strict=True):
        image = batch["image"][post, 0].numpy().astype(np.float64) @ values["W_i"] + values["b_i"]
        inputs = [image, *values["W_e"][[GO, *batch["caption"][post].numpy()[:step]]]]
        hidden = memory = np.zeros(10)
        for x, mask in zip(inputs, masks[post], strict=False):
            x = (x * mask[:11]) @ values["W_lstm_x"]
            hidden, memory = lstm(values, "lstm", x, hidden, memory)
        expected = (hidden * masks[post, step + 1, 11:]) @ values["W_f"] + values["b_f"]
        np.testing.assert_allclose(logits, expected, atol=1e-9)


def test_dropout_differs_by_step_seed_and_post_and_rests_in_evaluation():
    model = make("show-tell")
    batch = make_batch(model)
    plain = model.forward(batch).logits.numpy()
    dropped = [model.forward(batch, noise=tf.constant(n)).logits for n in ([0, 1], [0, 2], [1, 1])]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert np.abs(dropped[one] - dropped[other]).max() > 1e-3
    assert all(np.abs(logits - plain).max() > 1e-3 for logits in dropped)
    without = make("show-tell", dropout=0.0)
    np.testing.assert_array_equal(without.forward(batch, noise=tf.constant([0, 1])).logits, plain)


def test_masks_keep_their_share_and_the_expected_sum():
    masks = dropout_masks(tf.constant([5, 6]), tf.range(300), [40], 0.3).numpy()
    assert set(np.unique(masks)) == {np.float32(0), np.float32(1 / 0.7)}
    assert (masks == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert masks.mean() == pytest.approx(1, abs=0.02)


def test_random_numbers_belong_to_the_post():
    whole = uniform(9, tf.constant([4, 70, 4]), [6]).numpy()
    assert whole.shape == (3, 6) and len(np.unique(whole)) == 12
    np.testing.assert_array_equal(whole[0], whole[2])
    np.testing.assert_array_equal(uniform(9, tf.constant([70]), [6])[0], whole[1])
    assert not np.array_equal(uniform(8, tf.constant([70]), [6])[0], whole[1])
    assert uniform(9, tf.zeros([0], tf.int32), [6, 2]).shape == [0, 6, 2]


def test_a_new_lstm_remembers():
    parameters = Parameters(0)
    LSTM(parameters, "x", 3, 5)
    bias = parameters.variables["b_x"].numpy()
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 5))


def test_an_lstm_stops_at_the_end_of_each_sequence():
    parameters = Parameters(0, "float64")
    layer = LSTM(parameters, "x", 3, 5)
    inputs = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 3)))
    hidden, final = layer.run(inputs, tf.constant([2, 0]))
    expected = LSTMState(np.zeros(5), np.zeros(5))
    for t in range(2):
        x = inputs[0, t].numpy() @ parameters.values()["W_x_x"]
        expected = lstm(parameters.values(), "x", x, *expected)
        np.testing.assert_allclose(hidden[0, t], expected[0], atol=1e-12)
    np.testing.assert_allclose(final.hidden[0], expected[0], atol=1e-12)
    np.testing.assert_allclose(final.memory[0], expected[1], atol=1e-12)
    assert not np.any(final.hidden[1]) and not np.any(final.memory[1])
