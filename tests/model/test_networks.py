"""The table of networks: each builds, and its layers are of the size that the table says."""

import numpy as np
import pytest

from data_loader import features
from model.encoders import ImageEncoder, Recipe, build_network, describe, family_of
from model.networks import (
    NETWORKS,
    bare_name,
    find_layer,
    find_network,
    is_mirrored,
    keep_aspect,
)
from tests.photos import photo
from utils.errors import UserError

LAYERS = {
    "resnet101": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "resnet152": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "resnet101-slim": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "resnext101_32x8d": {"pool5": (1, 2048), "res5c": (49, 2048), "res4": (196, 1024)},
    "inception_v3": {"mixed10": (64, 2048), "pool3": (1, 2048)},
    "inception_v3-crop": {"mixed10": (64, 2048), "pool3": (1, 2048)},
    "inception_v3-crop-aspect": {"mixed10": (64, 2048), "pool3": (1, 2048)},
    "inception_v3-video": {"frames26": (26, 2048), "mixed10": (64, 2048), "pool3": (1, 2048)},
    "inception_v3-video-aspect": {
        "frames26": (26, 2048),
        "mixed10": (64, 2048),
        "pool3": (1, 2048),
    },
    "pixels": {"rgb227": (51529, 3)},
    "patches": {"cells8": (64, 192), "frames26": (26, 192)},
}
# Weights without the classifier, normalisation statistics among them.
WEIGHTS = {
    "resnet101": 42_658_176,
    "resnet152": 58_370_944,
    "resnet101-slim": 42_605_504,
    "resnext101_32x8d": 86_945_216,
    "inception_v3": 21_802_784,
    "inception_v3-crop": 21_802_784,
    "inception_v3-crop-aspect": 21_802_784,
    "inception_v3-video": 21_802_784,
    "inception_v3-video-aspect": 21_802_784,
    "pixels": 0,
    "patches": 0,
}


def test_every_network_is_tested():
    found = {
        name: {layer: (x.slots, x.dim) for layer, x in network.layers.items()}
        for name, network in NETWORKS.items()
    }
    assert found == LAYERS
    assert WEIGHTS.keys() == NETWORKS.keys()
    assert {name: tuple(layers) for name, layers in LAYERS.items()} == features.LAYERS


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layers_of_a_network_are_in_it(name):
    network = family_of(name).build(name)
    assert network.count_params() == WEIGHTS[name]
    for layer in NETWORKS[name].layers.values():
        _, height, width, channels = network.get_layer(layer.end).output.shape
        assert channels == layer.dim and layer.slots in (1, height * width, layer.frames)
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


def test_a_patch_is_one_cell_of_the_centre_square(tmp_path):
    recipe = Recipe("cells8", None, "patches")
    encoder = ImageEncoder(build_network(recipe), describe(recipe, tmp_path), batch_size=2)
    image = photo(64, 80)
    (features,) = encoder([image])
    cell = image[8 * 5 : 8 * 6, 8 + 8 * 2 : 8 + 8 * 3] / 127.5 - 1  # row 5, column 2
    np.testing.assert_allclose(features[8 * 5 + 2].reshape(8, 8, 3), cell, atol=1e-3)


def test_a_clip_is_the_means_of_its_frames(tmp_path):
    recipes = Recipe("frames26", None, "patches"), Recipe("cells8", None, "patches")
    clips, cells = (
        ImageEncoder(build_network(recipe), describe(recipe, tmp_path), batch_size=size)
        for recipe, size in zip(recipes, (5, 60), strict=True)
    )
    frames = np.stack([photo(20, 30, seed) for seed in range(26)])
    features = clips([frames, frames[::-1]])
    assert features.shape == (2, 26, 192) and (clips.at_once, cells.at_once) == (1, 60)
    expected = cells.run(np.pad(cells_inputs(cells, frames), [(0, 34), *[(0, 0)] * 3])).numpy()
    np.testing.assert_allclose(features[0], expected[:26].mean(1), atol=1e-3)
    np.testing.assert_array_equal(features[1], features[0][::-1])


def cells_inputs(encoder, frames):
    return np.stack([encoder.preprocessing(frame) for frame in frames])


def test_the_mean_of_the_cells_is_the_frame(tmp_path):
    """Saliency asks a network about cells that has learnt from frames: they share a space."""
    network = build_network(Recipe("mixed10", "random", "inception_v3-video"))
    encoders = [
        ImageEncoder(network, {"extractor": "inception_v3-video", "layer": layer}, 1)
        for layer in ("mixed10", "pool3", "frames26")
    ]
    inputs = cells_inputs(encoders[0], photo(40, 50)[np.newaxis])
    cells, pool3, frame = (encoder.run(inputs).numpy() for encoder in encoders)
    assert cells.shape == (1, 64, 2048) and pool3.shape == frame.shape == (1, 1, 2048)
    np.testing.assert_allclose(cells.mean(1), pool3[:, 0], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(pool3, frame)


@pytest.mark.parametrize("name", ["inception_v3-crop", "inception_v3-video"])
def test_whole_pictures_are_features_of_another_name(name):
    assert keep_aspect(name) == keep_aspect(f"{name}-aspect") == f"{name}-aspect"
    with pytest.raises(UserError, match=r"--keep_aspect is for inception_v3-crop and inception_v3"):
        keep_aspect("resnet101")


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
    assert bare_name("resnet101-flipped_random") == bare_name("resnet101-flipped") == "resnet101"
    with pytest.raises(
        UserError, match=r"vgg features were not made by .* name features of resnet"
    ):
        find_network("vgg")


def test_half_of_the_pictures_are_mirrored_the_same_ones_in_every_run():
    names = [f"{number}.jpg" for number in range(1000)]
    for extractor in ("resnet101-flipped", "inception_v3-crop-flipped_random"):
        mirrored = [name for name in names if is_mirrored(extractor, name)]
        assert 450 < len(mirrored) < 550
        assert mirrored[:4] == ["0.jpg", "5.jpg", "10.jpg", "11.jpg"]
    assert not any(is_mirrored("resnet101_random", name) for name in names)
