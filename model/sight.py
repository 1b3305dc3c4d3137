"""How a picture becomes a square in steps, and which part of the picture that square shows.

The steps of caption-guided saliency are Pillow's, as its authors' were. Every step cuts, resizes or
fits; each knows its way back, so that a cell of the network's input is found in the picture again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

MID_GREY = (128, 128, 128)


class Window(NamedTuple):
    """The rectangle of a picture that the network's square input shows, in pixels of the picture.

    It may reach outside of the picture, where the square is filled up with grey.
    """

    left: float
    top: float
    width: float
    height: float


class Size(NamedTuple):
    """Pixels of a picture."""

    width: int
    height: int


@dataclass(frozen=True)
class Cut:
    """Cuts out the centre; of an odd rest, the larger part goes at the right and the bottom.

    Attributes:
        side: pixels each way; None for those of the shorter side.
    """

    side: int | None = None

    def size(self, size: Size) -> Size:
        """The size after this step."""
        side = self.side or min(size)
        return Size(side, side)

    def apply(self, image: Image.Image) -> Image.Image:
        """The picture after this step."""
        size = self.size(Size(*image.size))
        left, top = _margins(image.size, size)
        return image.crop((left, top, left + size.width, top + size.height))

    def before(self, window: Window, size: Size) -> Window:
        """The window of the picture of `size` that shows as `window` after this step."""
        left, top = _margins(size, self.size(size))
        return window._replace(left=window.left + left, top=window.top + top)


@dataclass(frozen=True)
class Stretch:
    """Resizes to one size, whatever the proportions were."""

    to: Size
    filter: Image.Resampling = Image.Resampling.LANCZOS

    def size(self, size: Size) -> Size:
        """The size after this step, whatever it was."""
        del size
        return self.to

    def apply(self, image: Image.Image) -> Image.Image:
        """The picture after this step."""
        return image.resize(self.to, self.filter)

    def before(self, window: Window, size: Size) -> Window:
        """The window of the picture of `size` that shows as `window` after this step."""
        return _scaled(window, size.width / self.to.width, size.height / self.to.height)


@dataclass(frozen=True)
class Fit:
    """Resizes the whole picture into a square, undistorted, and fills what is left with grey."""

    side: int
    filter: Image.Resampling = Image.Resampling.LANCZOS

    def size(self, size: Size) -> Size:
        """The size after this step, whatever it was."""
        del size
        return Size(self.side, self.side)

    def apply(self, image: Image.Image) -> Image.Image:
        """The picture after this step."""
        inside = self._inside(Size(*image.size))
        square = Image.new("RGB", (self.side, self.side), MID_GREY)
        square.paste(image.resize(inside, self.filter), _margins(self.size(inside), inside))
        return square

    def before(self, window: Window, size: Size) -> Window:
        """The window of the picture of `size` that shows as `window` after this step."""
        inside = self._inside(size)
        left, top = _margins(self.size(size), inside)
        window = window._replace(left=window.left - left, top=window.top - top)
        return _scaled(window, size.width / inside.width, size.height / inside.height)

    def _inside(self, size: Size) -> Size:
        """The picture's size in the square: whole pixels, one at least."""
        return Size(*(max(1, round(side * self.side / max(size))) for side in size))


Step = Cut | Stretch | Fit


@dataclass(frozen=True)
class Steps:
    """Steps one after another; the last one makes a square.

    Attributes:
        steps: in their order.
    """

    steps: tuple[Step, ...]

    @property
    def side(self) -> int:
        """S, of the square in pixels."""
        return self._sizes(Size(1, 1))[-1].width

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """Makes the square of a picture.

        Args:
            image: [H, W, 3] uint8, RGB.

        Returns:
            [S, S, 3] float32, whole numbers from 0 to 255: every step rounds, as the authors' did.
        """
        picture = Image.fromarray(image)
        for step in self.steps:
            picture = step.apply(picture)
        return np.asarray(picture, np.float32)

    def window(self, height: int, width: int) -> Window:
        """The part of a picture of H x W pixels that the square shows."""
        sizes = self._sizes(Size(width, height))
        window = Window(0.0, 0.0, *map(float, sizes[-1]))
        for step, size in zip(reversed(self.steps), reversed(sizes[:-1]), strict=True):
            window = step.before(window, size)
        return window

    def _sizes(self, size: Size) -> list[Size]:
        """The sizes before each step, and after the last."""
        sizes = [size]
        for step in self.steps:
            sizes.append(step.size(sizes[-1]))
        return sizes


def _margins(outer: Sequence[int], inner: Sequence[int]) -> tuple[int, int]:
    """What is left and above of a centred rectangle: half of the rest, rounded down."""
    return (outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2


def _scaled(window: Window, across: float, down: float) -> Window:
    left, top, width, height = window
    return Window(left * across, top * down, width * across, height * down)
