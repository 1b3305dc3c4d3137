"""Extraction end to end with a small network: every image once, the same after any interruption."""

import os
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
from PIL import Image

from data_loader.features import open_features
from model import encoders
from model.encoders import ImageEncoder, load_encoder
from model.narrowing import narrow
from model.networks import is_mirrored
from scripts import extract_features
from scripts.extract_features import read_ahead
from tests.photos import photo
from tests.shared_data import REPOSITORY
from utils.errors import UserError

BATCH = 3
UNREADABLE = {"broken.jpg": "not one of JPEG", "missing.jpg": "missing", "../out.png": "leads out"}


def tiny_network(recipe, folder=None):
    keras.utils.set_random_seed(3)
    inputs = keras.Input([224, 224, 3])
    network = keras.Model(inputs, keras.layers.Conv2D(2048, 32, strides=32)(inputs))
    return network if recipe.precision == "float32" else narrow(network)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(encoders, "build_network", tiny_network)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(10):
        colour = tuple(np.random.default_rng(index).integers(0, 255, 3).tolist())
        image = Image.new("RGB", (50 + 7 * index, 40), colour)
        image.paste((200, 10, 90), (0, 0, 5 + 3 * index, 20))
        image.save(folder / f"{index}.png")
    (folder / "broken.jpg").write_text("<html>")
    Image.new("RGB", (9, 9)).save(tmp_path / "out.png")
    return folder


@pytest.fixture
def extract(tmp_path, images, monkeypatch):
    """Runs the command; `root` is the data root's name below the temporary folder."""
    (tmp_path / "weights.h5").write_bytes(b"weights")

    def run(root, *flags):
        arguments = {"--data_dir": tmp_path / root, "--images": images, "--batch_size": BATCH}
        arguments |= {"--weights": tmp_path / "weights.h5"}
        arguments |= dict(zip(flags[::2], flags[1::2], strict=True))
        given = [pair for pair in arguments.items() if pair[1] is not None]
        words = [str(word) for pair in given for word in pair if word != ""]
        monkeypatch.setattr(sys, "argv", ["extract_features", *words])
        extract_features.main()
        return tmp_path / root

    return run


def list_images(root, names):
    root.mkdir(exist_ok=True)
    (root / "images.txt").write_text("".join(f"{name}\n" for name in names))


NAMES = ["0.png", "1.png", "broken.jpg", "2.png", "missing.jpg", "3.png", "../out.png"]
NAMES += [f"{index}.png" for index in range(4, 10)]


def contents(root):
    folder = root / "features"
    return {path.name: path.read_bytes() for path in folder.glob("*-pool5.*[ny]")}


@pytest.fixture
def whole(tmp_path, extract):
    """The root of an extraction that nothing interrupted."""
    list_images(tmp_path / "whole", NAMES)
    return extract("whole")


def test_every_image_is_extracted_or_listed_with_a_reason(whole, images, capsys):
    store = open_features(whole, "pool5")
    bad = [NAMES.index(name) for name in UNREADABLE]
    usable = np.setdiff1d(np.arange(len(NAMES)), bad)
    assert np.flatnonzero(store.usable(np.arange(len(NAMES)))).tolist() == usable.tolist()
    assert store.failed.keys() == UNREADABLE.keys()
    for name, reason in UNREADABLE.items():
        assert reason in store.failed[name]
    encoder = load_encoder(store.metadata, store.path.parent)
    pixels = [extract_features.read_image(images / NAMES[row]) for row in usable]
    np.testing.assert_array_equal(store.gather(usable), encoder(pixels))


def test_the_summary_counts_and_names_the_failed(tmp_path, extract, capsys):
    list_images(tmp_path / "root", NAMES)
    extract("root")
    printed = capsys.readouterr().out
    assert "0 done already, 0 failed before, 13 to do" in printed
    assert "10 images of shard 0/1 have features" in printed
    assert "3 images of all shards failed" in printed and "  missing.jpg: missing" in printed


def test_an_interrupted_extraction_ends_with_the_same_bytes(tmp_path, extract, whole, monkeypatch):
    list_images(tmp_path / "again", NAMES)
    encode, calls = ImageEncoder.encode, []

    def interrupted(self, inputs):
        calls.append(len(inputs))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(self, inputs)

    monkeypatch.setattr(ImageEncoder, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract("again")
    assert open_features(tmp_path / "again", "pool5").usable(np.arange(13)).sum() == 2 * BATCH
    extract("again", "--jobs", 1)
    assert sum(calls) == 10 + BATCH  # only what was in the network when it was interrupted
    assert contents(tmp_path / "again") == contents(whole)


def test_damaged_rows_are_extracted_again_and_no_others(tmp_path, extract, whole, capsys):
    list_images(tmp_path / "again", NAMES)
    path = open_features(extract("again"), "pool5").path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    extract("again")
    assert contents(tmp_path / "again") != contents(whole)
    extract("again", "--recheck", "")
    assert "1 damaged" in capsys.readouterr().out
    assert contents(tmp_path / "again") == contents(whole)


def test_added_images_extend_the_file(tmp_path, extract, whole, monkeypatch):
    list_images(tmp_path / "grown", NAMES[:6])
    extract("grown")
    list_images(tmp_path / "grown", NAMES)
    rows = []
    encode = ImageEncoder.encode
    monkeypatch.setattr(
        ImageEncoder, "encode", lambda self, x: rows.append(len(x)) or encode(self, x)
    )
    extract("grown", "--batch_size", None)  # as the file was begun
    assert rows == [BATCH, BATCH]
    assert contents(tmp_path / "grown") == contents(whole)


def test_shards_make_the_same_file(tmp_path, extract, whole):
    list_images(tmp_path / "sharded", NAMES)
    for shard in ("1/3", "0/3", "2/3"):
        extract("sharded", "--shard", shard)
    assert contents(tmp_path / "sharded") == contents(whole)


def test_a_finished_extraction_builds_no_network(whole, extract, monkeypatch, capsys):
    monkeypatch.setattr(encoders, "build_network", None)
    extract("whole")
    assert "10 done already, 3 failed before, 0 to do" in capsys.readouterr().out


def test_random_weights_are_calibrated_once_and_named(tmp_path, extract, monkeypatch):
    calls = []

    def calibrate(recipe, inputs, names, path):
        calls.append((inputs.shape, names))
        path.write_bytes(b"statistics")

    monkeypatch.setattr(encoders, "calibrate", calibrate)
    monkeypatch.setattr(encoders, "CALIBRATION_IMAGES", 4)
    list_images(tmp_path / "root", NAMES)
    root = extract("root", "--weights", "random")
    extract("root", "--weights", "random", "--layer", "res5c")
    assert open_features(root, "pool5").extractor == "resnet101_random"
    assert open_features(root, "res5c").slots == 49
    # Rows 0, 3, 6, 9, 12 first (row 6 leads out of the folder): spread over the list.
    assert calls == [((4, 224, 224, 3), ["0.png", "2.png", "6.png", "9.png"])]


def test_features_of_another_precision_are_never_mixed(tmp_path, extract, whole):
    description = open_features(whole, "pool5").metadata
    assert "precision" not in description  # as before there was a choice
    with pytest.raises(UserError, match=r"another precision \(float32\) than .*\(bfloat16\)"):
        extract("whole", "--precision", "bfloat16")
    list_images(tmp_path / "narrow", NAMES[:2])
    store = open_features(extract("narrow", "--precision", "bfloat16"), "pool5")
    assert store.metadata["precision"] == "bfloat16"
    wide = open_features(whole, "pool5").gather(np.arange(2)).astype(np.float32)
    found = store.gather(np.arange(2)).astype(np.float32)
    assert 0 < np.abs(found - wide).max() < 0.02 * np.abs(wide).max()
    encoder = load_encoder(store.metadata, store.path.parent)
    pixels = [extract_features.read_image(tmp_path / "images" / name) for name in NAMES[:2]]
    np.testing.assert_array_equal(encoder(pixels), store.gather(np.arange(2)))
    with pytest.raises(UserError, match=r"another precision \(bfloat16\) than .*\(float32\)"):
        extract("narrow")


def test_pictures_are_mirrored_at_random_where_asked_for(tmp_path, extract, images):
    readable = [name for name in NAMES if name not in UNREADABLE]
    for name in readable:
        Image.fromarray(photo(40, 50, int(name[0]))).save(images / name)
    list_images(tmp_path / "root", readable)
    extract("root")
    extract("root", "--random_flip", "")
    plain, flipped = (
        open_features(tmp_path / "root", "pool5", name)
        for name in ("resnet101", "resnet101-flipped")
    )
    assert "mirrored" in flipped.metadata["preprocessing"]
    encoder = load_encoder(flipped.metadata, flipped.path.parent)
    pixels = [extract_features.read_image(images / name) for name in readable]
    np.testing.assert_array_equal(encoder(pixels), plain.gather(np.arange(10)))  # as they are
    inputs = np.stack([encoder.preprocessing(image) for image in pixels])
    sides = [is_mirrored("resnet101-flipped", name) for name in readable]
    inputs[sides] = inputs[sides][:, :, ::-1]
    assert 0 < sum(sides) < 10
    np.testing.assert_array_equal(encoder.encode(inputs), flipped.gather(np.arange(10)))


def test_a_lost_calibration_is_not_replaced_by_another(tmp_path, extract, monkeypatch):
    monkeypatch.setattr(encoders, "calibrate", lambda *a: a[-1].write_bytes(b"statistics"))
    list_images(tmp_path / "root", NAMES)
    root = extract("root", "--weights", "random")
    (root / "features" / "resnet101_random.npz").unlink()
    with pytest.raises(UserError, match=r"resnet101_random.npz is missing"):
        extract("root", "--weights", "random")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--images", "nowhere"), "nowhere is not a folder"),
        (("--images", REPOSITORY / "tests"), "none of the 13 images"),
        (("--weights", "none.h5"), "download_pretrained_resnet_101.sh"),
        (("--shard", "3/3"), "i from 0 to n-1"),
        (("--shard", "half"), "i from 0 to n-1"),
        (("--batch_size", 0), "expected 1 or more"),
        (("--data_dir", "nowhere"), "scripts.build_dataset"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, extract, flags, message):
    list_images(tmp_path / "root", NAMES)
    with pytest.raises(UserError, match=message):
        extract("root", *flags)


def test_an_empty_list_of_images_is_refused(tmp_path, extract):
    list_images(tmp_path / "root", [])
    with pytest.raises(UserError, match="lists no images"):
        extract("root")


def test_reading_ahead_keeps_the_order_and_stays_close():
    begun, gate = [], threading.Event()

    def work(item):
        begun.append(item)
        if item == 0:
            gate.wait(10)  # the first is the last to be ready
        return item * item

    results = read_ahead(work, iter(range(50)), jobs=3, ahead=5)
    gate.set()
    assert next(results) == 0
    assert len(begun) <= 6
    assert list(results) == [n * n for n in range(1, 50)]


def test_the_shell_script_passes_flags_on(tmp_path):
    script = REPOSITORY / "scripts/extract_features.sh"
    result = subprocess.run(
        [script, "--data_dir", tmp_path],
        env=os.environ | {"PYTHON": sys.executable},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 2
    assert f"error: {tmp_path}/images.txt does not exist" in result.stderr


def test_weights_that_do_not_load_leave_no_features(tmp_path, extract, monkeypatch):
    def refuse(*_):
        raise UserError("not a weight file")

    monkeypatch.setattr(encoders, "build_network", refuse)
    list_images(tmp_path / "root", NAMES)
    with pytest.raises(UserError, match="not a weight file"):
        extract("root")
    assert not list((tmp_path / "root").glob("features/*.npy"))
    assert not list((tmp_path / "root").glob("features/*.json"))
