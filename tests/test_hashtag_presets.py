"""The three hashtag predictors from `train` to the figures, on pictures that decide their tags."""

import json
import sys
from unittest import mock

import numpy as np
import pytest

import eval
import train
from data_loader.feature_writer import write_features
from scripts import explain, frequent_tags
from tests.planted_tags import LAYERS, POSTS, TAGS, make_root
from tests.runs import assert_same_run, interrupted_at
from tests.small_world import flags
from utils import checkpoint
from utils.errors import UserError

NARROW = {
    "soft-attention": {"hidden_dim": 24, "word_dim": 20},
    "show-tell-cnn": {"hidden_dim": 24, "word_dim": 20},
    "alexnet": {"width": 0.02},
}
WIDE_ENOUGH = {
    "soft-attention": {"hidden_dim": 64, "word_dim": 32, "epochs": 40, "learning_rate": 0.005},
    "show-tell-cnn": {"hidden_dim": 48, "word_dim": 32, "epochs": 60, "learning_rate": 0.003},
    "alexnet": {"width": 0.06, "epochs": 60, "learning_rate": 0.02},
}
# Of the Korean system.
KOREAN = {"hidden_dim": 48, "word_dim": 32, "attention_dim": 24, "dropout": 0.1}
KOREAN |= {"epochs": 16, "learning_rate": 0.01, "select_by": "loss"}
STEPS = 3  # of an epoch of 120 posts in batches of 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_root(tmp_path_factory.mktemp("planted") / "data")


def call(module, *more, **settings):
    with mock.patch.object(sys, "argv", [module.__name__, *flags(**settings), *more]):
        module.main()


def run_train(data, run_dir, preset, *more, **settings):
    common = {"preset": preset, "data_dir": data, "run_dir": run_dir, "extractor": "toy"}
    call(train, *more, **({**common, "num_gpus": 0, "batch_size": 40} | settings))


def rows_of(path):
    return [json.loads(line) for line in path.open(encoding="utf-8")]


@pytest.mark.parametrize("preset", LAYERS)
def test_a_resumed_run_is_the_run_that_never_stopped(data, tmp_path, preset):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    run_train(data, whole, preset, epochs=2, **NARROW[preset])
    with interrupted_at(STEPS + 1), pytest.raises(KeyboardInterrupt):
        run_train(data, stopped, preset, epochs=2, **NARROW[preset])
    run_train(data, stopped, preset, epochs=2, **NARROW[preset])
    assert_same_run(whole, stopped)
    weights = checkpoint.load(whole, "last").weights
    statistics = [name for name in weights if name.startswith(("mean_", "variance_"))]
    assert len(statistics) == {"alexnet": 16, "show-tell-cnn": 2, "soft-attention": 0}[preset]
    with pytest.raises(UserError, match="configuration"):
        run_train(data, whole, preset, epochs=2, **(NARROW[preset] | {"word_slots": 9}))


@pytest.fixture(scope="module", params=LAYERS)
def trained(data, tmp_path_factory, request):
    """A preset, and the folder of its run after an epoch."""
    run_dir = tmp_path_factory.mktemp(request.param) / "run"
    run_train(data, run_dir, request.param, epochs=1, **NARROW[request.param])
    return request.param, run_dir


def test_a_run_is_evaluated(trained):
    preset, run_dir = trained
    call(eval, run_dir=run_dir, num_gpus=0)
    rows = rows_of(run_dir / "predictions.jsonl")
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["posts"] == len(rows) == POSTS["test"] and metrics["loss"] > 0
    for row in rows:
        predicted = row["prediction"].split()
        assert set(predicted) <= set(TAGS) | {"_UNK", "_GO", "_PAD"}
        if preset == "alexnet":
            assert len(set(predicted)) == 3 and set(predicted) <= set(TAGS)
            # Tags are what it learns: there is no end to predict.
            assert row["words"] == len(row["references"][0].split())
    if preset == "alexnet":
        with pytest.raises(UserError, match="leave out --beam_size"):
            call(eval, run_dir=run_dir, beam_size=3)


def test_what_a_run_looked_at(trained, capsys):
    preset, run_dir = trained
    call(explain, run_dir=run_dir, posts=4, num_gpus=0)
    assert "no crossed.jsonl: this model reads no user" in capsys.readouterr().out
    written = run_dir / "attention.jsonl"
    assert written.exists() == (preset == "soft-attention")
    for row in rows_of(written) if written.exists() else ():
        assert row["slots"]["image"][9] == "2,2"  # 8 x 8, row by row


def test_a_model_of_pixels_reads_no_other_width(data, tmp_path):
    root = make_root(tmp_path / "data", layers=())
    features = np.zeros([sum(POSTS.values()), 227 * 227, 1], np.float16)
    write_features(root, "toy-rgb227", features)
    with pytest.raises(UserError, match=r"1 numbers per pixel; expected 3: .*--extractor pixels"):
        run_train(root, tmp_path / "run", "alexnet", epochs=1, **NARROW["alexnet"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "more"),
    [(preset, {}) for preset in LAYERS] + [("soft-attention", {"cell": "lstm"})]
    + [("alexnet", {"head": "sigmoid"})],
    ids=str,
)  # fmt: skip
def test_every_preset_beats_the_most_frequent_tags(data, tmp_path, preset, more):
    run_dir = tmp_path / "run"
    run_train(data, run_dir, preset, batch_size=20, **(WIDE_ENOUGH[preset] | more))
    score, prior = score_and_prior(data, run_dir)
    assert score > 0.7 > 1.5 * prior  # AlexNet always gives three tags


@pytest.mark.slow
def test_a_korean_preset_beats_the_most_frequent_tags(tmp_path):
    root, run_dir = make_root(tmp_path / "data", layers=("res4",)), tmp_path / "run"
    run_train(root, run_dir, "diya-look-back", batch_size=20, task="hashtag", **KOREAN)
    score, prior = score_and_prior(root, run_dir)
    assert score > 0.7 > 1.5 * prior


def score_and_prior(data, run_dir):
    """F1 of a run, and of as many of the most frequent tags as serve best."""
    call(eval, run_dir=run_dir, num_gpus=0)
    score = json.loads((run_dir / "metrics.json").read_text())["F1"]
    view = frequent_tags.open_view(data, "hashtag", "shipped", "none")
    subset = frequent_tags.open_subset(view, None)
    return score, max(frequent_tags.score_prior(view, subset, n)["F1"] for n in range(1, 6))
