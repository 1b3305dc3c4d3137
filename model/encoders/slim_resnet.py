"""ResNet-101 of TF-slim, the network of the released code: checkpoint `resnet_v1_101.ckpt`.

Other than in Keras's, the last block of a stage halves the maps, in its 3 x 3 convolution, and the
shortcut takes every second cell.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from model.encoders import bottleneck
from model.encoders.bottleneck import Place, Shape

SHAPE = Shape(stride_last=True)
SCOPE = "resnet_v1_101"
# In the order of Keras's weights.
NORMALISATION = ("gamma", "beta", "moving_mean", "moving_variance")


def build(extractor: str, shape: Shape = SHAPE) -> keras.Model:
    """The network without its classifier: [B, 224, 224, 3] to [B, 7, 7, 2048]."""
    return bottleneck.build(shape)


def load(network: keras.Model, path: Path) -> None:
    """Loads a checkpoint of TensorFlow 1: the published file, or the .index of a newer format.

    Raises:
        ValueError, tf.errors.OpError: it is no checkpoint, or of another network.
    """
    reader = tf.train.load_checkpoint(str(path).removesuffix(".index"))
    there = reader.get_variable_to_shape_map()

    def read(name: str) -> np.ndarray:
        if name not in there:
            raise ValueError(f"{name} is missing")
        return reader.get_tensor(name)

    for place, convolution, normalisation in bottleneck.weighted_layers(network):
        scope = _scope(place)
        kernel, inside = f"{scope}/weights", [f"{scope}/BatchNorm/{name}" for name in NORMALISATION]
        bottleneck.set_weights(convolution, {kernel: read(kernel)})
        bottleneck.set_weights(normalisation, {name: read(name) for name in inside})


def _scope(place: Place) -> str:
    """The name of a convolution in the checkpoint."""
    if place.stage == 1:
        return f"{SCOPE}/conv1"
    branch = f"conv{place.branch}" if place.branch else "shortcut"
    return f"{SCOPE}/block{place.stage - 1}/unit_{place.block}/bottleneck_v1/{branch}"
