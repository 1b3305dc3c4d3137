"""The released text layout: small views by hand, and the files of the original scripts."""

import subprocess
import sys

import numpy as np
import pytest

from data_loader.view import open_view, write_view
from data_loader.vocabulary import Vocabulary
from scripts.export_released import export_view
from tests.shared_data import REPOSITORY, shared
from utils.errors import UserError

VOCABULARY = Vocabulary(["_PAD", "_GO", "_EOS", "_UNK", "a", "b", "#c"])


def subset(post_ids: list[str]) -> dict:
    captions = np.array([[4, 3, 5, 4], [6, 0, 0, 0], [0, 0, 0, 0]], np.int32)
    contexts = np.array([[6, 5, 0], [4, 0, 0], [0, 0, 0]], np.int32)
    return {
        "caption_ids": captions,
        "caption_length": np.array([4, 1, 0], np.int32),
        "context_ids": contexts,
        "context_length": np.array([2, 1, 0], np.int32),
        "user": np.array([0, 0, 1], np.int32),
        "created_at": np.arange(3, dtype=np.int64),
        "image": [f"{post_id}.jpg" for post_id in post_ids],
        "post_id": post_ids,
        "reference": ["a x b a", "#c", ""],
    }


def make_view(root, task="caption", post_ids=("p1", "p2", "p3"), **settings):
    write_view(
        root,
        task,
        "shipped",
        "all",
        {"train": subset(list(post_ids)), "test1": subset(["q1", "q2", "q3"])},
        VOCABULARY,
        ["ann", "bob"],
        np.ones(len(VOCABULARY)),
        settings,
    )
    return open_view(root, task, "shipped", "all")


def test_lines_and_order(tmp_path):
    view = make_view(tmp_path / "root", source="instapic", vocab_size=9)
    paths = export_view(view, tmp_path / "out" / "deep")
    assert [path.name for path in paths] == ["9.vocab", "train.txt", "test1.txt"]
    assert Vocabulary.load(paths[0]).words == VOCABULARY.words
    assert paths[1].read_text().splitlines() == [
        "bob_@_p3.npy,0,0,,",
        "ann_@_p2.npy,1,1,4,6",
        "ann_@_p1.npy,2,4,6_5,4_3_5_4",
    ]


def test_yfcc_names_its_files_otherwise(tmp_path):
    paths = export_view(make_view(tmp_path / "root", source="yfcc"), tmp_path / "out")
    assert paths[0].name == "7.vocab"
    assert paths[1].read_text().splitlines()[2] == "ann_p1.npy,2,4,6_5,4_3_5_4"


def test_yfcc_training_tags_lose_the_unknown(tmp_path):
    view = make_view(tmp_path / "root", task="hashtag", source="yfcc")
    _, train, test1 = export_view(view, tmp_path / "out")
    assert train.read_text().splitlines()[2] == "ann_p1.npy,2,3,6_5,4_5_4"
    assert test1.read_text().splitlines()[2] == "ann_q1.npy,2,4,6_5,4_3_5_4"


def test_a_comma_in_a_name_is_an_error(tmp_path):
    view = make_view(tmp_path / "root", post_ids=("p1", "p,2", "p3"))
    with pytest.raises(UserError, match="'p,2' of user 'ann'"):
        export_view(view, tmp_path / "out")


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UserError, match="cannot write to"):
        export_view(make_view(tmp_path / "root"), tmp_path / "out")


def run(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_a_missing_view_is_one_line(tmp_path):
    result = run("scripts.export_released", "--data_dir", tmp_path, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert result.stderr.startswith("error: no view caption-users-others")
    assert result.stderr.count("\n") == 1


def parsed(path) -> set:
    rows = (line.rstrip("\n").split(",") for line in path.open(encoding="utf-8"))
    return {
        (name, length, words, frozenset(context.split("_")), caption)
        for name, length, words, context, caption in rows
    }


@pytest.mark.parametrize(("source", "folder"), [("instapic", "insta"), ("yfcc", "yfcc")])
def test_equals_the_files_of_the_original_scripts(tmp_path, source, folder):
    given = shared("data/attend2u")
    view = ["--task", "caption", "--context", "all"]
    released = ["--tokenizer", "released", "--vocab_size", "3000", "--stored_words", "100"]
    places = ["--source", source, "--input", given, "--out", tmp_path]
    built = run("scripts.build_dataset", *places, *view, *released)
    assert built.returncode == 0, built.stderr
    out = tmp_path / "out"
    places = ["--data_dir", tmp_path, "--split", "shipped", "--out", out]
    result = run("scripts.export_released", *places, *view)
    assert result.returncode == 0, result.stderr
    expected = given / "expected" / folder / "caption_dataset"
    assert {path.name for path in out.iterdir()} == {path.name for path in expected.iterdir()}
    assert (out / "3000.vocab").read_bytes() == (expected / "3000.vocab").read_bytes()
    for path in expected.glob("*.txt"):
        assert parsed(out / path.name) == parsed(path)
