"""Every method besides CSMN, from `train` to `eval`, on the small world."""

import json
import sys
from unittest import mock

import numpy as np
import pytest

import eval
import train
from data_loader.feature_writer import write_features
from data_loader.view import open_view
from tests.small_world import FAILED_IMAGE, IMAGE_DIM, IMAGES, MODEL, flags, make_world
from utils.errors import UserError

SMALL = {"hidden_dim": 6, "word_dim": 5, "word_slots": 8}
LEARNING = {
    "show-tell": SMALL,
    "attend-tell": {**SMALL, "attention_dim": 4},
    "seq2seq": {**SMALL, "user_words": 6, "layers": 2},
    "csmn-separate-p5": MODEL,
}
SEARCHING = {"1nn-im": {}, "1nn-usr": {"user_words": 6}, "1nn-usrim": {"user_words": 6}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The small world with res5c features too."""
    root = make_world(tmp_path_factory.mktemp("methods") / "data")
    random = np.random.default_rng(8)
    features = random.normal(size=(IMAGES, 49, IMAGE_DIM)).astype(np.float16)
    write_features(root, "toy-res5c", features, failed={FAILED_IMAGE: "broken"})
    return root


def call(module, *more, **settings):
    with mock.patch.object(sys, "argv", [module.__name__, *flags(**settings), *more]):
        module.main()


def run_preset(data, run_dir, preset, *more, **settings):
    """Trains and evaluates hashtags; rows of predictions and metrics."""
    common = {"preset": preset, "data_dir": data, "run_dir": run_dir, "task": "hashtag"}
    call(train, *more, **common, **settings)
    call(eval, run_dir=run_dir)
    rows = [json.loads(line) for line in (run_dir / "predictions.jsonl").open(encoding="utf-8")]
    return rows, json.loads((run_dir / "metrics.json").read_text())


@pytest.mark.parametrize("preset", LEARNING)
def test_a_captioner_is_trained_and_evaluated(data, tmp_path, preset):
    training = {"num_gpus": 0, "batch_size": 7, "epochs": 2, "learning_rate": 0.02}
    rows, metrics = run_preset(data, tmp_path / "run", preset, **LEARNING[preset], **training)
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").open()]
    losses = [record["loss"] for record in log if "loss" in record]  # of each epoch
    assert len(losses) == 2 and losses[1] < losses[0] < 1.3 * np.log(13)
    assert metrics["posts"] == len(rows) > 0 and 0 <= metrics["F1"] <= 1
    assert metrics["word_accuracy"] == pytest.approx(
        sum(row["words_correct"] for row in rows) / sum(row["words"] for row in rows)
    )
    # Without images, a post whose image failed is as good as any.
    assert metrics["posts_left_out"] == (preset != "seq2seq")


@pytest.mark.parametrize("preset", SEARCHING)
def test_a_search_answers_with_training_posts(data, tmp_path, preset):
    rows, metrics = run_preset(data, tmp_path / "run", preset, **SEARCHING[preset])
    view = open_view(data, "hashtag")
    posts = view.subsets["train"]
    texts = {view.describe(posts, row)["id"]: row for row in range(len(posts))}
    for row in rows:
        words = posts.text("reference", texts[row["neighbour"]]).split()
        # Tags that training has seen but the vocabulary has not are answers too, each once.
        assert row["prediction"] == " ".join(dict.fromkeys(words))
    assert any("zebra" in row["prediction"] for row in rows)
    assert metrics["posts"] == len(rows)
    assert not {"loss", "checkpoint", "beam_size"} & metrics.keys()
    assert metrics["posts_left_out"] == (preset != "1nn-usr")
    assert not (tmp_path / "run/checkpoints").exists()


def test_the_seed_of_the_run_decides_which_post_of_a_user(data, tmp_path):
    first, again, other = (
        [
            row["neighbour"]
            for row in run_preset(data, tmp_path / name, "1nn-usr", seed=seed, user_words=6)[0]
        ]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again != other


def test_a_search_takes_no_flags_of_a_decoder(data, tmp_path):
    run_preset(data, tmp_path / "run", "1nn-im")
    with pytest.raises(UserError, match=r"training posts.*leave out --beam_size"):
        call(eval, run_dir=tmp_path / "run", beam_size=3)
    with pytest.raises(UserError, match="learnt nothing: leave out --checkpoint"):
        call(eval, run_dir=tmp_path / "run", checkpoint="last")
    with pytest.raises(UserError, match="--tags_per_post"):
        call(eval, run_dir=tmp_path / "run", tags_per_post=3)


def test_features_of_another_network_are_refused(data, tmp_path):
    run_preset(data, tmp_path / "run", "1nn-im")
    saved = tmp_path / "run/configuration.json"
    saved.write_text(saved.read_text().replace('"features": "', '"features": "x'))
    with pytest.raises(UserError, match="other image features"):
        call(eval, run_dir=tmp_path / "run")
