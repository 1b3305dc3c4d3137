"""AlexNet against Keras, and what it learns of a post's tags."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.alexnet import FIRST_TAG, AlexNet
from model.captioner import GO, UNK
from model.decoding import most_probable_words
from model.losses import cross_entropy, sums_by_post
from model.training import make_train_step
from tests.model.captioners import V, make, make_batch

TAGS = V - FIRST_TAG


@pytest.fixture(scope="module")
def batch():
    """Pictures of random pixels with 6, 1 and other numbers of tags."""
    return make_batch(make("alexnet"))


def table_in_keras():
    """The released network, dropout left out, at the widths of the tests."""
    layers, wide = keras.layers, {"dtype": "float64"}
    rows = [(11, 4, 2, True), (11, 1, 5, True), (3, 1, 8, False), (3, 1, 8, False), (3, 1, 5, True)]
    model = keras.Sequential([keras.Input([227, 227, 3], dtype="float64")])
    for size, stride, filters, pooled in rows:
        model.add(layers.Conv2D(filters, size, stride, activation="relu", **wide))
        if pooled:
            model.add(layers.MaxPooling2D(2, 2, **wide))
        model.add(layers.BatchNormalization(**wide))
    model.add(layers.Flatten(**wide))
    for units in (82, 82, 20):
        model.add(layers.Dense(units, activation="relu", **wide))
        model.add(layers.BatchNormalization(**wide))
    model.add(layers.Dense(TAGS, **wide))
    return model


def moved(**changes):
    """A model with everything that starts at 0 or 1 moved."""
    model = make("alexnet", dtype="float64", **changes)
    generator = np.random.default_rng(0)
    for variable in model.parameters.stored.values():
        if variable.shape.rank == 1:
            variable.assign_add(generator.uniform(0, 0.2, variable.shape))
    return model


@pytest.mark.parametrize("training", [False, True])
def test_the_network_is_the_table(batch, training):
    model, theirs = moved(dropout=0.0), table_in_keras()
    values = iter(model.parameters.variables.values())
    statistics = iter(model.parameters.statistics.values())
    for layer in theirs.layers:
        own = [next(values) for _ in layer.trainable_weights]
        layer.set_weights([*own, *(next(statistics) for _ in layer.non_trainable_weights)])
    assert next(values, None) is None and next(statistics, None) is None
    shapes = [layer.output.shape[1:] for layer in theirs.layers[:13]]
    assert shapes[2::3][:1] == [(27, 27, 2)] and shapes[5] == (8, 8, 5)
    pixels = tf.reshape(batch["image"], [-1, 227, 227, 3])
    pixels = tf.cast(pixels, tf.float64) / 255
    expected = theirs(pixels, training=training).numpy()
    outputs = model.forward(batch, noise=tf.constant([0, 1]) if training else None)
    rows = expected[outputs.index[:, 0].numpy()]
    np.testing.assert_allclose(outputs.logits[:, FIRST_TAG:], rows, atol=1e-6)
    names = list(model.parameters.statistics)
    for name, value in zip(names, non_trainable(theirs), strict=True) if training else ():
        np.testing.assert_allclose(outputs.statistics[name], value, rtol=0.01, err_msg=name)


def non_trainable(model):
    return [
        w for layer in model.layers for w in layer.get_weights()[len(layer.trainable_weights) :]
    ]


def known(tags):
    return sorted({tag for tag in tags if tag > UNK})


@pytest.fixture
def dirty(batch):
    """Some tags are unknown or stand twice; one post has none that is known."""
    caption = batch["caption"].numpy()
    caption[0, 1], caption[0, 4], caption[1, 0] = caption[0, 0], UNK, UNK
    return batch | {"caption": tf.constant(caption)}


def test_every_known_tag_is_a_target_once(dirty):
    outputs = make("alexnet").forward(dirty)
    found = [[] for _ in range(5)]
    for (post, place), tag in zip(outputs.index.numpy(), outputs.targets.numpy(), strict=True):
        assert dirty["caption"][post, place] == tag
        found[post].append(tag)
    assert [sorted(tags) for tags in found] == [known(tags) for tags in dirty["caption"].numpy()]
    assert found[1] == [] and len(found[0]) == 4


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_the_loss_is_that_of_the_set(dirty, head):
    model = moved(head=head)
    outputs = model.forward(dirty)
    logits = model.encode(dirty).logits.numpy().astype(np.float64)[:, FIRST_TAG:]
    expected = np.zeros(5)
    for post, tags in enumerate(dirty["caption"].numpy()):
        places = [tag - FIRST_TAG for tag in known(tags)]
        truth = np.zeros(TAGS)
        truth[places] = 1
        if head == "softmax":
            shares = np.exp(logits[post]) / np.exp(logits[post]).sum()
            expected[post] = -np.log(shares[places]).sum()
        elif places:
            p = 1 / (1 + np.exp(-logits[post]))
            expected[post] = -np.log(np.where(truth == 1, p, 1 - p)).sum()
    losses, _, targets = sums_by_post(outputs, 5)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    total, count = cross_entropy(outputs)
    assert float(total) == pytest.approx(expected.sum(), rel=1e-4)
    assert float(count) == sum(targets.numpy())


class PlainDescent:
    """Updates by the gradient alone, so that a step shows it."""

    def __init__(self, variables):
        self.variables = variables

    def apply(self, gradients, rate, clip_norm):
        for variable, gradient in zip(self.variables.values(), gradients.values(), strict=True):
            variable.assign_sub(tf.cast(rate, gradient.dtype) * gradient)


@pytest.mark.parametrize(("head", "divisor"), [("softmax", 5), ("sigmoid", 12)])
def test_softmax_learns_posts_and_reports_tags(dirty, head, divisor):
    """The authors' loss is a mean over the 5 posts, those without a known tag included."""
    model = moved(head=head, dropout=0.0)
    noise = tf.constant([0, 0])
    with tf.GradientTape() as tape:
        total, count = cross_entropy(model.forward(dirty, noise=noise))
    expected = tape.gradient(total, model.parameters.stored["b_f"]).numpy() / divisor
    before = model.parameters.values()["b_f"]
    device = tf.distribute.OneDeviceStrategy("/cpu:0")
    spec = {name: tf.TensorSpec([None, *x.shape[1:]], x.dtype) for name, x in dirty.items()}
    optimizer = PlainDescent(model.parameters.variables)
    loss, sums = make_train_step(device, model, optimizer, spec)(dirty, 1.0, 0)
    np.testing.assert_allclose(before - model.parameters.values()["b_f"], expected, rtol=1e-6)
    assert float(count) == float(sums.targets) == 12
    assert float(loss) == pytest.approx(float(total) / 12)


def test_output_k_is_tag_k_of_the_vocabulary(batch):
    model = make("alexnet")
    bias = np.zeros(TAGS, np.float32)
    bias[[17, 0, TAGS - 1]] = [30, 20, 10]
    model.parameters.variables["b_f"].assign(bias)
    found = most_probable_words(model, batch, 3).numpy()
    assert (found == [FIRST_TAG + 17, FIRST_TAG, V - 1]).all()
    everything = most_probable_words(model, batch, TAGS).numpy()
    assert everything.min() == FIRST_TAG and len(np.unique(everything[0])) == TAGS


def test_what_was_written_changes_nothing(batch):
    model = make("alexnet")
    context = model.encode(batch)
    state = model.initial_state(context, 2)
    first, state, extras = model.step(tf.fill([5, 2], GO), state, context)
    second, _, _ = model.step(tf.fill([5, 2], 7), state, context)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[:, 1], context.logits)
    assert first.shape == [5, 2, V] and extras == {"attention": {}}


def test_dropout_is_on_the_dense_layers_in_training_only(batch):
    def logits(model, noise):
        return model.forward(batch, noise=noise and tf.constant(noise)).logits

    model, without = make("alexnet"), make("alexnet", dropout=0.0)
    np.testing.assert_array_equal(logits(model, None), logits(without, None))
    dropped = [logits(model, noise) for noise in ([0, 1], [0, 2], [1, 1])]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert np.abs(dropped[one] - dropped[other]).max() > 1e-3
    np.testing.assert_array_equal(logits(without, [0, 1]), logits(without, [0, 2]))


def test_width_scales_every_layer_but_the_tags():
    half = AlexNet(V, width=0.5).parameters.variables
    assert half["w_conv_2"].shape == [11, 11, 48, 128]
    assert half["W_dense_1"].shape == [128, 2048] and half["W_f"].shape == [500, TAGS]
