"""The prior that always gives the most frequent tags, on a view whose best answer is known."""

import json
import sys

import numpy as np
import pytest

from data_loader.view import open_view, write_view
from data_loader.vocabulary import UNK, Vocabulary
from scripts import frequent_tags
from utils.errors import UserError
from utils.metrics import score_hashtags
from utils.predictions import read_predictions, write_predictions

VOCABULARY = Vocabulary(["_PAD", "_GO", "_EOS", "_UNK", "sea", "sun", "sand", "lake", "hill"])
TRAIN = ["sea sun", "sea sun lake", "sea lost", "sun sea sand"]
VAL = ["sun sea hill"]
TEST = ["sea sun", "hill zebra lake sea", "zebra", "sun lake"]


def columns(texts, first=0):
    ids = np.zeros((len(texts), 5), np.int32)
    for row, text in enumerate(texts):
        words = VOCABULARY.encode(text.split())
        ids[row, : len(words)] = words
    count = len(texts)
    return {
        "caption_ids": ids,
        "caption_length": (ids > 0).sum(1).astype(np.int32),
        "context_ids": np.zeros((count, 3), np.int32),
        "context_length": np.zeros(count, np.int32),
        "user": (np.arange(count, dtype=np.int32) + first) % 2,
        "created_at": np.arange(count, dtype=np.int64),
        "post_id": [f"p{first + row}" for row in range(count)],
        "reference": texts,
        "image": [f"{first + row}.jpg" for row in range(count)],
    }


@pytest.fixture
def make_view(tmp_path):
    def make(split="posts", context="others", **subsets):
        idf = np.ones(len(VOCABULARY))
        write_view(
            tmp_path / "data",
            "hashtag",
            split,
            context,
            {name: columns(texts, 10 * n) for n, (name, texts) in enumerate(subsets.items())},
            VOCABULARY,
            ["ann", "ben"],
            idf,
        )
        return open_view(tmp_path / "data", "hashtag", split, context)

    return make


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs the command; returns what it printed, its predictions and metrics."""

    def run(*flags):
        words = ["--data_dir", tmp_path / "data", "--out", tmp_path / "out", *flags]
        monkeypatch.setattr(sys, "argv", ["frequent_tags", *map(str, words)])
        frequent_tags.main()
        rows = read_predictions(tmp_path / "out/predictions.jsonl")
        return (
            capsys.readouterr().out,
            rows,
            json.loads((tmp_path / "out/metrics.json").read_text()),
        )

    return run


def test_every_post_gets_the_tags_of_the_best_count(make_view, run):
    view = make_view(train=TRAIN, val=VAL, test=TEST)
    printed, rows, metrics = run("--split", "posts")
    assert "every post gets: #sea #sun\n" in printed
    assert [row["prediction"] for row in rows] == ["sea sun"] * 4
    assert [row["references"] for row in rows] == [[text] for text in TEST]
    assert [row["id"] for row in rows] == ["ann/p20", "ben/p21", "ann/p22", "ben/p23"]
    assert rows[1]["image"] == "21.jpg" and rows[1]["user"] == "ben"
    assert metrics["F1"] == pytest.approx((1 + 2 / 6 + 0 + 2 / 4) / 4)
    assert (metrics["posts"], metrics["tags"]) == (4, 2)
    assert ["F1", f"{metrics['F1']:.4f}"] in [line.split() for line in printed.split("\n")]
    assert len(view.subsets["train"]) == 4


def test_best_count_is_the_best_of_all_counts_by_the_score_itself(make_view):
    generator = np.random.default_rng(4)
    words = [*VOCABULARY.words[4:], "lost"]
    texts = [" ".join(generator.permutation(words)[: generator.integers(1, 6)]) for _ in range(40)]
    for n, half in enumerate((20, 31)):
        view = make_view("posts" if n else "users", train=texts[:half], val=texts[half:], test=TEST)
        truth = [text.split() for text in texts]
        scores = [
            score_hashtags([frequent_tags.frequent_tags(view, count)] * 40, truth)["F1"]
            for count in range(1, 6)
        ]
        assert frequent_tags.best_count(view) == 1 + int(np.argmax(scores))


def test_validation_posts_take_part_in_the_choice(make_view):
    many = ["sea sun sand lake hill"] * 9
    view = make_view(train=TRAIN, val=many, test=TEST)
    assert frequent_tags.best_count(view) == 5
    assert UNK in view.subsets["train"].caption_ids


def test_shipped_splits_have_their_own_test_and_maybe_no_validation(make_view, run):
    make_view("shipped", train=["sea", "sea sun", "sea"], test1=TEST[:3], test2=TEST[3:])
    _, rows, metrics = run("--split", "shipped")
    assert (len(rows), metrics["tags"], rows[0]["prediction"]) == (3, 1, "sea")
    _, rows, _ = run("--split", "shipped", "--subset", "test2", "--tags", 3)
    assert [row["prediction"] for row in rows] == ["sea sun sand"]


def test_several_numbers_of_tags_are_compared(make_view, run, tmp_path):
    make_view(train=TRAIN, val=VAL, test=TEST)
    printed, _, _ = run("--split", "posts")  # the files of one number stay
    printed, rows, _ = run("--split", "posts", "--tags", 1, 3, 3)
    assert "every post gets: #sea #sun #sand\n" in printed
    assert "metric" in printed and "1 frequent tags  3 frequent tags\n" in printed
    assert {row["prediction"] for row in rows} == {"sea sun"}
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == sorted(
        f"{name}{n}.{end}"
        for name, end in (("metrics", "json"), ("predictions", "jsonl"))
        for n in ("", "-tags1", "-tags3")
    )
    one, three = (json.loads((tmp_path / f"out/metrics-tags{n}.json").read_text()) for n in (1, 3))
    assert (one["tags"], one["predicted_tags"], three["predicted_tags"]) == (1, 1, 3)
    # The scores of ranks look at the five most frequent tags, however many are predicted.
    assert one["recall_at_5"] == three["recall_at_5"] == pytest.approx((1 + 3 / 4 + 0 + 1) / 4)
    assert one["accuracy_at_5"] == 3 / 4 and one["macro_recall"] == (1 / 2 + 1 / 4) / 4


def test_a_view_without_user_context(make_view, run):
    view = make_view("shipped", "none", train=TRAIN, val=VAL, test=TEST)
    _, rows, metrics = run("--split", "shipped", "--context", "none", "--tags", 2)
    assert len(rows) == metrics["posts"] == 4
    assert frequent_tags.score_prior(view, view.subsets["test"], 2) == metrics
    assert frequent_tags.score_prior(view, view.subsets["test"])["tags"] == 2


def test_beside_a_run_the_same_posts_are_scored(make_view, run, tmp_path):
    make_view(train=TRAIN, val=VAL, test=TEST)
    theirs = [
        {"id": "ben/p21", "prediction": "hill lake sea", "references": [TEST[1]]},
        {"id": "ann/p20", "prediction": "sun", "references": [TEST[0]]},
    ]
    (tmp_path / "my-run").mkdir()
    write_predictions(tmp_path / "my-run/predictions.jsonl", theirs)
    for beside in ("my-run", "my-run/predictions.jsonl"):
        printed, rows, metrics = run("--split", "posts", "--beside", tmp_path / beside)
        check_beside(printed, rows, metrics)


def check_beside(printed, rows, metrics):
    assert [row["id"] for row in rows] == ["ben/p21", "ann/p20"]
    assert metrics["F1"] == pytest.approx((2 / 6 + 1) / 2)
    gains = np.array([6 / 7 - 2 / 6, 2 / 3 - 1])
    assert ["metric", "frequent", "tags", "my-run"] in [
        line.split() for line in printed.split("\n")
    ]
    error = abs(gains[0] - gains[1]) / 2
    expected = f"{gains.mean():+.4f} (standard error {error:.4f} over posts)"
    assert expected in printed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--split", "users"], "no view hashtag-users-others"),
        (["--split", "posts", "--tags", 0], "--tags is 0; expected 1 to 5"),
        (["--split", "posts", "--tags", 6], "--tags is 6; expected 1 to 5"),
        (["--split", "posts", "--subset", "test2"], "no posts in test2; it has some in train, val"),
        (["--split", "posts", "--beside", "gone"], "cannot read the predictions gone"),
    ],
)
def test_mistakes_are_said(make_view, run, flags, message):
    make_view(train=TRAIN, val=VAL, test=TEST)
    with pytest.raises(UserError, match=message):
        run(*flags)


def test_a_run_on_other_posts_is_refused(make_view, run, tmp_path):
    make_view(train=TRAIN, val=VAL, test=TEST)
    row = {"id": "eve/p1", "prediction": "sea", "references": ["sea"]}
    write_predictions(tmp_path / "predictions.jsonl", [row])
    with pytest.raises(UserError, match="1 of the run's, such as eve/p1"):
        run("--split", "posts", "--beside", tmp_path)
