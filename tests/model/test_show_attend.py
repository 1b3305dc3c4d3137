"""ShowAttend against a loop in NumPy; looking back, predicting forward, initial values."""

import math

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import EOS, GO
from model.decoding import decode
from model.show_attend import ShowAttend, cell_scores
from tests.model.captioners import IMAGE, A, E, H, V, make, make_batch
from tests.model.test_captioners import NOISE, gradients_of
from tests.model.test_show_tell import lstm


def write_out(values, annotations, words, look_back):
    """The equations for one post: the first head's logits, attention and h of each step."""
    seen = mean = annotations.mean(0)
    hidden, memory = mean @ values["W_init_h"], mean @ values["W_init_c"]
    for word in values["W_e"][words]:
        query = np.concatenate([hidden, seen]) if look_back else hidden
        energy = annotations @ values["W_a"] + values["b_a"] + query @ values["W_q"] + values["b_q"]
        scores = (np.maximum(energy, 0) @ values["w"])[:, 0] + values["b_e"]
        attention = np.exp(scores) / np.exp(scores).sum()
        seen = attention @ annotations
        inputs = word @ values["W_lstm_x"] + seen @ values["W_lstm_z"]
        hidden, memory = lstm(values, "lstm", inputs, hidden, memory)
        read = word + hidden @ values["L_h"] + seen @ values["L_z"]
        yield read @ values["L_o"], attention, hidden


def second_head(values, steps, words):
    """Logits of the second head at the steps whose word is known: of y_2, y_3 ..."""
    hidden = memory = np.zeros(H)
    for (_, _, first), word in zip(steps, values["W_e"][words], strict=False):
        inputs = np.concatenate([first, word]) @ values["W_second_x"]
        hidden, memory = lstm(values, "second", inputs, hidden, memory)
        yield hidden @ values["W_2"]


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum())


def written_out(name, **changes):
    """A model in float64, a batch, and by post its words with EOS and the loop's steps."""
    model = make(name, dtype="float64", **changes)
    batch, values = make_batch(model), model.parameters.values()
    words = [
        [*batch["caption"][post].numpy()[:length], EOS]
        for post, length in enumerate(batch["caption_length"].numpy())
    ]
    annotations = batch["image"].numpy().astype(np.float64)
    steps = [
        list(write_out(values, image, [GO, *said[:-1]], model.look_back))
        for image, said in zip(annotations, words, strict=True)
    ]
    return model, batch, words, steps


@pytest.mark.parametrize("name", ["show-attend", "look-back", "predict-forward"])
def test_every_step_is_what_the_equations_say(name):
    model, batch, _, steps = written_out(name)
    outputs = model.forward(batch)
    for logits, (post, step) in zip(outputs.logits, outputs.index.numpy(), strict=True):
        np.testing.assert_allclose(logits, steps[post][step][0], atol=1e-12)
        attention = outputs.attention["image"][post, step]
        np.testing.assert_allclose(attention, steps[post][step][1], atol=1e-12)
    assert (outputs.penalty is None) == (name != "predict-forward")


def test_without_its_part_of_the_query_looking_back_is_the_baseline():
    back, plain = make("look-back"), make("show-attend")
    values = back.parameters.values()
    plain.parameters.assign(values | {"W_q": values["W_q"][:H]})
    values["W_q"][H:] = 0
    batch = make_batch(back)
    assert np.abs(back.forward(batch).logits - plain.forward(batch).logits).max() > 1e-4
    back.parameters.assign(values)
    np.testing.assert_array_equal(back.forward(batch).logits, plain.forward(batch).logits)


def test_the_loss_of_the_second_head_is_that_of_the_word_after():
    model, batch, words, steps = written_out("predict-forward", second_word_weight=0.7)
    values, total = model.parameters.values(), 0.0
    for said, mine in zip(words, steps, strict=True):
        predicted = second_head(values, mine, said[:-1])
        total -= sum(log_softmax(p)[word] for p, word in zip(predicted, said[1:], strict=True))
    assert float(model.forward(batch).penalty) == pytest.approx(0.7 * total, abs=1e-9)


def test_a_step_joins_what_two_steps_predict():
    """Where beams are taken over, each goes on with what its own second head remembers."""
    model, batch, words, steps = written_out("predict-forward", joint_weight=0.6)
    values, context = model.parameters.values(), model.encode(batch)
    state = model.initial_state(context, beams=2)
    for t in range(model.word_slots):
        before = [[said[t - 1] if 0 < t < len(said) else GO] * 2 for said in words]
        logits, state, _ = model.step(tf.constant(before), state, context)
        for post, said in enumerate(words):
            if t < len(said):
                joint = log_softmax(steps[post][t][0])
                if t:
                    joint = joint + 0.6 * log_softmax(
                        list(second_head(values, steps[post], said[:t]))[-1]
                    )
                for beam in range(2):
                    found = log_softmax(logits[post, beam].numpy())
                    np.testing.assert_allclose(found, log_softmax(joint), atol=1e-9)


@pytest.mark.parametrize("noise", [None, NOISE], ids=["evaluation", "training"])
def test_without_weights_the_second_head_changes_nothing(noise):
    options = {"second_word_weight": 0.0, "joint_weight": 0.0}
    full, plain = make("predict-forward", **options), make("look-back")
    plain.parameters.assign(
        {name: full.parameters.values()[name] for name in plain.parameters.variables}
    )
    batch = make_batch(full)
    (loss, gradients), (expected_loss, expected) = (
        gradients_of(model, batch, noise) for model in (full, plain)
    )
    assert loss == expected_loss
    for name, gradient in expected.items():
        np.testing.assert_array_equal(gradients[name], gradient, err_msg=name)
    for beams in (1, 3):
        ids = [decode(model, batch, beam_size=beams).ids.numpy() for model in (full, plain)]
        np.testing.assert_array_equal(*ids)


# p1(y_t | y_{t-1}) of EOS and two words, and p2 of the word after, which never changes.
ONE, OTHER = 4, 5
FIRST = {GO: (0.1, 0.5, 0.4), ONE: (0.4, 0.1, 0.5), OTHER: (0.9, 0.05, 0.05)}
SECOND = (0.7, 0.1, 0.2)


def spoken(probabilities):
    """Logits [6] of EOS and the two words; nothing else is ever said."""
    logits = np.full(6, -1e9)
    logits[[EOS, ONE, OTHER]] = np.log(probabilities)
    return logits


@pytest.fixture
def known():
    """A model whose heads have the probabilities above: its words are rows of the tables."""
    sizes = {"image_dim": 2, "image_slots": 3, "word_slots": 4, "word_dim": 6, "hidden_dim": 1}
    model = ShowAttend(6, **sizes, attention_dim=5, predict_forward=True, dtype="float64")
    values = {name: np.zeros_like(value) for name, value in model.parameters.values().items()}
    values["W_e"] = np.eye(6)
    for word, probabilities in FIRST.items():
        values["L_o"][word] = spoken(probabilities)
    # Input and output gates open, memory forgotten: the second LSTM always says tanh(1).
    values["b_second"] = np.array([50.0, -50.0, 50.0, 50.0])
    values["W_2"] = spoken(SECOND)[np.newaxis] / np.tanh(1)
    model.parameters.assign(values)
    return model


def known_batch(*captions):
    longest = max(map(len, captions))
    return {
        "image": tf.zeros([len(captions), 3, 2]),
        "context_length": tf.zeros([len(captions)], tf.int32),
        "caption": tf.constant([[*said, *[0] * (longest - len(said))] for said in captions]),
        "caption_length": tf.constant([len(said) for said in captions]),
        "row": tf.range(len(captions)),
    }


def test_the_losses_of_both_heads_by_hand(known):
    """`ONE OTHER` and `OTHER`: five first words, and the words after the first of each."""
    outputs = known.forward(known_batch([ONE, OTHER], [OTHER]))
    losses = -tf.math.log(tf.gather(tf.nn.softmax(outputs.logits), outputs.targets, batch_dims=1))
    np.testing.assert_allclose(np.exp(-losses.numpy()), [0.5, 0.5, 0.9, 0.4, 0.9])
    # After ONE: OTHER and EOS; after OTHER: EOS.
    assert float(outputs.penalty) == pytest.approx(-math.log(0.2 * 0.7 * 0.7))


def test_greedy_search_and_beams_by_hand(known):
    """After ONE, p1 p2 is .28, .01, .10; after OTHER .63, .005, .01: each divided by its sum."""
    batch = known_batch([ONE])

    def written(**options):
        found = decode(known, batch, **options)
        return found.ids[0, 0].numpy().tolist(), math.exp(found.scores[0, 0])

    # At first p1 decides alone; then EOS, though p1 by itself would say OTHER.
    assert written() == ([ONE, EOS, 0, 0], pytest.approx(0.5 * 0.28 / 0.39))
    assert written(beam_size=2) == ([OTHER, EOS, 0, 0], pytest.approx(0.4 * 0.63 / 0.645))
    known.joint_weight = 0.0
    assert written() == ([ONE, OTHER, EOS, 0], pytest.approx(0.5 * 0.5 * 0.9))
    assert written(beam_size=3) == ([OTHER, EOS, 0, 0], pytest.approx(0.4 * 0.9))


@pytest.fixture(scope="module")
def fluent():
    """A model that has learnt a language in which each word decides the next, and its batch."""
    model = make("predict-forward", hidden_dim=32, seed=1)
    batch = make_batch(model, posts=6)
    length = model.word_slots - 1
    start = np.arange(6)[:, np.newaxis] * 4
    batch["caption"] = tf.constant(4 + (start + 5 * np.arange(length)) % 25, tf.int32)
    batch["caption_length"] = tf.fill([6], length)
    learn(model, batch)
    return model, batch


def learn(model, batch, steps=300):
    """Trains both heads by heart."""
    from model.optimizer import Adam

    optimizer = Adam(model.parameters.variables)

    @tf.function
    def train():
        optimizer.apply(gradients_of(model, batch)[1], 0.01)

    for _ in range(steps):
        train()


def test_two_predictions_are_better_than_one(fluent):
    """Where the first head has forgotten some of what it wants to say."""
    model, batch = fluent
    known = model.parameters["L_o"].numpy()

    def right(joint_weight, **options):
        """Share of words, over five ways to forget."""
        model.joint_weight, shares = joint_weight, []
        for seed in range(5):
            noise = np.random.default_rng(seed).normal(size=known.shape)
            model.parameters.variables["L_o"].assign(known + 0.3 * noise)
            ids = decode(model, batch, **options).ids[:, 0, :-1]
            shares.append(np.mean(ids == batch["caption"]))
        return np.mean(shares)

    alone = right(0.0)
    assert 0.2 < alone < 0.8
    assert right(1.0) > alone + 0.1 and right(1.0, beam_size=3) > alone + 0.1


def test_dropout_is_of_the_layer_before_the_words():
    """Those of the two heads differ, and whoever drops nothing needs no noise."""
    model = make("predict-forward")
    batch = make_batch(model)
    plain, first, again = (model.forward(batch, noise=noise) for noise in (None, NOISE, NOISE))
    np.testing.assert_array_equal(first.logits, again.logits)
    assert np.abs(first.logits - plain.logits).max() > 1e-3
    assert float(first.penalty) == float(again.penalty) != float(plain.penalty)
    model.dropout = 0.0
    np.testing.assert_array_equal(model.forward(batch, noise=NOISE).logits, plain.logits)
    # A model of one word says everything in one number: it is kept, doubled, or dropped.
    narrow = ShowAttend(V, IMAGE, 9, 7, word_dim=1, hidden_dim=H, attention_dim=A, dropout=0.5)
    whole, dropped = (narrow.forward(batch, noise=noise).logits.numpy() for noise in (None, NOISE))
    factors = (dropped / whole).round(3)
    assert (factors == factors[:, :1]).all() and set(factors[:, 0]) == {0.0, 2.0}


def test_what_cells_are_worth_and_its_gradients():
    generator = np.random.default_rng(0)
    keys, query, weight, upstream = (
        tf.constant(generator.normal(size=shape)) for shape in ([3, 4, 5], [3, 5], [5, 1], [3, 4])
    )
    with tf.GradientTape() as tape, tf.GradientTape() as expected_tape:
        for each in (tape, expected_tape):
            each.watch([keys, query, weight])
        found = cell_scores(keys, query, weight)
        plain = (tf.nn.relu(keys + query[:, tf.newaxis]) @ weight)[..., 0]
    np.testing.assert_allclose(found, plain, atol=1e-12)
    gradients = tape.gradient(found, [keys, query, weight], upstream)
    expected = expected_tape.gradient(plain, [keys, query, weight], upstream)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_initial_values_are_those_of_pytorch():
    values = make("predict-forward", vocab_size=500).parameters.values()
    fan_in = {"W_init_h": IMAGE, "W_a": IMAGE, "b_a": IMAGE, "W_q": H + IMAGE, "b_q": H + IMAGE}
    fan_in |= {"w": A, "b_e": A, "L_h": H, "L_z": IMAGE, "L_o": E, "W_2": H}
    fan_in |= {f"W_{name}": H for name in ("lstm_x", "lstm_h", "lstm_z", "second_x", "second_h")}
    for name, inputs in fan_in.items():
        largest, bound = np.abs(values[name]).max(), 1 / math.sqrt(inputs)
        assert largest <= bound, name
        assert values[name].size < 50 or largest > 0.95 * bound, name
    assert abs(values["W_e"].mean()) < 0.05 and values["W_e"].std() == pytest.approx(1, abs=0.05)
    for name in ("b_lstm", "b_second"):  # two biases that add up
        assert 1 / math.sqrt(H) < np.abs(values[name]).max() <= 2 / math.sqrt(H)
