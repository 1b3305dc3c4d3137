"""Damaged input of every kind: two thousand cases always, a hundred thousand by hand.

By hand: `./scripts/run_tests.sh -m long tests/fuzz`.
"""

import contextlib
import json
import random
import re
import subprocess
import sys

import pytest
import regex

from data_loader.posts import Problems
from data_loader.sources import SOURCES
from data_loader.tokenizer import tokenize
from scripts.torture import flags, fuzzing, importers, plain, readers
from scripts.torture.damage import odd_text
from scripts.torture.fuzzing import TARGETS, Job, format_counts, fuzz, plan, replay, run_case
from scripts.torture.plain import check_plain_words
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
        check_plain_words(rng)


@pytest.mark.parametrize(
    "lost", ["\\p{Hangul}", "\\p{Cyrillic}", "é", "\\p{Emoji_Presentation}", "[0-9]"]
)
def test_a_tokenizer_that_drops_an_alphabet_is_found(monkeypatch, lost):
    def dropping(text, letters):
        return [left for token in tokenize(text, letters) if (left := regex.sub(lost, "", token))]

    monkeypatch.setattr(plain, "tokenize", dropping)
    rng = random.Random(0)
    with pytest.raises(AssertionError):
        for _ in range(100):
            check_plain_words(rng)


def import_some(source, folder):
    """Inputs of a source, most of them damaged; those that are refused are passed over."""
    for number in range(20):
        (folder / f"{number}").mkdir()
        with contextlib.suppress(UserError):
            importers.import_case(source, random.Random(number), folder / f"{number}")


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_texts_that_change_on_their_way_are_found(monkeypatch, tmp_path, source):
    parse = SOURCES[source].parse

    def changing(chunk, task, **extra):
        posts, problems = parse(chunk, task, **extra)
        other = {"texts": ("other",), "tags": ["other"], "references": ()}
        return [post._replace(**other) for post in posts], problems

    monkeypatch.setattr(SOURCES[source], "parse", changing)
    with pytest.raises(AssertionError):
        import_some(source, tmp_path)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_one_problem_does_not_excuse_all_that_is_lost(monkeypatch, tmp_path, source):
    def losing(chunk, task, **extra):
        problems = Problems()
        problems.add("lost", "all of them")
        return [], problems

    monkeypatch.setattr(SOURCES[source], "parse", losing)
    with pytest.raises(AssertionError):
        import_some(source, tmp_path)


def test_a_prediction_that_changes_is_found_whatever_its_words(monkeypatch, tmp_path):
    row = {"id": "1", "prediction": "banana", "references": ["nan"], "score": float("nan")}
    monkeypatch.setattr(readers.samples, "predictions", lambda rng: json.dumps(row).encode())
    monkeypatch.setattr(readers, "damage", lambda rng, data: data)
    assert readers.predictions_case(random.Random(0), tmp_path)
    changed = [row | {"prediction": "bananas"}]
    monkeypatch.setattr(readers, "read_predictions", lambda path: changed)
    with pytest.raises(AssertionError):
        readers.predictions_case(random.Random(0), tmp_path)


def chatter(rng, folder):
    raise UserError("two\nlines")


def stumble(rng, folder):
    return [][0]


def out_of_memory(rng, folder):
    try:
        raise MemoryError
    except MemoryError:
        raise UserError("no") from None


def out_of_memory_in_words(rng, folder):
    raise UserError("x cannot be read (MemoryError)")


@pytest.fixture
def target(monkeypatch):
    def add(case):
        monkeypatch.setitem(TARGETS, "made up", fuzzing.Target(case, 1))
        return "made up"

    return add


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (chatter, "2 lines"),
        (stumble, "IndexError: list index out of range"),
        (out_of_memory, "memory ran out: no"),
        (out_of_memory_in_words, "memory ran out: x cannot be read (MemoryError)"),
    ],
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


def test_every_command_whose_flags_are_read_is_fed():
    # Of these the first is imported with TensorFlow and the second feeds; the others read settings.
    others = {"scripts.benchmark.__main__", "scripts.torture.__main__", "scripts.torture.flags"}
    others |= {"scripts.reproduction.prepare"}
    readers_of_flags = {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for path in (REPOSITORY / "scripts").rglob("*.py")
        if re.search(r"= parse(_some)?\([A-Z]", path.read_text(encoding="utf-8"))
    }
    homes = {"scripts.extraction_options": "scripts.extract_features"}
    homes |= {"scripts.saliency.options": "scripts.saliency.__main__"}
    fed = {command.rpartition(".")[0] for command in flags.COMMANDS}
    assert readers_of_flags - others == {
        homes.get(m, m) for m in fed if m.startswith("scripts.")
    } - {"scripts.user_study.making"}


def test_cases_are_shared_out():
    assert min(target.share for target in TARGETS.values()) * 120 > sum(
        target.share for target in TARGETS.values()
    )
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
        "waiting": f"read 0, refused 0, failed 1 {ended} more than 12 seconds of the clock",
        "hoarding": "read 0, refused 0, failed 1 MemoryError",
    }
