"""ResNets of bottleneck blocks that Keras does not have, named like those that it has.

`conv3_block2_1_conv` is the first convolution in the second block of conv3_x, and `_0_conv` the one
on the shortcut; `_bn` are their normalisations, `conv3_block2_out` the end of the block.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

EPSILON = 1e-5  # of the normalisations, in slim and in PyTorch


@dataclass(frozen=True)
class Shape:
    """The size of a network; by default ResNet-101's.

    Attributes:
        stem: channels of the first convolution.
        blocks: how many in conv2_x to conv5_x.
        widths: channels between the convolutions of a block, of each stage.
        channels: of a block's result, of each stage.
        groups: of the 3 x 3 convolutions.
        stride_last: whether the last block of a stage halves the maps (that of conv5_x never does)
            or the first one (that of conv2_x never does).
        size: of the pictures in pixels, height and width.
    """

    stem: int = 64
    blocks: Sequence[int] = (3, 4, 23, 3)
    widths: Sequence[int] = (64, 128, 256, 512)
    channels: Sequence[int] = (256, 512, 1024, 2048)
    groups: int = 1
    stride_last: bool = False
    size: tuple[int, int] = (224, 224)


class GroupedConv2D(keras.layers.Conv2D):
    """A convolution in groups by TensorFlow's own operation.

    Keras compiles it by XLA, which on a processor takes 2 to 8 times as long.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, h, w, in] to [B, h', w', out]."""
        maps = tf.nn.conv2d(inputs, self.kernel, self.strides, self.padding.upper())
        if not self.use_bias:
            return maps
        # Added by groups, since TensorFlow would make one operation of a convolution with a bias
        # behind it, and without oneDNN (other processors) that one knows no groups.
        parts = tf.reshape(maps, [-1, *maps.shape[1:3], self.groups, self.filters // self.groups])
        parts += tf.reshape(self.bias, [self.groups, -1])
        return tf.reshape(parts, [-1, *maps.shape[1:]])


def build(shape: Shape) -> keras.Model:
    """Builds a network without its classifier: [B, H, W, 3] to [B, H/32, W/32, channels]."""
    inputs = keras.Input([*shape.size, 3])
    maps = _convolve(inputs, shape.stem, "conv1", kernel=7, stride=2)
    maps = keras.layers.ReLU(name="conv1_relu")(maps)
    if shape.stride_last:  # slim pads where the picture ends, PyTorch on both sides
        maps = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool1_pool")(maps)
    else:  # nothing is below zero here, so zeros lose against every value
        maps = keras.layers.ZeroPadding2D(1, name="pool1_pad")(maps)
        maps = keras.layers.MaxPooling2D(3, 2, name="pool1_pool")(maps)
    for stage, blocks in enumerate(shape.blocks):
        halving = (blocks if stage < 3 else None) if shape.stride_last else (1 if stage else None)
        for block in range(1, blocks + 1):
            stride = 2 if block == halving else 1
            maps = _block(maps, shape, stage, f"conv{stage + 2}_block{block}", stride)
    return keras.Model(inputs, maps)


def _block(
    maps: keras.KerasTensor, shape: Shape, stage: int, name: str, stride: int
) -> keras.KerasTensor:
    """1 x 1, 3 x 3 with the stride, 1 x 1, and the shortcut added."""
    width, channels = shape.widths[stage], shape.channels[stage]
    shortcut = _shortcut(maps, channels, name, stride)
    maps = keras.layers.ReLU()(_convolve(maps, width, f"{name}_1"))
    maps = _convolve(maps, width, f"{name}_2", kernel=3, stride=stride, groups=shape.groups)
    maps = _convolve(keras.layers.ReLU()(maps), channels, f"{name}_3")
    return keras.layers.ReLU(name=f"{name}_out")(keras.layers.Add()([shortcut, maps]))


def _shortcut(maps: keras.KerasTensor, channels: int, name: str, stride: int) -> keras.KerasTensor:
    if maps.shape[-1] != channels:
        return _convolve(maps, channels, f"{name}_0", stride=stride)
    return keras.layers.MaxPooling2D(1, stride)(maps) if stride > 1 else maps


def _convolve(
    maps: keras.KerasTensor,
    channels: int,
    name: str,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
) -> keras.KerasTensor:
    """Convolution and normalisation; both sides are padded alike, whatever the stride."""
    if kernel > 1:
        maps = keras.layers.ZeroPadding2D(kernel // 2)(maps)
    kind = keras.layers.Conv2D if groups == 1 else GroupedConv2D
    convolution = kind(channels, kernel, stride, groups=groups, use_bias=False, name=f"{name}_conv")
    return keras.layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(convolution(maps))


class Place(NamedTuple):
    """Where a layer with weights is: stage 1 is conv1; branch 0 is the shortcut."""

    stage: int
    block: int
    branch: int


def weighted_layers(network: keras.Model) -> Iterator[tuple[Place, keras.Layer, keras.Layer]]:
    """Yields every convolution with its place and its normalisation."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            stage, block, branch = re.fullmatch(
                r"conv(\d+)(?:_block(\d+)_(\d))?_conv", layer.name
            ).groups(default="0")
            place = Place(int(stage), int(block), int(branch))
            yield place, layer, network.get_layer(layer.name.removesuffix("conv") + "bn")


def set_weights(layer: keras.Layer, weights: dict[str, np.ndarray]) -> None:
    """Gives a layer its weights, in the order of Keras, with the names that they have in a file.

    Raises:
        ValueError: a shape is not the layer's.
    """
    for (name, found), variable in zip(weights.items(), layer.weights, strict=True):
        if found.shape != tuple(variable.shape):
            raise ValueError(f"{name} is {list(found.shape)}, expected {list(variable.shape)}")
    layer.set_weights(list(weights.values()))
