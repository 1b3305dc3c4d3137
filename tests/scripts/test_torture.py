"""The torture: what it counts as survived, and small versions of its parts."""

import json
import sys
from pathlib import Path

import pytest

from scripts.torture import __main__ as torture
from scripts.torture import disk, java, rivals, rot
from scripts.torture.compare import expect_same
from scripts.torture.kills import kill_programs
from scripts.torture.outcome import NotHereError, Outcome, TortureError, attempt
from scripts.torture.programs import Ended, Workshop, expect_one_line, finish, start
from tests.utils.java_stub import needs_java


def refuse(*_):
    raise TortureError("two differ")


def not_here(*_):
    raise NotHereError("no rights")


def test_what_counts_as_survived():
    assert attempt("disk", "full", lambda: 3) == Outcome("disk", "full", 3, 3)
    failed, skipped = attempt("disk", "full", refuse), attempt("disk", "full", not_here)
    assert failed.failed and failed.note == "two differ"
    assert not skipped.failed and skipped.tried == 0 and skipped.note == "not done: no rights"


@pytest.mark.parametrize(("failing", "status"), [(False, 0), (True, 1)])
def test_the_exit_status_says_whether_all_was_survived(
    tmp_path, monkeypatch, capsys, failing, status
):
    monkeypatch.setitem(torture.PARTS, "disk", lambda *_: [attempt("disk", "full", lambda: 3)])
    kinds = [refuse if failing else not_here]
    monkeypatch.setitem(torture.PARTS, "java", lambda *_: [attempt("java", "none", kinds[0])])
    report = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["torture", "--only", "disk", "java", "--json", str(report)])
    with pytest.raises(SystemExit) as ended:
        torture.main()
    assert ended.value.code == status
    written = json.loads(report.read_text())
    assert written["failed"] == failing and written["outcomes"][0]["survived"] == 3
    printed = capsys.readouterr().out
    assert "full   disk     3         3" in printed
    assert ("FAILED" in printed) == failing


@pytest.mark.parametrize(
    ("status", "errors"),
    [
        (1, "error: no space"),
        (2, "Traceback\nerror: no space"),
        (2, "error: no space\nerror: no space"),
        (2, "error: broken"),
    ],
)
def test_an_error_must_be_one_line_that_says_it(status, errors):
    with pytest.raises(TortureError):
        expect_one_line(Ended(status, "", errors), "space")
    expect_one_line(Ended(2, "", "a warning\nerror: no space"), "space")


def test_any_difference_of_two_products_is_one(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "features").mkdir(parents=True)
        (tmp_path / name / "a.npy").write_bytes(b"same")
        (tmp_path / name / ".lock").write_text(name)
        described = {"failed": {}, "made_with": name}
        (tmp_path / name / "features" / "a.json").write_text(json.dumps(described))
    expect_same(tmp_path / "one", tmp_path / "two")
    for name, content in (("a.npy", "other"), ("b.npy", ""), (".a.npy.tmp-1-0", "")):
        (tmp_path / "two" / name).write_text(content)
        with pytest.raises(TortureError, match=name.replace(".", r"\.")):
            expect_same(tmp_path / "one", tmp_path / "two")
        (tmp_path / "two" / name).unlink()
        (tmp_path / "two" / "a.npy").write_bytes(b"same")
    (tmp_path / "two" / "features" / "a.json").write_text('{"failed": {"1.jpg": "broken"}}')
    with pytest.raises(TortureError, match=r"a\.json differs"):
        expect_same(tmp_path / "one", tmp_path / "two")


def dies(folder: Path, moment: int) -> Ended:
    """A program with few moments: it writes some stories."""
    arguments = [str(moment), "0", "moments", "scripts.make_toy_stories", "--out", "stories"]
    return finish(start("scripts.torture.victim", arguments, folder))


def test_a_victim_dies_at_its_moment_and_lives_without_one(tmp_path):
    ended = dies(tmp_path, 0)
    assert ended.status == 0, ended.errors
    moments = int((tmp_path / "moments").read_text())
    written = sorted((tmp_path / "stories").rglob("*.txt"))
    assert moments > len(written) > 5
    (tmp_path / "half").mkdir()
    assert dies(tmp_path / "half", moments // 2).was_killed
    assert 0 < len(list((tmp_path / "half").rglob("*.txt"))) < len(written)


def test_what_a_process_leaves_behind_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.torture.programs._wait_for_group", lambda group: [77])
    with pytest.raises(TortureError, match=r"left processes behind: \[77\]"):
        finish(start("this", [], tmp_path))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"))


def assert_survived(outcomes):
    assert not [outcome for outcome in outcomes if outcome.failed]
    if all(outcome.tried == 0 for outcome in outcomes):
        pytest.skip(outcomes[0].note)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "kills"), [("building", 6), ("extraction", 2), ("training", 2)]
)
def test_killed_programs_end_with_the_same_bytes(workshop, program, kills):
    [outcome] = kill_programs(workshop, kills, 0, (program,))
    assert outcome.survived == outcome.tried == kills, outcome.note


@pytest.mark.slow
def test_a_full_disk_is_survived_by_builds_and_trainings(workshop):
    assert_survived(
        [
            attempt("disk", "building", lambda: disk.fill_building(workshop)),
            attempt("disk", "training", lambda: disk.fill_training(workshop)),
        ]
    )


@pytest.mark.slow
def test_any_file_of_a_built_root_may_rot(workshop):
    assert_survived([attempt("damage", "root", lambda: rot.damage_root(workshop, 0))])


@pytest.mark.slow
def test_rivals_are_refused(workshop):
    assert_survived(rivals.set_rivals(workshop))


@pytest.mark.slow
@needs_java
def test_a_killed_meteor_is_one_line(workshop):
    assert not java.trouble_java(workshop)[0].failed
