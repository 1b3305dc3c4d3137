"""Words as pixels: in the right font, no wider than there is room."""

import numpy as np
import pytest
from PIL import Image

from utils import labels

EMOJI = "\N{SLICE OF PIZZA}"


def drawn(text, size=20):
    image = Image.new("RGB", (240, 40), "white")
    labels.write(image, (6, 20), text, size, fill="black")
    return np.asarray(image).astype(int)


def test_a_line_is_as_wide_as_it_says():
    for text in ("so wide", "i", "Ünïcode wörds"):
        columns = np.flatnonzero((drawn(text) < 255).any((0, 2)))
        assert columns[0] >= 5
        assert abs(columns[-1] - 6 - labels.text_width(text, 20)) < 4


@pytest.mark.parametrize(("word", "font"), [("바다", "Noto Sans CJK"), (EMOJI, labels.EMOJI)])
def test_words_in_other_scripts_have_their_font(word, font):
    if labels._path(font) is None:
        pytest.skip(f"{font} is not installed")
    assert labels._font_of(word) == font
    pixels = drawn(word)
    assert (pixels < 200).any()
    assert (np.ptp(pixels, axis=2) > 60).any() == (word == EMOJI)  # colours


def test_a_heart_is_a_picture_where_it_says_so():
    if labels._path(labels.EMOJI) is None:
        pytest.skip("no font of emoji is installed")
    assert labels._font_of("\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}") == labels.EMOJI
    assert labels._font_of("\N{HEAVY BLACK HEART}") == "DejaVu Sans"


def test_long_words_are_cut_and_long_lines_are_wrapped():
    assert labels.shorten("cat", 20, 100) == "cat"
    cut = labels.shorten("rhinoceroses", 20, 80)
    assert cut.endswith("…") and "rhinoceroses".startswith(cut[:-1]) and len(cut) > 3
    assert labels.text_width(cut, 20) <= 80 < labels.text_width(f"{cut[:-1]}xx…", 20)
    lines = labels.wrap("a man is driving a car on the road", 14, 90)
    assert " ".join(lines) == "a man is driving a car on the road" and len(lines) > 2
    assert all(labels.text_width(line, 14) <= 90 for line in lines)


def test_a_word_in_no_font_is_still_drawn():
    assert labels._font_of("\U000e0041") == "DejaVu Sans"
    assert drawn("\U0001346f") is not None
