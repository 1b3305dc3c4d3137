"""SoftAttention against a loop in NumPy, and what its stateless form forgets."""

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import GO
from model.losses import doubly_stochastic
from tests.model.captioners import make, make_batch
from tests.model.test_show_tell import lstm, sigmoid

CELLS = {"soft-attention": "gru", "soft-attention-lstm": "lstm", "soft-attention-stateless": "gru"}


def gru(values, inputs, hidden):
    """One step; `inputs` is `W_x x` from every source together."""
    matrix = values.get("W_gru_h", np.zeros([hidden.size, 3 * hidden.size]))
    outside, inside = inputs + values["b_gru"], hidden @ matrix + values["b_gru_h"]
    (z, r, g), (z_h, r_h, g_h) = np.split(outside, 3), np.split(inside, 3)
    keep = sigmoid(z + z_h)
    return keep * hidden + (1 - keep) * np.tanh(g + sigmoid(r + r_h) * g_h)


def write_out(name, values, image, tags):
    """The docstring's equations for one post: logits and attention of each step."""
    cells = np.maximum(image @ values["W_i"] + values["b_i"], 0)
    hidden, memory = np.zeros([2, 10])
    for tag in values["W_e"][tags]:
        energy = cells @ values["W_1"] + hidden @ values["W_2"] + values["b_1"]
        scores = (np.tanh(energy) @ values["v"])[:, 0]
        attention = np.exp(scores) / np.exp(scores).sum()
        kind = CELLS[name]
        both = np.concatenate([attention @ cells, tag])  # context first
        inputs = both @ np.concatenate([values[f"W_{kind}_z"], values[f"W_{kind}_x"]])
        if kind == "lstm":
            hidden, memory = lstm(values, "lstm", inputs, hidden, memory)
        else:
            hidden = gru(values, inputs, np.zeros(10) if "stateless" in name else hidden)
        deep = hidden @ values["W_3"] + values["b_3"]
        yield deep @ values["W_4"] + values["b_f"], attention


def moved(name, **changes):
    """A model with its biases moved."""
    model = make(name, dtype="float64", **changes)
    generator = np.random.default_rng(0)
    for variable in model.parameters.variables.values():
        variable.assign_add(generator.normal(size=variable.shape) * 0.3)
    return model


@pytest.mark.parametrize("name", CELLS)
def test_every_step_is_what_the_equations_say(name):
    model = moved(name, attention_penalty=0.7)
    batch, values = make_batch(model), model.parameters.values()
    outputs, penalty = model.forward(batch), 0
    logits = iter(outputs.logits.numpy())
    for post, length in enumerate(batch["caption_length"].numpy()):
        tags = [GO, *batch["caption"][post].numpy()[:length]]
        image = batch["image"][post].numpy().astype(np.float64)
        steps = list(write_out(name, values, image, tags))
        for step, (expected, attention) in enumerate(steps):
            np.testing.assert_allclose(next(logits), expected, atol=1e-9)
            np.testing.assert_allclose(outputs.attention["image"][post, step], attention, atol=1e-9)
        penalty += 0.7 * ((1 - sum(attention for _, attention in steps)) ** 2).sum()
    assert float(outputs.penalty) == pytest.approx(penalty, abs=1e-9)


def last_logits(model, history, cut_query):
    """Logits after these tags; the attention's query can be cut off from the state."""
    if cut_query:
        model.parameters.variables["W_2"].assign(tf.zeros_like(model.parameters["W_2"]))
    context = model.encode(make_batch(model, posts=1))
    state = model.initial_state(context)
    for tag in [GO, *history]:
        logits, state, _ = model.step(tf.constant([[tag]]), state, context)
    return logits.numpy()


@pytest.mark.parametrize(
    ("name", "cut_query", "forgets"),
    [
        ("soft-attention-stateless", True, True),
        # What it attended to still tells of earlier tags.
        ("soft-attention-stateless", False, False),
        ("soft-attention", True, False),
    ],
)
def test_without_a_state_only_the_last_tag_and_the_query_matter(name, cut_query, forgets):
    model = moved(name)
    difference = last_logits(model, [4, 9, 6, 7], cut_query) - last_logits(
        model, [6, 4, 9, 7], cut_query
    )
    assert (np.abs(difference).max() < 1e-12) == forgets


def test_one_look_at_every_cell_costs_nothing():
    places = np.random.default_rng(0).permutation(6)
    looks = tf.one_hot([places, places[::-1]], 6)  # T = L
    real = tf.ones([2, 6], tf.bool)
    assert float(doubly_stochastic(looks, real)) == 0
    # A step that is not real has seen nothing: its cell is missing.
    assert float(doubly_stochastic(looks, real & (tf.range(6) != 2))) == 2
    assert float(doubly_stochastic(tf.one_hot([[1, 1]], 3), tf.ones([1, 2], tf.bool))) == 3
