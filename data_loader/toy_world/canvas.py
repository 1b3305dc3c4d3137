"""A canvas in the coordinates of what is drawn on it."""

import random
from collections.abc import Sequence

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Canvas:
    """Draws in the subject's own coordinates: (0, 0) is its centre, y grows downwards.

    Args:
        picture: the picture to draw on.
        centre: where (0, 0) lies, in pixels.
        unit: the length of 1, in pixels.
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


def shade(colour: Colour, rng: random.Random, by: int = 14) -> Colour:
    """Returns the colour a little lighter or darker, each channel on its own."""
    red, green, blue = (min(255, max(0, part + rng.randint(-by, by))) for part in colour)
    return red, green, blue
