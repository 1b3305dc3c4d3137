"""Renders the pictures of the toy world: a coloured backdrop, one of twelve subjects, some noise.

Position, size, direction, shades and noise differ from picture to picture, so that a topic is
never the same pixels twice.
"""

import io
import random
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from data_loader.toy_world.rules import Scene

Colour = tuple[int, int, int]
Point = tuple[float, float]

FINER = 2  # drawn this much larger, then reduced: smooth edges
NOISE = 5.0  # standard deviation, of 255
JPEG_QUALITY = 72

BACKDROPS: dict[str, tuple[Colour, Colour]] = {  # top, bottom
    "golden": ((255, 222, 120), (248, 178, 62)),
    "pink": ((255, 200, 218), (240, 132, 176)),
    "blue": ((168, 214, 252), (84, 150, 228)),
    "green": ((196, 238, 178), (116, 198, 124)),
}


class Canvas:
    """Draws in the subject's own coordinates: (0, 0) is its centre, y grows downwards.

    Args:
        picture: the picture to draw on.
        centre: where (0, 0) lies, in pixels.
        unit: the length of 1, in pixels; negative widths mirror nothing, `mirrored` does.
        mirrored: whether x grows to the left.
    """

    def __init__(self, picture: Image.Image, centre: Point, unit: float, mirrored: bool):
        self._draw = ImageDraw.Draw(picture)
        self._centre, self._unit = centre, unit
        self._direction = -1 if mirrored else 1

    def _pixel(self, point: Point) -> Point:
        x, y = point
        return (
            self._centre[0] + self._direction * x * self._unit,
            self._centre[1] + y * self._unit,
        )

    def _box(self, centre: Point, rx: float, ry: float) -> list[float]:
        x, y = self._pixel(centre)
        rx, ry = rx * self._unit, ry * self._unit
        return [x - rx, y - ry, x + rx, y + ry]

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        """Fills an ellipse around (x, y)."""
        self._draw.ellipse(self._box((x, y), rx, ry), fill=fill)

    def ring(self, x: float, y: float, radius: float, width: float, fill: Colour) -> None:
        """Draws a circle around (x, y) as a line of this width."""
        box = self._box((x, y), radius, radius)
        self._draw.ellipse(box, outline=fill, width=max(1, round(width * self._unit)))

    def box(self, x: float, y: float, rx: float, ry: float, fill: Colour, round_by=0.0) -> None:
        """Fills a rectangle of half sizes (rx, ry) around (x, y), with round corners."""
        box = self._box((x, y), rx, ry)
        self._draw.rounded_rectangle(box, radius=round_by * self._unit, fill=fill)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fills a polygon."""
        self._draw.polygon([self._pixel(point) for point in points], fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draws connected lines with round joints."""
        pixels = [self._pixel(point) for point in points]
        self._draw.line(pixels, fill=fill, width=max(1, round(width * self._unit)), joint="curve")


def render(scene: Scene, rng: random.Random, size: int = 256) -> Image.Image:
    """Renders one picture of a scene.

    Args:
        scene: what the picture shows.
        rng: decides everything else about it.
        size: width and height in pixels.
    """
    # Scenes import the canvas, so they are looked up here.
    from data_loader.toy_world.scenes import SUBJECTS

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


def shade(colour: Colour, rng: random.Random, by: int = 14) -> Colour:
    """Returns the colour a little lighter or darker, each channel on its own."""
    red, green, blue = (min(255, max(0, part + rng.randint(-by, by))) for part in colour)
    return red, green, blue
