"""Sheets, strips and films of made-up maps."""

import numpy as np
import pytest

from scripts.saliency.strip import draw_strip, frame_at, thumbnail_count, ticks
from tests.photos import photo
from utils import sheet as sheets
from utils.overlay import colour_table
from utils.sheet import Row, Sheet, Texts, choose_columns, fit, scale_window

TEXTS = Texts("a red ball and a long title", "which model, what the colours mean")


def make_sheet(words=5, height=41, width=63, rows=1):
    named = [Row(f"run {n}" if rows > 1 else "", ["word"] * words) for n in range(rows)]
    return Sheet(named, height, width, TEXTS, "jet")


@pytest.mark.parametrize("rows", [1, 3])
def test_panels_are_pasted_to_the_pixel_and_do_not_touch(rows):
    sheet = make_sheet(rows=rows)
    panels = [photo(41, 63, seed) for seed in range(5 * rows)]
    drawn = sheet.compose(panels)
    covered = np.zeros(drawn.shape[:2], int)
    for (x, y), panel in zip(sheet.places, panels, strict=True):
        np.testing.assert_array_equal(drawn[y : y + 41, x : x + 63], panel)
        covered[y - 1 : y + 42, x - 1 : x + 64] += 1
    assert covered.max() == 1  # also not by a pixel
    np.testing.assert_array_equal(drawn[covered == 0], sheet.background[covered == 0])


@pytest.mark.parametrize(("words", "width"), [(1, 33), (2, 47), (7, 121), (24, 320)])
def test_sheets_have_even_sides(words, width):
    height, across = make_sheet(words, 51, width).background.shape[:2]
    assert height % 2 == 0 and across % 2 == 0
    assert across <= sheets.LARGEST_SHEET + 200


def test_every_word_has_its_label_above_its_panel():
    sheet = make_sheet()
    for x, y in sheet.places:
        above = sheet.background[y - 22 : y - 2, x : x + 63]
        assert (above < 120).any()


def test_the_colour_bar_has_the_colours_of_the_map():
    sheet = Sheet([Row("", ["one"])], 200, 90, TEXTS, "viridis")
    x, y = sheet.places[0]
    column = sheet.background[y : y + 200, x + 90 + sheets.GAP + 3]
    assert column[0].tolist() == colour_table("viridis")[-1].tolist()
    assert column[-1].tolist() == colour_table("viridis")[0].tolist()


def test_columns_fill_a_screen():
    assert [choose_columns(n, 240, 320) for n in (1, 4, 10)] == [1, 2, 4]
    assert choose_columns(24, 900, 1600) == 1


def test_a_window_goes_with_its_picture():
    assert fit(100, 200, 320) == (160, 320) and fit(3, 1000, 100) == (1, 100)
    assert scale_window((10, 4, 20, 6), 2, 0.5) == (20, 2, 40, 3)


# ---------------------------------------------------------------------- strips

UNEVEN = np.array([0.0, 0.1, 0.2, 1.0])  # a frame that stays eight times as long


def test_a_frame_takes_the_time_that_it_stays():
    shown = frame_at(UNEVEN, 110, 1.1)
    assert np.bincount(shown).tolist() == [10, 10, 80, 10]
    assert frame_at(UNEVEN + 5, 110, 6.1).tolist() == shown.tolist()
    assert frame_at(np.zeros(1), 7, 0.04).tolist() == [0] * 7
    assert frame_at(np.array([0, 0.5]), 1, 1.0).tolist() == [1]  # which appears just then


def test_a_strip_has_a_row_of_colours_per_word():
    values = np.array([[0, 1.0], [0.5, 0.2], [1.0, 0], [0.1, 0.4]])
    pictures = [photo(30, 40, seed) for seed in range(3)]
    drawn = draw_strip(["sun", "sea"], values, UNEVEN, 1.1, pictures, TEXTS, "magma")
    table = colour_table("magma").astype(int)
    for row in (0, 1):
        wanted = [table[round(255 * value)].tolist() for value in values[:, row]]
        lines = (drawn[:, 400] == wanted[2]).all(1)  # column 400 is in the third frame
        assert lines.any(), row
    longest = drawn[np.flatnonzero((drawn[:, 400] == table[255]).all(1))[10]]
    assert 650 < (longest == table[255]).all(1).sum() < 720  # 8 of 11 parts of 960 pixels


def test_a_strip_marks_a_word_s_peak_unless_all_is_one():
    flat = np.zeros([4, 1])
    peaked = np.array([[0], [0], [1.0], [0]])
    pixels = [
        draw_strip(["sun"], values, UNEVEN, 1.1, [photo(9, 9)], TEXTS, "jet")
        for values in (flat, peaked)
    ]
    white = [(one[-80:-50, 100:1000] == 255).all(2).sum() for one in pixels]
    assert white[1] > white[0]


@pytest.mark.parametrize("length", [0.04, 0.9, 3.6, 25, 61, 3600])
def test_the_time_axis_has_round_numbers(length):
    marks = ticks(length)
    assert marks[0] == 0 and length / 2 < marks[-1] <= length + 1e-6 and 2 <= len(marks) <= 7


def test_thumbnails_fit_beside_one_another():
    assert thumbnail_count(84, 9000) == 1
    assert thumbnail_count(300, 400) == 8
