"""Damaged input of every kind: two thousand cases always, a hundred thousand by hand.

./scripts/run_tests.sh -m long tests/fuzz
"""

import random
import subprocess
import sys

import pytest

from data_loader.tokenizer import tokenize
from scripts.torture import fuzzing
from scripts.torture.damage import odd_text
from scripts.torture.fuzzing import TARGETS, Job, format_counts, fuzz, plan, replay, run_case
from scripts.torture.words import check_nothing_invented, check_rejoins, check_tokens
from tests.shared_data import REPOSITORY
from utils.errors import UserError

# Any text is cut into words; a file that cannot be used is counted, and others are read.
NEVER_REFUSED = {
    *("tokenizer", "hashtags", "links", "released tokenizers", "characters", "korean"),
    *("diya_crawl", "stories", "logs"),
}


def failures(counts):
    return [failure for count in counts.values() for failure in count.failures]


def test_two_thousand_cases():
    counts = fuzz(cases=2000, seed=0, processes=1)
    assert not failures(counts), format_counts(counts)
    assert sum(count.cases for count in counts.values()) >= 1990
    assert all(count.cases for count in counts.values())


@pytest.mark.long
def test_a_hundred_thousand_cases():
    counts = fuzz(cases=100_500, seed=1)
    assert not failures(counts), format_counts(counts)
    assert sum(count.cases for count in counts.values()) >= 100_000
    # Damage that nothing could read, or that nothing refused, would show nothing.
    assert all(count.read for count in counts.values())
    assert all(count.refused for name, count in counts.items() if name not in NEVER_REFUSED)


def test_ten_thousand_strings_rejoin():
    rng = random.Random(0)
    for number in range(10_000):
        text, letters = odd_text(rng, 20), ("ascii", "unicode")[number % 2]
        tokens = tokenize(text, letters)
        check_tokens(tokens, letters)
        check_rejoins(tokens, letters)
        check_nothing_invented(text, tokens)


def chatter(rng, folder):
    raise UserError("two\nlines")


def stumble(rng, folder):
    return [][0]


@pytest.fixture
def target(monkeypatch):
    def add(case):
        monkeypatch.setitem(TARGETS, "made up", fuzzing.Target(case, 1))
        return "made up"

    return add


@pytest.mark.parametrize(
    ("case", "expected"),
    [(chatter, "2 lines"), (stumble, "IndexError: list index out of range")],
)
def test_a_failure_is_told(tmp_path, target, case, expected):
    assert expected in run_case(Job(target(case), 0), 0, tmp_path / "x")


def test_a_refusal_and_a_reading_are_told(tmp_path, target):
    def refuse(rng, folder):
        raise UserError("no")

    assert run_case(Job(target(refuse), 0), 0, tmp_path / "x") == "refused"
    assert run_case(Job(target(lambda rng, folder: True), 0), 0, tmp_path / "x") == "read"


def test_a_case_is_made_from_its_number_alone(target):
    seen = []
    name = target(lambda rng, folder: seen.append(rng.random()) or True)
    for number in (3, 4, 3):
        replay(name, number, seed=7)
    assert seen[0] == seen[2] != seen[1]


def test_cases_are_shared_out():
    jobs = plan(1000, tuple(TARGETS))
    assert abs(len(jobs) - 1000) < len(TARGETS) and len(set(jobs)) == len(jobs)
    assert {job.target for job in jobs} == set(TARGETS)


@pytest.mark.slow
def test_cases_that_end_their_process_are_told_and_the_others_go_on():
    command = [sys.executable, "-m", "tests.fuzz.bad_cases"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" | ") for line in done.stdout.splitlines())
    ended = "the process ended:"
    assert said == {
        "good": "read 3, refused 0, failed 0",
        "killed": f"read 0, refused 0, failed 2 {ended} signal SIGKILL",
        "spinning": f"read 0, refused 0, failed 1 {ended} more than 1 seconds of a processor",
        "hoarding": "read 0, refused 0, failed 1 MemoryError",
    }
