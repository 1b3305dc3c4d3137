"""Verification: every file of a data root, a corpus and a run, each damaged once."""

import os
import shutil
import sys

import numpy as np
import pytest

from data_loader.corpus import CorpusOptions, build_corpus
from data_loader.feature_writer import FeatureWriter
from data_loader.features import read_image_names, read_metadata
from scripts import verify
from tests.bigram import use_bigram
from tests.runs import run_train
from tests.small_world import IMAGE_DIM, IMAGES
from utils import checkpoint
from utils.errors import UserError

# Of a run: what people may change, or what is only told, has no checksum; see the last tests.
WITHOUT_CHECKSUM = ("configuration.json", "environment.json", "log.jsonl")


@pytest.fixture(scope="module")
def run(world, tmp_path_factory):
    """A run with two checkpoints."""
    path = tmp_path_factory.mktemp("runs") / "run"
    patches = use_bigram()
    for patch in patches:
        patch.start()
    run_train(world, path, epochs=2, checkpoint_every=4)
    for patch in patches:
        patch.stop()
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for name in range(9):
        (folder / f"{name}.txt").write_text(f"story {name} says hello hello\n")
    build_corpus(CorpusOptions(folder, folder / "out", val_share=0.2, test_share=0.2))
    return folder / "out"


def problems(path):
    """File to problem, of those that verification finds damaged."""
    found = verify.verify((path,))
    return {one.path: one.problem for one in found if one.problem}


def flip(path):
    """Changes one bit in the middle of a file, and puts it back afterwards."""
    data = path.read_bytes()
    changed = bytearray(data)
    changed[len(data) // 2] ^= 4
    path.write_bytes(changed)
    return lambda: path.write_bytes(data)


def files_of(folder):
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    hidden = (path for path in paths if path.suffix != ".lock" and path.name != "lock")
    return [path for path in hidden if path.stat().st_size and "tensorboard" not in path.parts]


def assert_any_damage_is_found(folder, files):
    """A changed bit and a missing half, in any of the files: its line names it, with a remedy."""
    assert problems(folder) == {}
    for path in files:
        restore = flip(path)
        found = problems(folder)
        assert any(str(path) in problem and ";" in problem for problem in found.values()), path
        restore()
        data = path.read_bytes()
        os.truncate(path, len(data) // 2)
        assert any(str(path) in problem for problem in problems(folder).values()), path
        path.write_bytes(data)
    assert problems(folder) == {}


def test_any_damage_of_a_data_root_is_found(world, tmp_path):
    root = shutil.copytree(world, tmp_path / "data")
    shutil.rmtree(root / "hashtag-users-others")  # a view like the other
    files = files_of(root)
    assert len(files) > 40
    assert_any_damage_is_found(root, files)


def test_any_damage_of_a_corpus_is_found(corpus):
    files = files_of(corpus)
    assert len(files) > 10
    assert_any_damage_is_found(corpus, files)


def test_any_damage_of_a_run_is_found(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    files = [path for path in files_of(copy) if path.name not in WITHOUT_CHECKSUM]
    assert len(files) > 10
    assert_any_damage_is_found(copy, files)


def test_a_damaged_checkpoint_points_at_the_one_that_is_sound(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    before, last = checkpoint.list_checkpoints(copy)[-2:]
    flip(copy / "checkpoints" / str(last) / "weights" / "image.npy")
    [problem] = problems(copy).values()
    assert f"training goes on from step {before}, eval takes --checkpoint {before}" in problem
    flip(copy / "checkpoints" / str(before) / "state.json")
    found = problems(copy).values()
    assert len(found) == 2 and all("no checkpoint is sound: train anew" in one for one in found)


def test_what_a_run_tells_must_be_readable(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    for name in ("configuration.json", "environment.json", "metrics.json", "predictions.jsonl"):
        (copy / name).write_text('{"cut')
    log = copy / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines) + '{"step": 5')
    named = {path.name for path in problems(copy)}
    assert named == {"configuration.json", "environment.json", "metrics.json", "predictions.jsonl"}
    shutil.copy(run / "configuration.json", copy)
    notes = {one.path.name: one.note for one in verify.verify((copy,))}
    assert notes["log.jsonl"] == "its last line is cut short, as a kill leaves it"
    log.write_text('{"step"\n{"st\n' + "".join(lines))
    assert "2 of" in problems(copy)[log]


def test_damaged_rows_of_features_are_extracted_again(world, tmp_path):
    """As `extract_features --recheck` does."""
    root = shutil.copytree(world, tmp_path / "data")
    path = root / "features" / "toy-pool5.npy"
    whole = path.read_bytes()
    row = IMAGE_DIM * 2
    data = bytearray(whole)
    for number in (2, IMAGES - 1):
        data[-row * (IMAGES - number)] ^= 1
    path.write_bytes(data)
    [problem] = problems(root).values()
    assert f"image rows 2, {IMAGES - 1} do not have their crc32" in problem
    assert "--recheck" in problem
    description = read_metadata(path)
    names = read_image_names(root)
    with FeatureWriter(root, description, names, shard=2, shards=4) as writer:
        assert writer.damaged().tolist() == [2, IMAGES - 1]
        writer.write(2, np.frombuffer(whole[-IMAGES * row :], np.float16).reshape(IMAGES, 1, -1)[2])
    assert f"image rows {IMAGES - 1} do not" in next(iter(problems(root).values()))


def test_everything_below_a_folder_is_looked_at(world, run, tmp_path, monkeypatch, capsys):
    shutil.copytree(world, tmp_path / "toy" / "data")
    shutil.copytree(run, tmp_path / "toy" / "runs" / "caption")
    monkeypatch.setattr(sys, "argv", ["verify", str(tmp_path / "toy")])
    with pytest.raises(SystemExit, match="0"):
        verify.main()
    printed = capsys.readouterr().out
    for name in ("data/images.txt", "train/user.npy", "features/toy-pool5.npy", "state.json"):
        assert f"{name}\n" in printed or f"{name} (" in printed, name
    flip(tmp_path / "toy" / "data" / "images.txt")
    monkeypatch.setattr(sys, "argv", ["verify", "--damaged_only", str(tmp_path / "toy")])
    with pytest.raises(SystemExit, match="1"):
        verify.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("DAMAGED") and "images.txt" in lines[0] and len(lines) == 2


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_what_is_nothing_of_ours_is_an_error(tmp_path, path):
    with pytest.raises(UserError, match="no data root, corpus or run folder"):
        list(verify.verify((tmp_path / path,)))
