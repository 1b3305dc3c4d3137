"""ResNeXt from PyTorch's files against PyTorch's own run of the same small network."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.encoders import bottleneck, resnext
from model.encoders.bottleneck import GroupedConv2D, Shape
from model.narrowing import narrow
from tests.shared_data import REPOSITORY
from utils.errors import UserError

FOLDER = REPOSITORY / "tests/goldens/resnext"
NARROW = Shape(6, (1, 2, 1, 1), (4, 6, 8, 10), (7, 9, 11, 13), groups=2, size=(45, 38))
FILES = ["narrow.pth", "narrow_older.pth", "narrow.safetensors"]


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "narrow.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def network():
    return bottleneck.build(NARROW)


@pytest.mark.parametrize("file", FILES)
def test_every_stage_is_that_of_pytorch(network, golden, file):
    network.set_weights([np.zeros(x.shape, np.float32) for x in network.get_weights()])
    resnext.load(network, FOLDER / file)
    ends = [f"conv{i + 2}_block{blocks}_out" for i, blocks in enumerate(NARROW.blocks)]
    stages = keras.Model(network.inputs, [network.get_layer(name).output for name in ends])
    pictures = golden["pictures"].transpose(0, 2, 3, 1)
    for index, found in enumerate(stages([pictures]), 1):
        expected = golden[f"layer{index}"].transpose(0, 2, 3, 1)
        atol = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=atol)


def test_narrowed_it_computes_nearly_the_same(network, golden):
    resnext.load(network, FOLDER / "narrow.pth")
    pictures = golden["pictures"].transpose(0, 2, 3, 1)
    expected = network(pictures).numpy()
    np.testing.assert_allclose(narrow(network, "float32")(pictures), expected, rtol=1e-3, atol=1e-4)
    found = tf.cast(narrow(network)(pictures), tf.float32)
    np.testing.assert_allclose(found, expected, atol=0.05 * expected.max())


def test_files_of_other_networks_are_named(tmp_path, network):
    deeper = bottleneck.build(Shape(6, (1, 3, 1, 1), (4, 6, 8, 10), (7, 9, 11, 13), groups=2))
    with pytest.raises(ValueError, match=r"layer2\.2\.conv1\.weight is missing"):
        resnext.load(deeper, FOLDER / "narrow.pth")
    shallow = bottleneck.build(Shape(6, (1, 1, 1, 1), (4, 6, 8, 10), (7, 9, 11, 13), groups=2))
    with pytest.raises(ValueError, match=r"layer2\.1\..* is not part of the network"):
        resnext.load(shallow, FOLDER / "narrow.pth")
    dense = bottleneck.build(Shape(6, (1, 2, 1, 1), (4, 6, 8, 10), (7, 9, 11, 13)))
    with pytest.raises(
        ValueError, match=r"conv2.weight is \[3, 3, 2, 4\], expected \[3, 3, 4, 4\]"
    ):
        resnext.load(dense, FOLDER / "narrow.pth")
    with pytest.raises(UserError, match=r"none.pth is no file of PyTorch's weights"):
        resnext.load(network, tmp_path / "none.pth")


def test_the_whole_network_has_torchvision_s_number_of_weights():
    network = resnext.build("resnext101_32x8d")
    classifier = 2048 * 1000 + 1000
    trained = sum(np.prod(x.shape) for x in network.trainable_weights)
    assert trained == 88_791_336 - classifier
    assert network.get_layer("conv4_block23_out").output.shape == (None, 14, 14, 1024)
    assert network.get_layer("conv3_block1_2_conv").strides == (2, 2)
    assert network.get_layer("conv3_block1_1_conv").strides == (1, 1)


def by_definition(images, kernel, groups):
    """Every group by itself, in float64: [B, h, w, in], [3, 3, in / groups, out]."""
    inside, outside = kernel.shape[2], kernel.shape[3] // groups
    height, width = images.shape[1] - 2, images.shape[2] - 2
    result = np.zeros([len(images), height, width, groups * outside])
    for group in range(groups):
        part = images[..., group * inside : (group + 1) * inside].astype(np.float64)
        weights = kernel[..., group * outside : (group + 1) * outside].astype(np.float64)
        for y in range(3):
            for x in range(3):
                seen = part[:, y : y + height, x : x + width]
                result[..., group * outside : (group + 1) * outside] += seen @ weights[y, x]
    return result


def grouped_network(use_bias):
    """A grouped convolution with normalisation and ReLU behind it."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input([7, 9, 12])
    maps = GroupedConv2D(20, 3, groups=4, use_bias=use_bias, name="maps")(inputs)
    maps = keras.layers.BatchNormalization(name="bn")(maps)
    return keras.Model(inputs, keras.layers.ReLU()(maps))


def check_grouped_convolution(use_bias):
    network = grouped_network(use_bias)
    images = np.random.default_rng(2).normal(size=[3, 7, 9, 12]).astype(np.float32)
    kernel, *bias = (
        np.random.default_rng(3).normal(size=x.shape) for x in network.weights[: 1 + use_bias]
    )
    network.get_layer("maps").set_weights([kernel, *bias])
    expected = np.maximum(by_definition(images, kernel, 4) + sum(bias), 0) / np.sqrt(1.001)
    for made in (network, narrow(network, "float32")):
        found = tf.function(lambda x, made=made: made(x, training=False))(images)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("use_bias", [False, True])
def test_groups_are_convolved_by_definition(use_bias):
    check_grouped_convolution(use_bias)


def test_groups_are_convolved_without_the_library_of_intel():
    """Other processors have TensorFlow's own kernels, whose fused forms know no groups."""
    code = "from tests.model.test_resnext import *; [check_grouped_convolution(x) for x in (0, 1)]"
    variables = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
