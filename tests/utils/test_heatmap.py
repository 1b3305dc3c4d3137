"""Heat maps: shares keep their sums, text stays text, what is not there is empty."""

import base64
import io
import re

import numpy as np
from PIL import Image

from utils import heatmap


def test_small_columns_are_summed_up():
    weights = np.array([[0.5, 0.01, 0.2, 0.02, 0.0], [0.0, 0.02, 0.9, 0.03, 0.01]])
    labels, kept = heatmap.lump(list("abcde"), weights, most=3, least=0.05)
    assert labels == ["a", "c", "3 others"]
    np.testing.assert_allclose(kept, [[0.5, 0.2, 0.03], [0.0, 0.9, 0.06]])
    labels, kept = heatmap.lump(list("abcde"), weights, most=1, least=0.0)
    assert labels == ["c", "4 others"]
    np.testing.assert_allclose(kept.sum(1), weights.sum(1))


def test_one_other_column_is_shown_as_it_is():
    weights = np.array([[0.9, 0.1, 0.0]])
    assert heatmap.lump(list("abc"), weights, most=9, least=0.05)[0] == list("abc")
    assert heatmap.lump([], np.zeros([2, 0]), most=9, least=0.05)[0] == []


def test_cells_say_what_they_weigh():
    weights = np.array([[0.62, 0.04], [np.nan, 1.0]])
    html = heatmap.table(["<b>", "EOS"], [heatmap.Block("t<i>", ["x&y", "z"], weights, (0, 0, 0))])
    cells = re.findall(r"<td[^>]*>(\d*)</td>", html)
    assert cells == ["62", "", "", "100"]
    assert html.count('class="empty"') == 1
    assert "&lt;b&gt;" in html and "t&lt;i&gt;" in html and "x&amp;y" in html
    assert "<b>" not in html


def test_darker_is_more():
    shades = re.findall(r"rgb\((\d+)", heatmap.scale((0, 0, 0)))
    values = [int(shade) for shade in shades]
    assert values == sorted(values, reverse=True) and values[-1] == 0


def test_veil_is_clear_where_the_weight_is():
    weights = np.zeros([3, 3])
    weights[0, 2] = 0.4
    data = re.search(r"base64,([^\"]+)", heatmap.veil(weights, side=48))[1]
    alpha = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("LA"))[..., 1]
    assert alpha.shape == (48, 48)
    assert alpha[5, 43] < 30 and alpha[43, 5] > 170 and alpha[5, 5] > 170


def test_what_is_not_written_yet_is_empty():
    block = heatmap.memory_block("word", ["GO", "sea"], np.array([[0.5, 0.0], [0.3, 0.2]]))
    np.testing.assert_array_equal(block.weights, [[0.5, np.nan], [0.3, 0.2]])
    cells = heatmap.memory_block("image", ["1,1"] * 4, np.full([3, 4], 0.2))
    np.testing.assert_allclose(cells.weights, np.full([3, 1], 0.8))
