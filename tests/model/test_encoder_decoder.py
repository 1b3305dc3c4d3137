"""The encoder-decoder of caption-guided saliency against a loop in NumPy, and its parts."""

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import GO
from model.encoder_decoder import EncoderDecoder, snake_order
from tests.model.captioners import H, V, make, make_batch


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(values, projected, hidden, memory):
    """One step; the four blocks are i, f, g, o."""
    i, f, g, o = np.split(projected + hidden @ values["W_lstm_h"] + values["b_lstm"], 4)
    memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(memory), memory


def by_hand(model, image, words, masks=(1, 1, 1)):
    """Logits after each word: cells in the order of reading, then GO and the words.

    Args:
        model, words: the model and word ids.
        image: [I, D], in that order.
        masks: what dropout multiplies with: [I, H], [T, E] and [T, H], or 1.
    """
    values = {name: value.astype(np.float64) for name, value in model.parameters.values().items()}
    hidden, memory, outputs = np.zeros(H), np.zeros(H), []
    for x in (image @ values["W_v"] + values["b_v"]) * masks[0]:
        hidden, memory = lstm(values, x @ values["W_lstm_x"], hidden, memory)
    embedded = values["W_e"][[GO, *words]]
    embedded[0] = 0
    for u in embedded * masks[1]:
        hidden, memory = lstm(values, u @ values["W_lstm_u"], hidden, memory)
        outputs.append(hidden)
    return (np.stack(outputs) * masks[2]) @ values["W_o"] + values["b_o"]


@pytest.mark.parametrize(
    ("name", "order"),
    [("saliency-image", [0, 1, 2, 5, 4, 3, 6, 7, 8]), ("saliency-video", range(6))],
)
def test_a_loop_in_numpy_gives_the_same(name, order):
    model = make(name)
    batch = make_batch(model)
    outputs = model.forward(batch)
    for post, length in enumerate(batch["caption_length"].numpy()):
        image, words = batch["image"][post].numpy(), batch["caption"][post, :length].numpy()
        expected = by_hand(model, image[list(order)], words)
        mine = outputs.logits.numpy()[outputs.index[:, 0] == post]
        np.testing.assert_allclose(mine, expected, atol=1e-5)


def test_cells_are_read_in_snake_order():
    """Position 8r + c, or 8r + 7 - c in an odd row."""
    order = snake_order(64)
    assert [divmod(int(order[k]), 8) for k in (7, 8, 15, 16)] == [(0, 7), (1, 7), (1, 0), (2, 0)]
    assert sorted(order) == list(range(64))
    with pytest.raises(ValueError, match="26 cells make no square"):
        snake_order(26)


def test_the_word_before_the_first_is_the_zero_vector():
    model, batch = make("saliency-image"), make_batch(make("saliency-image"))
    before = model.forward(batch).logits
    table = model.parameters.variables["W_e"]
    table.assign(tf.tensor_scatter_nd_update(table, [[GO]], tf.ones([1, table.shape[1]])))
    np.testing.assert_array_equal(model.forward(batch).logits, before)


def test_a_first_step_needs_no_state():
    model = make("saliency-image")
    inputs = tf.random.stateless_normal([5, H], [0, 1])
    expected = model.lstm.step(model.lstm.project(inputs), model.lstm.zeros([5]))
    for mine, whole in zip(model.lstm.first(inputs), expected, strict=True):
        np.testing.assert_allclose(mine, whole, atol=1e-6)


def test_initial_values_are_xaviers():
    """Of the whole LSTM: [feature; word; state] to four gates; its forget bias is 1."""
    model = EncoderDecoder(V, image_dim=70, word_dim=50, hidden_dim=60)
    values = model.parameters.values()
    gates = np.sqrt(6 / (60 + 50 + 60 + 4 * 60))
    bounds = dict.fromkeys(("W_lstm_x", "W_lstm_u", "W_lstm_h"), gates)
    bounds |= {"W_v": np.sqrt(6 / 130), "b_v": np.sqrt(3 / 60), "W_e": np.sqrt(6 / (V + 50))}
    bounds |= {"W_o": np.sqrt(6 / (60 + V))}
    for name, bound in bounds.items():
        assert 0.9 * bound < np.abs(values[name]).max() <= bound, name
    np.testing.assert_array_equal(values["b_lstm"], np.repeat([0, 1, 0, 0], 60))
    assert not values["b_o"].any()


def test_dropout_is_of_inputs_and_outputs_and_fresh_at_each_step():
    model = make("saliency-image", dropout=0.5)
    batch = make_batch(model, posts=40)
    masks = model._masks(batch, tf.constant([3, 14]), tf.constant(6))
    for mask, steps in zip(masks, (9, 6, 6), strict=True):
        assert mask.shape[:2] == [40, steps] and set(np.unique(mask)) == {0, 2}
        assert 0.45 < (mask.numpy() == 0).mean() < 0.55
        assert not np.array_equal(mask[:, 0], mask[:, 1])
        assert not np.array_equal(mask[0], mask[1])
    assert masks.words.shape[2] != masks.outputs.shape[2] == H
    again = model._masks(batch, tf.constant([3, 15]), tf.constant(6))
    assert not np.array_equal(masks.outputs, again.outputs)


def test_a_loop_in_numpy_leaves_out_the_same():
    model = make("saliency-video", dropout=0.5)
    batch, noise = make_batch(model), tf.constant([3, 14])
    outputs = model.forward(batch, noise=noise)
    masks = model._masks(batch, noise, tf.constant(model.word_slots))
    for post, length in enumerate(batch["caption_length"].numpy()):
        image, words = batch["image"][post].numpy(), batch["caption"][post, :length].numpy()
        mine = [mask[post].numpy() for mask in masks]
        left = by_hand(model, image, words, (mine[0], *(m[: length + 1] for m in mine[1:])))
        got = outputs.logits.numpy()[outputs.index[:, 0] == post]
        np.testing.assert_allclose(got, left, atol=1e-5)
