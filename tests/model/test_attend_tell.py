"""AttendTell against a loop in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import GO
from tests.model.captioners import make, make_batch, take
from tests.model.test_show_tell import lstm, sigmoid


def write_out(values, annotations, words):
    """Equations (1)-(7) for one post: logits and attention of each step."""
    mean = annotations.mean(0)
    hidden = np.tanh(mean @ values["W_init_h"] + values["b_init_h"])
    memory = np.tanh(mean @ values["W_init_c"] + values["b_init_c"])
    for word in values["W_e"][words]:
        energy = annotations @ values["W_a"] + hidden @ values["W_s"] + values["b_s"]
        scores = (np.tanh(energy) @ values["w"])[:, 0]
        attention = np.exp(scores) / np.exp(scores).sum()
        gate = sigmoid(hidden @ values["W_beta"] + values["b_beta"])
        seen = gate * (attention @ annotations)
        inputs = word @ values["W_lstm_x"] + seen @ values["W_lstm_z"]
        hidden, memory = lstm(values, "lstm", inputs, hidden, memory)
        deep = word + hidden @ values["L_h"] + seen @ values["L_z"]
        yield deep @ values["L_o"] + values["b_f"], attention


@pytest.fixture(scope="module")
def written():
    """A model with its biases moved, a batch, its outputs and what the loop makes of it."""
    model = make("attend-tell", dtype="float64", attention_penalty=0.7)
    generator = np.random.default_rng(0)
    for variable in model.parameters.variables.values():
        variable.assign_add(generator.normal(size=variable.shape) * 0.3)
    batch = make_batch(model)
    values = model.parameters.values()
    expected = []
    for post, length in enumerate(batch["caption_length"].numpy()):
        words = [GO, *batch["caption"][post].numpy()[:length]]
        annotations = batch["image"][post].numpy().astype(np.float64)
        expected.append(list(write_out(values, annotations, words)))
    return model, batch, model.forward(batch), expected


def test_every_step_is_what_the_equations_say(written):
    _, _, outputs, expected = written
    for logits, (post, step) in zip(outputs.logits, outputs.index.numpy(), strict=True):
        np.testing.assert_allclose(logits, expected[post][step][0], atol=1e-9)
        attention = outputs.attention["image"][post, step]
        np.testing.assert_allclose(attention, expected[post][step][1], atol=1e-9)


def test_the_penalty_asks_for_every_place_once_in_total(written):
    """Over a post's real positions, EOS included, summed over the posts."""
    _, _, outputs, expected = written
    totals = [sum(attention for _, attention in steps) for steps in expected]
    penalty = 0.7 * sum(((1 - total) ** 2).sum() for total in totals)
    assert float(outputs.penalty) == pytest.approx(penalty, abs=1e-9)


def test_attention_sums_to_one(written):
    _, _, outputs, _ = written
    assert outputs.attention["image"].shape == [5, 7, 9]
    np.testing.assert_allclose(tf.reduce_sum(outputs.attention["image"], 2), 1, atol=1e-12)


def test_without_penalty_nothing_is_added(written):
    model, batch, outputs, _ = written
    free = make("attend-tell", dtype="float64", attention_penalty=0.0)
    free.parameters.assign(model.parameters.values())
    assert float(free.forward(batch).penalty) == 0
    np.testing.assert_array_equal(free.forward(batch).logits, outputs.logits)
    assert float(model.forward(take(batch, tf.zeros([0], tf.int32))).penalty) == 0
