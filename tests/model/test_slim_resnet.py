"""TF-slim's ResNet, loaded from a checkpoint of TensorFlow 1, against slim's own operations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.encoders import bottleneck, slim_resnet
from model.encoders.bottleneck import Shape

NARROW = Shape(6, (2, 3, 2, 1), (3, 4, 5, 7), (8, 9, 10, 11), stride_last=True, size=(75, 62))
BATCH_NORM = {"gamma": (0.5, 1.5), "beta": (-1, 1), "moving_mean": (-1, 1)}
BATCH_NORM |= {"moving_variance": (0.5, 2)}


class Slim:
    """`resnet_v1` as slim writes it down: each operation makes its weights where it needs them.

    Attributes:
        weights: by slim's names, made by chance.
    """

    def __init__(self):
        self.weights = {}
        self.random = np.random.default_rng(1)

    def take(self, name, shape, low=-0.5, high=0.5):
        if name not in self.weights:
            self.weights[name] = self.random.uniform(low, high, shape).astype(np.float32)
        return self.weights[name]

    def conv2d_same(self, maps, scope, channels, size, stride=1):
        if stride > 1:  # slim pads by itself there, whatever the size of the maps
            ends = [(size - 1) // 2, size // 2]
            maps = tf.pad(maps, [[0, 0], ends, ends, [0, 0]])
        kernel = self.take(f"{scope}/weights", [size, size, maps.shape[-1], channels])
        maps = tf.nn.conv2d(maps, kernel, stride, "VALID" if stride > 1 else "SAME")
        gamma, beta, mean, variance = (
            self.take(f"{scope}/BatchNorm/{name}", [channels], *limits)
            for name, limits in BATCH_NORM.items()
        )
        return (maps - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def bottleneck(self, maps, scope, width, channels, stride):
        shortcut = maps[:, ::stride, ::stride]
        if maps.shape[-1] != channels:
            shortcut = self.conv2d_same(shortcut, f"{scope}/shortcut", channels, 1)
        residual = tf.nn.relu(self.conv2d_same(maps, f"{scope}/conv1", width, 1))
        residual = tf.nn.relu(self.conv2d_same(residual, f"{scope}/conv2", width, 3, stride))
        return tf.nn.relu(shortcut + self.conv2d_same(residual, f"{scope}/conv3", channels, 1))

    def __call__(self, images, shape):
        maps = tf.nn.relu(self.conv2d_same(images, "resnet_v1_101/conv1", shape.stem, 7, 2))
        maps = tf.nn.max_pool2d(maps, 3, 2, "SAME")
        sizes = zip(shape.blocks, shape.widths, shape.channels, strict=True)
        ends = {}
        for stage, (blocks, width, channels) in enumerate(sizes, 1):
            for unit in range(1, blocks + 1):
                scope = f"resnet_v1_101/block{stage}/unit_{unit}/bottleneck_v1"
                stride = 2 if unit == blocks and stage < 4 else 1
                maps = self.bottleneck(maps, scope, width, channels, stride)
                ends[f"conv{stage + 1}_block{unit}_out"] = maps
        return ends


def save_checkpoint(path, weights, version=tf.compat.v1.train.SaverDef.V2):
    """Saves as TensorFlow 1 does, with variables that the network has no use for.

    The published file is of version 1, a single file; version 2 is an .index and its data.
    """
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        extra = {"resnet_v1_101/logits/biases": np.zeros(3, np.float32), "global_step": np.int64(7)}
        kept = [tf.Variable(x, name=name) for name, x in (weights | extra).items()]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(kept, write_version=version).save(
            session, str(path), write_meta_graph=False
        )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).normal(size=[2, *NARROW.size, 3]).astype(np.float32)


@pytest.fixture(scope="module")
def slim(images):
    slim = Slim()
    slim.ends = slim(images, NARROW)
    return slim


@pytest.fixture(scope="module")
def network():
    return bottleneck.build(NARROW)


@pytest.mark.parametrize(("version", "suffix"), [(1, ""), (2, ".index")])
def test_every_block_is_slim_s(tmp_path, network, images, slim, version, suffix):
    network.set_weights([np.zeros(x.shape, np.float32) for x in network.get_weights()])
    save_checkpoint(tmp_path / "slim.ckpt", slim.weights, version)
    assert (tmp_path / f"slim.ckpt{suffix}").is_file()  # extraction asks for a file
    slim_resnet.load(network, tmp_path / f"slim.ckpt{suffix}")
    blocks = keras.Model(network.inputs, [network.get_layer(end).output for end in slim.ends])
    for (end, expected), found in zip(slim.ends.items(), blocks([images]), strict=True):
        assert found.shape == expected.shape, end
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.numpy().max())


def test_a_checkpoint_of_another_network_is_named(tmp_path, network, slim):
    some = {name: x for name, x in slim.weights.items() if "unit_3/" not in name}
    save_checkpoint(tmp_path / "shallow.ckpt", some)
    with pytest.raises(ValueError, match="block2/unit_3/bottleneck_v1/conv1/weights is missing"):
        slim_resnet.load(network, tmp_path / "shallow.ckpt")
    name = "resnet_v1_101/block1/unit_1/bottleneck_v1/conv1/weights"
    save_checkpoint(tmp_path / "wide.ckpt", slim.weights | {name: np.zeros([1, 1, 6, 5], "f4")})
    with pytest.raises(ValueError, match=r"conv1/weights is \[1, 1, 6, 5\], expected \[1, 1, 6, 3"):
        slim_resnet.load(network, tmp_path / "wide.ckpt")


def test_the_whole_network_halves_at_the_end_of_a_stage():
    network = slim_resnet.build("resnet101-slim")
    # 44.5 million as in every ResNet-101, without the classifier.
    assert sum(np.prod(x.shape) for x in network.trainable_weights) == 42_500_160
    sides = {"conv2_block2": 56, "conv2_block3": 28, "conv3_block3": 28, "conv3_block4": 14}
    sides |= {"conv4_block22": 14, "conv4_block23": 7, "conv5_block3": 7}
    for block, side in sides.items():
        assert network.get_layer(f"{block}_out").output.shape[1:3] == (side, side), block
