"""Pointing game and attention correctness: does a map lie where the boxes of a phrase are?

The pointing game (Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016) asks
whether the largest value of a map falls into a box; attention correctness (Liu et al., Attention
Correctness in Neural Image Captioning, AAAI 2017) how much of the map's mass does.

A network sees a square window of the picture, (left, top, width, height) in its pixels, as a grid
of cells. Maps are compared with boxes on a finer grid over the same window, `SIDE` points a side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.overlay import spread

SIDE = 224
DECIMALS = 5  # of up-sampled maps: what differs by less is equal, whatever the order of summation


class Played(NamedTuple):
    """What became of one phrase.

    Attributes:
        hit: whether the map's largest value is in a box; of equal ones, the first counts, row by
            row.
        correctness: the share of the map's mass in the boxes, 0 to 1.
        random: the share of the picture that the boxes cover: how often a random point hits, and
            the correctness of a uniform map.
        centre: whether the middle of the window is in a box.
    """

    hit: bool
    correctness: float
    random: float
    centre: bool


def upsample(maps: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Bicubic up-sampling, each cell onto its own points, as maps are drawn (`utils.overlay`).

    Args:
        maps: [N, h, w], finite.
        side: of the result.

    Returns:
        [N, side, side] float64; a constant map stays constant, to the last bit.
    """
    large = spread(maps, (0, 0, side, side), side, side)
    return np.round(large.astype(np.float64), DECIMALS)


def cover(boxes: np.ndarray, window: Sequence[float], side: int = SIDE) -> np.ndarray:
    """Which points of the grid over a window are in a box.

    Args:
        boxes: [n, 4] left, top, right and bottom edges, in pixels of the picture; its first pixel
            goes from 0 to 1.
        window: left, top, width and height of what the network sees, in the same pixels.
        side: points along each side, each in the middle of its part of the window.

    Returns:
        [side, side] bool, rows first; none is True where nothing of the boxes is seen.
    """
    left, top, width, height = window
    middles = (np.arange(side) + 0.5) / side
    x, y = left + width * middles, top + height * middles
    in_x = (boxes[:, 0, np.newaxis] <= x) & (x < boxes[:, 2, np.newaxis])  # [n, side]
    in_y = (boxes[:, 1, np.newaxis] <= y) & (y < boxes[:, 3, np.newaxis])
    return (in_y[:, :, np.newaxis] & in_x[:, np.newaxis, :]).any(axis=0)


def play(large: np.ndarray, target: np.ndarray, picture: np.ndarray) -> Played:
    """Plays one phrase.

    Args:
        large: [side, side], its map. For correctness, what is below zero (bicubic up-sampling goes
            there beside an edge) counts as zero, and a map without mass as uniform.
        target: [side, side] bool, from `cover`, True somewhere.
        picture: [side, side] bool, where there is a picture: a window may reach beyond it, and
            nobody points there.
    """
    points = large[picture]  # [P], row by row
    inside = target[picture]
    mass = np.maximum(points, 0)
    total = mass.sum()
    share = inside.mean()
    middle = target.shape[0] // 2
    return Played(
        hit=bool(inside[np.argmax(points)]),
        correctness=float(mass[inside].sum() / total if total > 0 else share),
        random=float(share),
        centre=bool(target[middle, middle]),
    )
