"""The table of networks: each builds, and its layers are of the size that the table says."""

import numpy as np
import pytest

from model.encoders import FAMILIES, ImageEncoder, Recipe, build_network, describe
from model.networks import NETWORKS, RANDOM, find_layer, find_network
from tests.photos import photo
from utils.errors import UserError

LAYERS = {
    "resnet101": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "resnet152": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "resnet101-slim": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "resnext101_32x8d": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "inception_v3": {"mixed10": (64, 2048), "pool3": (1, 2048)},
    "pixels": {"rgb227": (51529, 3)},
}
# Weights without the classifier, normalisation statistics among them.
WEIGHTS = {
    "resnet101": 42_658_176,
    "resnet152": 58_370_944,
    "resnet101-slim": 42_605_504,
    "resnext101_32x8d": 86_945_216,
    "inception_v3": 21_802_784,
    "pixels": 0,
}


def test_every_network_is_tested():
    found = {
        name: {layer: (x.slots, x.dim) for layer, x in network.layers.items()}
        for name, network in NETWORKS.items()
    }
    assert found == LAYERS
    assert WEIGHTS.keys() == FAMILIES.keys() == NETWORKS.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layers_of_a_network_are_in_it(name):
    network = FAMILIES[name].build(name)
    assert network.count_params() == WEIGHTS[name]
    for layer in NETWORKS[name].layers.values():
        _, height, width, channels = network.get_layer(layer.end).output.shape
        assert channels == layer.dim and layer.slots in (1, height * width)
    assert network.input_shape[1:3] == (NETWORKS[name].preprocessing.size,) * 2
    ends = {layer.end for layer in NETWORKS[name].layers.values()}
    assert network.layers[-1].name in ends  # nothing behind it is computed for nothing


def test_pixels_are_the_picture_row_by_row(tmp_path):
    recipe = Recipe("rgb227", None, "pixels")
    encoder = ImageEncoder(build_network(recipe), describe(recipe, tmp_path), batch_size=2)
    image = photo(227, 227)
    (features,) = encoder([image])
    assert features.dtype == np.float16
    np.testing.assert_array_equal(features.reshape(227, 227, 3), image)


def test_pool3_is_the_mean_of_the_cells_of_mixed10(tmp_path):
    sizes = {"extractor": "inception_v3", "weights": RANDOM}
    recipes = {layer: Recipe(layer, **sizes) for layer in ("mixed10", "pool3")}
    network = build_network(recipes["mixed10"])
    (tmp_path / recipes["pool3"].calibration).touch()
    pixels = np.stack([NETWORKS["inception_v3"].preprocessing(photo(310, 330))])
    cells, mean = (
        ImageEncoder(network, describe(recipe, tmp_path), batch_size=1).run(pixels).numpy()
        for recipe in recipes.values()
    )
    assert cells.shape == (1, 64, 2048) and mean.shape == (1, 1, 2048) and cells.std() > 1e-3
    np.testing.assert_allclose(cells.astype(np.float64).mean(1, keepdims=True), mean, rtol=1e-5)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe("mixed10", "random"), "resnet101 has no layer mixed10; it has pool5, res5c, res4"),
        (Recipe("res4", "random", "inception_v3"), "inception_v3 has no layer res4"),
        (Recipe("pool5", None, "resnet152"), "needs --weights: .*download_pretrained_resnet_152"),
        (Recipe("rgb227", "random", "pixels"), "pixels has no weights; leave --weights out"),
        (Recipe("rgb227", None, "pixels", "bfloat16"), "leave --precision out"),
    ],
)
def test_what_a_network_does_not_have_is_refused(recipe, words):
    with pytest.raises(UserError, match=words):
        recipe.check()


def test_random_features_are_of_the_same_network():
    assert find_network("resnext101_32x8d_random") is NETWORKS["resnext101_32x8d"]
    assert find_layer("inception_v3_random", "mixed10").slots == 64
    with pytest.raises(
        UserError, match=r"vgg features were not made by .* name features of resnet"
    ):
        find_network("vgg")
