"""`python -m scripts.story` with a run of a few steps: stories from hashtags, pictures, files."""

import json
import sys
from pathlib import Path
from unittest import mock

import pytest

import train
from data_loader.corpus import CorpusOptions, build_corpus
from data_loader.toy_world.stories import make_stories
from scripts import caption, story
from scripts.web_demo.stories import LENGTH, Storyteller
from tests.small_world import flags
from utils.errors import UserError


def call(module, *more, **settings):
    with mock.patch.object(sys, "argv", [module.__name__, *flags(**settings), *more]):
        module.main()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    make_stories(folder / "texts", 20)
    build_corpus(CorpusOptions(folder / "texts", folder / "corpus"))
    sizes = {"hidden_dim": 12, "char_dim": 5, "window": 30, "epoch_windows": 40, "epochs": 1}
    where = {"data_dir": folder / "corpus", "run_dir": folder / "run"}
    call(train, preset="char-rnn", num_gpus=0, batch_size=16, **sizes, **where)
    return folder / "run"


def stories_of(printed: str) -> list[str]:
    """The stories between their headings."""
    return [part.split("\n", 1)[1].removesuffix("\n") for part in printed.split("\n--- ")[1:]]


def tell(run, capsys, *more, **settings):
    capsys.readouterr()
    call(story, *more, run_dir=run, **settings)
    return stories_of(capsys.readouterr().out)


def test_stories_begin_with_the_hashtag_and_differ(run, capsys):
    told = tell(run, capsys, hashtag="#friend_at", length=40, count=3)
    assert len(set(told)) == 3
    assert all(text.startswith("friend at") and len(text) == 9 + 40 for text in told)


def test_the_seed_decides_and_the_number_of_stories_does_not(run, capsys):
    five = tell(run, capsys, hashtag="sun", length=33)
    assert len(five) == 5 and five == tell(run, capsys, hashtag="sun", length=33)
    assert five[:2] == tell(run, capsys, hashtag="sun", length=33, count=2)
    assert five != tell(run, capsys, hashtag="sun", length=33, seed=1)


def test_a_loaded_storyteller_begins_with_the_hashtag(run):
    teller = Storyteller(run)
    story = teller.tell("sun")
    assert story.startswith("sun") and len(story) == len("sun") + LENGTH
    assert story == teller.tell("sun") != teller.tell("sea")
    with pytest.raises(UserError, match="more than 40 characters"):
        teller.tell("s" * 41)


def test_cold_or_narrow_samples_are_all_the_same(run, capsys):
    for options in ({"temperature": 1e-4}, {"top_p": 1e-6}):
        assert len(set(tell(run, capsys, hashtag="sun", length=21, **options))) == 1


def test_a_story_may_end_where_the_model_ends_it(run, capsys):
    told = tell(run, capsys, "--may_end", hashtag="sun", length=300, temperature=3.0)
    assert min(map(len, told)) < 303


def test_a_file_of_predictions_becomes_a_file_of_stories(run, capsys, tmp_path):
    tags = {"a/1": "beach sun", "b/2": "", "c/3": "sea", "d/4": "pizza nß", "e/5": "dog sand cat"}
    tags |= {"f/6": "cat _UNK", "g/7": "_UNK cat sea"}  # no stories are about special words
    rows = [{"id": id_, "prediction": tag, "references": ["sea"]} for id_, tag in tags.items()]
    path, out = tmp_path / "predictions.jsonl", tmp_path / "stories.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    capsys.readouterr()
    call(story, run_dir=run, predictions=path, out=out, tag=2, length=17, count=2)
    printed = capsys.readouterr().out
    told = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["hashtag"]) for row in told] == [
        ("a/1", "sun"),
        ("e/5", "sand"),
        ("g/7", "sea"),
    ]
    for row in told:
        assert len(row["stories"]) == 2
        assert all(text.startswith(row["hashtag"]) for text in row["stories"])
        assert {len(text) for text in row["stories"]} == {len(row["hashtag"]) + 17}
    assert "no stories for b/2: it has 0 hashtags" in printed
    assert "no stories for d/4: the hashtag 'nß'" in printed and "stories of 3 posts" in printed
    assert "no stories for f/6: it has 1 hashtags" in printed


def look_at(monkeypatch, prediction="dog sun", task="hashtag", pictures=1):
    """A hashtag run that always finds the same."""
    rows = [{"image": "a.png", "prediction": prediction}] * pictures
    found = caption.Captioned(rows, None, {}, task, {})
    monkeypatch.setattr(caption, "caption_pictures", lambda options: found)


def test_a_picture_becomes_hashtags_and_a_hashtag_stories(run, capsys, monkeypatch):
    look_at(monkeypatch)
    capsys.readouterr()
    call(story, run_dir=run, image="a.png", hashtag_run="h", length=11, count=2)
    printed = capsys.readouterr().out
    assert "hashtags: #dog #sun\nstories about: #dog\n" in printed
    assert all(text.startswith("dog") for text in stories_of(printed))
    second = tell(run, capsys, image="a.png", hashtag_run="h", length=11, tag=2)
    assert all(text.startswith("sun") for text in second)


@pytest.mark.parametrize(
    ("seen", "options", "message"),
    [
        ({}, {"tag": 3}, "--tag 3, but h finds 2 hashtags on a.png"),
        ({"prediction": ""}, {}, "finds 0 hashtags"),
        ({"prediction": "_UNK"}, {}, "finds 0 hashtags"),
        ({"task": "caption"}, {}, "h writes captions"),
        ({"pictures": 2}, {}, "has several pictures"),
    ],
)
def test_a_picture_without_its_hashtag_is_one_line(run, monkeypatch, seen, options, message):
    look_at(monkeypatch, **seen)
    with pytest.raises(UserError, match=message):
        call(story, run_dir=run, image="a.png", hashtag_run="h", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "give one of --hashtag, --image and --predictions; found 0"),
        ("--hashtag a --image b --hashtag_run c", "found 2 of them"),
        ("--image b", "--image and --hashtag_run go together"),
        ("--hashtag a --hashtag_run b", "--image and --hashtag_run go together"),
        ("--predictions a", "--predictions and --out go together"),
        ("--hashtag a --out b", "--predictions and --out go together"),
        ("--predictions a --out none/b", "expected a file name in a folder that exists"),
        ("--hashtag a --length 0", "--length is 0"),
        ("--hashtag a --count 0", "--count is 0"),
        ("--hashtag a --tag 0", "--tag is 0"),
        ("--hashtag a --tag 2", "--tag chooses among the hashtags that are found: leave it out"),
        ("--hashtag a --weights b", "--weights is of the encoder of --image: leave it out"),
        ("--predictions a --out b --weights c", "--weights is of the encoder of --image"),
        ("--hashtag a --seed -1", "--seed is -1"),
        ("--hashtag a --temperature 0", "--temperature is 0.0"),
        ("--hashtag a --top_p 2", "--top_p is 2.0"),
        ("--hashtag ß字", "has never seen: ß 字"),
        ("--hashtag a --checkpoint 77", "no checkpoint '77'"),
        ("--predictions none --out b", "cannot read the predictions none"),
    ],
)
def test_mistakes_are_one_line(run, options, message):
    with pytest.raises(UserError, match=message) as error:
        call(story, *options.split(), run_dir=run)
    assert "\n" not in str(error.value)


def test_runs_that_write_no_stories_are_refused(run, tmp_path):
    (tmp_path / "configuration.json").write_text('{"preset": "csmn-p5"}')
    with pytest.raises(UserError, match="csmn-p5 run, which writes no stories"):
        call(story, run_dir=tmp_path, hashtag="sun")
    with pytest.raises(UserError, match=r"char-rnn run, for python -m scripts\.story"):
        call(caption, run_dir=run, image=Path(__file__))
