"""Times the extraction of image features beside the bare network, on made-up photos."""

from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from data_loader.feature_writer import FeatureWriter
from data_loader.features import features_folder
from model.networks import RANDOM
from scripts import extract_features
from scripts.benchmark.rates import in_turns, peak_memory_gb
from utils.checks import check_range

if TYPE_CHECKING:
    from model.encoders import ImageEncoder

SIDE = 640  # pixels, as Instagram served photos
QUALITY = 90
# Waves of these lengths in pixels, with these heights: as in photos, the fine ones are weak.
WAVES = {160: 90, 40: 50, 10: 20, 4: 10}
GRAIN = 4.0


@dataclass(frozen=True)
class Extract:
    """Times the extraction of features of made-up photos beside the bare network, by turns."""

    layer: Literal["pool5", "res5c"] = "pool5"
    """Which features."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network."""
    images: int = 480
    """Photos, 640 x 640 pixels, shared out to the turns."""
    turns: int = 12
    """How often extraction and bare network are timed, each."""
    batch_size: int = 8
    """Images per network call."""
    jobs: int = 0
    """Threads that decode; 0 is one per processor core."""
    json: Path | None = None
    """Also write the numbers to this file."""

    def check(self) -> None:
        """Refuses what cannot be timed.

        Raises:
            UserError: names the flag.
        """
        check_range("turns", self.turns, 1)
        check_range("batch_size", self.batch_size, 1)
        check_range("images", self.images, self.turns * self.batch_size)
        check_range("jobs", self.jobs, 0)


def measure(options: Extract) -> dict[str, float | int]:
    """Extracts some of the photos per turn, and runs the network alone on as many ready inputs.

    Returns:
        images_per_second, bare_images_per_second, ratio_to_bare, peak_memory_gb, images.
    """
    per_turn = options.images // options.turns // options.batch_size * options.batch_size
    with TemporaryDirectory() as name, redirect_stderr(StringIO()):  # no bars in between
        folder = Path(name)
        names = write_photos(folder, options.images)
        encoder = _make_encoder(folder, names, options)
        flags = extract_features.Options(images=folder, weights="random", jobs=options.jobs)
        with FeatureWriter(folder, encoder.description, names) as writer:
            actions = {
                "extraction": lambda: _extract(writer, encoder, flags, names, per_turn),
                "bare": _bare(encoder, per_turn // options.batch_size),
            }
            seconds = in_turns(actions, options.turns)
    rates = {name: per_turn / taken for name, taken in seconds.items()}
    return {
        "images_per_second": rates["extraction"],
        "bare_images_per_second": rates["bare"],
        "ratio_to_bare": rates["extraction"] / rates["bare"],
        "peak_memory_gb": peak_memory_gb(),
        "images": per_turn * options.turns,
    }


def write_photos(folder: Path, number: int, seed: int = 0) -> list[str]:
    """Writes JPEG files that cost as much to decode as photos of this size, and images.txt.

    Returns:
        their names.
    """
    rng = np.random.default_rng(seed)
    names = [f"{row}.jpg" for row in range(number)]
    for name in names:
        pixels = sum(height * _waves(rng, length) for length, height in WAVES.items())
        pixels = 128 + pixels + rng.normal(0, GRAIN, [SIDE, SIDE, 1])
        photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        photo.save(folder / name, quality=QUALITY)
    (folder / "images.txt").write_text("".join(f"{name}\n" for name in names))
    return names


def _waves(rng: np.random.Generator, length: int) -> np.ndarray:
    """Smooth noise of a wave length in pixels: [640, 640, 3], mostly between -1 and 1."""
    side = SIDE // length
    coarse = rng.normal(0, 0.5, [side, side, 3]).astype(np.float32)
    bands = [
        Image.fromarray(band).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        for band in coarse.transpose(2, 0, 1)
    ]
    return np.stack([np.asarray(band) for band in bands], axis=-1)


def _make_encoder(folder: Path, names: list[str], options: Extract) -> "ImageEncoder":
    """The network, with random weights, after a first call."""
    from model.encoders import ImageEncoder, Recipe, build_network, calibrate, describe

    recipe = Recipe(options.layer, RANDOM, precision=options.precision)
    features, some = features_folder(folder), names[: options.batch_size]
    features.mkdir()
    sample = [extract_features.prepare(folder, name, recipe.extractor) for name in some]
    calibrate(recipe, np.stack(sample), some, features / recipe.calibration)
    network = build_network(recipe, features)
    encoder = ImageEncoder(network, describe(recipe, features), options.batch_size)
    encoder.encode(np.stack(sample))
    return encoder


def _extract(
    writer: FeatureWriter,
    encoder: "ImageEncoder",
    flags: extract_features.Options,
    names: list[str],
    number: int,
) -> None:
    """The next images, as the command extracts them, until they are safe on disk."""
    rows = writer.pending()[:number]
    extract_features.extract(writer, encoder, flags, names, rows)
    writer.flush()


def _bare(encoder: "ImageEncoder", batches: int) -> Callable[[], None]:
    """Runs the network alone, on inputs that are ready."""
    import tensorflow as tf

    size = encoder.preprocessing.size
    inputs = tf.random.normal([encoder.batch_size, size, size, 3], stddev=60)

    def run() -> None:
        for _ in range(batches):
            encoder.run(inputs).numpy()

    return run
