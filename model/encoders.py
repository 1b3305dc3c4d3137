"""ResNet-101 as an image encoder: the features of a picture, the same wherever they are made.

Layers by the names of the paper: `res5c`, the last 7 x 7 map (49 slots), and `pool5`, its mean.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from model.narrowing import narrow
from model.preprocessing import CROP, DESCRIPTION, preprocess
from utils.errors import UserError
from utils.files import sha256, write_bytes

Precision = Literal["float32", "bfloat16"]

WIDTH = 2048
SLOTS = {"pool5": 1, "res5c": 49}
RANDOM = "random"
RANDOM_EXTRACTOR = "resnet101_random"
CALIBRATION = f"{RANDOM_EXTRACTOR}.npz"
CALIBRATION_IMAGES = 48
SEED = 0
# The scale of the residual branches beside an identity, zero as networks begin their training with
# (Goyal et al., 2017): with random weights, what they add only drowns the picture. (Linear
# classifiers on 256 toy pictures tell 97% of topics and 98% of colours; with a scale of 1, 73, 65.)
BRANCH_SCALE = 0.0
DOWNLOAD = "scripts/download_pretrained_resnet_101.sh"


class ImageEncoder:
    """Makes features of pictures, always in batches of one size.

    The batch size belongs to the encoder because a convolution library may choose another order of
    summation for another batch size (measured on the CPU: a picture alone differs by 2e-6 from the
    same picture among others, while its place and its neighbours change nothing).

    Args:
        network: [B, 224, 224, 3] to [B, 7, 7, 2048].
        description: what its features are, as stored beside them (`describe`).
        batch_size: smaller batches are filled up.

    Attributes:
        run: the bare network, [batch size, 224, 224, 3] to [batch size, slots, 2048], float32.
    """

    def __init__(self, network: keras.Model, description: dict, batch_size: int):
        self.description, self.batch_size = description, batch_size
        self.layer: str = description["layer"]
        self.slots, self.dim = SLOTS[self.layer], WIDTH
        signature = tf.TensorSpec([batch_size, CROP, CROP, 3])
        self.run = tf.function(
            lambda images: self._read_layer(network(images, training=False)),
            input_signature=[signature],
        )

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Encodes decoded pictures of any sizes.

        Args:
            images: each uint8 [H, W, 3], RGB.

        Returns:
            float16 [len(images), slots, 2048], as extraction stores them.
        """
        parts = [
            self.encode(np.stack([preprocess(image) for image in chunk]))
            for chunk in _chunks(images, self.batch_size)
        ]
        return np.concatenate(parts) if parts else np.zeros([0, self.slots, self.dim], np.float16)

    def encode(self, inputs: np.ndarray) -> np.ndarray:
        """Encodes network inputs [N <= batch size, 224, 224, 3]: float16 [N, slots, 2048]."""
        number, missing = len(inputs), self.batch_size - len(inputs)
        if missing:
            inputs = np.pad(inputs, [(0, missing), (0, 0), (0, 0), (0, 0)])
        return self.run(inputs).numpy()[:number].astype(np.float16)

    def _read_layer(self, maps: tf.Tensor) -> tf.Tensor:
        slots = tf.reshape(maps, [self.batch_size, SLOTS["res5c"], WIDTH])
        slots = tf.cast(slots, tf.float32)  # a mean of 49 bfloat16 would lose digits
        if self.layer == "pool5":
            slots = tf.reduce_mean(slots, axis=1, keepdims=True)
        return slots  # [B, slots, 2048]


def describe(
    weights: str | Path, layer: str, folder: str | Path, precision: Precision = "float32"
) -> dict:
    """Describes the features of ResNet-101 with the given weights: what a number in them means.

    Args:
        weights: the path of a Keras weight file, or "random".
        layer: `pool5` or `res5c`.
        folder: where the features lie, and for random weights the file of `calibrate`.
        precision: of the network; `float32` is not mentioned, as in descriptions that are older
            than the choice.

    Raises:
        UserError: the weight file is missing, or that of `calibrate`.
    """
    shape = {"layer": layer, "slots": SLOTS[layer], "dim": WIDTH, "preprocessing": DESCRIPTION}
    if precision != "float32":
        shape["precision"] = precision
    if str(weights) == RANDOM:
        calibration = Path(folder) / CALIBRATION
        if not calibration.is_file():
            raise UserError(
                f"{calibration} is missing; it belongs to the {RANDOM_EXTRACTOR} features: delete "
                f"{RANDOM_EXTRACTOR}-* in {folder} and extract again"
            )
        encoder = {"weights": RANDOM, "seed": SEED, "calibration_sha256": sha256(calibration)}
        return {"extractor": RANDOM_EXTRACTOR, "encoder": encoder, **shape}
    path = Path(weights)
    if not path.is_file():
        raise UserError(f"no weight file {path}; {DOWNLOAD} brings it (or use --weights random)")
    encoder = {"weights": path.name, "sha256": sha256(path)}
    return {"extractor": "resnet101", "encoder": encoder, **shape}


def load_encoder(
    metadata: dict, folder: str | Path, weights: str | Path | None = None
) -> ImageEncoder:
    """Rebuilds the encoder that made some features, to encode a new picture by the same network.

    Args:
        metadata: what is stored beside the features (`FeatureStore.metadata`).
        folder: where the features lie (`FeatureStore.path.parent`).
        weights: the weight file, where it has moved since.

    Raises:
        UserError: the features are of another kind of encoder, or its weights are missing or not
            the ones that made the features.
    """
    encoder, made_with = metadata.get("encoder", {}), metadata.get("made_with", {})
    if metadata["extractor"] not in ("resnet101", RANDOM_EXTRACTOR):
        raise UserError(
            f"{metadata['extractor']} features were not made by this project's ResNet-101, so no "
            "new picture can be encoded like them; name features of resnet101"
        )
    if encoder["weights"] != RANDOM:
        weights = weights or made_with.get("weights_path") or encoder["weights"]
    precision = metadata.get("precision", "float32")
    description = describe(weights or RANDOM, metadata["layer"], folder, precision)
    if description["encoder"] != encoder:
        raise UserError(
            f"{weights or Path(folder) / CALIBRATION} did not make these features: expected "
            f"{encoder}, found {description['encoder']}"
        )
    network = build_network(weights or RANDOM, Path(folder) / CALIBRATION, precision)
    return ImageEncoder(network, description, made_with.get("batch_size", 8))


def build_network(
    weights: str | Path, calibration: Path | None = None, precision: Precision = "float32"
) -> keras.Model:
    """Builds ResNet-101 without its classifier: [B, 224, 224, 3] to [B, 7, 7, 2048].

    Args:
        weights: the path of a Keras weight file, or "random".
        calibration: for random weights, the file of `calibrate`.
        precision: `bfloat16` has its convolutions in it, with the normalisations folded into them.

    Raises:
        UserError: the weight file is missing or of another network.
    """
    network = _load_network(weights, calibration)
    return network if precision == "float32" else narrow(network)


def _load_network(weights: str | Path, calibration: Path | None) -> keras.Model:
    network = keras.applications.ResNet101(
        include_top=False, weights=None, input_shape=(CROP, CROP, 3)
    )
    if str(weights) == RANDOM:
        return _random_network(network, calibration)
    try:
        network.load_weights(weights)
    except Exception as error:  # Keras raises six types on a wrong file
        first_line = str(error).strip().split("\n")[0]
        raise UserError(
            f"{weights} holds no weights of Keras's ResNet-101 without its top ({first_line}); "
            f"{DOWNLOAD} brings the file"
        ) from error
    return network


def calibrate(inputs: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Makes ResNet-101 with random weights tell pictures apart, from a sample of them; saves how.

    As it is, such a network makes nearly parallel features (cosine 0.9997 between photos) that
    overflow float16. Therefore every batch normalisation takes the statistics of the sample, and a
    last one, without counterpart in ResNet, takes the sample's mean away and divides by one number.

    Args:
        inputs: [N, 224, 224, 3], preprocessed pictures.
        names: of these pictures, kept in the file so that one can see what it was made from.
        path: the .npz file: means and variances of each normalisation, never the convolutions,
            which follow from the seed.
    """
    network = build_network(RANDOM)
    normalisations = list(_normalisations(network))
    last = normalisations[-1]
    for layer in normalisations:
        layer.momentum = 0.0  # moving statistics become the batch's own
    # A graph, since Keras called eagerly would keep every layer's output: 11 GB for 64 pictures.
    pooled = tf.function(lambda images, training: _pool(network(images, training=training)))
    pooled(tf.constant(inputs), training=True)
    _set_statistics(last, np.zeros(WIDTH), np.ones(WIDTH) - last.epsilon)  # does nothing
    features = np.concatenate([pooled(chunk, False) for chunk in _chunks(inputs, 8)])
    spread = features.var(axis=0).mean()
    _set_statistics(last, features.mean(axis=0), np.full(WIDTH, spread))
    arrays = {"seed": np.array(SEED), "sample": np.array(names)}
    for layer in normalisations:
        arrays[f"{layer.name}/mean"] = layer.moving_mean.numpy()
        arrays[f"{layer.name}/variance"] = layer.moving_variance.numpy()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def _pool(maps: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(maps, axis=[1, 2])  # [B, 7, 7, 2048] to [B, 2048]


def _random_network(network: keras.Model, calibration: Path | None) -> keras.Model:
    """Gives ResNet-101 random weights, one more normalisation, and its calibrated statistics."""
    for index, layer in enumerate(network.layers):
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(_he_uniform(layer.kernel.shape, index))
        elif layer.name.endswith("_3_bn") and "block1" not in layer.name:
            layer.gamma.assign(tf.fill(layer.gamma.shape, BRANCH_SCALE))
    centred = keras.layers.BatchNormalization(center=False, scale=False, name="features_bn")
    network = keras.Model(network.inputs, centred(network.output))
    if calibration is not None:
        _load_statistics(network, calibration)
    return network


def _he_uniform(shape: Sequence[int], index: int) -> np.ndarray:
    """He initialisation. Uniform, because NumPy makes those bits alike on every machine."""
    bound = np.sqrt(6 / np.prod(shape[:-1]), dtype=np.float32)
    generator = np.random.Generator(np.random.PCG64([SEED, index]))
    return (2 * generator.random(tuple(shape), dtype=np.float32) - 1) * bound


def _load_statistics(network: keras.Model, path: Path) -> None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for layer in _normalisations(network):
                mean, variance = arrays[f"{layer.name}/mean"], arrays[f"{layer.name}/variance"]
                _set_statistics(layer, mean, variance)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is damaged ({error}); delete {RANDOM_EXTRACTOR}* in {path.parent} and extract "
            "again"
        ) from None


def _set_statistics(layer: keras.Layer, mean: np.ndarray, variance: np.ndarray) -> None:
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)


def _normalisations(network: keras.Model) -> Iterator[keras.Layer]:
    return (x for x in network.layers if isinstance(x, keras.layers.BatchNormalization))


def _chunks(items: Sequence, size: int) -> Iterator[Sequence]:
    return (items[start : start + size] for start in range(0, len(items), size))
