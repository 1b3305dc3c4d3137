"""Renders the pictures of the toy world: a coloured backdrop, one of twelve subjects, some noise.

Position, size, direction, shades and noise differ from picture to picture, so that a topic is
never the same pixels twice.
"""

import io
import random

import numpy as np
from PIL import Image

from data_loader.toy_world.canvas import Canvas, Colour
from data_loader.toy_world.rules import Scene
from data_loader.toy_world.scenes import SUBJECTS

FINER = 2  # drawn this much larger, then reduced: smooth edges
NOISE = 5.0  # standard deviation, of 255
JPEG_QUALITY = 72

BACKDROPS: dict[str, tuple[Colour, Colour]] = {  # top, bottom
    "golden": ((255, 222, 120), (248, 178, 62)),
    "pink": ((255, 200, 218), (240, 132, 176)),
    "blue": ((168, 214, 252), (84, 150, 228)),
    "green": ((196, 238, 178), (116, 198, 124)),
}


def render(scene: Scene, rng: random.Random, size: int = 256) -> Image.Image:
    """Renders one picture of a scene.

    Args:
        scene: what the picture shows.
        rng: decides everything else about it.
        size: width and height in pixels.
    """
    picture = _backdrop(scene.colour, rng, size * FINER)
    SUBJECTS[scene.topic.noun](_place(picture, rng), rng)
    return _develop(picture.reduce(FINER), rng)


def _backdrop(colour: str, rng: random.Random, size: int) -> Image.Image:
    """Fills a picture from the colour's upper to its lower shade, a bit lighter or darker."""
    shade, tilt = rng.uniform(0.88, 1.05), rng.uniform(-0.3, 0.3)
    top, bottom = (np.array(end, np.float32) for end in BACKDROPS[colour])
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    depth = np.clip(y + tilt * (x - 0.5), 0, 1)[..., np.newaxis]  # [size, size, 1]
    pixels = (top + (bottom - top) * depth) * shade
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _place(picture: Image.Image, rng: random.Random) -> Canvas:
    size = picture.width
    centre = (size * rng.uniform(0.44, 0.56), size * rng.uniform(0.46, 0.56))
    return Canvas(picture, centre, size * rng.uniform(0.33, 0.42), rng.random() < 0.5)


def _develop(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Adds exposure and grain."""
    pixels = np.asarray(picture, np.float32) * rng.uniform(0.94, 1.04)
    grain = np.random.default_rng(rng.getrandbits(32)).standard_normal(
        pixels.shape[:2], dtype=np.float32
    )
    pixels += NOISE * grain[..., np.newaxis]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image) -> bytes:
    """Returns the picture as a JPEG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
