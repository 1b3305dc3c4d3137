"""The real command at its smallest size: killed while it trains, gone on with, repeated."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
ROWS = ("csmn-p5", "1nn-usrim")
RUNS = 2 * 2 + 2  # two tasks, two methods; the leak of one of them in both tasks
METRICS = {2: 7, 3: 1}

pytestmark = pytest.mark.slow


def start(out: Path) -> subprocess.Popen:
    flags = ["--smoke", "--tiny", "--only", *ROWS, "--splits", "users", "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.reproduce", *flags],
        cwd=PROJECT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(out: Path) -> str:
    process = start(out)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed[-2000:]
    return printed


def kill_in_training(out: Path) -> Path:
    """Kills the command, as an emergency would, when a run has its first checkpoint."""
    process = start(out)
    while not (found := list(out.glob("runs/csmn-*/checkpoints/[0-9]*/state.json"))):
        assert process.poll() is None, process.communicate()[0][-2000:]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return found[0].parent.parent.parent


@pytest.fixture(scope="module")
def killed_and_finished(tmp_path_factory):
    """The folder, the run that was training when the command was killed, and what came after."""
    out = tmp_path_factory.mktemp("smoke") / "out"
    run = kill_in_training(out)
    return out, run, finish(out)


def test_killed_in_training_it_goes_on(killed_and_finished):
    out, run, printed = killed_and_finished
    assert f"{RUNS} runs, " in printed
    assert len(list(out.glob("runs/*/metrics.json"))) == RUNS
    starts = json.loads((run / "environment.json").read_text())
    assert len(starts) == 2  # it was trained in two parts
    reports = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [one["epoch"] for one in reports if "val_loss" in one] == [1, 2]


@pytest.mark.parametrize("number", METRICS)
def test_every_cell_is_a_number(killed_and_finished, number):
    out, *_ = killed_and_finished
    with open(out / f"table{number}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > len(ROWS)
    filled = [row for row in rows if row["preset"] in ROWS]
    for row in filled:
        ours = [name for name in row if name.endswith(" users")]
        assert len(ours) == METRICS[number]
        for name in ours:
            assert float(row[name]) >= 0 and row[f"{name} seeds"] == "1"
            assert 0 <= float(row[f"{name} paper"]) < 1
    leak = [value for name, value in filled[1].items() if name.endswith("context all")]
    assert leak and all(float(value) >= 0 for value in leak)


def test_the_same_command_again_trains_nothing(killed_and_finished):
    out, *_ = killed_and_finished
    states = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*.json")}
    printed = finish(out)
    assert f"{RUNS} runs, {RUNS} of them done already" in printed
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*.json")} == states
