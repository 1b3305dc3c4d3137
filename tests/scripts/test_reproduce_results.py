"""Cells, the leak, and the order of rows that the toy world asks for."""

import dataclasses
from pathlib import Path

import pytest

from scripts import reproduce
from scripts.reproduction import order, smoke, smoke_sizes
from scripts.reproduction.attend_to_you import FULL, TABLES
from scripts.reproduction.notes import notes_of
from scripts.reproduction.options import Options
from scripts.reproduction.results import Measured, as_cell, leak_csv, leak_grid, write_results
from scripts.reproduction.systems import SYSTEMS
from utils.charts import rows_of
from utils.errors import UserError
from utils.files import write_json


def measured(*values, metric="F1", failed=False):
    return Measured([{metric: value} for value in values], failed)


def test_cells():
    assert as_cell(measured(0.5), "F1") == "0.500"
    assert as_cell(measured(0.4, 0.6), "F1") == "0.500±0.141"
    assert as_cell(measured(0.4, failed=True), "F1") == "failed"
    assert as_cell(measured(None), "F1") == "not finite"
    assert as_cell(None, "F1") == as_cell(measured(0.5), "recall") == "-"


def test_the_leak_is_the_difference_of_the_same_seeds():
    table = TABLES[3]
    results = {
        ("hashtag", FULL, "users", "others"): measured(0.2, 0.4),
        ("hashtag", FULL, "users", "all"): measured(0.3, 0.5),
    }
    [row] = leak_grid(table, results).rows
    assert row == ["F1 users", "0.300±0.141", "0.400±0.141", "+0.100±0.000"]
    header, [row] = leak_csv(table, results)
    numbers = dict(zip(header, row, strict=True))
    assert (numbers["metric"], numbers["split"]) == ("F1", "users")
    assert (numbers["context all"], numbers["difference"]) == ("0.400000", "0.100000")
    assert numbers["context others std"] == "0.141421"


def test_notes_say_what_was_measured():
    table, options = TABLES[3], Options(table=3, data_dir=Path("my-data"))
    run = {"F1": 0.5, "posts": 1_000, "extractor": "resnet101_random"}
    names = ("csmn-p5", "csmn-r5c", "seq2seq")
    results = {("hashtag", name, "users", "others"): Measured([run]) for name in names}
    notes = notes_of(table, results, options)
    assert notes == [
        "measured on my-data",
        "split by users: 1,000 test posts",
        "image features of resnet101_random (random weights: never learnt to see)",
        "trained for 20 epochs, checkpoint best",
    ]
    small = dataclasses.replace(options, epochs=7, train_args="--channels 9 --hidden_dim 8")
    assert notes_of(table, results, small)[-2:] == [
        "trained for 7 epochs, checkpoint best",
        "flags of train: --channels 9 --hidden_dim 8",
    ]
    waiting = dataclasses.replace(options, train_args="--patience 3")
    assert "trained for at most 20 epochs, checkpoint best" in notes_of(table, results, waiting)
    tags = SYSTEMS["hashtag-story"].tables["hashtags"]
    toy, *others = notes_of(tags, {}, Options(smoke=True), smoke_sizes.HASHTAG_STORY)
    assert "a small size" in toy
    assert others == [
        "trained for 10 epochs, checkpoint best",
        "flags of train: --word_dim 64 --hidden_dim 128; AlexNet --width 0.25 --learning_rate 0.02",
    ]
    blind = run | {"posts": 1_017, "extractor": None}
    results["hashtag", "seq2seq", "users", "others"] = Measured([blind])
    note = notes_of(table, results, options)[1]
    assert note.startswith("split by users: 1,000 test posts, but 1,017 of seq2seq: ")


@pytest.mark.parametrize(
    ("full", "less", "ceilings", "verdict"),
    [
        ((0.8, 0.9), (0.5, 0.6), (0.9, 0.6), "yes"),
        ((0.5, 0.9), (0.5, 0.7), (0.9, 0.6), "NO"),  # 0.1 above, 0.32 apart
        ((0.5,), (0.6,), (0.9, 0.6), "NO"),
        ((0.5,), (0.6,), (0.9, 0.9), "equal ceilings"),
        ((), (0.6,), (0.9, 0.6), "NO"),
    ],
)
def test_order_must_exceed_the_spread(full, less, ceilings, verdict):
    assert order.compare(measured(*full), measured(*less), "F1", list(ceilings))[-1] == verdict


@pytest.mark.parametrize(
    ("high", "low", "verdict"),
    [
        ((0.8, 0.9), (0.5, 0.6), "yes"),
        ((0.5, 0.9), (0.5, 0.7), "open"),
        ((0.5,), (0.6,), "reversed"),
    ],
)
def test_order_among_lesser_rows_is_information(high, low, verdict):
    row = order.compare(measured(*high), measured(*low), "F1", [0.9, 0.6], must=False)
    assert row[-1] == verdict


def test_the_smoke_fails_where_the_order_is_not_that_of_the_rules(tmp_path, capsys):
    (tmp_path / "world").mkdir()
    best = {"full": 0.9, "no_user": 0.6, "no_word": 0.9, "no_image": 0.6}
    ceilings = {"hashtag": {sees: {"F1": n, "word_accuracy": n} for sees, n in best.items()}}
    write_json(tmp_path / "world" / "ceilings.json", ceilings)
    options = Options(table=3, smoke=True, out=tmp_path, splits=("users",))
    numbers = {FULL: 0.8, "csmn-nouc-p5": 0.5, "csmn-nowo-p5": 0.9, "csmn-noim": 0.7}
    results = {
        ("hashtag", preset, "users", "others"): Measured([{"F1": n, "word_accuracy": n}])
        for preset, n in numbers.items()
    }
    assert reproduce.check_scores(options.tables(), results, options) == {}
    lines = {tuple(line.split()[2:5]): line for line in capsys.readouterr().out.splitlines()}
    assert lines[FULL, "csmn-nowo-p5", "F1"].endswith("equal ceilings")
    assert lines["csmn-nowo-p5", "csmn-nouc-p5", "F1"].endswith("yes")
    assert ("csmn-nouc-p5", "csmn-noim", "F1") not in lines  # their ceilings are equal
    none = reproduce.check_scores(options.tables(), {}, options)
    assert none == {} and "nothing to compare" in capsys.readouterr().out
    numbers_of_no_image = results["hashtag", "csmn-noim", "users", "others"].metrics[0]
    numbers_of_no_image["F1"] = 0.8
    assert list(reproduce.check_scores(options.tables(), results, options)) == ["the order of rows"]
    assert " NO" in (tmp_path / "order.txt").read_text()


def test_a_world_of_another_size_is_refused(tmp_path):
    assert len(smoke.world_command(tmp_path, smoke.TINY)) == 1
    smoke.record_size(tmp_path, smoke.TINY)
    (tmp_path / "world").mkdir()
    write_json(tmp_path / "world" / "ceilings.json", {})
    assert smoke.world_command(tmp_path, smoke.TINY) == []
    with pytest.raises(UserError, match=r"made by --users 24 .*, not by --users 320 .*--out"):
        smoke.world_command(tmp_path, smoke.WHOLE)
    (tmp_path / "world.json").unlink()
    with pytest.raises(UserError, match="made by unknown flags"):
        smoke.world_command(tmp_path, smoke.TINY)


def test_charts_have_the_rows_in_the_order_of_the_table(tmp_path, monkeypatch):
    drawn = []

    def draw(path, panels, title, note, order, lanes):
        drawn.extend(rows_of(panels, order))

    monkeypatch.setattr("scripts.reproduction.results.draw_bars", draw)
    results = {("caption", FULL, "users", "others"): measured(0.5, metric="Bleu_1")}
    write_results(tmp_path, TABLES[2], results, {"users": {"seq2seq": {"Bleu_1": 0.05}}}, ())
    assert drawn == ["seq2seq", "CSMN-P5"]


def test_charts_tell_priors_apart_and_name_random_weights(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "scripts.reproduction.results.draw_bars", lambda *given: drawn.append(given)
    )
    table = SYSTEMS["instagram-korean"].tables["hashtags"]
    score = measured(0.5, metric="micro_F1")
    results = {("hashtag", name, "shipped", "none"): score for name in ("diya-resnet", "prior-3")}
    notes = ("measured on data", "image features of resnet101_random (random weights: never learnt")
    write_results(tmp_path, table, results, {"reported": {}}, (*notes[:1], "20 posts"))
    write_results(tmp_path, table, results, {"reported": {}}, (*notes[:1], notes[1] + " to see)"))
    (_, _, _, plain, *_), (_, panels, _, note, _, lanes) = drawn
    assert "random weights" in note and "random weights" not in plain and note.count("\n") == 2
    series = panels["F1"]
    assert list(series["measured"]) == ["baseline"] and lanes == {"prior": "measured"}
    assert list(series["prior"]) == ["prior: 3 most frequent"]
