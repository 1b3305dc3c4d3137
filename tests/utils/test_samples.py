"""Samples as Markdown and as pictures: text stays text, colours lie on their cells."""

from dataclasses import replace

import numpy as np
import pytest
from markdown import markdown

from utils.heatmap import memory_block
from utils.sample_drawing import PANEL, draw_sample, draw_shares, from_0_to_1
from utils.samples import Sample, markdown_table
from utils.sheet import GAP, MARGIN

EVIL = "a|b *c* _d_ `e` <script>f</script> [g](http://h) # i & ![j](k) https://l.m \\ 🌊 바다 \"n'"
PICTURE = np.full([40, 60, 3], (200, 100, 50), np.uint8)


def test_nothing_in_a_text_is_taken_for_markdown_or_html():
    html = markdown(markdown_table([Sample("id", EVIL, "b")]), extensions=["tables"])
    for mark in ("<em>", "<strong>", "<code>", "<a", "<img", "<script", "<h1", "<li"):
        assert mark not in html
    assert html.count("<td") == 3
    from html import unescape

    assert EVIL in unescape(html)


def test_lines_and_empty_texts_have_their_place():
    table = markdown_table([Sample("x", "one\n\ttwo  three", ""), Sample("y", "", "\n")])
    assert table.splitlines()[2] == "| x | one<br>two three | — |"
    assert table.splitlines()[3] == "| y | — | — |"


def test_each_map_goes_from_0_to_1():
    maps = np.array([[[0.1, 0.3], [0.2, 0.1]], [[0.2, 0.2], [0.2, 0.2]]], np.float32)
    shown = from_0_to_1(maps)
    np.testing.assert_allclose(shown[0], [[0, 1], [0.5, 0]], atol=1e-6)
    assert not shown[1].any()


def test_the_picture_lies_beside_what_each_word_saw():
    maps = np.zeros([2, 2, 2], np.float32)
    maps[0, 0, 0] = 1
    sample = Sample("a/1", "sea", "sea sun", PICTURE, ["sea", "sun"], maps, (0, 0, 60, 40))
    drawn = draw_sample(sample).astype(int)
    plain = (np.abs(drawn - PICTURE[0, 0]).sum(2) < 3).sum()
    assert plain == pytest.approx(PANEL * PANEL * 40 / 60, rel=0.02)  # the picture, untouched
    other = replace(sample, maps=maps[:, ::-1, ::-1].copy())  # now the last of the four cells
    differs = np.abs(drawn - draw_sample(other)).sum(2) > 30
    rows, columns = np.nonzero(differs)
    left = MARGIN + PANEL + GAP  # the first word's panel is beside the picture
    assert left <= columns.min() and columns.max() < left + PANEL
    warm = differs & (drawn[..., 0] > drawn[..., 2] + 40)
    assert (
        np.nonzero(warm)[1].mean() < left + PANEL / 2 and np.nonzero(warm)[0].mean() < rows.mean()
    )


def test_a_picture_alone_and_long_words_are_drawn():
    drawn = draw_sample(Sample("a/1", "truth " * 50, "", PICTURE))
    assert (drawn[-MARGIN - 20, MARGIN + 5] == PICTURE[0, 0]).all()
    words = ["w" * 300] * 40
    maps = np.random.default_rng(0).random([40, 3, 3])
    draw_sample(Sample("a/1", "t", " ".join(words), PICTURE, words, maps, (0, 0, 60, 40)))


def test_shares_stand_in_their_cells():
    weights = np.array([[1.0, 0.0], [0.0, 1.0]])
    block = memory_block("user", ["sea", "sun"], weights)
    drawn = draw_shares(["red", "fog"], [block]).astype(int)
    rows, columns = np.nonzero((np.abs(drawn - block.colour).sum(2)) < 3)
    first, second = rows < rows.mean(), rows >= rows.mean()
    assert columns[first].max() < columns[second].min()
    empty = memory_block("word", ["GO", "red"], weights)
    assert np.isnan(empty.weights[0, 1])
    assert draw_shares(["red", "fog"], [empty, block]).shape[1] > drawn.shape[1]
