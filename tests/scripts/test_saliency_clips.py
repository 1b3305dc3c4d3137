"""python -m scripts.saliency on clips: each word in its frames and places, at the clip's speed."""

import base64
import io
import json
import re

import av
import numpy as np
import pytest

from data_loader.clips import open_clip
from data_loader.images import read_image
from scripts.saliency import maps
from scripts.saliency.strip import BAND, TRACK
from tests import colour_model
from tests.colour_model import cell_box, draw, first_line, heat
from utils.errors import UserError
from utils.film import write_film
from utils.overlay import colour_table
from utils.sheet import BAR, GAP, LINE, MARGIN, SMALL, TICKS

PLACES = {"red": (1, 6), "green": (6, 2)}
# Frames at uneven times: red, which stays for long, then green.
SECONDS = np.array([0, 0.1, 0.2, 0.3, 0.8, 1.3, 1.4, 1.5, 1.6, 1.7])
FRAMES = ["red"] * 6 + ["green"] * 4
CLIP_SIZE = (80, 96)
CLIP_BOXES = {word: cell_box((8, 0, 80, 80), *place) for word, place in PLACES.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = colour_model.make_runs(tmp_path_factory.mktemp("world"))
    colour_model.save(folder / "two.png", draw(30, 40, {}))
    return folder


@pytest.fixture
def run(world, tmp_path):
    """Runs the command on a clip of the world; gives its folder."""

    def run(media, *flags, runs=("video",)):
        colour_model.run_saliency(world, media, tmp_path / "out", runs, "--panel", 96, *flags)
        return tmp_path / "out"

    return run


@pytest.fixture(scope="module")
def clip(world):
    pictures = [draw(*CLIP_SIZE, {word: CLIP_BOXES[word]}) for word in FRAMES]
    write_film(world / "clip.mp4", zip(SECONDS, pictures, strict=True), 6, 0.1)
    return "clip.mp4"


def test_a_clip_s_words_light_up_in_their_frames_and_places(run, clip):
    out = run(clip, "--sentence", "red green")
    with np.load(out / "clip.npz") as found:
        raw, shown = found["log_probability"], found["saliency"]
        frames, seconds = found["frame_log_probability"], found["frame_seconds"]
    assert raw.shape == shown.shape == (10, 2, 8, 8) and frames.shape == (10, 2)
    np.testing.assert_allclose(seconds, SECONDS, atol=1e-4)
    for place, word in enumerate(PLACES):
        when = np.array(FRAMES) == word
        assert frames[when, place].min() > frames[~when, place].max()
        for frame in np.flatnonzero(when):
            assert np.unravel_index(raw[frame, place].argmax(), (8, 8)) == PLACES[word]
    assert shown.min() >= 0 and 0.3 < shown.max() <= 1


def test_the_film_keeps_the_clip_s_time_and_places(run, clip):
    flags = ("--sentence", "red green", "--colours", "viridis", "--scale", "word")
    out = run(clip, *flags)
    with av.open(str(out / "clip.mp4")) as container:
        drawn = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    np.testing.assert_allclose([time for time, _ in drawn], SECONDS, atol=1e-4)
    height, width = drawn[0][1].shape[:2]
    assert height % 2 == width % 2 == 0
    for number, word in enumerate(FRAMES):
        sheet = drawn[number][1]
        top = first_line(sheet, 96)
        left = MARGIN + list(PLACES).index(word) * (96 + 12)
        panel = sheet[top : top + 80, left : left + 96].astype(int)
        picture = draw(*CLIP_SIZE, {word: CLIP_BOXES[word]}).astype(int)
        values = heat(panel, picture)
        values[:, :10] = values[:, 86:] = 0
        x0, y0, x1, y1 = CLIP_BOXES[word]
        y, x = np.unravel_index(values.argmax(), values.shape)
        assert x0 <= x <= x1 and y0 <= y <= y1, (number, word)


def test_the_strip_has_each_word_s_value_at_each_time(run, clip):
    out = run(clip, "--sentence", "red green", "--colours", "viridis")
    with np.load(out / "clip.npz") as found:
        values = found["frame_log_probability"]
    least, most = values.min(0), values.max(0)
    shades = np.rint((values - least) / (most - least) * 255).astype(int)
    drawn = read_image(out / "clip-strip.png")
    height, width = drawn.shape[:2]
    left = width - (TRACK + GAP + BAR + TICKS + MARGIN)
    bands = height - MARGIN - round(2 * SMALL * LINE) - 2 * BAND
    length = SECONDS[-1] + 0.1
    for frame, (start, end) in enumerate(zip(SECONDS, [*SECONDS[1:], length], strict=True)):
        x = left + int((start + end) / 2 / length * TRACK)
        for word in range(2):
            pixel = drawn[bands + BAND * word + BAND - 6, x]  # below the mark of the peak
            wanted = colour_table("viridis")[shades[frame, word]]
            np.testing.assert_allclose(pixel, wanted.astype(int), atol=2)
    assert (np.diff(shades[5:7], axis=0) * [-1, 1] > 30).all()  # where red ends and green begins


@pytest.mark.parametrize("sentence", [("--sentence", "red green"), ()])
def test_a_film_that_would_be_too_large_is_refused_before_the_work(
    run, clip, monkeypatch, sentence
):
    monkeypatch.setattr("utils.film.MOST_SIDE", 100)
    monkeypatch.setattr("scripts.saliency.maps.measure_cells", None)
    if sentence:  # its words are known before the clip is decoded
        monkeypatch.setattr("scripts.saliency.maps.encode_clip", None)
    with pytest.raises(UserError, match=r"at most 100 pixels .*: give a smaller --panel"):
        run(clip, *sentence)


def test_a_clip_of_too_many_frames_is_refused_before_it_is_decoded(clip, world, monkeypatch):
    monkeypatch.setattr(maps, "MOST_FRAMES", 9)
    with pytest.raises(UserError, match="more than 9 frames: cut it into parts"):
        maps.encode_clip(None, open_clip(world / clip))


def test_a_clip_is_not_written_over(clip, world):
    before = (world / clip).read_bytes()
    with pytest.raises(UserError, match=r"clip.mp4 is --media .*clip.mp4 itself"):
        colour_model.run_saliency(world, clip, world, ("video",), "--panel", 96)
    assert (world / clip).read_bytes() == before


def test_a_clip_s_page_plays_the_clip(run, clip):
    out = run(clip, "--html")
    html = (out / "clip.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', html)[1])
    np.testing.assert_allclose(data["seconds"], SECONDS, atol=1e-3)
    film = base64.b64decode(re.search(r'src="data:video/mp4;base64,([^"]+)"', html)[1])
    with av.open(io.BytesIO(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(SECONDS)
    maps = base64.b64decode(data["runs"][0]["maps"])
    assert len(maps) == len(SECONDS) * data["runs"][0]["words"] * 64


def test_pictures_and_clips_are_not_taken_for_one_another(run, clip, world):
    with pytest.raises(UserError, match=r"two.png is a picture, and this run describes clips: "):
        run("two.png")
    with pytest.raises(UserError, match=r"clip.mp4 is a clip, and this run describes pictures: "):
        run(clip, runs=("image",))
    with pytest.raises(UserError, match=r"video describes clips, and a film shows one run"):
        run(clip, runs=("image", "video"))
    (world / "broken.mp4").write_bytes((world / "clip.mp4").read_bytes()[:300])
    with pytest.raises(UserError, match=r"broken.mp4 is no readable clip: "):
        run("broken.mp4")
