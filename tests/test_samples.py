"""What TensorBoard shows of a training: samples that are there, stay, and change nothing."""

import json
import shutil

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data_loader.features import read_metadata
from tests.runs import assert_same_run, interrupted_at, run_train
from tests.small_world import FAILED_IMAGE, IMAGES, make_world
from utils.files import with_checksum, without_checksum

EPOCHS, STEPS = 2, 6
ALL = {"tensors": 0, "images": 0, "scalars": 0}


def shown(run):
    """Steps of the texts, of each picture, and the last text."""
    events = EventAccumulator(str(run / "tensorboard"), size_guidance=ALL).Reload()
    texts = [tag for tag in events.Tags()["tensors"] if tag == "samples"]
    found = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
    steps = {tag: [event.step for event in found[tag]] for tag in found}
    return steps, found["samples"][-1].tensor_proto.string_val[0].decode() if texts else ""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures of all posts; one is broken."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(IMAGES):
        Image.new("RGB", (40, 30), (10 * number, 90, 200)).save(folder / f"{number}.jpg")
    return folder


@pytest.mark.slow
def test_csmn_shows_texts_pictures_and_attention(world, pictures, tmp_path, capsys):
    run_train(world, tmp_path / "run", epochs=1, images=pictures, samples=3)
    steps, text = shown(tmp_path / "run")
    assert steps == {"samples": [STEPS], **{f"samples/{n}": [STEPS] for n in (1, 2, 3)}}
    assert text.startswith("| post | truth | prediction |") and len(text.splitlines()) == 5
    assert "no more samples" not in capsys.readouterr().out


def test_samples_change_nothing_that_is_learnt(world, pictures, tmp_path, bigram):
    run_train(world, tmp_path / "none", epochs=EPOCHS, samples=0)
    run_train(world, tmp_path / "four", epochs=EPOCHS, images=pictures)
    assert_same_run(tmp_path / "none", tmp_path / "four")
    assert shown(tmp_path / "none") == ({}, "")


def test_a_resumed_run_shows_every_sample_once(world, pictures, tmp_path, bigram):
    run = tmp_path / "run"
    run_train(world, run, epochs=1, images=pictures, samples=2)
    with interrupted_at(STEPS + 2), pytest.raises(KeyboardInterrupt):
        run_train(world, run, epochs=EPOCHS, images=pictures, samples=2)
    run_train(world, run, epochs=EPOCHS, images=pictures, samples=2)
    steps, _ = shown(run)
    assert set(map(tuple, steps.values())) == {(STEPS, 2 * STEPS)}
    assert len(list((run / "tensorboard").iterdir())) == 1


def test_without_pictures_there_are_texts(world, tmp_path, capsys, bigram):
    run_train(world, tmp_path / "run", epochs=1)
    assert capsys.readouterr().out.count("samples in TensorBoard: texts alone; --images says") == 1
    assert shown(tmp_path / "run")[0] == {"samples": [STEPS]}


def test_a_broken_picture_is_said_once_and_ends_nothing(world, pictures, tmp_path, capsys, bigram):
    broken = shutil.copytree(pictures, tmp_path / "pictures")
    for path in broken.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    run_train(world, tmp_path / "run", epochs=EPOCHS, images=broken, samples=2)
    printed = capsys.readouterr().out
    assert printed.count("samples in TensorBoard: no picture of") == 2
    assert f"trained to step {EPOCHS * STEPS}" in printed
    assert shown(tmp_path / "run")[0] == {"samples": [STEPS, 2 * STEPS]}


def test_an_error_while_drawing_ends_no_training(
    world, pictures, tmp_path, capsys, bigram, monkeypatch
):
    monkeypatch.setattr("utils.sample_drawing.encode_jpeg", lambda pixels: 1 // 0)
    run_train(world, tmp_path / "run", epochs=EPOCHS, images=pictures)
    printed = capsys.readouterr().out
    assert printed.count("warning: no more samples in TensorBoard: ZeroDivisionError") == 1
    assert f"trained to step {EPOCHS * STEPS}" in printed


def test_features_say_where_the_pictures_are(pictures, tmp_path, bigram):
    world = make_world(tmp_path / "data")
    path = world / "features" / "toy-pool5.json"
    metadata = without_checksum(json.loads(path.read_text()))
    metadata["made_with"] = {"images_path": str(pictures)}
    path.write_text(json.dumps(with_checksum(metadata)))
    assert read_metadata(path)["failed"] == {f"{FAILED_IMAGE}.jpg": "broken"}
    run_train(world, tmp_path / "run", epochs=1, samples=1)
    assert set(shown(tmp_path / "run")[0]) == {"samples", "samples/1"}
