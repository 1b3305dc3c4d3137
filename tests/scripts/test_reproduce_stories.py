"""The table of character models, and the example: a picture, its hashtag, five stories."""

import dataclasses
import itertools
import json
import math
import shutil
from pathlib import Path

import pytest

from data_loader.corpus import CorpusOptions, build_corpus, open_corpus
from data_loader.vocabulary import EOS
from scripts import reproduce
from scripts.reproduction import beaten, example, prepare, smoke
from scripts.reproduction.characters import score_characters
from scripts.reproduction.done import Data, is_done
from scripts.reproduction.notes import notes_of
from scripts.reproduction.options import Options
from scripts.reproduction.plan import Run, make_job
from scripts.reproduction.priors import measure_priors
from scripts.reproduction.results import Measured, collect
from scripts.reproduction.systems import SYSTEMS
from tests.scripts.test_reproduce import FakeProcesses, train
from utils.errors import UserError
from utils.files import write_json

STORY = SYSTEMS["hashtag-story"]
TELLER = Run("char-rnn", "story", "shipped", "none", 0)
LOOKER = Run("soft-attention", "hashtag", "shipped", "none", 0)


def make_stories(root: Path) -> Path:
    text = root.parent / "text"
    text.mkdir()
    for number in range(9):
        (text / f"{number}.txt").write_text("abcab " * (number + 2))
    build_corpus(CorpusOptions(text, root / "stories", val_share=0.2, test_share=0.3))
    return text


def test_a_text_of_ones_own_is_not_made_up(tmp_path, capsys):
    text = tmp_path / "tales.txt"
    options = Options(system="hashtag-story", table="stories", smoke=True, dry_run=True, text=text)
    reproduce.reproduce(options, FakeProcesses())
    first, *others = capsys.readouterr().out.splitlines()
    assert f"scripts.build_corpus --input {text} " in first
    assert [line.split()[2] for line in others] == ["train", "eval", "eval"] * 2


def test_smoke_stories_are_real_where_there_are_some(tmp_path, monkeypatch, capsys):
    shared = tmp_path / "shared"
    monkeypatch.setenv("ATTEND_SHARED", str(shared))

    def planned(**settings):
        options = Options("hashtag-story", "stories", smoke=True, dry_run=True, **settings)
        reproduce.reproduce(options, FakeProcesses())
        return [line.split() for line in capsys.readouterr().out.splitlines()]

    invented = [words[2] for words in planned(out=tmp_path / "out")[:2]]
    assert invented == ["scripts.make_toy_stories", "scripts.build_corpus"]
    real = shared / smoke.SHARED_TEXT
    real.parent.mkdir(parents=True)
    real.write_text("To be, or not to be.")
    first, second = planned(out=tmp_path / "out")[:2]
    assert (first[2:5], second[2]) == (["scripts.build_corpus", "--input", str(real)], "train")
    assert planned(out=tmp_path / "out", tiny=True)[0][2] == "scripts.make_toy_stories"
    begun = tmp_path / "out" / smoke.TEXT
    begun.mkdir(parents=True)
    assert planned(out=tmp_path / "out")[0][4] == str(begun)


def test_stories_stay_those_of_the_text_they_were_made_from(tmp_path, capsys):
    root = tmp_path / "out" / "data"
    root.mkdir(parents=True)
    text, runs = make_stories(root), [TELLER]
    shutil.rmtree(text)
    options = Options("hashtag-story", "stories", smoke=True, dry_run=True, out=tmp_path / "out")
    reproduce.reproduce(options, FakeProcesses())
    assert capsys.readouterr().out.split()[2] == "train"  # nothing is made up
    given = Options("hashtag-story", "stories", data_dir=root, text=text)
    assert prepare.corpus_commands(runs, given) == []
    notes = notes_of(STORY.tables["stories"], {}, given)
    assert notes[0] == f"measured on {root / 'stories'}, made from {text}"
    other = dataclasses.replace(given, text=tmp_path / "other.txt")
    with pytest.raises(UserError, match=f"was made from {text}, not from --text .*--data_dir"):
        prepare.corpus_commands(runs, other)


def test_counted_characters_against_a_plain_loop(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    make_stories(root)
    found = measure_priors([STORY.tables["stories"]], root, root / "stories")
    corpus = open_corpus(root / "stories")
    train, test = (corpus.subsets[name].ids.tolist() for name in ("train", "test"))
    known, bits = len(corpus.vocabulary), 0.0
    for before, after in itertools.pairwise(test):
        pairs = list(itertools.pairwise(train))
        followed = sum(one == before for one, _ in pairs)
        bits -= math.log2((pairs.count((before, after)) + 1) / (followed + known))
    measured = found["story", "characters-2", "shipped", "none"].metrics[0]
    assert measured["bits_per_character"] == pytest.approx(bits / (len(test) - 1))
    assert measured["perplexity"] == pytest.approx(2 ** measured["bits_per_character"])
    single = found["story", "characters-1", "shipped", "none"].metrics[0]
    counts = [train.count(one) + 1 for one in test]
    mean = -sum(math.log2(n / (len(train) + known)) for n in counts) / len(test)
    assert single["bits_per_character"] == pytest.approx(mean)
    assert single["val_perplexity"] != single["perplexity"]
    assert EOS in test and score_characters(corpus, 1) == single


def test_of_perplexity_less_is_better():
    table = STORY.tables["stories"]
    runs = {"char-rnn": 4.0, "characters-1": 9.0, "characters-2": 5.0, "char-rnn-slides": 4.96}
    results = {
        ("story", name, "shipped", "none"): Measured([{"perplexity": value}])
        for name, value in runs.items()
    }
    text, held = beaten.check_priors([table], results)
    verdicts = [line.split()[-1] for line in text.splitlines() if "char-rnn" in line]
    assert not held and verdicts == ["yes", "NO"]


@pytest.fixture
def told(tmp_path):
    """Options and the job of a character model that was trained; nothing is evaluated yet."""
    root = tmp_path / "data"
    root.mkdir()
    make_stories(root)
    small = "--hidden_dim 5 --char_dim 4 --window 7 --epoch_windows 3"
    options = Options(
        system="hashtag-story", data_dir=root, out=tmp_path / "out", epochs=2, train_args=small
    )
    job = make_job(TELLER, options)
    train(job.commands[0][3:])
    return options, job


def evaluate(job, **numbers):
    for path in job.metrics.values():
        write_json(path, numbers)


def test_a_character_model_is_done_when_both_texts_are_evaluated(told):
    options, job = told
    windows = -(-len(open_corpus(options.stories).subsets["test"]) // 7)
    assert not is_done(job, Data(options.root))
    evaluate(job, windows=windows, perplexity=3.5)
    assert is_done(job, Data(options.root))
    numbers = collect([job], ()).get(TELLER.cell).metrics[0]
    assert (numbers["perplexity"], numbers["val_windows"]) == (3.5, windows)
    evaluate(job, windows=windows + 1, perplexity=3.5)  # of another text
    assert not is_done(job, Data(options.root))
    evaluate(job, windows=windows, perplexity=3.5)
    job.metrics["val_"].unlink()
    assert not is_done(job, Data(options.root))


def test_the_example_is_of_the_first_picture_with_a_hashtag(told, capsys):
    options, teller = told
    options = dataclasses.replace(options, images=options.root)
    looker = make_job(LOOKER, options)
    looker.folder.mkdir(parents=True)
    rows = [
        {"id": name, "image": f"{name}.jpg", "prediction": tags, "references": ["sea"]}
        for name, tags in (("a", ""), ("b", "sun sea"), ("c", "sun"))
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (looker.folder / "predictions.jsonl").write_text(text)
    for name in "ac":
        (options.root / f"{name}.jpg").touch()
    processes = FakeProcesses()
    jobs = [teller, looker]
    assert example.tell_stories(jobs, (), options, processes) == {}
    assert processes.commands == []  # neither was evaluated
    for job in jobs:
        evaluate(job, posts=3)
    assert example.tell_stories(jobs, {TELLER.name}, options, processes) == {}
    assert processes.commands == []  # the one that tells has failed
    example.tell_stories(jobs, (), options, processes)
    [command] = processes.commands
    assert command[0] == "scripts.story"
    assert command[-2:] == ("--image", str(options.root / "c.jpg"))  # the picture of b is gone
    assert str(teller.folder) in command and str(looker.folder) in command
    without = dataclasses.replace(options, images=None)
    assert example.story_command(jobs, without) is None


def test_an_example_that_fails_is_said(told, monkeypatch):
    options, job = told
    made = ("python", "-m", "scripts.story")
    monkeypatch.setattr(example, "story_command", lambda *_: made)

    def fail(command, log):
        Path(log).write_text("error: no such letter\n")
        return 2

    failed = example.tell_stories([job], (), options, fail)
    assert "error: no such letter" in failed["the example"]
