"""Networks that never learnt, made to tell pictures apart: for the toy world and for tests.

As it is, a deep network with random weights makes nearly parallel features (ResNet-101: cosine
0.9997 between photos) that overflow float16. Therefore every batch normalisation takes the
statistics of a sample of pictures, and a last one, which the network does not have, takes the
sample's mean away and divides by one number.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from utils.errors import UserError
from utils.files import write_bytes

SEED = 0
# The scale of the residual branches beside an identity, zero as networks begin their training with
# (Goyal et al., 2017): with random weights, what they add only drowns the picture. (Linear
# classifiers on 256 toy pictures tell 97% of topics and 98% of colours; with a scale of 1, 73, 65.)
# By their names, blocks 10 to 19 keep their branches: features that exist were made with them.
BRANCH_SCALE = 0.0
CHUNK = 8  # pictures at a time


def fill(network: keras.Model) -> None:
    """Gives a network random weights, which follow from the seed alone."""
    for index, layer in enumerate(network.layers):
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(_he_uniform(layer.kernel.shape, index))
        elif layer.name.endswith("_3_bn") and "block1" not in layer.name:
            layer.gamma.assign(tf.fill(layer.gamma.shape, BRANCH_SCALE))


def _he_uniform(shape: Sequence[int], index: int) -> np.ndarray:
    """He initialisation. Uniform, because NumPy makes those bits alike on every machine."""
    bound = np.sqrt(6 / np.prod(shape[:-1]), dtype=np.float32)
    generator = np.random.Generator(np.random.PCG64([SEED, index]))
    return (2 * generator.random(tuple(shape), dtype=np.float32) - 1) * bound


def centre(network: keras.Model) -> keras.Model:
    """The network with one more normalisation."""
    last = keras.layers.BatchNormalization(center=False, scale=False, name="features_bn")
    return keras.Model(network.inputs, last(network.output))


def calibrate(network: keras.Model, inputs: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Sets all normalisations (of a network from `centre`) by a sample, and saves them.

    Args:
        network: [N, S, S, 3] to maps [N, h, w, dim].
        inputs: [N, S, S, 3], preprocessed pictures.
        names: of these pictures.
        path: the .npz file.
    """
    normalisations = list(_normalisations(network))
    last = normalisations[-1]
    for layer in normalisations:
        layer.momentum = 0.0  # moving statistics become the batch's own
    # A graph, since Keras called eagerly would keep every layer's output: 11 GB for 64 pictures.
    pooled = tf.function(lambda images, training: _pool(network(images, training=training)))
    pooled(tf.constant(inputs), training=True)
    width = network.output.shape[-1]
    _set_statistics(last, np.zeros(width), np.ones(width) - last.epsilon)  # does nothing
    chunks = (inputs[start : start + CHUNK] for start in range(0, len(inputs), CHUNK))
    features = np.concatenate([pooled(chunk, False) for chunk in chunks])
    spread = features.var(axis=0).mean()
    _set_statistics(last, features.mean(axis=0), np.full(width, spread))
    arrays = {"seed": np.array(SEED), "sample": np.array(names)}
    for layer in normalisations:
        arrays[f"{layer.name}/mean"] = layer.moving_mean.numpy()
        arrays[f"{layer.name}/variance"] = layer.moving_variance.numpy()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def load_statistics(network: keras.Model, path: Path) -> None:
    """Sets all normalisations (of a network from `centre`) as `calibrate` saved them.

    Raises:
        UserError: the file is damaged, or of another network.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for layer in _normalisations(network):
                mean, variance = arrays[f"{layer.name}/mean"], arrays[f"{layer.name}/variance"]
                _set_statistics(layer, mean, variance)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is damaged ({error}); delete {path.stem}* in {path.parent} and extract again"
        ) from None


def _pool(maps: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(maps, axis=[1, 2])  # [B, h, w, dim] to [B, dim]


def _set_statistics(layer: keras.Layer, mean: np.ndarray, variance: np.ndarray) -> None:
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)


def _normalisations(network: keras.Model) -> Iterator[keras.Layer]:
    return (x for x in network.layers if isinstance(x, keras.layers.BatchNormalization))
