"""What is the character model's own; `test_captioners.py` has what every captioner promises."""

import numpy as np
import tensorflow as tf

from model.captioner import EOS, GO
from model.char_rnn import CharRNN
from model.decoding import decode
from model.losses import cross_entropy

V, L = 13, 9


def small(**changes) -> CharRNN:
    return CharRNN(**{"vocab_size": V, "word_slots": L, "char_dim": 5, "hidden_dim": 6, **changes})


def windows(captions, lengths):
    """A batch of texts as `data_loader/windows.py` makes it."""
    posts = len(lengths)
    arrays = {"caption": captions, "caption_length": lengths, "row": range(posts)}
    arrays |= {"context": np.zeros([posts, 0]), "context_length": np.zeros(posts)}
    batch = {name: tf.constant(np.array(v), tf.int32) for name, v in arrays.items()}
    return {**batch, "image": tf.zeros([posts, 0, 1])}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_probabilities(model, text):
    """Layer by layer and step by step, from GO on: [len(text), V]."""
    p = {name: value.astype(np.float64) for name, value in model.parameters.values().items()}
    states = [(np.zeros(6), np.zeros(6)) for _ in range(2)]
    found = []
    for token in [GO, *text[:-1]]:
        x = p["W_e"][token]
        for layer in range(2):
            h, c = states[layer]
            name = f"lstm_{layer + 1}"
            gates = x @ p[f"W_{name}_x"] + h @ p[f"W_{name}_h"] + p[f"b_{name}"]
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            x = sigmoid(o) * np.tanh(c)
            states[layer] = x, c
        logits = x @ p["W_f"] + p["b_f"]
        found.append(np.exp(logits) / np.exp(logits).sum())
    return np.array(found)


def test_the_equations_in_numpy():
    model = small(seed=4)
    text = np.random.default_rng(0).integers(EOS, V, L)
    outputs = model.forward(windows([text], [L]))
    expected = numpy_probabilities(model, text)
    np.testing.assert_allclose(tf.nn.softmax(outputs.logits), expected, rtol=1e-5)
    total, count = cross_entropy(outputs)
    losses = -np.log(expected[np.arange(L), text])
    np.testing.assert_allclose(total, losses.sum(), rtol=1e-5)
    assert count == L  # a window that is cut off has no end, and an EOS in it is a character


def test_the_rest_of_a_text_ends_with_the_end_of_its_story():
    model = small()
    outputs = model.forward(windows([[7, 8, 9, 4, 0], [0] * 5], [4, 0]))
    np.testing.assert_array_equal(outputs.targets, [7, 8, 9, 4, EOS, EOS])


def test_windows_know_nothing_of_one_another():
    model = small()
    texts = np.random.default_rng(1).integers(4, V, [3, L])
    together = model.forward(windows(texts, [L] * 3)).logits
    alone = [model.forward(windows(texts[[row]], [L])).logits for row in range(3)]
    np.testing.assert_allclose(together, tf.concat(alone, 0), atol=1e-6)


def test_a_given_beginning_is_read_once_and_then_sampled_from():
    """The last character of the seed is not read twice, as a notebook of the release does."""
    model = small(seed=1)
    for variable in model.parameters.variables.values():
        variable.assign(variable * 4)  # so that the state matters
    seeds = [[7, 8, 9], [5, 0, 0]]
    batch = windows(np.zeros([2, 0]), [0, 0]) | {"prefix": tf.constant(seeds)}
    ids = decode(model, batch, forbidden=(0, GO, EOS)).ids[:, 0].numpy()
    for row, length in enumerate((3, 1)):
        np.testing.assert_array_equal(ids[row, :length], seeds[row][:length])
        probabilities = numpy_probabilities(model, ids[row])
        probabilities[:, [0, GO, EOS]] = 0
        np.testing.assert_array_equal(ids[row, length:], probabilities.argmax(1)[length:])


def test_dropout_leaves_numbers_out_in_training_alone():
    model = small(dropout=0.5)
    batch = windows(np.full([4, L], 5), [L] * 4)
    noise = [model.forward(batch, noise=tf.constant([0, step])).logits for step in (1, 1, 2)]
    np.testing.assert_array_equal(noise[0], noise[1])
    assert np.abs(noise[0] - noise[2]).max() > 1e-4
    still = small(dropout=0.0).forward(batch, noise=tf.constant([0, 1])).logits
    np.testing.assert_array_equal(model.forward(batch).logits, still)
