"""The real command for the related systems, at its smallest size, and once more."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.reproduction.systems import SYSTEMS

PROJECT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.long


def reproduce(system: str, out: Path) -> str:
    flags = ["--system", system, "--smoke", "--tiny", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.reproduce", *flags],
        cwd=PROJECT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def check_table(path: Path, table) -> None:
    """Every metric of every row that is measured is a number."""
    with open(path, newline="") as file:
        rows = {row["preset"]: row for row in csv.DictReader(file)}
    assert list(rows) == [row.preset for row in table.lines]
    for line in table.rows:
        for metric in table.metrics:
            assert float(rows[line.preset][f"{metric} users"]) >= 0, (line.preset, metric)
    for line in table.priors:
        assert float(rows[line.preset][f"{table.main} users"]) > 0


@pytest.mark.parametrize("system", ["instagram-korean", "hashtag-story"])
def test_every_cell_is_a_number_and_nothing_is_done_twice(system, tmp_path):
    out = tmp_path / "out"
    printed = reproduce(system, out)
    tables = SYSTEMS[system].tables.values()
    for table in tables:
        assert all(heading in printed for heading in table.parts())
        check_table(out / f"{table.name}.csv", table)
    runs = sum(len(table.rows) for table in tables)
    if system == "hashtag-story":
        stories = (out / "stories.txt").read_text(encoding="utf-8")
        assert "stories about: #" in stories
        assert [f"--- {number}" in stories for number in range(1, 7)] == [True] * 5 + [False]
    states = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*.json")}
    assert f"{runs} runs, {runs} of them done already" in reproduce(system, out)
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*.json")} == states
