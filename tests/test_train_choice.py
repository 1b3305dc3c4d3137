"""`python -m train`: checkpoints chosen by scores, patience, and embeddings from word vectors."""

import json
import sys
from unittest import mock

import numpy as np
import pytest

import train
from model.trainer import Trainer
from tests.runs import assert_same_run, interrupted_at, learnt, run_eval, run_train
from tests.small_world import WORDS, flags
from utils import checkpoint
from utils.errors import UserError
from utils.metrics import score_rows
from utils.metrics.sentence import sentence_details

STEPS = 6  # per epoch
SCORED = {"select_by": "score", "epochs": 3}


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def validations(run):
    return [record for record in learnt(run)["log"] if "val_loss" in record]


@pytest.mark.parametrize("task", ["hashtag", "caption"])
def test_the_score_is_that_of_eval(world, tmp_path, bigram, task):
    run = tmp_path / "run"
    no_java = mock.patch(
        "utils.metrics.caption.meteor_scores", lambda said, *_: (0.0, np.zeros(len(said)))
    )
    run_train(world, run, task=task, **SCORED)
    with no_java:
        run_eval(run_dir=run, subset="val", checkpoint="last", tokenizer="none")
    (found,) = run.glob("predictions-val-last*.jsonl")
    rows = read(found)
    # One is too long for the model: it has no loss, but can be written.
    assert len(rows) == 6 and max(len(row["references"][0].split()) for row in rows) > 7
    if task == "hashtag":
        expected = score_rows(rows, task).corpus["micro_F1"]
    else:
        said = [row["prediction"].split() for row in rows]
        truths = [[text.split() for text in row["references"]] for row in rows]
        expected = sentence_details(said, truths).corpus["Bleu_1_sentence"]
    scores = [record["val_score"] for record in validations(run)]
    assert len(scores) == 3 and scores[-1] == pytest.approx(expected)
    best = checkpoint.load(run, "best")
    assert best.step == STEPS * (1 + int(np.argmax(scores)))
    assert best.state["best_score"] == max(scores)
    assert any(b"validation/score" in path.read_bytes() for path in (run / "tensorboard").iterdir())


def test_a_run_stopped_again_and_again_is_the_run_never_stopped(world, tmp_path, bigram):
    run_train(world, tmp_path / "whole", **SCORED)
    for step in (STEPS, STEPS + 2):
        with interrupted_at(step), pytest.raises(KeyboardInterrupt):
            run_train(world, tmp_path / "run", **SCORED)
    run_train(world, tmp_path / "run", **SCORED)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_patience_ends_a_run_and_says_so(world, tmp_path, bigram, capsys):
    """Nothing gets better at a rate that changes nothing."""
    settings = {"epochs": 9, "patience": 2, "learning_rate": 1e-30}
    for _ in range(2):  # the second start finds a run at its end
        run_train(world, tmp_path / "run", **settings)
        printed = capsys.readouterr().out
        assert f"trained to step {3 * STEPS}" in printed
        assert "--patience 2: no better checkpoint in so many epochs" in printed
    run_train(world, tmp_path / "run", **(settings | {"patience": 3}))
    assert learnt(tmp_path / "run")["state"]["step"] == 4 * STEPS


# ---------------------------------------------------------------------- word vectors


SHOW_TELL = {"preset": "show-tell", "num_gpus": 0, "hidden_dim": 6, "word_dim": 5, "word_slots": 8}


def start(world, run, *more, **settings):
    """The weights with which a run would begin."""
    argv = ["train", *flags(data_dir=world, run_dir=run, **(SHOW_TELL | settings)), *more]
    weights = []

    def stay(trainer):
        weights.append(trainer.captioner.parameters.values())
        return True

    with mock.patch.object(sys, "argv", argv), mock.patch.object(Trainer, "run", stay):
        train.main()
    return weights[0]


def test_the_embedding_starts_from_word_vectors(world, tmp_path, capsys):
    vectors = {"sea": [1, 2, 3, 4, 5], "fog": [6, 7, 8, 9, 0], "zebra": [0, 0, 0, 0, 0]}
    lines = [" ".join(map(str, [word, *numbers])) for word, numbers in vectors.items()]
    path = tmp_path / "some.vec"
    path.write_text("\n".join(["3 5", *lines]) + "\n")
    plain = start(world, tmp_path / "plain")
    found = start(world, tmp_path / "run", word_vectors=path)
    assert "word vectors for 2 of 9 words (22.2%)" in capsys.readouterr().out
    rows = [4 + WORDS.index(word) for word in ("sea", "fog")]
    np.testing.assert_array_equal(found["W_e"][rows], [vectors["sea"], vectors["fog"]])
    expected = plain["W_e"].copy()
    expected[rows] = found["W_e"][rows]
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected if name == "W_e" else plain[name])


def test_a_resumed_run_needs_no_word_vectors(world, tmp_path):
    path = tmp_path / "some.vec"
    path.write_text("".join(f"{word} 1 2 3 4 5\n" for word in WORDS))
    settings = SHOW_TELL | {"data_dir": world, "run_dir": tmp_path / "run", "word_vectors": path}
    for epochs in (1, 2):
        argv = ["train", *flags(**settings, epochs=epochs)]
        with mock.patch.object(sys, "argv", argv):
            train.main()
        path.unlink(missing_ok=True)
    assert learnt(tmp_path / "run")["state"]["epoch"] == 2


def test_word_vectors_are_for_one_embedding(world, tmp_path):
    with pytest.raises(UserError, match=r"--word_vectors starts a single embedding.*show-tell"):
        run_train(world, tmp_path / "run", word_vectors=tmp_path / "some.vec")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sea 1 2 3\n", "vectors of width 3, the model embeds words in 5: give --word_dim 3"),
        ("cow 1 2 3 4 5\n", "none of the vocabulary's words"),
        (None, "no file"),
    ],
)
def test_word_vectors_that_do_not_fit_are_one_line(world, tmp_path, text, message):
    path = tmp_path / "some.vec"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        start(world, tmp_path / "run", word_vectors=path)
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()
