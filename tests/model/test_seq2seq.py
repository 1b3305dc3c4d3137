"""seq2seq against a loop in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import GO
from tests.model.captioners import make, make_batch
from tests.model.test_show_tell import lstm


def encode(values, words, layers=3):
    """The top layer's states [U, H] and each layer's last state."""
    states = [(np.zeros(10), np.zeros(10))] * layers
    top = []
    for x in values["W_d"][words]:
        for layer in range(layers):
            name = f"encoder_{layer + 1}"
            states[layer] = lstm(values, name, x @ values[f"W_{name}_x"], *states[layer])
            x = states[layer][0]
        top.append(x)
    return np.array(top).reshape(-1, 10), states


def write_out(values, read, states, words, layers=3):
    """Logits and attention of each step for one post."""
    attended, states = np.zeros(10), list(states)
    for x in values["W_e"][words]:
        fed = attended @ values["W_decoder_1_a"]
        for layer in range(layers):
            name = f"decoder_{layer + 1}"
            states[layer] = lstm(values, name, x @ values[f"W_{name}_x"] + fed, *states[layer])
            x, fed = states[layer][0], 0
        scores = (np.tanh(read @ values["W_1"] + x @ values["W_2"]) @ values["v"])[:, 0]
        attention = np.exp(scores) / np.exp(scores).sum()
        attended = attention @ read
        yield np.concatenate([x, attended]) @ values["W_f"] + values["b_f"], attention


@pytest.mark.parametrize("layers", [1, 3])
def test_every_step_is_what_the_equations_say(layers):
    model = make("seq2seq", dtype="float64", layers=layers)
    generator = np.random.default_rng(0)
    for variable in model.parameters.variables.values():
        variable.assign_add(generator.normal(size=variable.shape) * 0.3)
    batch, values = make_batch(model), model.parameters.values()
    outputs = model.forward(batch)
    expected = []
    for post, length in enumerate(batch["context_length"].numpy()):
        read, states = encode(values, batch["context"][post].numpy()[:length], layers)
        words = [GO, *batch["caption"][post].numpy()]
        expected.append(list(write_out(values, read, states, words, layers)))
    for logits, (post, step) in zip(outputs.logits, outputs.index.numpy(), strict=True):
        np.testing.assert_allclose(logits, expected[post][step][0], atol=1e-9)
        attention = expected[post][step][1]
        mine = outputs.attention["user"][post, step].numpy()
        np.testing.assert_allclose(mine[: len(attention)], attention, atol=1e-9)
        assert not mine[len(attention) :].any()


def test_the_order_of_the_users_words_matters_and_the_image_does_not():
    model = make("seq2seq")
    batch = make_batch(model)
    logits = model.forward(batch).logits
    turned = {**batch, "context": tf.reverse(batch["context"], [1])}
    assert np.abs(model.forward(turned).logits - logits).max() > 1e-5
    blind = {**batch, "image": tf.zeros([5, 0, 13])}
    np.testing.assert_array_equal(model.forward(blind).logits, logits)


def test_only_the_best_words_are_read():
    model = make("seq2seq")
    batch = make_batch(model)
    longer = {
        **batch,
        "context": tf.pad(batch["context"], [[0, 0], [0, 2]], constant_values=9),
        "context_length": batch["context_length"]
        + 2 * tf.cast(batch["context_length"] == 8, "int32"),
    }
    np.testing.assert_array_equal(model.forward(longer).logits, model.forward(batch).logits)
