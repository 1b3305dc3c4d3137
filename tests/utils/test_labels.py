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
    assert labels.pieces(word) == ((word, font),)
    pixels = drawn(word)
    assert (pixels < 200).any()
    assert (np.ptp(pixels, axis=2) > 60).any() == (word == EMOJI)  # colours


def test_an_emoji_is_a_picture_unless_it_says_otherwise():
    if labels._path(labels.EMOJI) is None:
        pytest.skip("no font of emoji is installed")
    heart, family = "\N{HEAVY BLACK HEART}", "👩\u200d👧\u200d👦"
    for emoji in (heart, f"{heart}\ufe0f", family, "🇰🇷", "👍🏽"):
        assert labels.pieces(emoji) == ((emoji, labels.EMOJI),)
    assert labels.pieces(f"{heart}\ufe0e") == ((f"{heart}\ufe0e", "DejaVu Sans"),)


def test_each_part_of_a_mixed_word_has_its_font():
    if labels._path("Noto Sans CJK") is None or labels._path(labels.EMOJI) is None:
        pytest.skip("the fonts are not installed")
    expected = (
        ("caf\u0065\u0301 ", "DejaVu Sans"),
        ("맛있다 ", "Noto Sans CJK"),
        ("😋", labels.EMOJI),
    )
    assert labels.pieces("caf\u0065\u0301 맛있다 😋") == expected
    assert labels.text_width("a😋b", 20) == sum(labels.text_width(x, 20) for x in "a😋b")
    pixels = drawn("맛a😋")
    assert (np.ptp(pixels, axis=2) > 60).any() and (pixels[:, :24] < 100).any()


def test_long_words_are_cut_and_long_lines_are_wrapped():
    assert labels.shorten("cat", 20, 100) == "cat"
    cut = labels.shorten("rhinoceroses", 20, 80)
    assert cut.endswith("…") and "rhinoceroses".startswith(cut[:-1]) and len(cut) > 3
    assert labels.text_width(cut, 20) <= 80 < labels.text_width(f"{cut[:-1]}xx…", 20)
    lines = labels.wrap("a man is driving a car on the road", 14, 90)
    assert " ".join(lines) == "a man is driving a car on the road" and len(lines) > 2
    assert all(labels.text_width(line, 14) <= 90 for line in lines)


def test_a_word_in_no_font_is_still_drawn():
    assert labels.pieces("\U000e0041") == (("\U000e0041", "DejaVu Sans"),)
    assert drawn("\U0001346f") is not None
