"""Figures: text stays text, hits are counted as BLEU counts them, pages become whole pictures."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from utils import chromium, figures
from utils.errors import UserError

# The first bar is a third as high as the page is wide; the second, 57 pixels high, ends the page.
BARS = (
    '<!doctype html><html><head><meta charset="utf-8"><style>* {margin: 0} p {height: 1px}'
    " div {aspect-ratio: 3; background: red}</style></head><body><div></div><p>{}</p>"
    '<div style="background: blue; aspect-ratio: auto; height: 57px"></div></body></html>'
)
HIT_CASES = [
    ("the cat", ["the cat"], [True, True]),
    ("the the cat", ["the cat"], [True, False, True]),  # clipped
    ("the the cat", ["a the", "the b the"], [True, True, False]),  # the best reference counts
    ("the the", ["the", "the"], [True, False]),  # references do not add up
    ("👍🏽 👍", ["👍🏽"], [True, False]),
    ("word", [], [False]),
    ("", ["the cat"], []),
]


@pytest.fixture
def needs_chromium():
    try:
        chromium.find_chromium()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture
def stub_chromium(tmp_path, monkeypatch):
    """Puts a shell script in Chromium's place, the only program on the PATH."""

    def install(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "chromium").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "chromium").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


@pytest.mark.parametrize("prediction, references, expected", HIT_CASES)
def test_hits(prediction, references, expected):
    assert figures.hits(prediction.split(), [text.split() for text in references]) == expected


@settings(deadline=None)  # the first example waits for imports
@given(st.text(), st.booleans())
def test_words_are_escaped(word, flag):
    html = figures.marked([word], [flag], prefix="#")
    inner = re.fullmatch(r"(<mark>)?<bdi>([^<>]*)</bdi>(</mark>)?", html)
    assert inner and bool(inner[1]) == flag


def test_only_hits_are_marked():
    html = figures.marked(["a", "b"], [False, True], prefix="#")
    assert html == "<bdi>#a</bdi> <mark><bdi>#b</bdi></mark>"
    assert "nothing" in figures.marked([], [])


def test_title_is_escaped():
    html = figures.page("<script>", "<b>sub</b>", "<i>body</i>")
    assert "<script>" not in html
    assert "<b>sub</b>" in html and "<i>body</i>" in html


def test_picture_is_the_middle_square():
    image = np.zeros([30, 70, 3], np.uint8)
    image[:, 20:50] = [0, 200, 0]
    data = re.search(r"base64,([^\"]+)", figures.picture(image, side=24))[1]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert shown.shape == (24, 24, 3)
    assert shown[:, :, 1].min() > 180
    assert "no image" in figures.picture(None)


@pytest.mark.parametrize("width, scale", [(333, 1.0), (612, 2.0)])
def test_picture_ends_where_the_page_ends(needs_chromium, tmp_path, width, scale):
    out = chromium.render_html(
        BARS.replace("{}", "👩🏽‍🚀"), tmp_path / "new" / "bars.png", width, scale
    )
    pixels = np.asarray(Image.open(out).convert("RGB"))
    assert pixels.shape == ((width // 3 + 58) * scale, width * scale, 3)
    assert pixels[0, 0].tolist() == pixels[0, -1].tolist() == [255, 0, 0]
    assert pixels[-1, 0].tolist() == [0, 0, 255]


def test_emoji_with_skin_tone_is_one_coloured_sign(needs_chromium, tmp_path):
    html = figures.page("x", '<span style="background: #fff">👍🏿</span>', "")
    pixels = np.asarray(Image.open(chromium.render_html(html, tmp_path / "a.png", 200, 1.0)))
    reddish = pixels[..., 0].astype(int) - pixels[..., 2]
    assert (reddish > 25).sum() > 20  # a brown hand, not a black outline or a box


def test_high_pages_are_drawn_smaller(needs_chromium, tmp_path, monkeypatch):
    monkeypatch.setattr(chromium, "LARGEST_SIDE", 600)
    out = chromium.render_html(BARS, tmp_path / "a.png", 333, 2.0)
    pixels = np.asarray(Image.open(out).convert("RGB"))
    assert 169 < pixels.shape[0] < 2 * 169
    assert pixels[-1, 0].tolist() == [0, 0, 255]


def test_half_a_surrogate_pair_is_drawn(needs_chromium, tmp_path):
    assert chromium.render_html("<p>\ud83d</p>", tmp_path / "a.png", 333, 1.0).exists()


def test_missing_chromium_leaves_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"apt-get install chromium.*open it in a browser"):
        chromium.render_html("<p>hello</p>", tmp_path / "a.png", 333)
    assert "hello" in (tmp_path / "a.html").read_text()


def test_failing_chromium_is_quoted(tmp_path, stub_chromium):
    stub_chromium("echo first >&2; echo no more sandboxes >&2; exit 3")
    with pytest.raises(UserError, match=r"failed \(3\): no more sandboxes"):
        chromium.render_html("<p></p>", tmp_path / "a.png", 333)


def test_hanging_chromium_ends_with_its_helpers(tmp_path, stub_chromium):
    # The helper holds Chromium's output open: were it not killed, the call would not come back.
    stub_chromium("/bin/sleep 1000 & echo $! > $(/usr/bin/dirname $0)/helper; wait")
    with pytest.raises(UserError, match=r"did not finish within 0\.5 s"):
        chromium.measure_height("<p></p>", 333, timeout=0.5)
    helper = Path("/proc", (tmp_path / "bin" / "helper").read_text().strip(), "stat")
    assert not helper.exists() or " Z " in helper.read_text()  # gone, or dead and not yet reaped


def test_unwritable_folder_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        chromium.render_html("", tmp_path / "file" / "a.png", 333)


def test_an_emoji_with_a_black_form_is_drawn_in_colour():
    html = figures.marked(["\u2600", "\U0001f44d\U0001f3fd", "9", "#sun"], [False] * 4)
    assert "\u2600\ufe0f" in html and html.count("\ufe0f") == 1
