"""Overlays: every cell lies on its own pixels, whatever part of the picture the grid covers."""

from typing import get_args

import numpy as np
import pytest
from PIL import Image

from tests.photos import photo
from utils.overlay import Colours, Painter, colour_table, draw_overlay, paint, seen, spread

# In the middle, of odd sizes; stretched; reaching outside of the picture.
WINDOWS = [(13.5, 4.25, 61.0, 53.5), (0.0, 0.0, 90.0, 62.0), (0.0, -14.0, 90.0, 90.0)]
HEIGHT, WIDTH = 62, 90


def cell_pixels(window, row, column, grid):
    """Where the centres of a cell's pixels may be: left, right, top, bottom."""
    left, top, across, down = window
    x, y = left + across * np.array([column, column + 1]) / grid[1], np.array([row, row + 1])
    return *x, *(top + down * y / grid[0])


@pytest.mark.parametrize("window", WINDOWS)
def test_a_cell_s_largest_pixel_is_in_the_cell(window):
    grid = (7, 8)
    for row, column in [(0, 0), (3, 5), (6, 7), (2, 0)]:
        map_ = np.zeros(grid)
        map_[row, column] = 1
        values = np.where(seen(window, HEIGHT, WIDTH), spread(map_, window, HEIGHT, WIDTH), -1)
        y, x = np.unravel_index(values.argmax(), values.shape)
        left, right, top, bottom = cell_pixels(window, row, column, grid)
        if bottom > 0 and top < HEIGHT:  # else the cell is outside of the picture
            assert left <= x + 0.5 <= right and top <= y + 0.5 <= bottom


def test_interpolation_is_pillow_s_away_from_the_edge():
    map_ = np.random.default_rng(1).random((6, 8), np.float32)
    ours = spread(map_, (0, 0, 80, 60), 60, 80)
    theirs = np.asarray(Image.fromarray(map_).resize((80, 60), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(ours[15:-15, 15:-15], theirs[15:-15, 15:-15], atol=1e-6)


def test_a_map_s_edge_goes_on_to_the_window_s_edge():
    map_ = np.array([[0.2, 0.2], [0.2, 0.2]])
    values = spread(map_, (5.0, 3.0, 20.0, 30.0), 40, 33)
    np.testing.assert_allclose(values, 0.2, atol=1e-6)


def test_what_the_window_leaves_out_is_grey_and_the_rest_is_mixed():
    picture, window = photo(30, 44), (8.0, 5.0, 20.0, 18.0)
    drawn = draw_overlay(picture, np.full((3, 3), 1.0), window, "viridis")
    inside = np.zeros([30, 44], bool)
    inside[5:23, 8:28] = True
    np.testing.assert_array_equal(seen(window, 30, 44), inside)
    grey = drawn[~inside]
    assert (grey == grey[:, :1]).all() and grey.mean() < picture[~inside].mean()
    top = colour_table("viridis")[-1].astype(float)
    assert np.abs(drawn[inside] - (picture[inside] + top) / 2).max() <= 0.5


def test_several_maps_are_what_each_is_alone():
    picture, maps = photo(21, 35), np.random.default_rng(2).random((3, 4, 5))
    together = Painter(21, 35, (2, 1, 30, 19))(picture, maps)
    for number, map_ in enumerate(maps):
        np.testing.assert_array_equal(together[number], draw_overlay(picture, map_, (2, 1, 30, 19)))


def test_colours_go_from_the_least_to_the_largest():
    assert paint(np.array([-3.0, 0, 1, 7]), "jet").tolist() == [[0, 0, 128]] * 2 + [[128, 0, 0]] * 2
    for name in get_args(Colours):
        assert colour_table(name).shape == (256, 3)
    brightness = colour_table("viridis") @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness) > -0.5).all() and brightness[-1] - brightness[0] > 150
