"""The pointing game by hand: boxes on the grid, up-sampling, hits, mass."""

import numpy as np
import pytest

from utils.metrics.pointing import Played, cover, play, upsample

WHOLE = (0.0, 0.0, 8.0, 8.0)  # a window of 8 x 8 pixels
EVERYWHERE = np.ones([8, 8], bool)


def boxes(*edges):
    return np.array(edges, np.float64)


def one_box(left, top, right, bottom, window=WHOLE, side=8):
    return cover(boxes((left, top, right, bottom)), window, side)


def test_a_pixel_is_one_point_where_the_grid_is_as_fine_as_the_picture():
    found = one_box(2, 5, 3, 7)
    assert np.argwhere(found).tolist() == [[5, 2], [6, 2]]


def test_boxes_together_cover_each_point_once():
    found = cover(boxes((0, 0, 2, 2), (1, 1, 3, 3)), WHOLE, 8)
    assert found.sum() == 4 + 4 - 1


def test_a_box_goes_through_the_crop():
    """A picture of 500 x 375: the square in its middle begins at 62.5, and 7/8 of it are seen."""
    side = 375 * 224 / 256
    window = (62.5 + 375 / 16, 375 / 16, side, side)
    left, top = window[:2]
    found = one_box(left + side / 4, top, left + side / 2, top + side / 8, window, 224)
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 27, 56, 111)
    assert found.sum() == 28 * 56
    assert not one_box(0, 0, left, 375, window, 224).any()  # left of what is seen


def test_upsampling_covers_the_cells_pixels():
    cell = np.zeros([1, 8, 8])
    cell[0, 2, 5] = 1
    large = upsample(cell, 224)[0]
    rows, columns = np.nonzero(large == large.max())
    assert (rows.tolist(), columns.tolist()) == ([69, 69, 70, 70], [153, 154, 153, 154])
    assert np.argmax(large) == 69 * 224 + 153  # the middle of the cell: rows 56 to 83, from 140
    assert large.min() < 0  # bicubic


def test_a_constant_map_stays_constant_and_its_first_point_counts():
    large = upsample(np.full([2, 7, 7], 1 / 3), 24)
    assert len(np.unique(large)) == 1
    assert play(large[0], one_box(0, 0, 1, 1, (0, 0, 24, 24), 24), np.ones([24, 24], bool)).hit
    assert not play(large[0], one_box(1, 0, 2, 1, (0, 0, 24, 24), 24), np.ones([24, 24], bool)).hit


def test_scores_by_hand():
    large = np.zeros([8, 8])
    large[1, 2], large[6, 6], large[7, 7] = 3, 1, -9
    inside = one_box(2, 1, 4, 3)  # 4 of 64 points, with the 3 but not the 1
    assert play(large, inside, EVERYWHERE) == Played(True, 0.75, 4 / 64, False)
    middle = one_box(4, 4, 7, 7)  # 9 of 64, with the 1
    assert play(large, middle, EVERYWHERE) == Played(False, 0.25, 9 / 64, True)


def test_a_map_without_mass_is_uniform():
    played = play(np.zeros([8, 8]), one_box(4, 0, 8, 8), EVERYWHERE)
    assert (played.correctness, played.random, played.hit) == (0.5, 0.5, False)


def test_nobody_points_beside_the_picture():
    """A wide picture in a square: of 8 x 8 points 8 x 4 are picture."""
    window = (0.0, -2.0, 8.0, 8.0)
    picture = one_box(0, 0, 8, 4, window)
    assert picture.sum() == 32 and not picture[:2].any() and not picture[6:].any()
    large = np.ones([8, 8])
    large[0, 0], large[3, 1] = 9, 5
    target = one_box(1, 1, 2, 2, window)
    assert play(large, target, picture) == Played(True, pytest.approx(5 / 36), 1 / 32, False)


def test_a_point_is_in_the_middle_of_its_part():
    assert not one_box(0, 0, 0.4, 8).any() and not one_box(0, 0, 8, 0.5).any()
    assert one_box(0.5, 0, 1, 8).sum() == 8
