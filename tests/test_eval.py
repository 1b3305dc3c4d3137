"""`python -m eval` on a small world: every post once, what is written, what is refused."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest

import eval
from configuration import EvalConfig
from data_loader.feature_writer import write_features
from data_loader.features import FeatureStore
from data_loader.pipeline import open_posts
from data_loader.view import open_view
from model.evaluation import Decoded, Forced
from tests.bigram import use_bigram
from tests.runs import run_eval, run_train
from tests.small_world import (
    FAILED_IMAGE,
    IMAGE_DIM,
    IMAGES,
    MOST_WORDS,
    POSTS,
    STORED_WORDS,
    make_view,
    make_world,
)
from tests.utils.java_stub import fake_java
from utils import checkpoint
from utils.errors import UserError


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    """Runs of the bigram model: hashtags, several checkpoints, and captions."""
    runs = tmp_path_factory.mktemp("runs")
    patches = use_bigram()
    for patch in patches:
        patch.start()
    run_train(world, runs / "tags", task="hashtag", epochs=3, keep_checkpoints=9)
    run_train(world, runs / "captions", epochs=1)
    for patch in patches:
        patch.stop()
    return runs


@pytest.fixture
def run(trained, tmp_path, bigram):
    """The hashtag run, a copy of its own."""
    return shutil.copytree(trained / "tags", tmp_path / "runs/tags")


def results(run, suffix=""):
    lines = (run / f"predictions{suffix}.jsonl").read_text(encoding="utf-8").splitlines()
    metrics = json.loads((run / f"metrics{suffix}.json").read_text())
    return [json.loads(line) for line in lines], metrics


def expected_rows(world, subset, task="hashtag"):
    """Usable posts in canonical order: what the view says about them."""
    view = open_view(world, task)
    posts = view.subsets[subset]
    return [
        {
            "id": f"{view.users[posts.user[row]]}/p{row}",
            "user": view.users[posts.user[row]],
            "image": view.image_names[posts.image_row[row]],
            "references": [posts.text("reference", row)],
        }
        for row in range(len(posts))
        if view.image_names[posts.image_row[row]] != f"{FAILED_IMAGE}.jpg"
    ]


def test_every_post_once_in_canonical_order(world, run):
    run_eval(run_dir=run)
    rows, metrics = results(run)
    expected = expected_rows(world, "test")
    assert [{key: row[key] for key in expected[0]} for row in rows] == expected
    references = [row["references"][0] for row in rows]
    assert any("zebra" in text for text in references)  # outside of the vocabulary, yet the truth
    assert max(len(text.split()) for text in references) == MOST_WORDS  # longer than the model's
    assert (metrics["posts"], metrics["posts_left_out"]) == (POSTS["test"] - 1, 1)
    assert metrics["step"] == checkpoint.load(run, "best").step


def test_metrics_are_flat_numbers(run, capsys):
    run_eval(run_dir=run)
    _, metrics = results(run)
    names = {"F1", "micro_F1", "micro_precision", "micro_recall"}
    names |= {"loss", "perplexity", "word_accuracy"}
    assert names <= metrics.keys()
    assert all(isinstance(metrics[name], float) for name in names)
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))
    printed = capsys.readouterr().out
    assert "micro_F1" in printed and f"written: {run}/predictions.jsonl" in printed


def test_another_subset_is_written_beside_the_default_one(world, run):
    run_eval(run_dir=run, subset="val")
    rows, metrics = results(run, "-val")
    assert [row["id"] for row in rows] == [row["id"] for row in expected_rows(world, "val")]
    assert metrics["posts"] == POSTS["val"] - 1
    assert not (run / "predictions.jsonl").exists()


def test_batches_and_beams_change_what_they_should(run):
    run_eval(run_dir=run)
    greedy, metrics = results(run)
    run_eval("--batch_size", "11", run_dir=run)
    whole, whole_metrics = results(run)
    assert [row["prediction"] for row in whole] == [row["prediction"] for row in greedy]
    assert whole_metrics["loss"] == pytest.approx(metrics["loss"])
    run_eval(run_dir=run, beam_size=3)
    beams, beam_metrics = results(run, "-beam3")
    assert beam_metrics["loss"] == pytest.approx(metrics["loss"])
    gains = [
        b["log_probability"] - g["log_probability"] for b, g in zip(beams, greedy, strict=True)
    ]
    assert sum(gains) > 0


def test_a_sample_follows_from_its_seed(run):
    written = []
    for seed in (1, 1, 2):
        run_eval("--sample", run_dir=run, seed=seed)
        written.append([row["prediction"] for row in results(run, f"-sample{seed}")[0]])
    assert written[0] == written[1] != written[2]


def test_a_limit_takes_posts_evenly(world, run):
    run_eval(run_dir=run, limit=4)
    ids = [row["id"] for row in expected_rows(world, "test")]
    rows, metrics = results(run, "-limit4")
    assert [row["id"] for row in rows] == [ids[0], ids[3], ids[6], ids[9]]
    assert (metrics["limit"], metrics["posts"]) == (4, 4)


@pytest.mark.parametrize(
    ("name", "suffix", "step"),
    [("last", "-last", 18), ("6", "-step6", 6), ("12", "-step12", 12)],
)
def test_the_checkpoint_is_the_one_asked_for(run, name, suffix, step):
    run_eval(run_dir=run, checkpoint=name)
    metrics = results(run, suffix)[1]
    assert (metrics["checkpoint"], metrics["step"]) == (name, step)


def test_metrics_say_how_they_were_made(run, capsys):
    run_eval(run_dir=run, beam_size=3, length_penalty=0.5, limit=5, subset="val")
    _, metrics = results(run, "-val-beam3-penalty0.5-limit5")
    made_by = {
        "posts": 5,
        "posts_left_out": 1,
        "task": "hashtag",
        "subset": "val",
        "extractor": "toy",
        "checkpoint": "best",
        "precision": "float32",
        "beam_size": 3,
        "length_penalty": 0.5,
        "sample": False,
        "temperature": 1.0,
        "top_p": 1.0,
        "seed": 0,
        "tags_per_post": None,
        "tokenizer": None,
        "limit": 5,
    }
    assert {name: metrics[name] for name in made_by} == made_by
    name = "val-beam3-penalty0.5-limit5"
    assert f"predictions-{name}.jsonl, metrics-{name}.json" in capsys.readouterr().out
    assert not (run / "predictions.jsonl").exists() and not (run / "metrics.json").exists()


def test_the_plain_results_stay_when_others_are_asked_for(run):
    run_eval(run_dir=run)
    plain = (run / "predictions.jsonl").read_bytes(), (run / "metrics.json").read_bytes()
    options = {"beam_size": 2}, {"limit": 3}, {"checkpoint": "last"}, {"subset": "val"}
    for other in (*options, {"sample": True, "seed": 3, "temperature": 0.5}):
        more = ["--sample"] if other.pop("sample", False) else []
        run_eval(*more, run_dir=run, **other)
        assert plain == (
            (run / "predictions.jsonl").read_bytes(),
            (run / "metrics.json").read_bytes(),
        )
    names = {path.name for path in run.glob("metrics*.json")}
    made = {"-beam2", "-limit3", "-last", "-val", "-sample3-temperature0.5", ""}
    assert names == {f"metrics{suffix}.json" for suffix in made}


def test_the_extractor_is_named_in_every_output(run, tmp_path, capsys, monkeypatch):
    untrained = property(lambda _: "resnet101_random", lambda _, name: None)
    monkeypatch.setattr(FeatureStore, "extractor", untrained, raising=False)
    run_eval(run_dir=run)
    rows, metrics = results(run)
    assert metrics["extractor"] == "resnet101_random"
    assert {row["extractor"] for row in rows} == {"resnet101_random"}
    assert "10 posts of test, image features of resnet101_random\n" in capsys.readouterr().out


def test_a_model_that_is_far_off_is_reported_all_the_same(run, capsys):
    found = checkpoint.load(run, "last")
    weights = {name: value * 1e5 for name, value in found.weights.items()}
    checkpoint.save(run, 99, weights, {}, found.state)
    run_eval(run_dir=run, checkpoint="last")
    _, metrics = results(run, "-last")
    assert metrics["perplexity"] is None and metrics["loss"] > 1000
    assert any("perplexity is inf" in note for note in metrics["notes"])
    assert "inf" in capsys.readouterr().out


def test_empty_predictions_hint_at_the_last_checkpoint(capsys):
    rows = [{"prediction": text} for text in ("", "", "sea")]
    eval.hint_at_silence(rows, "best")
    expected = "hint: 2 of 3 predictions are empty; try --checkpoint last\n"
    assert capsys.readouterr().out == expected
    eval.hint_at_silence(rows, "last")
    assert capsys.readouterr().out == "hint: 2 of 3 predictions are empty\n"
    eval.hint_at_silence(rows[1:], "best")
    assert capsys.readouterr().out == ""


def test_passes_in_two_orders_are_found(world):
    view = open_view(world, "hashtag")
    posts = open_posts(view, "test", user_words=6, word_slots=8)
    rows = posts.rows[:2]
    decoded = Decoded(rows, np.zeros([2, 3], np.int32), np.zeros(2))
    forced = Forced(rows[::-1], *np.ones([3, 2]))
    with pytest.raises(RuntimeError, match="two orders"):
        eval.prediction_rows(view, posts, decoded, forced)


@pytest.mark.parametrize("options", [{}, {"beam_size": 3}])
def test_a_float64_model_is_evaluated_in_float64(world, tmp_path, bigram, options):
    run_train(world, tmp_path / "run", task="hashtag", epochs=1, precision="float64")
    run_eval(run_dir=tmp_path / "run", **options)
    _, metrics = results(tmp_path / "run", "-beam3" if options else "")
    assert metrics["precision"] == "float64" and metrics["posts"] == POSTS["test"] - 1


def test_the_newest_run_is_evaluated(trained, run):
    older = shutil.copytree(trained / "captions", run.parent / "older")
    (run / "log.jsonl").touch()
    run_eval(runs_dir=run.parent, limit=2)
    assert len(results(run, "-limit2")[0]) == 2
    assert not list(older.glob("predictions*"))


def test_a_model_without_a_word_query_predicts_separate_tags(world, tmp_path, bigram):
    more = ["--no_word_query", "--no_word_memory"]
    run_train(world, tmp_path / "run", *more, task="hashtag", epochs=1)
    mean = open_view(world, "hashtag").subsets["train"].caption_length.mean()
    for args, number in (({}, round(float(mean))), ({"tags_per_post": 3}, 3)):
        run_eval(run_dir=tmp_path / "run", **args)
        rows, metrics = results(tmp_path / "run", "-tags3" if args else "")
        assert metrics["tags_per_post"] == number
        tags = [row["prediction"].split() for row in rows]
        assert {(len(each), len(set(each))) for each in tags} == {(number, number)}
        ranked = [row["ranking"].split() for row in rows]
        assert {len(set(each)) for each in ranked} == {5}
        assert [each[:number] for each in ranked] == tags
        assert all(row["log_probability"] is None for row in rows)
    for options, message in [
        (["--tags_per_post", "10"], "--tags_per_post is 10; expected at most 9"),
        (["--beam_size", "2"], "has no word query: .* leave out --beam_size"),
        (["--sample", "--seed", "3"], "leave out --sample, --seed"),
    ]:
        with pytest.raises(UserError, match=message):
            run_eval(*options, run_dir=tmp_path / "run")


def test_captions_get_caption_metrics(trained, tmp_path, bigram):
    """Through the pipeline with Java: the one slow step."""
    run = shutil.copytree(trained / "captions", tmp_path / "run")
    run_eval(run_dir=run)
    rows, metrics = results(run)
    assert len(rows) == POSTS["test"] - 1
    names = {"Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr"}
    assert names <= metrics.keys()
    assert metrics["tokenizer"] == "ptb_emoji"


def test_words_that_are_not_english_are_scored_as_they_are(world):
    view = open_view(world, "caption")
    korean = dataclasses.replace(view, settings={**view.settings, "tokenizer": "korean"})
    endings = [
        [eval.file_suffix(EvalConfig(tokenizer=name), each) for name in (None, "ptb_emoji", "none")]
        for each in (view, korean)
    ]
    assert endings == [["", "", "-none"], ["", "-ptb_emoji", ""]]


def test_java_that_hangs_leaves_the_predictions(trained, tmp_path, bigram, monkeypatch):
    run = shutil.copytree(trained / "captions", tmp_path / "run")
    fake_java(tmp_path, monkeypatch, "exec sleep 600")
    with pytest.raises(UserError, match=r"did nothing for 0\.2 seconds"):
        run_eval("--tokenizer", "none", run_dir=run, java_timeout=0.2)
    assert (run / "predictions-none.jsonl").exists()


def test_a_model_without_user_context_needs_no_stored_words(world, tmp_path):
    more = {"task": "hashtag", "epochs": 1, "user_words": STORED_WORDS + 50}
    run_train(world, tmp_path / "run", "--no_user_context", **more)
    run_eval(run_dir=tmp_path / "run")
    assert len(results(tmp_path / "run")[0]) == POSTS["test"] - 1


@pytest.mark.slow
def test_csmn_is_evaluated_as_it_was_trained(world, tmp_path):
    run_train(world, tmp_path / "run", task="hashtag", epochs=1)
    run_eval(run_dir=tmp_path / "run", subset="val")
    rows, metrics = results(tmp_path / "run", "-val")
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert len(rows) == POSTS["val"] - 1
    # Training leaves out posts that are too long for the model; evaluation has one of them more.
    assert metrics["loss"] == pytest.approx(log[-1]["val_loss"], rel=0.1)


# What is refused


def test_a_view_with_another_vocabulary_is_refused(run, tmp_path):
    other = make_world(tmp_path / "other")
    shutil.rmtree(other / "hashtag-users-others")
    make_view(
        other, "hashtag", words=["sea", "sun", "cat", "dog", "tea", "joy", "red", "fog", "icy"]
    )
    with pytest.raises(UserError, match="trained with another vocabulary than"):
        run_eval(run_dir=run, data_dir=other)


def test_features_of_another_width_are_refused(run, tmp_path):
    other = make_world(tmp_path / "other")
    shutil.rmtree(other / "features")
    write_features(other, "toy-pool5", np.ones([IMAGES, 1, IMAGE_DIM + 3], np.float16))
    with pytest.raises(UserError, match="was trained on other image features than"):
        run_eval(run_dir=run, data_dir=other)
    path = run / "configuration.json"
    values = json.loads(path.read_text())
    del values["features"]  # an older run does not name them
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"width 9, but .* was trained on width 6"):
        run_eval(run_dir=run, data_dir=other)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--batch_size 0", "--batch_size is 0; expected at least 1"),
        ("--limit 0", "--limit is 0"),
        ("--seed -1", "--seed is -1"),
        ("--temperature 0", "--temperature is 0.0"),
        ("--sample --beam_size 2", "leave out --beam_size"),
        ("--tags_per_post 3", "--tags_per_post is for models without a word query"),
        ("--tags_per_post 0", "--tags_per_post is 0; expected at least 1"),
        ("--length_penalty 0.7", "give --beam_size with it"),
        ("--length_penalty nan --beam_size 2", "--length_penalty is nan"),
        ("--seed 3", "give --sample too"),
        ("--temperature 0.5", "give --sample too"),
        ("--java_timeout 0", "--java_timeout is 0.0; expected a positive number"),
        ("--subset test2", "no subset test2; it has train, val, test"),
        ("--checkpoint 7", "no checkpoint '7'; use best, last, or one of 6, 12, 18"),
        ("--checkpoint newest", "checkpoint 'newest': expected best, last, or a step's number"),
        ("--data_dir {tmp}/none", "no data root at {tmp}/none; make one: python -m scripts.build"),
        ("--run_dir {tmp}/none", "{tmp}/none is no run folder (it has no configuration.json): `py"),
        ("--num_gpus 3", "TensorFlow finds 0 here; use --num_gpus 0 --virtual_towers 3"),
    ],
)
def test_what_cannot_be_is_one_line(run, tmp_path, args, message):
    if args == "--num_gpus 3":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            pytest.skip("this machine has GPUs")
    with pytest.raises(UserError) as error:
        run_eval("--run_dir", str(run), *args.format(tmp=tmp_path).split())
    assert message.format(tmp=tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_without_any_run_the_command_that_makes_one_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no run in .*none/: .*`python -m train`"):
        run_eval(runs_dir=tmp_path / "none")


def test_missing_features_name_the_command(run, tmp_path):
    other = make_world(tmp_path / "other")
    shutil.rmtree(other / "features")
    with pytest.raises(UserError, match=r"no features toy-pool5 .*scripts\.extract_features"):
        run_eval(run_dir=run, data_dir=other)


def test_several_workers_are_refused(run, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(UserError, match="eval runs in one process: unset TF_CONFIG"):
        run_eval(run_dir=run)
