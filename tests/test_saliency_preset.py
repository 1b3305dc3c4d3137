"""`--preset saliency-image` and `saliency-video` from `train` to `eval`, on the small world."""

import json
import sys
from unittest import mock

import numpy as np
import pytest

import eval
import train
from data_loader.feature_writer import write_features
from data_loader.view import open_view
from tests.runs import assert_same_run, interrupted_at
from tests.small_world import FAILED_IMAGE, IMAGE_DIM, IMAGES, TRAINING, flags, make_world
from utils import checkpoint

SMALL = {"hidden_dim": 6, "word_dim": 5, "word_slots": 8}
STEPS = 6  # of an epoch: 40 posts, some of them left out, in batches of 7 or fewer


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The small world with cells and frames."""
    root = make_world(tmp_path_factory.mktemp("saliency") / "data")
    random = np.random.default_rng(8)
    for layer, slots in (("cells8", 64), ("frames26", 26)):
        features = random.normal(size=(IMAGES, slots, IMAGE_DIM)).astype(np.float16)
        write_features(root, f"toy-{layer}", features, failed={FAILED_IMAGE: "broken"})
    return root


def call(module, *more, **settings):
    with mock.patch.object(sys, "argv", [module.__name__, *flags(**settings), *more]):
        module.main()


def run_train(data, run_dir, preset="saliency-image", **settings):
    where = {"data_dir": data, "run_dir": run_dir, "split": "users", "context": "others"}
    given = {"preset": preset, "extractor": "toy", **where, **SMALL, **TRAINING, "epochs": 2}
    if preset == "saliency-image":
        given["cells"] = "cells8"
    call(train, **(given | settings))


def test_snapshots_are_kept_and_evaluated(data, tmp_path):
    run_dir = tmp_path / "run"
    run_train(data, run_dir, keep_checkpoints=0, snapshots_per_epoch=3)
    last = checkpoint.load(run_dir, "last")
    epoch = last.step // 2
    expected = {round(epoch * share / 3) for share in (1, 2, 3)}
    expected |= {epoch + step for step in expected}
    assert set(checkpoint.list_checkpoints(run_dir)) == expected == set(last.state["snapshots"])
    log = [json.loads(line) for line in (run_dir / "log.jsonl").open()]
    assert {row["step"] for row in log if "val_loss" in row} == expected
    step = min(expected)
    call(eval, run_dir=run_dir, checkpoint=step, tokenizer="none", num_gpus=0)
    metrics = next(run_dir.glob(f"metrics-step{step}*.json"))
    assert json.loads(metrics.read_text())["step"] == step


def test_the_newest_snapshots_are_kept(data, tmp_path):
    run_train(data, tmp_path / "run", keep_checkpoints=0, snapshots_per_epoch=3, keep_snapshots=2)
    steps = checkpoint.list_checkpoints(tmp_path / "run")
    found = checkpoint.load(tmp_path / "run", "last").state
    assert set(steps) == {*found["snapshots"][-2:], found["best_step"]}


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["saliency-image", "saliency-video"])
def test_a_resumed_run_is_the_run_that_never_stopped(data, tmp_path, preset):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    run_train(data, whole, preset)
    with interrupted_at(STEPS + 1), pytest.raises(KeyboardInterrupt):
        run_train(data, stopped, preset)
    run_train(data, stopped, preset)
    assert_same_run(whole, stopped)


def test_a_new_model_predicts_words_as_often_as_they_come(data, tmp_path):
    run_train(data, tmp_path / "run", epochs=1, learning_rate=1e-12)
    bias = checkpoint.load(tmp_path / "run", "last").weights["b_o"]
    posts = open_view(data, "caption").subsets["train"]
    usable = (posts.image_row != FAILED_IMAGE) & (posts.caption_length < SMALL["word_slots"])
    counts = np.bincount(posts.caption_ids[usable].ravel(), minlength=len(bias))
    counts[0], counts[2] = 0, usable.sum()
    expected = np.log(np.maximum(counts, 1))
    np.testing.assert_allclose(bias, expected - expected.max(), atol=1e-6)
    assert (counts > 0).sum() > 9
