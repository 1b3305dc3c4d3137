"""python -m scripts.saliency: what is planted lights up on its word, to the pixel; errors."""

import dataclasses
import json
import re

import numpy as np
import pytest
from PIL import Image

from configuration import Config, DataConfig, find_preset
from data_loader.images import read_image
from data_loader.view import open_view
from model.configs import AttendTellConfig, SaliencyConfig
from model.preprocessing import RESNET
from scripts.saliency import trained
from scripts.saliency.media import find_media
from tests import colour_model
from tests.colour_model import cell_box, draw, first_line, heat
from utils import chromium
from utils.errors import UserError
from utils.run_folder import RunFolder
from utils.sheet import MARGIN, fit

HEIGHT, WIDTH, PANEL = 70, 93, 186
WINDOW = (11.0, 0.0, 70.0, 70.0)  # the middle square, which `patches` sees
PLACES = {"red": (1, 6), "green": (6, 2)}
BOXES = {name: cell_box(WINDOW, *place) for name, place in PLACES.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = colour_model.make_runs(tmp_path_factory.mktemp("world"))
    colour_model.save(folder / "two.png", draw(HEIGHT, WIDTH, BOXES))
    colour_model.save(folder / "images" / "sub" / "1.png", draw(60, 51, {"blue": (9, 9, 30, 30)}))
    return folder


@pytest.fixture
def run(world, tmp_path, capsys):
    """Runs the command on a picture of the world; gives what it printed, and its folder."""

    def run(media="two.png", *flags, runs=("image",), out=tmp_path / "out"):
        colour_model.run_saliency(world, media, out, runs, "--panel", PANEL, *flags)
        return capsys.readouterr().out, out

    return run


def test_a_planted_object_lights_up_on_its_word(run, world):
    _, out = run("two.png", "--sentence", "red green", "--colours", "viridis")
    sheet = read_image(out / "two.png")
    height, width = fit(HEIGHT, WIDTH, PANEL)  # twice as large
    picture = np.asarray(Image.open(world / "two.png").resize((width, height), 1)).astype(int)
    top = first_line(sheet, width)
    for place, word in enumerate(PLACES):
        left = MARGIN + place * (width + 12)
        values = heat(sheet[top : top + height, left : left + width], picture)
        values[:, : 2 * 11 + 1] = values[:, 2 * 81 :] = 0  # not seen by the network
        y, x = np.unravel_index(values.argmax(), values.shape)
        row, column = PLACES[word]
        assert values.max() > 250
        assert abs(x / 2 - (WINDOW[0] + (column + 0.5) * 70 / 8)) < 3, word  # of 93 pixels
        assert abs(y / 2 - (WINDOW[1] + (row + 0.5) * 70 / 8)) < 3, word
        other = BOXES["green" if word == "red" else "red"]
        assert (
            values[2 * other[1] + 9 : 2 * other[3] - 9, 2 * other[0] + 9 : 2 * other[2] - 9].max()
            < 128
        )


def test_the_numbers_are_kept_with_their_geometry(run):
    _, out = run("two.png", "--sentence", "a red ball is green", "--skip_unknown")
    with np.load(out / "two.npz", allow_pickle=False) as found:
        assert found["words"].tolist() == ["red", "ball", "green"]
        assert str(found["sentence"]) == "red ball green"
        raw, shown = found["log_probability"], found["saliency"]
        assert raw.shape == shown.shape == (1, 3, 8, 8)
        assert (raw < 0).all() and shown.min() == 0 and shown.max() == 1
        for place, word in ((0, "red"), (2, "green")):
            assert np.unravel_index(raw[0, place].argmax(), (8, 8)) == PLACES[word]
        assert found["window"].tolist() == list(WINDOW)
        assert found["size"].tolist() == [HEIGHT, WIDTH]
        assert found["frame_seconds"].tolist() == [0]
        assert "frame_log_probability" not in found  # which is of a clip's frames


@pytest.mark.parametrize("name", ["p1", "all/p1", "sub/1.png", "1.png", "1"])
def test_a_post_s_own_caption_is_explained(run, world, name):
    _, out = run(name, "--images", world / "images")
    with np.load(out / "1.npz") as found:
        assert found["words"].tolist() == ["blue"]


def test_the_exact_divergence_is_another_measure(run, world):
    """Of one red thing: the cells that show it predict almost what the whole picture does."""
    picture = draw(HEIGHT, WIDTH, {"red": BOXES["red"]})
    colour_model.save(world / "one.png", picture)
    _, out = run("one.png", "--sentence", "red ball", "--exact_kl")
    with np.load(out / "one.npz") as found:
        nearness = found["negative_divergence"]
        assert "log_probability" not in found
    assert nearness.shape == (1, 2, 8, 8) and (nearness <= 0).all()
    assert np.unravel_index(nearness[0, 0].argmax(), (8, 8)) == PLACES["red"]
    assert nearness[0, 0].max() > nearness[0, 0].min() / 2  # much nearer than the grey ones


def test_released_scaling_is_a_choice(run):
    sentence = ("--sentence", "red green")
    shown = {}
    for scale in ("word", "released"):
        _, out = run("two.png", *sentence, "--scale", scale)
        with np.load(out / "two.npz") as found:
            shown[scale] = found["saliency"]
    assert shown["word"].max() == 1 > shown["released"].max()  # smoothed


def test_several_runs_stand_below_one_another(run, world):
    if not (world / "again").exists():
        colour_model.make_run(world / "data", world / "again")
    _, one = run("two.png", "--sentence", "red")
    alone = read_image(one / "two.png")
    printed, out = run("two.png", "--sentence", "red", runs=("image", "again"))
    both = read_image(out / "two.png")
    assert both.shape[0] > 1.6 * alone.shape[0] and both.shape[1] == alone.shape[1]
    assert "two-image.npz" in printed and "two-again.npz" in printed
    with pytest.raises(UserError, match="two runs are called the same"):
        run("two.png", "--sentence", "red", runs=("image", "image"))


# Events are sent: a window without a screen is not always given the focus.
LOOK = """<script>
function brightest() {
  const { data: colours } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const yellow = (at) => colours[at] - colours[at + 2];  // the top of viridis
  let most = null;
  for (let at = 0; at < colours.length; at += 4)
    if (colours[at + 3] === 128 && (most === null || yellow(at) > yellow(most))) most = at;
  if (most === null) return "none";
  return `${(most / 4) % canvas.width} ${Math.floor(most / 4 / canvas.width)}`;
}
const send = (button, event) => { buttons[button].dispatchEvent(event); return brightest(); };
document.documentElement.dataset.seen = [
  send(0, new PointerEvent("pointerenter", { pointerType: "mouse" })),
  send(0, new PointerEvent("pointerleave")),
  send(1, new FocusEvent("focus")),
  send(1, new FocusEvent("blur")),
  send(0, new PointerEvent("pointerenter", { pointerType: "touch" })),
  send(0, new MouseEvent("click")),
  send(1, new FocusEvent("focus")),
  send(1, new MouseEvent("click")),
  send(1, new MouseEvent("click")),
].join(",");
</script>"""
SHOWN = ["red", None, "green", None, None, "red", "green", "green", None]


def test_the_page_shows_the_map_of_the_word_that_is_pointed_at(run, tmp_path):
    try:
        chromium.find_chromium()
    except UserError as error:
        pytest.skip(str(error))
    _, out = run("two.png", "--sentence", "red green", "--html", "--colours", "viridis")
    html = (out / "two.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)|https?://', html)  # nothing from elsewhere
    (tmp_path / "look.html").write_text(html + LOOK)
    document = chromium._run(["--dump-dom", (tmp_path / "look.html").as_uri()], 60)
    places = re.search(r'data-seen="([^"]+)"', document)[1].split(",")
    for place, word in zip(places, SHOWN, strict=True):
        assert (place == "none") == (word is None), places
        if word:
            left, top, right, bottom = BOXES[word]
            x, y = (int(part) * WIDTH / 640 for part in place.split())
            assert left <= x <= right and top <= y <= bottom, places


def test_words_in_a_page_are_text(run):
    evil = "</script><b>"
    _, out = run("two.png", "--sentence", f"red {evil}", "--skip_unknown", "--html")
    assert evil not in (out / "two.html").read_text()


# ---------------------------------------------------------------------- attention

# Of every preset with cells: how many there are, and how wide they are here.
ATTENTIVE = {
    "attend-tell": (7, {"word_dim": 6, "hidden_dim": 5}),
    "diya-look-back": (14, {"word_dim": 6, "hidden_dim": 5}),
    "soft-attention": (8, {"word_dim": 6, "hidden_dim": 5}),
    "csmn-r5c": (7, {"word_dim": 6, "memory_dim": 5, "channels": 3, "user_words": 6}),
}


class FakeEncoder:
    """Made-up cells of an attention captioner's network."""

    def __init__(self, side):
        self.side, self.preprocessing = side, RESNET
        self.description = {"extractor": "resnet101_random"}

    def __call__(self, pictures):
        shape = [len(pictures), self.side**2, 11]
        return np.random.default_rng(2).normal(size=shape).astype(np.float16)


@pytest.mark.parametrize("preset", ATTENTIVE)
def test_attention_goes_the_same_way(run, world, preset, monkeypatch):
    side, sizes = ATTENTIVE[preset]
    default = find_preset(preset)
    known = {field.name for field in dataclasses.fields(default.model)}
    sizes = {name: size for name, size in sizes.items() if name in known}
    model = dataclasses.replace(default.model, word_slots=9, **sizes)
    data = DataConfig(world / "data", "caption", "shipped", "none")
    colour_model.save_run(world / preset, Config(preset, None, data, model), 11)
    monkeypatch.setattr(trained, "_load_encoder", lambda *_: FakeEncoder(side))
    _, out = run("two.png", "--sentence", "a red ball", "--skip_unknown", runs=(preset,))
    with np.load(out / "two.npz") as found:
        weights = found["attention"]
        assert weights.shape == (1, 2, side, side) and (weights >= 0).all()
        sums = weights.sum((2, 3))
        assert (sums <= 1 + 1e-5).all()  # CSMN also looks at other memories
        assert preset == "csmn-r5c" or sums.min() > 0.99
        window = RESNET.window(HEIGHT, WIDTH)
        np.testing.assert_allclose(found["window"], window)
    assert (out / "two.png").exists()


def test_implicit_and_explicit_attention_on_one_picture(run, world, monkeypatch):
    data = DataConfig(world / "data", "caption", "shipped", "none")
    model = AttendTellConfig(word_slots=9, word_dim=6, hidden_dim=5)
    colour_model.save_run(world / "beside", Config("attend-tell", None, data, model), 11)
    load = trained._load_encoder
    encoders = lambda one, weights: load(one, weights) if one.implicit else FakeEncoder(7)  # noqa: E731
    monkeypatch.setattr(trained, "_load_encoder", encoders)
    _, out = run("two.png", "--sentence", "red ball", "--html", runs=("image", "beside"))
    data = re.search(r'id="data">(.*?)</script>', (out / "two.html").read_text())[1]
    assert [found["grid"] for found in json.loads(data)["runs"]] == [[8, 8], [7, 7]]


# ---------------------------------------------------------------------- errors


def test_unknown_words_are_named_with_the_nearest_known_ones(run):
    with pytest.raises(UserError, match=r"does not know 'bal' \(nearest: ball\), 'zzz' \(nothing"):
        run("two.png", "--sentence", "red bal zzz")
    printed, _ = run("two.png", "--sentence", "red bal zzz", "--skip_unknown")
    assert "left out: bal, zzz" in printed
    with pytest.raises(UserError, match="no word that"):
        run("two.png", "--sentence", "zzz", "--skip_unknown")


def test_sentences_that_cannot_be_are_refused(run):
    with pytest.raises(UserError, match="--sentence has 8 words; this model writes 7 at most"):
        run("two.png", "--sentence", "red " * 8)
    with pytest.raises(UserError, match="--sentence is empty"):
        run("two.png", "--sentence", "  ")
    with pytest.raises(UserError, match="--skip_unknown is about the words of a --sentence"):
        run("two.png", "--skip_unknown")


@pytest.mark.parametrize("link", [False, True])
def test_a_picture_is_not_written_over(run, world, tmp_path, link):
    picture = colour_model.save(tmp_path / "mine.png", draw(31, 42, {}))
    media = picture
    if link:  # the name that would be written leads to the picture
        (tmp_path / "out").mkdir()
        media = picture.rename(tmp_path / "mine.bmp")
        (tmp_path / "out" / "mine.png").symlink_to(media)
    before = media.read_bytes()
    with pytest.raises(UserError, match=r"--out: .*mine.png is --media .* itself: give another"):
        run(media, "--sentence", "red", out=tmp_path / "out" if link else tmp_path)
    assert media.read_bytes() == before and not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_that_no_file_can_have_name_no_file(world, name):
    view = open_view(world / "data", "caption", "shipped", "none")
    with pytest.raises(UserError, match=r"is no file, and .* such as sub/0.png"):
        find_media(name, None, view)


def test_pictures_that_cannot_be_read_are_named(run, world, tmp_path):
    (world / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(UserError, match=r"broken.jpg is no readable picture: "):
        run("broken.jpg", "--sentence", "red")
    with pytest.raises(UserError, match=r"--media gone.jpg is no file, and .* such as sub/0.png"):
        run("gone.jpg")
    with pytest.raises(UserError, match="--images says where"):
        run("p1")
    with pytest.raises(UserError, match=r"has no sub/2.png, which --media p2 is"):
        run("p2", "--images", world / "images")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file; expected a folder"):
        run("two.png", out=tmp_path / "file")


@pytest.mark.parametrize(
    ("preset", "reason"),
    [
        ("csmn-p5", r"one vector per picture \(pool5\)"),
        ("1nn-im", "answers with training posts"),
        ("char-rnn", "reads text alone"),
        ("seq2seq", "sees no picture"),
        ("alexnet", "attends to nothing"),
    ],
)
def test_runs_without_cells_are_refused(run, world, preset, reason):
    saved = {**Config.from_dict({"preset": preset}).to_dict(), "preset": preset}
    with RunFolder.create_or_resume(world / preset, saved):
        pass
    with pytest.raises(UserError, match=f"{preset} run, which .*{reason}"):
        run("two.png", runs=(preset,))


def test_the_divergence_is_for_saliency_alone(run, world):
    saved = Config.from_dict({"preset": "attend-tell"}).to_dict()
    with RunFolder.create_or_resume(world / "explicit", saved):
        pass
    with pytest.raises(UserError, match=r"--exact_kl is for saliency-image"):
        run("two.png", "--exact_kl", runs=("explicit",))


def test_missing_weights_are_named(run, world):
    made = {"weights": "gone.h5", "sha256": "0"}
    shape = {"layer": "mixed10", "slots": 64, "dim": 3}
    described = {"extractor": "inception_v3-crop", "encoder": made, **shape}
    colour_model.write_features(world / "data", described)
    data = DataConfig(world / "data", "caption", "shipped", "none")
    config = Config("saliency-image", None, data, SaliencyConfig())
    colour_model.save_run(world / "inception", config, 3, {"W_v": np.zeros(1, np.float32)})
    with pytest.raises(UserError, match=r"no weight file gone.h5; scripts/download_.*inception_v3"):
        run("two.png", runs=("inception",))
