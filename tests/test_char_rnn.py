"""`python -m train --preset char-rnn` and `python -m eval` on running text."""

import collections
import json
import math
import random
import signal
import sys
import time
from unittest import mock

import numpy as np
import pytest

import eval
import train
from data_loader.corpus import CorpusOptions, build_corpus
from data_loader.toy_world.stories import COMPANIONS, make_stories
from scripts import story
from tests.runs import assert_same_run, command, interrupted_at, learnt, wait_for_steps
from tests.small_world import flags
from utils import checkpoint
from utils.errors import UserError
from utils.run_folder import RunFolder

SMALL = {
    "preset": "char-rnn",
    "num_gpus": 0,
    "hidden_dim": 6,
    "char_dim": 5,
    "window": 23,
    "epoch_windows": 26,
    "batch_size": 8,
    "report_every": 1,
    "checkpoint_every": 1,
}
STEPS = 4  # per epoch


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A few hundred characters to train on."""
    folder = tmp_path_factory.mktemp("stories")
    make_stories(folder / "texts", 6)
    return build_corpus(CorpusOptions(folder / "texts", folder / "corpus"))


def call(module, *more, **settings):
    with mock.patch.object(sys, "argv", [module.__name__, *flags(**settings), *more]):
        module.main()


def run_train(corpus, run, **settings):
    call(train, **(SMALL | {"data_dir": corpus.folder, "run_dir": run} | settings))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    run_train(corpus, run, epochs=3)
    return run


def test_training_leaves_a_whole_run_folder(whole):
    run, last = RunFolder.open(whole), checkpoint.load(whole, "last")
    assert last.step == 3 * STEPS
    assert (whole / "characters.json").is_file() and list(run.tensorboard.glob("events*"))
    scores = [record for record in run.records() if "val_loss" in record]
    assert len(scores) == 3 and scores[2]["val_loss"] < scores[0]["val_loss"]
    for record in scores:
        assert record["val_perplexity"] == pytest.approx(math.exp(record["val_loss"]))
        bits = record["val_bits_per_character"]
        assert 2**bits == pytest.approx(record["val_perplexity"])
    best = min(scores, key=lambda record: record["val_loss"])
    assert last.state["best_step"] == best["step"]


def test_a_run_of_text_names_no_task(corpus, tmp_path, capsys):
    run_train(corpus, tmp_path / "run", epochs=1, learning_rate=5.0)
    said = capsys.readouterr().out
    assert f"data: data_dir={corpus.folder}\n" in said
    assert "\nwarning: nothing was learnt: the validation loss is " in said


def test_a_run_that_was_stopped_is_the_run_never_stopped(corpus, whole, tmp_path):
    for step in (2, STEPS, 9):
        with interrupted_at(step), pytest.raises(KeyboardInterrupt):
            run_train(corpus, tmp_path / "run", epochs=3)
    run_train(corpus, tmp_path / "run", epochs=3)
    assert_same_run(whole, tmp_path / "run")


@pytest.mark.slow
def test_a_killed_run_loses_nothing(corpus, tmp_path):
    """At a random moment of many steps; the rest is trained here."""
    args = SMALL | {"data_dir": corpus.folder, "run_dir": tmp_path / "run", "epochs": 12}
    process = command("train", *flags(**args))
    try:
        wait_for_steps(tmp_path / "run", random.randint(1, 12), process)
        time.sleep(random.random() / 10)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert checkpoint.list_checkpoints(tmp_path / "run")[-1] < 12 * STEPS
    run_train(corpus, tmp_path / "run", epochs=12)
    run_train(corpus, tmp_path / "whole", epochs=12)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize("optimizer", ["rmsprop", "sgd"])
def test_other_optimizers_resume_too(corpus, tmp_path, optimizer):
    run_train(corpus, tmp_path / "whole", epochs=2, optimizer=optimizer)
    with interrupted_at(3), pytest.raises(KeyboardInterrupt):
        run_train(corpus, tmp_path / "run", epochs=2, optimizer=optimizer)
    run_train(corpus, tmp_path / "run", epochs=2, optimizer=optimizer)
    assert_same_run(tmp_path / "whole", tmp_path / "run")
    names = learnt(tmp_path / "run")["arrays"]
    assert any(name.startswith("optimizer/s/") for name in names) == (optimizer == "rmsprop")


def test_the_state_of_another_optimizer_is_refused(corpus, tmp_path):
    run_train(corpus, tmp_path / "run", epochs=1)
    with pytest.raises(UserError, match=r"train\.optimizer is 'adam' there and 'sgd' now"):
        run_train(corpus, tmp_path / "run", epochs=1, optimizer="sgd")
    path = tmp_path / "run/configuration.json"
    path.write_text(path.read_text().replace('"adam"', '"sgd"'))
    with pytest.raises(UserError, match="give --optimizer adam to go on") as error:
        run_train(corpus, tmp_path / "run", epochs=1, optimizer="sgd")
    assert "\n" not in str(error.value)


def test_evaluation_is_perplexity_and_bits_per_character(corpus, whole, capsys):
    call(eval, run_dir=whole, num_gpus=0)
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics["characters"] == len(corpus.subsets["test"])
    assert metrics["perplexity"] == pytest.approx(2 ** metrics["bits_per_character"])
    assert metrics["subset"] == "test" and metrics["window"] == 23
    assert "bits_per_character" in capsys.readouterr().out
    assert not (whole / "predictions.jsonl").exists()
    call(eval, run_dir=whole, num_gpus=0, subset="val", checkpoint="last", batch_size=3)
    again = json.loads((whole / "metrics-val-last.json").read_text())
    last = [r for r in RunFolder.open(whole).records() if "val_loss" in r][-1]
    assert again["loss"] == pytest.approx(last["val_loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam_size": 3}, "leave out --beam_size"),
        ({"tokenizer": "none"}, "--tokenizer and --java_timeout are of written captions"),
        ({"java_timeout": 9}, "--tokenizer and --java_timeout are of written captions"),
        ({"subset": "test2"}, "no subset test2; it has train, val, test"),
        ({"data_dir": "none"}, "no corpus at none; make one"),
    ],
)
def test_evaluation_refuses_in_one_line(whole, changes, message):
    with pytest.raises(UserError, match=message):
        call(eval, run_dir=whole, num_gpus=0, **changes)


def test_a_corpus_of_other_characters_is_refused(corpus, whole, tmp_path):
    make_stories(tmp_path / "texts", 6)
    (tmp_path / "texts/more.txt").write_text("ÄÄÄÄ")
    other = build_corpus(CorpusOptions(tmp_path / "texts", tmp_path / "corpus", cleaned=True))
    with pytest.raises(UserError, match="vocabulary_sha256"):
        run_train(other, whole, epochs=3)
    with pytest.raises(UserError, match="another vocabulary"):
        call(eval, run_dir=whole, num_gpus=0, data_dir=other.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_dir": "none"}, "no corpus at none; make one: python -m scripts.build_corpus"),
        ({"window": 1}, "--word_slots is 1"),
        ({"epoch_windows": 0}, "--epoch_windows is 0"),
        ({"dropout": 1.0}, "--dropout is 1.0"),
        ({"select_by": "score"}, "this model writes none"),
    ],
)
def test_training_refuses_in_one_line(corpus, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        run_train(corpus, tmp_path / "run", **changes)


def bigram_perplexity(corpus, order):
    """Of add-one counts of single characters, or of pairs."""
    train_ids, test_ids = (corpus.subsets[name].ids.tolist() for name in ("train", "test"))
    pairs, firsts = collections.Counter(), collections.Counter()
    for before, after in zip([0, *train_ids], train_ids, strict=False):
        key = before if order == 2 else 0
        pairs[key, after] += 1
        firsts[key] += 1
    size, total = len(corpus.vocabulary), 0.0
    for before, after in zip([0, *test_ids], test_ids, strict=False):
        key = before if order == 2 else 0
        total -= math.log((pairs[key, after] + 1) / (firsts[key] + size))
    return math.exp(total / len(test_ids))


@pytest.mark.slow
def test_planted_words_are_learnt_and_written(tmp_path):
    """A minute of training: far below pairs of characters, and stories keep to their topic."""
    topics = dict(list(COMPANIONS.items())[:4])
    make_stories(tmp_path / "texts", 50 * len(COMPANIONS))
    for number, path in enumerate(sorted((tmp_path / "texts").iterdir())):
        if number % len(COMPANIONS) >= len(topics):
            path.unlink()
    corpus = build_corpus(CorpusOptions(tmp_path / "texts", tmp_path / "corpus"))
    sizes = {"hidden_dim": 96, "char_dim": 32, "window": 150, "epoch_windows": 1000}
    rates = {"batch_size": 20, "learning_rate": 0.006, "epochs": 14}
    run_train(corpus, tmp_path / "run", checkpoint_every=1000, **sizes, **rates)
    call(eval, run_dir=tmp_path / "run", num_gpus=0)
    found = json.loads((tmp_path / "run/metrics.json").read_text())["perplexity"]
    unigram, bigram = (bigram_perplexity(corpus, order) for order in (1, 2))
    assert found < 0.35 * bigram < 0.35 * unigram
    rows = [{"id": tag, "prediction": tag, "references": [tag]} for tag in topics]
    path, out = tmp_path / "predictions.jsonl", tmp_path / "stories.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    call(story, run_dir=tmp_path / "run", predictions=path, out=out, length=120, count=10)
    told = [json.loads(line) for line in out.read_text().splitlines()]
    hits = [
        all(word in text for word in topics[row["hashtag"]])
        for row in told
        for text in row["stories"]
    ]
    # Both words of a topic that is drawn by chance: a quarter at most.
    assert len(hits) == 40 and np.mean(hits) > 0.4
