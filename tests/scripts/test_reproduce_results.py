"""Cells, the leak, and the order of rows that the toy world asks for."""

import pytest

from scripts import reproduce
from scripts.reproduction import smoke
from scripts.reproduction.options import Options
from scripts.reproduction.results import Measured, as_cell, leak_grid
from scripts.reproduction.tables import FULL, TABLES
from utils.files import write_json


def measured(*values, metric="F1", failed=False):
    return Measured([{metric: value} for value in values], failed)


def test_cells():
    assert as_cell(measured(0.5), "F1") == "0.500"
    assert as_cell(measured(0.4, 0.6), "F1") == "0.500±0.141"
    assert as_cell(measured(0.4, failed=True), "F1") == "failed"
    assert as_cell(measured(None), "F1") == "not finite"
    assert as_cell(None, "F1") == "-"


def test_the_leak_is_the_difference_of_the_same_seeds():
    table = TABLES[3].reduced(TABLES[3].rows, ("users",))
    results = {
        ("hashtag", FULL, "users", "others"): measured(0.2, 0.4),
        ("hashtag", FULL, "users", "all"): measured(0.3, 0.5),
    }
    [row] = leak_grid(table, results).rows
    assert row == ["F1 users", "0.300±0.141", "0.400±0.141", "+0.100±0.000"]


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
    assert smoke.compare(measured(*full), measured(*less), "F1", list(ceilings))[-1] == verdict


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
    assert reproduce.check_order(options.tables(), results, options) == {}
    assert "equal ceilings" in capsys.readouterr().out
    numbers_of_no_image = results["hashtag", "csmn-noim", "users", "others"].metrics[0]
    numbers_of_no_image["F1"] = 0.8
    assert list(reproduce.check_order(options.tables(), results, options)) == ["the order of rows"]
    assert " NO" in (tmp_path / "order.txt").read_text()
