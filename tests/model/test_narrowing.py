"""The copy in another type computes the same, with fewer layers and up to its rounding."""

import keras
import numpy as np
import pytest

from model.narrowing import narrow


@pytest.fixture(scope="module")
def network():
    """Two convolutions with normalisations, one shortcut, one normalisation by itself."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input([9, 7, 3])
    first = keras.layers.Conv2D(5, 3, padding="same", name="a_conv")(inputs)
    first = keras.layers.ReLU()(keras.layers.BatchNormalization(epsilon=0.1, name="a_bn")(first))
    second = keras.layers.Conv2D(5, 1, name="b_conv")(first)
    second = keras.layers.BatchNormalization(epsilon=0.2, name="b_bn")(second)
    added = keras.layers.Add()([first, second])
    last = keras.layers.BatchNormalization(center=False, scale=False, name="features_bn")(added)
    result = keras.Model(inputs, last)
    rng = np.random.default_rng(5)
    result.set_weights([rng.uniform(0.3, 2, x.shape) for x in result.get_weights()])
    return result


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(6).normal(size=[2, 9, 7, 3]).astype(np.float32)


def test_folding_changes_nothing_but_rounding(network, images):
    folded = narrow(network, "float32")
    assert {layer.name for layer in folded.layers} & {"a_bn", "b_bn"} == set()
    np.testing.assert_allclose(folded(images), network(images), rtol=1e-4, atol=1e-4)


def test_bfloat16_is_near_and_has_weights_of_two_bytes(network, images):
    narrowed = narrow(network)
    expected = network(images).numpy()
    np.testing.assert_allclose(narrowed(images), expected, atol=0.03 * np.abs(expected).max())
    assert narrowed.get_layer("b_conv").kernel.dtype == "bfloat16"
    assert narrowed.get_layer("features_bn").moving_mean.dtype == "float32"


def lonely(layers):
    """`a_conv` and `a_bn` as `layers` joins them: from the input and the normalisation."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input([5, 6, 4])
    result = keras.Model(inputs, layers(inputs, keras.layers.BatchNormalization(name="a_bn")))
    rng = np.random.default_rng(8)
    result.set_weights([rng.uniform(0.3, 2, x.shape) for x in result.get_weights()])
    return result


def convolution(**options):
    return keras.layers.Conv2D(4, 1, name="a_conv", **options)


def read_twice(inputs, normalisation):
    maps = convolution()(inputs)
    return keras.layers.Add()([maps, normalisation(maps)])


@pytest.mark.parametrize(
    "layers",
    [
        lambda x, normalisation: normalisation(convolution(activation="relu")(x)),
        lambda x, normalisation: convolution()(normalisation(x)),
        lambda x, normalisation: normalisation(keras.layers.ReLU()(convolution()(x))),
        read_twice,
    ],
    ids=["activation", "before", "something between", "read twice"],
)
def test_a_normalisation_that_no_convolution_can_do_stays(layers):
    network = lonely(layers)
    images = np.random.default_rng(9).normal(size=[2, 5, 6, 4]).astype(np.float32)
    copy = narrow(network, "float32")
    assert "a_bn" in {layer.name for layer in copy.layers}
    np.testing.assert_allclose(copy(images), network(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {}])
@pytest.mark.parametrize("groups", [1, 2])
def test_neither_bias_nor_scale_is_needed(options, groups):
    keras.utils.set_random_seed(7)
    inputs = keras.Input([5, 6, 4])
    maps = keras.layers.Conv2D(6, 3, groups=groups, use_bias=False, name="maps")(inputs)
    network = keras.Model(inputs, keras.layers.BatchNormalization(name="any", **options)(maps))
    rng = np.random.default_rng(8)
    network.set_weights([rng.uniform(0.3, 2, x.shape) for x in network.get_weights()])
    images = rng.normal(size=[2, 5, 6, 4]).astype(np.float32)
    copy = narrow(network, "float32")
    assert "any" not in {layer.name for layer in copy.layers}
    np.testing.assert_allclose(copy(images), network(images), rtol=1e-4, atol=1e-4)


def test_outputs_are_narrow_but_those_of_a_normalisation_that_stayed():
    images = np.zeros([1, 5, 6, 4], np.float32)
    folded = lonely(lambda x, normalisation: normalisation(convolution()(x)))
    stayed = lonely(lambda x, normalisation: normalisation(convolution(activation="relu")(x)))
    assert narrow(folded)(images).dtype == "bfloat16"
    assert narrow(stayed)(images).dtype == "float32"
