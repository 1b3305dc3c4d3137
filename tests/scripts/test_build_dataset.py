"""The command: what it prints, and how it fails."""

import subprocess
import sys

import pytest

from scripts import build_dataset
from tests.data_loader.crawls import record, write_crawl

USERS = ("ann", "ben", "eve", "kim")


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["scripts/build_dataset.py", *map(str, arguments)])
    build_dataset.main()


@pytest.fixture
def flags(tmp_path):
    records = [record(user, n) for user in USERS for n in range(5)]
    path = write_crawl(tmp_path / "posts.jsonl", records, [b"{"])
    return [
        *("--source", "crawl", "--input", path, "--task", "hashtag", "--out", tmp_path / "data"),
        *("--language", "none", "--min_posts", "5", "--jobs", "1"),
    ]


def test_prints_the_report_and_says_when_nothing_is_to_do(flags, monkeypatch, capsys):
    run(monkeypatch, *flags)
    printed = capsys.readouterr().out
    for words in (
        "not JSON              1      line 21",
        "users with fewer than 5 posts",
        "posts/user",
        "--test_posts 5,000 leaves nothing for validation of the 2 posts",
        "hashtag-users-others: built",
    ):
        assert words in printed
    assert "Traceback" not in printed
    run(monkeypatch, *flags)
    assert "already there" in capsys.readouterr().out


def test_flags_may_be_spelled_with_hyphens(flags, monkeypatch, capsys):
    run(
        monkeypatch,
        *[str(flag).replace("_", "-") if str(flag)[:2] == "--" else flag for flag in flags],
    )
    assert "built" in capsys.readouterr().out


def test_a_mistake_is_one_line_and_status_2(tmp_path):
    command = [sys.executable, "-m", "scripts.build_dataset", "--source", "crawl"]
    done = subprocess.run(
        [*command, "--input", str(tmp_path / "nowhere")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: no posts at") and done.stderr.count("\n") == 1


def test_starts_without_tensorflow():
    code = "import sys, scripts.build_dataset; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
