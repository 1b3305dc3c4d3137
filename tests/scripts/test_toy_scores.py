"""Scores of runs beside ceilings: standard errors over users, and runs that have no ceiling."""

import json
import math
import sys
from unittest import mock

import numpy as np
import pytest

from configuration import Config
from model.configs import CSMNConfig
from scripts import toy_scores
from scripts.toy_scores import bleu_1, compare, information, jackknife, word_accuracy
from utils.errors import UserError
from utils.predictions import write_predictions

CEILINGS = {"caption": {"full": {"word_accuracy": 0.9, "Bleu_1": 0.8}}}


def row(number, user, prediction="a b", correct=2):
    return {
        "id": str(number),
        "user": user,
        "prediction": prediction,
        "references": ["a c"],
        "words": 3,
        "words_correct": correct,
    }


@pytest.fixture
def evaluated(tmp_path):
    """A toy world of two users, and a run that was evaluated on both."""
    world, run = tmp_path / "world", tmp_path / "run"
    world.mkdir()
    run.mkdir()
    (world / "world.json").write_text(json.dumps({"users": {"ann": {}, "bob": {}}}))
    (world / "ceilings.json").write_text(json.dumps(CEILINGS))
    (run / "configuration.json").write_text(json.dumps(Config().to_dict()))
    (run / "metrics.json").write_text(json.dumps({"word_accuracy": 0.5, "Bleu_1": 0.4}))
    write_predictions(run / "predictions.jsonl", [row(1, "ann"), row(2, "bob", correct=1)])
    return world, run


def test_a_run_stands_beside_its_ceilings(evaluated):
    world, run = evaluated
    accuracy, bleu = compare(run, world)
    assert (accuracy.sees, accuracy.score, accuracy.ceiling) == ("full", 0.5, 0.9)
    assert (bleu.metric, bleu.score, bleu.ceiling) == ("Bleu_1", 0.4, 0.8)
    assert accuracy.error > 0


def test_the_exit_status_says_whether_enough_was_learnt(evaluated, capsys):
    world, run = evaluated
    for least, enough in ((0.5, True), (0.51, False)):
        argv = ["toy_scores", "--world", str(world), str(run), "--least", str(least)]
        with mock.patch.object(sys, "argv", argv):
            if enough:
                toy_scores.main()
            else:
                with pytest.raises(SystemExit, match=r"less than 0\.51 of its ceiling"):
                    toy_scores.main()


def test_a_run_on_other_data_is_refused(evaluated):
    world, run = evaluated
    write_predictions(run / "predictions.jsonl", [row(1, "ann"), row(2, "carol")])
    with pytest.raises(UserError, match="such as carol"):
        compare(run, world)


def test_a_run_that_was_not_evaluated_is_refused(evaluated):
    world, run = evaluated
    (run / "metrics.json").unlink()
    with pytest.raises(UserError, match="was not evaluated"):
        compare(run, world)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    correct = [0, 1, 3, 2]
    rows = [row(i, f"user{i}", correct=c) for i, c in enumerate(correct)]
    shares = np.array(correct) / 3
    expected = shares.std(ddof=1) / math.sqrt(len(shares))
    assert jackknife(rows, word_accuracy) == pytest.approx(expected)


def test_bleu_counts_clipped_words_and_brevity():
    assert bleu_1([row(1, "ann", "a a")]) == pytest.approx(1 / 2)
    assert bleu_1([row(1, "ann", "a")]) == pytest.approx(math.exp(1 - 2))
    assert bleu_1([row(1, "ann", "")]) == 0


def test_information_is_what_the_model_keeps():
    assert information(CSMNConfig()) == "full"
    assert information(CSMNConfig(image_memory="none")) == "no_image"
    assert information(CSMNConfig(user_context=False)) == "no_user"
    assert information(CSMNConfig(word_memory=False)) == "no_word"
    with pytest.raises(UserError, match="no ceiling is known"):
        information(CSMNConfig(word_memory=False, user_context=False))
