"""What every captioner promises, over the table of captioners."""

import typing

import numpy as np
import pytest
import tensorflow as tf

from model.build import build_captioner
from model.captioner import EOS, GO, PAD
from model.configs import ModelConfig
from model.decoding import decode
from model.losses import cross_entropy
from model.optimizer import Adam
from tests.model.captioners import (
    BASELINES,
    CAPTIONERS,
    SEPARATE,
    SETS,
    V,
    make,
    make_batch,
    take,
)

every_captioner = pytest.mark.parametrize("name", CAPTIONERS)
every_writer = pytest.mark.parametrize("name", [name for name in CAPTIONERS if name not in SETS])
NOISE = tf.constant([3, 14])


def unpack(outputs, model, posts=5):
    """Packed logits at their places in [posts, L, V]; 0 elsewhere."""
    rectangle = np.zeros([posts, model.word_slots, model.vocab_size], np.float64)
    rectangle[tuple(outputs.index.numpy().T)] = outputs.logits.numpy()
    return rectangle


def gradients_of(model, batch, noise=None):
    """The objective per target, and its gradients as arrays."""
    variables = model.parameters.variables
    with tf.GradientTape() as tape:
        outputs = model.forward(batch, noise=noise)
        total, count = cross_entropy(outputs)
        penalty = 0 if outputs.penalty is None else outputs.penalty
        objective = (total + penalty) / tf.maximum(count, 1)
    gradients = tape.gradient(objective, variables, unconnected_gradients="zero")
    return objective, {name: tf.convert_to_tensor(value) for name, value in gradients.items()}


def test_every_model_that_can_be_built_is_in_the_table():
    learning = [settings for settings in typing.get_args(ModelConfig) if settings.learns]
    built = {type(build_captioner(settings(), V, image_dim=3)) for settings in learning}
    assert built == {entry.kind for entry in CAPTIONERS.values()}


@every_captioner
def test_parameter_count(name):
    assert make(name).parameters.count() == CAPTIONERS[name].count


@every_writer
@pytest.mark.parametrize("beams", [1, 2])
def test_step_repeated_equals_the_whole_sequence(name, beams):
    model = make(name)
    batch = make_batch(model)
    outputs = model.forward(batch)
    whole = unpack(outputs, model)
    context = model.encode(batch)
    state = model.initial_state(context, beams)
    inputs = np.pad(batch["caption"].numpy(), [(0, 0), (1, 0)], constant_values=GO)
    for t in range(model.word_slots):
        tokens = tf.constant(np.repeat(inputs[:, t : t + 1], beams, 1))
        logits, state, extras = model.step(tokens, state, context)
        real = t <= batch["caption_length"].numpy()
        for beam in range(beams):
            mine = logits[:, beam][real]
            np.testing.assert_allclose(mine, whole[:, t][real], rtol=1e-4, atol=1e-5)
            for memory, weights in extras["attention"].items():
                expected = outputs.attention[memory][:, t]
                np.testing.assert_allclose(weights[:, beam][real], expected[real], atol=1e-6)


@every_captioner
def test_a_word_changes_no_earlier_prediction(name):
    model = make(name)
    batch = make_batch(model)
    changed = batch["caption"].numpy()
    changed[0, 3] = 4 if changed[0, 3] != 4 else 5
    before = unpack(model.forward(batch), model)
    after = unpack(model.forward({**batch, "caption": tf.constant(changed)}), model)
    np.testing.assert_allclose(before[0, :4], after[0, :4], atol=1e-6)
    if name not in SEPARATE:
        assert np.abs(before[0, 4] - after[0, 4]).max() > 1e-5


@every_captioner
def test_padding_holds_no_information(name):
    """Whatever follows a caption or the user's words; columns that nothing reaches."""
    model = make(name)
    batch = make_batch(model, posts=20)
    short = (batch["caption_length"] < 6) & (batch["context_length"] < 8)
    batch = take(batch, tf.where(short)[:, 0])
    expected = model.forward(batch).logits
    dirty = dict(batch)
    for column in ("caption", "context"):
        filled = tf.range(batch[column].shape[1]) < batch[f"{column}_length"][:, tf.newaxis]
        dirty[column] = tf.where(filled, batch[column], 7)
    np.testing.assert_allclose(model.forward(dirty).logits, expected, atol=1e-6)
    narrow = dict(batch)
    for column in ("caption", "context"):
        narrow[column] = batch[column][:, : tf.reduce_max(batch[f"{column}_length"])]
    np.testing.assert_allclose(model.forward(narrow).logits, expected, atol=1e-6)
    wide = {**batch, "context": tf.pad(batch["context"], [[0, 0], [0, 4]])}
    np.testing.assert_allclose(model.forward(wide).logits, expected, atol=1e-6)


@every_captioner
@pytest.mark.parametrize("noise", [None, NOISE], ids=["evaluation", "training"])
def test_a_batch_gives_what_its_posts_give_alone(name, noise):
    model = make(name)
    if noise is not None and model.parameters.statistics:
        pytest.skip("normalised by the moments of the batch (see test_batch_norm.py)")
    batch = make_batch(model)
    together = model.forward(batch, noise=noise)
    penalty = 0.0
    for row in range(5):
        alone = model.forward(take(batch, [row]), noise=noise)
        mine = together.logits[together.index[:, 0] == row]
        np.testing.assert_allclose(alone.logits, mine, rtol=1e-4, atol=1e-5)
        penalty += 0 if alone.penalty is None else alone.penalty
    if together.penalty is not None:
        assert float(together.penalty) == pytest.approx(float(penalty), rel=1e-5)


@every_captioner
def test_an_empty_part_of_a_global_batch_is_legal(name):
    model = make(name)
    batch = take(make_batch(model), tf.zeros([0], tf.int32))
    objective, gradients = gradients_of(model, batch, NOISE)
    assert objective == 0
    for parameter, gradient in gradients.items():
        assert (gradient.numpy() == 0).all(), parameter
    assert decode(model, batch).ids.shape == [0, 1, model.word_slots]


@every_captioner
def test_one_step_moves_every_parameter(name):
    model = make(name)
    variables = model.parameters.variables
    before = {parameter: value.numpy() for parameter, value in variables.items()}
    _, gradients = gradients_of(model, make_batch(model, posts=12), NOISE)
    for parameter, gradient in gradients.items():
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, parameter
    Adam(variables).apply(gradients, 0.01)
    for parameter, value in variables.items():
        assert np.abs(value - before[parameter]).max() > 0, parameter


@every_captioner
def test_first_loss_is_near_log_v(name):
    model = make(name, vocab_size=200)
    total, count = cross_entropy(model.forward(make_batch(model, posts=50)))
    assert abs(total / count - np.log(200)) < 0.5


@pytest.mark.parametrize(
    "name",
    [
        # What is released's own is learnt by one of its forms.
        pytest.param(name, marks=pytest.mark.slow if name.startswith("released-") else ())
        for name in sorted(CAPTIONERS.keys() - {*SEPARATE, "char-rnn"})
    ],
)
def test_four_posts_are_learnt_by_heart(name):
    """In a compiled step that does not know how many posts will come.

    Separate tags cannot: their model does not know where in a caption it is. Nor can a character
    model: it does not know which post it is in before the first word.
    """
    room = {"hidden_dim": 32} if name in BASELINES else {"memory_dim": 48, "channels": 32}
    model = make(name, **room, seed=3)  # some tiny starts have dead units
    batch = make_batch(model, posts=4)
    # Each post has words of its own, twice none, and a full context: NoWO knows what it wrote by
    # nothing but where it looks.
    batch["caption"] = tf.where(batch["caption"] > 0, tf.reshape(tf.range(4, 28), [4, 6]), 0)
    batch["context"] = tf.random.stateless_uniform([4, 8], [0, 1], 4, V, tf.int32)
    batch["context_length"] = tf.fill([4], 8)
    optimizer = Adam(model.parameters.variables)
    spec = {key: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for key, v in batch.items()}

    @tf.function(input_signature=[spec])
    def train(batch):
        optimizer.apply(gradients_of(model, batch)[1], 0.003)  # more would kill units

    for _ in range(400):
        train(batch)
    total, count = cross_entropy(model.forward(batch))
    assert total / count < 0.05


@every_writer
@pytest.mark.parametrize("options", [{}, {"beam_size": 12}, {"sample": True}], ids=str)
def test_decoding_scores_captions_as_the_model_does(name, options):
    model = make(name, seed=2)
    for variable in model.parameters.variables.values():
        variable.assign(variable * 2)  # sharper, so that captions differ
    batch = make_batch(model)
    result = decode(model, batch, forbidden=(PAD,), **options)
    ids = result.ids[:, 0].numpy()
    logits = unpack(model.forward(as_captions(batch, ids)), model)
    logits[:, :, PAD] = -1e9
    gains = tf.nn.log_softmax(logits).numpy()
    written = np.take_along_axis(gains, ids[:, :, None], 2)[:, :, 0] * (ids > 0)
    np.testing.assert_allclose(result.scores[:, 0], written.sum(1), rtol=1e-4)
    if not options:
        assert ((gains.argmax(2) == ids) | (ids == 0)).all()
    elif "beam_size" in options:
        greedy = decode(model, batch, forbidden=(PAD,)).scores[:, 0].numpy()
        assert (result.scores[:, 0].numpy() >= greedy - 1e-5).all()


def as_captions(batch, ids):
    """The batch with decoded words [B, L] in place of its captions."""
    longest = ids.shape[1] - 1
    length = np.where((ids == EOS).any(1), np.argmax(ids == EOS, 1), longest)
    captions = np.where(np.arange(longest) < length[:, None], ids[:, :longest], 0)
    replaced = {"caption": captions, "caption_length": length}
    return batch | {key: tf.constant(value, tf.int32) for key, value in replaced.items()}


@every_captioner
def test_narrow_and_wide_types(name):
    exact, narrow = make(name), make(name, compute_dtype="bfloat16")
    batch = make_batch(exact)
    expected, logits = exact.forward(batch).logits, narrow.forward(batch, noise=None).logits
    assert expected.dtype == logits.dtype == narrow.score_dtype == tf.float32
    assert 0 < np.abs(expected - logits).max() < 0.05
    wide = make(name, dtype="float64")
    assert wide.forward(batch, noise=NOISE).logits.dtype == wide.score_dtype == tf.float64
