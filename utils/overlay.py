"""Maps of small grids laid over pictures, to the pixel: what a network saw of a picture in colours.

A map has a value per cell of a grid, the grid covers a window of the picture, and the window may
be less than the picture (a centre crop) or reach beyond it. A pixel's value is interpolated between
the centres of the cells (bicubic, Keys 1981), so that each cell lies exactly on its pixels.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

Colours = Literal["jet", "viridis", "magma", "inferno", "cividis", "turbo"]
"""matplotlib's colour maps; viridis, magma, inferno and cividis are perceptually uniform."""
SHADES = 256
OPACITY = 0.5
UNSEEN = 0.55  # brightness of what lies outside of the window, which is also grey
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
EDGE = 2  # cells that the kernel reaches to each side
Window = Sequence[float]
"""(left, top, width, height) of the grid in pixels of the picture; may reach outside of it."""


@lru_cache
def colour_table(colours: Colours = "jet") -> np.ndarray:
    """The colours of a map from its least to its largest value: [256, 3] uint8, RGB."""
    from matplotlib import colormaps

    return np.rint(255 * colormaps[colours](np.arange(SHADES) / (SHADES - 1))[:, :3]).astype("u1")


def paint(values: np.ndarray, colours: Colours = "jet") -> np.ndarray:
    """Colours of values: [...] from 0 to 1, others count as the nearer end, to [..., 3] uint8."""
    shades = np.rint(np.clip(values, 0, 1) * (SHADES - 1))
    return colour_table(colours)[shades.astype(np.intp)]


def spread(maps: np.ndarray, window: Window, height: int, width: int) -> np.ndarray:
    """Interpolates maps at the pixels of a picture.

    Args:
        maps: [..., h, w], values of the grid's cells.
        window: where the grid lies in the picture.
        height, width: H and W, of the picture in pixels.

    Returns:
        [..., H, W] float32; outside of the window the values of its edge. Between two large cells
        it may be a little larger than both.
    """
    left, top, across, down = window
    rows = _weights(height, top, down, maps.shape[-2])
    columns = _weights(width, left, across, maps.shape[-1])
    return rows @ maps.astype(np.float32) @ columns.T


def seen(window: Window, height: int, width: int) -> np.ndarray:
    """Which pixels of a picture have their centres in the window: [H, W] bool."""
    left, top, across, down = window
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside_x, inside_y = (left <= x) & (x < left + across), (top <= y) & (y < top + down)
    return inside_y[:, np.newaxis] & inside_x


class Painter:
    """Lays maps over pictures of one size.

    Args:
        height, width: H and W of the pictures, in pixels.
        window: where the maps' grid lies in a picture.
        colours: of the map.
        opacity: of the colours; the rest is the picture.
    """

    def __init__(
        self,
        height: int,
        width: int,
        window: Window,
        colours: Colours = "jet",
        opacity: float = OPACITY,
    ):
        self.height, self.width, self.window = height, width, tuple(window)
        self.colours, self.opacity = colours, opacity
        self._unseen = ~seen(window, height, width)

    def __call__(self, picture: np.ndarray, maps: np.ndarray) -> np.ndarray:
        """Draws each map over the same picture.

        Args:
            picture: uint8 [H, W, 3], RGB.
            maps: [W', h, w], values from 0 to 1.

        Returns:
            uint8 [W', H, W, 3]; what the window leaves out is dark and grey.
        """
        heat = paint(spread(maps, self.window, self.height, self.width), self.colours)
        mixed = np.float32(self.opacity) * heat + np.float32(1 - self.opacity) * picture
        drawn = np.rint(mixed).astype(np.uint8)
        drawn[:, self._unseen] = self.grey(picture)[self._unseen]
        return drawn

    def grey(self, picture: np.ndarray) -> np.ndarray:
        """The picture as what is not seen of it: uint8 [H, W, 3]."""
        grey = UNSEEN * (picture @ np.float32(LUMINANCE))
        return np.repeat(np.rint(grey).astype(np.uint8)[..., np.newaxis], 3, axis=-1)


def draw_overlay(
    picture: np.ndarray, map_: np.ndarray, window: Window, colours: Colours = "jet"
) -> np.ndarray:
    """Lays one map over a picture, see `Painter`.

    Args:
        picture: uint8 [H, W, 3], RGB.
        map_: [h, w], values from 0 to 1.
        window: (left, top, width, height), where the map lies, in pixels.
        colours: of the map.

    Returns:
        uint8 [H, W, 3].
    """
    return Painter(*picture.shape[:2], window, colours)(picture, map_[np.newaxis])[0]


def _weights(pixels: int, start: float, length: float, cells: int) -> np.ndarray:
    """The share of each cell in each pixel along one axis: [pixels, cells] float32."""
    place = (np.arange(pixels) + 0.5 - start) / length * cells - 0.5  # in cells, from the first
    place = np.clip(place, -0.5, cells - 0.5)
    weights = _cubic(place[:, np.newaxis] - np.arange(-EDGE, cells + EDGE))
    inner = weights[:, EDGE:-EDGE].copy()
    inner[:, 0] += weights[:, :EDGE].sum(1)  # beyond the grid its edge goes on
    inner[:, -1] += weights[:, -EDGE:].sum(1)
    return inner.astype(np.float32)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys's kernel with a = -1/2, which Pillow's bicubic resizing has too."""
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))
