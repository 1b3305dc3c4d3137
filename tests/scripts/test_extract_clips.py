"""Features of clips end to end: every clip once, odd ones listed with a reason."""

import sys

import keras
import numpy as np
import pytest

from data_loader.clips import open_clip
from data_loader.features import open_features
from data_loader.pictures import read_batches
from model import encoders
from model.encoders import load_encoder
from scripts import extract_features
from tests.clips import write_clip, write_sound
from utils.errors import UserError

BROKEN = {
    "text.mp4": "not a video clip, or broken: Invalid data found",
    "sound.mp4": "no video in it, only sound",
    "empty.mp4": "empty file",
    "missing.mp4": "missing",
    "../out.mp4": "its name leads out",
    "cut.mp4": "cut off: ",
}
NAMES = ["a.mp4", *list(BROKEN)[:3], "turned.mov", *list(BROKEN)[3:], "sub/b.webm", "one.mkv"]


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    (folder / "sub").mkdir(parents=True)
    write_clip(folder / "a.mp4", 9)
    write_clip(folder / "turned.mov", 5, turn=90)
    write_clip(folder / "sub" / "b.webm", 30, codec="libvpx-vp9")
    write_clip(folder / "one.mkv", 1)
    write_clip(tmp_path / "out.mp4")
    write_sound(folder / "sound.mp4")
    (folder / "text.mp4").write_text("some words\n" * 90)
    (folder / "empty.mp4").touch()
    whole = write_clip(folder / "cut.mp4", 30, movflags="faststart", codec="mpeg4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def extract(tmp_path, clips, monkeypatch):
    def run(root, names, *flags):
        (tmp_path / root).mkdir(exist_ok=True)
        (tmp_path / root / "images.txt").write_text("".join(f"{name}\n" for name in names))
        arguments = ["--data_dir", tmp_path / root, "--images", clips, *flags]
        monkeypatch.setattr(sys, "argv", ["extract_features", *map(str, arguments)])
        extract_features.main()
        return tmp_path / root

    return run


PATCHES = ("--extractor", "patches", "--layer", "frames26")


def test_every_clip_is_extracted_or_listed_with_a_reason(extract, clips, capsys):
    root = extract("data", NAMES, *PATCHES)
    said = capsys.readouterr().out
    assert "6 images of all shards failed" in said
    store = open_features(root, "frames26")
    assert store.metadata["failed"].keys() == BROKEN.keys()
    for name, reason in BROKEN.items():
        assert store.metadata["failed"][name].startswith(reason)
        assert f"  {name}: {reason}" in said
    encoder = load_encoder(store.metadata, store.path.parent)
    for row, name in enumerate(NAMES):
        if name not in BROKEN:
            frames = open_clip(clips / name).sample(26, lambda frame: frame)
            np.testing.assert_array_equal(store.gather([row]), encoder([frames]))
    assert store.metadata["frames"] == "26 of a clip, places round(linspace(0, n - 1, 26))"
    first, last = store.gather([0])[0, [0, 25]]
    assert (last - first).mean() > 0.2  # the scenes grow lighter
    assert (store.gather([NAMES.index("one.mkv")])[0] == store.gather([9])[0, :1]).all()


@pytest.mark.parametrize("batch", [7, 60])  # less than a clip, more than two
def test_the_batch_decides_nothing(extract, batch):
    names = ["a.mp4", "turned.mov", "sub/b.webm", "one.mkv"]
    roots = extract("x", names, *PATCHES), extract("y", names, *PATCHES, "--batch_size", batch)
    one, other = (open_features(root, "frames26").gather([0, 1, 2, 3]) for root in roots)
    np.testing.assert_array_equal(one, other)


def test_no_clip_at_all_is_no_reason_to_stop(extract):
    root = extract("data", ["text.mp4", "missing.mp4"], *PATCHES)
    assert len(open_features(root, "frames26").metadata["failed"]) == 2


def tiny_network(recipe, folder=None):
    keras.utils.set_random_seed(3)
    inputs = keras.Input([299, 299, 3])
    return keras.Model(inputs, keras.layers.Conv2D(2048, 37, strides=37)(inputs))


def test_whole_frames_are_features_of_another_name(extract, tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "build_network", tiny_network)
    (tmp_path / "weights.h5").write_bytes(b"weights")
    flags = ("--weights", tmp_path / "weights.h5", "--extractor", "inception_v3-video")
    root = extract("data", ["a.mp4"], *flags)
    assert extract("data", ["a.mp4"], *flags, "--keep_aspect") == root
    found = {path.stem for path in (root / "features").glob("*.npy") if "rows" not in path.stem}
    assert {"inception_v3-video-frames26", "inception_v3-video-aspect-frames26"} <= found
    squeezed, whole = (
        open_features(root, "frames26", f"inception_v3-video{kind}") for kind in ("", "-aspect")
    )
    assert squeezed.metadata["made_with"]["batch_size"] == 13
    assert not np.array_equal(squeezed.gather([0]), whole.gather([0]))
    with pytest.raises(UserError, match="--keep_aspect is for inception_v3-crop and inception_v3"):
        extract("data", ["a.mp4"], *PATCHES, "--keep_aspect")


def test_pictures_are_no_clips_and_clips_are_no_pictures(extract, clips):
    from PIL import Image

    Image.new("RGB", (20, 30)).save(clips / "picture.jpg")
    root = extract("data", ["picture.jpg", "a.mp4"], *PATCHES)
    assert list(open_features(root, "frames26").metadata["failed"]) == ["picture.jpg"]
    extract("data", ["picture.jpg", "a.mp4"], "--extractor", "patches")
    assert list(open_features(root, "cells8").metadata["failed"]) == ["a.mp4"]


def test_a_new_clip_goes_the_way_of_extraction(extract, clips):
    root = extract("data", ["a.mp4", "one.mkv"], *PATCHES)
    store = open_features(root, "frames26")
    encoder = load_encoder(store.metadata, store.path.parent)
    paths = [clips / name for name in ("one.mkv", "text.mp4", "a.mp4")]
    skipped = {}
    batches = list(read_batches(paths, encoder.at_once, skipped, encoder.frames))
    found = np.concatenate([encoder(batch.pixels) for batch in batches])
    np.testing.assert_array_equal(found, store.gather([1, 0]))
    assert [batch.numbers for batch in batches] == [[0], [2]]
    assert list(skipped) == [str(clips / "text.mp4")]
