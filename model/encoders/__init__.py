"""Networks as image encoders: the features of a picture, the same wherever they are made.

`model.networks` lists the networks and their layers; each family has its file here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from model.encoders import random_weights
from model.narrowing import narrow
from model.networks import (
    FLIPPED_SUFFIX,
    RANDOM,
    RANDOM_SUFFIX,
    Extractor,
    bare_name,
    find_layer,
    find_network,
    is_flipped,
)
from utils.errors import UserError
from utils.files import sha256

Precision = Literal["float32", "bfloat16"]

CALIBRATION_IMAGES = 48


def family_of(extractor: str) -> ModuleType:
    """The module that builds a network.

    It has `build(extractor)`, which gives a Keras model that ends with the network's last maps, and
    `load(network, path)`, where there is something to load.
    """
    return import_module(f"model.encoders.{find_network(extractor).family}")


@dataclass(frozen=True)
class Recipe:
    """All that decides the numbers of some features, but the pictures.

    Attributes:
        layer: one that the network has.
        weights: the path of a weight file, "random", or None for what has no weights.
        extractor: the network.
        precision: of its maps.
        random_flip: whether pictures are mirrored by a hash of their names (`is_mirrored`).
    """

    layer: str
    weights: str | Path | None
    extractor: Extractor = "resnet101"
    precision: Precision = "float32"
    random_flip: bool = False

    def check(self) -> None:
        """Refuses what the network does not have.

        Raises:
            UserError: the layer or the weights; weights or precision where nothing is computed.
        """
        find_layer(self.extractor, self.layer)
        network = find_network(self.extractor)
        if network.title and self.weights is None:
            raise UserError(
                f"{self.extractor} needs --weights: a file of {network.title} ({network.download} "
                "brings it), or random"
            )
        if not network.title and self.weights is not None:
            raise UserError(f"{self.extractor} has no weights; leave --weights out")
        if not network.title and self.precision != "float32":
            raise UserError(
                f"{self.extractor} computes nothing that {self.precision} could make faster; leave "
                "--precision out"
            )

    @property
    def is_random(self) -> bool:
        """Whether the network has never learnt to see."""
        return str(self.weights) == RANDOM

    @property
    def name(self) -> str:
        """The extractor as its features are named: `resnet101` or `resnet101-flipped_random`."""
        flipped = FLIPPED_SUFFIX if self.random_flip else ""
        return self.extractor + flipped + (RANDOM_SUFFIX if self.is_random else "")

    @property
    def calibration(self) -> str:
        """The name of the file of `calibrate`: one for all layers of the network's last maps."""
        layers = find_network(self.extractor).layers
        last = find_layer(self.extractor, self.layer).end == next(iter(layers.values())).end
        return f"{self.name}.npz" if last else f"{self.name}-{self.layer}.npz"

    @property
    def siblings(self) -> list[str]:
        """The layers that are made of the same maps, and so share a calibration."""
        end = find_layer(self.extractor, self.layer).end
        return [name for name, x in find_network(self.extractor).layers.items() if x.end == end]


class ImageEncoder:
    """Makes features of pictures, always in batches of one size.

    The batch size belongs to the encoder because a convolution library may choose another order of
    summation for another batch size (measured on the CPU: a picture alone differs by 2e-6 from the
    same picture among others, while its place and its neighbours change nothing).

    Args:
        network: [B, S, S, 3] to the layer's maps [B, h, w, dim].
        description: what its features are, as stored beside them (`describe`).
        batch_size: smaller batches are filled up.

    Attributes:
        preprocessing: from a picture to the network's input.
        frames: how many a clip has; 0 where pictures are encoded.
        run: the bare network, [batch size, S, S, 3] to [batch size, slots, dim], float32; a frame
            has one slot.
    """

    def __init__(self, network: keras.Model, description: dict, batch_size: int):
        self.description, self.batch_size = description, batch_size
        self.layer: str = description["layer"]
        self.slots, self.dim, _, self.frames = find_layer(description["extractor"], self.layer)
        self.preprocessing = find_network(description["extractor"]).preprocessing
        size = self.preprocessing.size
        self.network = network
        self.run = tf.function(
            self.read,
            input_signature=[tf.TensorSpec([batch_size, size, size, 3])],
        )

    @property
    def at_once(self) -> int:
        """How many pictures, or clips of some frames each, fill a batch."""
        return max(1, self.batch_size // max(1, self.frames))

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Encodes decoded pictures of any sizes, or the frames of clips.

        Args:
            images: each uint8 [H, W, 3], RGB; of a layer with frames each [frames, H, W, 3].

        Returns:
            float16 [len(images), slots, dim], as extraction stores them.
        """
        parts = [
            self.encode(np.stack([self._prepare(image) for image in chunk]))
            for chunk in _chunks(images, self.at_once)
        ]
        return np.concatenate(parts) if parts else np.zeros([0, self.slots, self.dim], np.float16)

    def encode(self, inputs: np.ndarray) -> np.ndarray:
        """Encodes network inputs, batch by batch.

        Args:
            inputs: [N, S, S, 3]; of a layer with frames [N, frames, S, S, 3].

        Returns:
            float16 [N, slots, dim].
        """
        pictures = inputs.reshape(-1, *inputs.shape[-3:])
        parts = [self._encode_batch(chunk) for chunk in _chunks(pictures, self.batch_size)]
        return np.concatenate(parts).reshape(len(inputs), self.slots, self.dim)

    def _prepare(self, image: np.ndarray) -> np.ndarray:
        if not self.frames:
            return self.preprocessing(image)
        return np.stack([self.preprocessing(frame) for frame in image])

    def _encode_batch(self, inputs: np.ndarray) -> np.ndarray:
        """float16 [N, slots or 1, dim] of [N <= batch size, S, S, 3]."""
        number, missing = len(inputs), self.batch_size - len(inputs)
        if missing:
            inputs = np.pad(inputs, [(0, missing), (0, 0), (0, 0), (0, 0)])
        return self.run(inputs).numpy()[:number].astype(np.float16)

    def read(self, inputs: tf.Tensor) -> tf.Tensor:
        """The bare network in a graph, for any number of inputs [B, S, S, 3]; see `run`."""
        maps = self.network(inputs, training=False)
        slots = tf.reshape(maps, [-1, maps.shape[1] * maps.shape[2], self.dim])
        slots = tf.cast(slots, tf.float32)  # a mean of 49 bfloat16 would lose digits
        if self.slots == 1 or self.frames:
            slots = tf.reduce_mean(slots, axis=1, keepdims=True)
        return slots  # [B, slots, dim]; of a layer with frames [B, 1, dim]


def describe(recipe: Recipe, folder: str | Path) -> dict:
    """Describes the features of a network with its weights: what a number in them means.

    Args:
        recipe: `float32` is not mentioned, as in descriptions that are older than the choice.
        folder: where the features lie, and for random weights the file of `calibrate`.

    Raises:
        UserError: the network cannot make them, or its weight file is missing, or that of
            `calibrate`.
    """
    recipe.check()
    slots, dim, _, frames = find_layer(recipe.extractor, recipe.layer)
    shape = {"layer": recipe.layer, "slots": slots, "dim": dim}
    shape["preprocessing"] = find_network(recipe.extractor).preprocessing.description
    if recipe.random_flip:
        shape["preprocessing"] += "; mirrored where the sha256 of its name begins with an odd byte"
    if frames:
        shape["frames"] = f"{frames} of a clip, places round(linspace(0, n - 1, {frames}))"
    if recipe.precision != "float32":
        shape["precision"] = recipe.precision
    return {"extractor": recipe.name, "encoder": _describe_weights(recipe, Path(folder)), **shape}


def _describe_weights(recipe: Recipe, folder: Path) -> dict:
    network = find_network(recipe.extractor)
    if recipe.weights is None:
        return {"weights": None}
    if recipe.is_random:
        calibration = folder / recipe.calibration
        if not calibration.is_file():
            made = ", ".join(f"{recipe.name}-{layer}.*" for layer in recipe.siblings)
            raise UserError(
                f"{calibration} is missing; it belongs to the {recipe.name} features: delete "
                f"{made} in {folder} and extract again"
            )
        seed = random_weights.SEED
        return {"weights": RANDOM, "seed": seed, "calibration_sha256": sha256(calibration)}
    path = Path(recipe.weights)
    if not path.is_file():
        raise UserError(
            f"no weight file {path}; {network.download} brings it (or use --weights random)"
        )
    return {"weights": path.name, "sha256": sha256(path)}


def load_encoder(
    metadata: dict, folder: str | Path, weights: str | Path | None = None
) -> ImageEncoder:
    """Rebuilds the encoder that made some features, to encode a new picture by the same network.

    It mirrors nothing: a new picture is seen as it is, whatever those of the features were.

    Args:
        metadata: what is stored beside the features (`FeatureStore.metadata`).
        folder: where the features lie (`FeatureStore.path.parent`).
        weights: the weight file, where it has moved since.

    Raises:
        UserError: the features are of another kind of encoder, or its weights are missing or not
            the ones that made the features.
    """
    recipe = _recipe_of(metadata, weights)
    description = describe(recipe, folder)
    for key in ("encoder", "preprocessing"):
        if description[key] != metadata.get(key):
            raise UserError(
                f"{recipe.weights if key == 'encoder' else 'this version of the project'} did not "
                f"make these features: expected {metadata.get(key)}, found {description[key]}"
            )
    network = build_network(recipe, Path(folder))
    return ImageEncoder(network, description, metadata.get("made_with", {}).get("batch_size", 8))


def _recipe_of(metadata: dict, weights: str | Path | None) -> Recipe:
    """The recipe of stored features."""
    find_layer(metadata["extractor"], metadata["layer"])  # of our networks
    used = metadata.get("encoder", {}).get("weights")
    if used not in (RANDOM, None):
        used = weights or metadata.get("made_with", {}).get("weights_path") or used
    extractor, precision = metadata["extractor"], metadata.get("precision", "float32")
    flipped = is_flipped(extractor)
    return Recipe(metadata["layer"], used, bare_name(extractor), precision, flipped)


def build_network(recipe: Recipe, folder: Path | None = None) -> keras.Model:
    """Builds a network up to one of its layers: [B, S, S, 3] to that layer's maps [B, h, w, dim].

    Args:
        recipe: `bfloat16` has its convolutions in it, with the normalisations folded into them.
        folder: for random weights, where the file of `calibrate` is; None for none.

    Raises:
        UserError: the weight file is missing or of another network.
    """
    family = family_of(recipe.extractor)
    network = family.build(recipe.extractor)
    if recipe.is_random:
        random_weights.fill(network)
    elif recipe.weights is not None:
        _load_weights(recipe, family, network)
    end = find_layer(recipe.extractor, recipe.layer).end
    network = keras.Model(network.inputs, network.get_layer(end).output)
    if recipe.is_random:
        network = random_weights.centre(network)
        if folder is not None:
            random_weights.load_statistics(network, folder / recipe.calibration)
    return network if recipe.precision == "float32" else narrow(network)


def _load_weights(recipe: Recipe, family: ModuleType, network: keras.Model) -> None:
    try:
        family.load(network, Path(recipe.weights))
    except UserError:
        raise
    except Exception as error:  # Keras alone raises six types on a wrong file
        first_line = str(error).strip().split("\n")[0]
        listed = find_network(recipe.extractor)
        raise UserError(
            f"{recipe.weights} holds no weights of {listed.title} ({first_line}); "
            f"{listed.download} brings the file"
        ) from error


def calibrate(recipe: Recipe, inputs: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Makes a network with random weights tell pictures apart, from a sample of them; saves how.

    Args:
        recipe: with random weights.
        inputs: [N, S, S, 3], preprocessed pictures.
        names: of these pictures, kept in the file so that one can see what it was made from.
        path: the .npz file (`Recipe.calibration`): means and variances of each normalisation, never
            the convolutions, which follow from the seed.
    """
    random_weights.calibrate(build_network(recipe), inputs, names, path)


def _chunks(items: Sequence, size: int) -> Iterator[Sequence]:
    return (items[start : start + size] for start in range(0, len(items), size))
