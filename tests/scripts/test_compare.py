"""Runs side by side: what their curves and tables say, and what is left out with a word."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configuration import parse_config
from scripts.compare import __main__ as compare
from scripts.compare.runs import distinct_names, open_runs
from scripts.compare.tables import best_rows, csv_table, markdown, notes, score_table
from utils import checkpoint
from utils.errors import UserError
from utils.run_folder import RunFolder

SCORES = {"Bleu_1": 0.5, "CIDEr": 1.25, "perplexity": 20.0, "posts": 11, "subset": "test"}


@pytest.fixture(autouse=True)
def anywhere(monkeypatch):
    """Asking git for the commit takes longer than all else here."""
    monkeypatch.setattr("utils.run_folder.environment", lambda *_: {})


def make_run(folder: Path, *flags: str, epochs=2, steps=4, metrics=None, slower=1.0) -> Path:
    """A run that was logged, and evaluated where it has metrics."""
    config = parse_config(["--run_dir", str(folder), "--data_dir", "x", *flags])
    more = {"vocabulary_sha256": "v", "training_posts": {"number": 750, "fingerprint": "f"}}
    with RunFolder.create_or_resume(folder, config.to_dict() | more) as run:
        for step in range(1, epochs * steps + 1):
            record = {"step": step, "epoch": (step - 1) // steps + 1, "loss": slower * 9 / step}
            run.append(record | {"learning_rate": 0.1})
            if step % steps == 0:
                run.append({"step": step, "epoch": step // steps, "val_loss": slower * 10 / step})
    if metrics is not None:
        run.metrics.write_text(json.dumps(metrics))
    return folder


def draw(capsys, *args) -> str:
    compare.main([str(arg) for arg in args])
    return capsys.readouterr().out


def test_curves_scores_and_tables_of_several_kinds(tmp_path, capsys):
    one = make_run(tmp_path / "one", metrics=SCORES)
    two = make_run(tmp_path / "two", metrics=SCORES | {"CIDEr": 1.5, "perplexity": 30.0})
    tags = make_run(tmp_path / "tags", "--task", "hashtag", metrics={"F1": 0.25, "posts": 3})
    text = make_run(tmp_path / "text", "--preset", "char-rnn")
    out = tmp_path / "all.png"
    draw(capsys, one, two, tags, text, "--out", out)
    with Image.open(out) as picture:
        assert picture.width > 800 and picture.height > 1000
    said = (tmp_path / "all.md").read_text()
    assert said.index("## captions") < said.index("## hashtags") < said.index("## running text")
    assert "**1.5000**" in said and "**20.0000**" in said and "1.2500" in said
    assert "**0.2500**" not in said  # a single run is not the best of anything
    rows = {row["run"]: row for row in csv.DictReader((tmp_path / "all.csv").open())}
    assert rows["two"]["CIDEr"] == "1.5" and rows["text"]["CIDEr"] == ""
    assert rows["tags"]["kind"] == "hashtag" and rows["one"]["steps"] == "8"


def test_epochs_come_from_the_log_and_from_the_batch_before_one_is_done(tmp_path):
    done = make_run(tmp_path / "done", epochs=3, steps=5)
    begun = make_run(tmp_path / "begun", "--batch_size", "100", epochs=1, steps=2)
    runs = open_runs([done, begun])
    assert runs[0].curve("val_loss", by_epoch=True) == [(1, 2), (2, 1), (3, 10 / 15)]
    assert runs[1].steps_per_epoch == 8
    assert runs[1].curve("loss", by_epoch=True) == [(1 / 8, 9), (2 / 8, 4.5)]
    assert runs[1].curve("loss", by_epoch=False) == [(1, 9), (2, 4.5)]
    assert runs[1].curve("val_score", by_epoch=True) == []
    checkpoint.save(begun, 2, {}, {}, {"global_batch": 250})  # of several GPUs
    assert open_runs([begun])[0].steps_per_epoch == 3


def test_a_run_that_has_only_begun_and_one_that_learns_nothing(tmp_path, capsys):
    empty = make_run(tmp_path / "empty", epochs=0)
    search = make_run(tmp_path / "search", "--preset", "1nn-im", epochs=0, metrics=SCORES)
    printed = draw(capsys, empty, search, "--out", tmp_path / "c.png")
    assert "| empty" in printed and "1nn-im" in printed
    assert "No metrics.json: empty" in printed


def test_what_is_no_run_or_comes_twice_is_left_out_with_a_word(tmp_path, capsys):
    run = make_run(tmp_path / "run")
    (run / "metrics.json").write_text("{")
    with open(run / "log.jsonl", "a") as log:
        log.write('{"step": 9, "epoch": 3, "loss": null}\n[1]\n{"step": "x"}\n{"half')
    printed = draw(capsys, run, tmp_path, run, tmp_path / "x", "--out", tmp_path / "c.png")
    assert f"{run} is left out: it was named before" in printed
    assert f"{tmp_path} is left out: " in printed and f"{tmp_path / 'x'} is left out" in printed
    assert "metrics.json cannot be read" in printed and "| run " in printed


def test_twelve_runs_with_long_names_have_a_picture_of_bearable_size(tmp_path, capsys):
    names = [f"{'a-very-long-name-' * 9}{number}" for number in range(12)]
    runs = [make_run(tmp_path / name, slower=1 + n, metrics=SCORES) for n, name in enumerate(names)]
    draw(capsys, *runs, "--out", tmp_path / "c.png", "--x", "step")
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.width < 3000 and picture.height < 2000
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "no run given"),
        (["gone"], "none of these folders is a run"),
        (["gone", "--out", "c.jpg"], "the name of a picture ends in .png"),
        (["gone", "--out", "no/c.png"], "there is no folder"),
        (["gone", "--labels", "a", "b"], "2 names for 1 runs"),
    ],
)
def test_mistakes_are_named(flags, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=said):
        compare.main(flags)


def test_labels_name_runs_and_must_differ(tmp_path):
    runs = [make_run(tmp_path / name) for name in ("a", "b")]
    assert [run.label for run in open_runs(runs, ["x", "y"])] == ["x", "y"]
    with pytest.raises(UserError, match="called the same"):
        open_runs(runs, ["x", "x"])
    assert distinct_names([Path("/a/x/r"), Path("/b/x/r")]) == ["a/x/r", "b/x/r"]


def test_the_best_is_the_lowest_or_the_highest_and_ties_are_all_best():
    assert best_rows([0.3, None, 0.1], lower=False) == [0]
    assert best_rows([0.3, None, 0.1], lower=True) == [2]
    assert best_rows([0.30001, 0.30002, 0.1], lower=False) == [0, 1]
    assert best_rows([0.3, None], lower=False) == []


def test_other_posts_and_random_weights_are_noted(tmp_path):
    one = make_run(tmp_path / "one", "--extractor", "resnet101_random", metrics=SCORES)
    two = make_run(tmp_path / "two", metrics=SCORES | {"posts": 12})
    said = " ".join(notes(open_runs([one, two])))
    assert "Not all of these runs were tested on the same posts" in said
    assert "random weights: one." in said
    same = open_runs([one, make_run(tmp_path / "three", metrics=SCORES)])
    assert "Not all" not in markdown(same)
    assert score_table(same).header[:3] == ["run", "preset", "steps"]
    assert csv_table(same).splitlines()[0].startswith("run,folder,kind,preset,steps,val_loss")
