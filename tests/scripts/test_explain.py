"""`python -m scripts.explain` on a small world: attention of greedy captions, crossed users."""

import json
import re
import shutil

import numpy as np
import pytest

from configuration import PRESETS
from data_loader.view import open_view
from scripts import explain
from tests.runs import run_eval, run_train
from tests.small_world import MODEL, flags
from utils.errors import UserError
from utils.explanations import read_attention
from utils.predictions import read_predictions


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    """A small CSMN of hashtags, evaluated."""
    run = tmp_path_factory.mktemp("runs") / "tags"
    run_train(world, run, task="hashtag", epochs=2)
    run_eval(run_dir=run)
    return run


def run_explain(monkeypatch, *more, **settings):
    given = flags(**({"num_gpus": 0} | settings))
    monkeypatch.setattr("sys.argv", ["explain", *given, *map(str, more)])
    explain.main()


@pytest.fixture(scope="module")
def explained(trained):
    """The same run with attention and crossing; do not change it."""
    with pytest.MonkeyPatch.context() as patch:
        run_explain(patch, run_dir=trained, posts=5, images=2, users=3)
    return trained


def test_attention_is_that_of_the_predictions(world, explained):
    predictions = {row["id"]: row for row in read_predictions(explained / "predictions.jsonl")}
    rows = read_attention(explained / "attention.jsonl")
    assert len(rows) == 5
    for row in rows:
        for name in ("user", "image", "references", "prediction", "extractor"):
            assert row[name] == predictions[row["id"]][name]
        written = [word for word in row["words"] if word != "EOS"]
        assert " ".join(dict.fromkeys(written)) == row["prediction"]
        assert row["slots"]["word"] == ["GO", *row["words"][:-1]]
        total = sum(np.sum(row["attention"][name], axis=1) for name in row["slots"])
        np.testing.assert_allclose(total, 1, atol=1e-9)


def test_slots_are_the_users_words(world, explained):
    view = open_view(world, "hashtag")
    subset = view.subsets["test"]
    place = {view.describe(subset, row)["id"]: row for row in range(len(subset))}
    for row in read_attention(explained / "attention.jsonl"):
        ids = subset.context_ids[place[row["id"]]]
        known = [view.vocabulary.words[i] for i in ids if i]
        assert row["slots"]["user"] == known[: MODEL["user_words"]]
        assert row["slots"]["image"] == ["image"]


def test_every_image_is_crossed_with_every_user(explained):
    rows = read_predictions(explained / "crossed.jsonl")
    posts = {row["image_post"] for row in rows}
    users = {row["user"] for row in rows}
    assert (len(rows), len(posts), len(users)) == (6, 2, 3)
    predictions = {row["id"]: row for row in read_predictions(explained / "predictions.jsonl")}
    for row in rows:
        post = predictions[row["image_post"]]
        assert (row["image"], row["image_user"]) == (post["image"], post["user"])
        assert row["references"] == post["references"]
        if row["user"] == row["image_user"]:  # as it was posted: the same prediction
            assert row["prediction"] == post["prediction"]
    assert sum(row["user"] == row["image_user"] for row in rows) == 2


def test_named_posts_are_taken_in_their_order(explained, tmp_path, monkeypatch):
    explained = shutil.copytree(explained, tmp_path / "run")
    names = [row["id"] for row in read_predictions(explained / "predictions.jsonl")][3:0:-1]
    run_explain(monkeypatch, "--ids", *names, run_dir=explained, images=1, users=2)
    assert [row["id"] for row in read_attention(explained / "attention.jsonl")] == names
    assert {row["image_post"] for row in read_predictions(explained / "crossed.jsonl")} == {
        names[0]
    }
    with pytest.raises(UserError, match="nobody/p1: no usable post of test has this id; one of"):
        run_explain(monkeypatch, "--ids", "nobody/p1", run_dir=explained)


def test_a_model_without_attention_is_said_and_old_files_go(
    world, tmp_path, monkeypatch, capsys, bigram
):
    run = tmp_path / "run"
    run_train(world, run, epochs=1)
    (run / "attention.jsonl").write_text("old")
    run_explain(monkeypatch, run_dir=run, posts=3, images=2, users=2)
    assert "no attention.jsonl: this model attends to nothing" in capsys.readouterr().out
    assert not (run / "attention.jsonl").exists()
    assert len(read_predictions(run / "crossed.jsonl")) == 4


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"users": 2, "images": 3}, "--users 2 is less than --images 3"),
        ({"posts": 0}, "--posts is 0"),
        ({"num_gpus": -1}, "--num_gpus is -1; expected at least 0"),
        ({"num_gpus": 2}, "--num_gpus is 2; expected at most 1"),
        ({"subset": "nothing"}, "has no subset nothing"),
        ({"checkpoint": "77"}, "77"),
    ],
)
def test_mistakes_are_said(trained, monkeypatch, settings, message):
    with pytest.raises(UserError, match=message):
        run_explain(monkeypatch, run_dir=trained, **settings)


@pytest.mark.parametrize("given, asked", [((), None), (("--num_gpus", "1"), 1)])
def test_the_device_is_the_one_asked_for(trained, monkeypatch, given, asked):
    def stop(*devices):
        raise UserError(f"devices: {devices}")

    monkeypatch.setattr(explain, "make_strategy", stop)
    monkeypatch.setattr("sys.argv", ["explain", *flags(run_dir=trained), *given])
    with pytest.raises(UserError, match=re.escape(f"devices: ({asked},)")):
        explain.main()


def test_a_search_has_nothing_to_explain(trained, tmp_path, monkeypatch):
    saved = json.loads((trained / "configuration.json").read_text())
    other = PRESETS["1nn-im"].to_dict()
    (tmp_path / "configuration.json").write_text(json.dumps(saved | other))
    with pytest.raises(UserError, match="answers with training posts"):
        run_explain(monkeypatch, run_dir=tmp_path)
