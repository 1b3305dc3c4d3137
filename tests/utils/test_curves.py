"""Curves: means, names, and that pictures show their lines."""

import numpy as np
from PIL import Image

from utils.curves import Line, Panel, Part, draw_curves, running_mean, shorten_middle
from utils.tables import format_number


class Cells:
    header, rows, best = ["run", "preset", "loss"], [["a", "p", format_number(0.5)]], {(0, 2)}


def test_a_running_mean_keeps_constants_and_narrows_at_the_ends():
    np.testing.assert_allclose(running_mean([2.0] * 5, 3), [2.0] * 5)
    np.testing.assert_allclose(running_mean([0, 3, 6, 9], 3), [1.5, 3, 6, 7.5])
    np.testing.assert_allclose(running_mean([4.0, 8.0], 1), [4.0, 8.0])


def test_names_keep_their_beginning_and_end():
    assert shorten_middle("short") == "short"
    assert shorten_middle("0123456789", 5) == "01…89"
    assert len(shorten_middle("x" * 100, 44)) == 44


def test_each_line_has_its_colour_in_every_part(tmp_path):
    lines = [Line("a", [1, 2, 3], [3, 2, 1]), Line("b", range(300), [5] * 300)]
    parts = [Part("one", [Panel("loss", "step", lines, True)], Cells()), Part("two", [], Cells())]
    draw_curves(tmp_path / "c.png", parts, ["a", "b"])
    pixels = np.asarray(Image.open(tmp_path / "c.png").convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((31, 119, 180), (255, 127, 14)):  # the first two of matplotlib's tab10
        assert (np.abs(pixels - colour).sum(1) < 12).sum() > 100
