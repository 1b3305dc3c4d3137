"""Answers and votes: what is counted, with which interval, and which files are refused."""

import csv
import json
import zlib

import numpy as np
import pytest
from scipy.stats import binomtest

from scripts.user_study import __main__ as commands
from scripts.user_study import tables, votes
from tests.scripts.study_world import (
    RUNS,
    items_of,
    make,
    make_runs,
    pages_of,
    read_rows,
    write_rows,
)
from utils.errors import UserError


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make(make_runs(tmp_path_factory.mktemp("world")), "study")


def saved_page(
    path, study, number, ours=True, only=None, time="2026-01-01T00:00:00.000Z", answers=None
):
    """What the script of a page saves when its worker always chooses ours, or never."""
    page, items = pages_of(study)[number - 1], items_of(study)
    places = {q["id"]: items[q["id"]]["ours"] for q in page["questions"][:only]}
    chosen = {question: str(place if ours else 3 - place) for question, place in places.items()}
    answers = chosen if answers is None else answers
    lines = [page["study"], str(number), time, *(f"{q} {c}" for q, c in answers.items())]
    crc = f"{zlib.crc32(chr(10).join(lines).encode()):08x}"
    values = {"study": page["study"], "page": number, "saved": time, "answers": answers}
    path.write_text(json.dumps({**values, "crc32": crc}))
    return path


def crowd_results(path, study, rows):
    """(question, worker, status, choice) as Mechanical Turk writes them."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["HITId", "WorkerId", "AssignmentStatus", "Input.question", "Answer.choice"]
        )
        writer.writerows([f"H{n}", w, s, q, c] for n, (q, w, s, c) in enumerate(rows))
    return path


def score(tmp_path, study, *files, **options):
    commands.score(commands.Score(files, (study,), tmp_path / "results", **options))
    with open(tmp_path / "results" / "table4.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_pages_are_counted_by_pair(study, tmp_path, capsys):
    files = [saved_page(tmp_path / f"{n}.json", study, n, ours=n != 1) for n in range(1, 7)]
    first, second = score(tmp_path, study, *files)
    assert (first["baseline"], second["baseline"]) == RUNS[1:]
    assert int(first["votes"]) == int(second["votes"]) == 27
    # Page 1 has 9 posts, which alternate between the two baselines.
    assert {27 - int(row["votes_for_ours"]) for row in (first, second)} == {4, 5}
    assert [row["missing_votes"] for row in (first, second)] == ["0", "0"]
    assert (first["reported_votes_for_ours"], second["reported_votes_for_ours"]) == ("219", "244")
    out = capsys.readouterr().out
    assert "73.0 (219/300)" in out and "reported by the authors" in out
    assert "0 of 54 votes are missing" in out
    assert "| reported by the authors |" in (tmp_path / "results" / "table4.md").read_text()


def test_the_last_of_several_answers_counts(study, tmp_path, capsys):
    early = saved_page(tmp_path / "b.json", study, 1, ours=False)
    late = saved_page(tmp_path / "a.json", study, 1, only=7, time="2026-01-02T00:00:00.000Z")
    rows = score(tmp_path, study, late, early)
    assert sum(int(row["votes_for_ours"]) for row in rows) == 7
    assert sum(int(row["votes"]) for row in rows) == 9
    out = capsys.readouterr().out
    assert "7 answers came twice from one worker, 7 of them changed" in out
    assert "45 of 54 votes are missing" in out


def test_results_of_a_site_are_counted(study, tmp_path, capsys):
    items = {id_: item for id_, item in items_of(study).items() if item["sheet"] == "crowd 1"}
    (one, a), (two, b), (three, _) = list(items.items())[:3]
    rows = [
        (one, "W1", "Approved", a["ours"]),
        (one, "W2", "Submitted", 3 - a["ours"]),
        (one, "W1", "Approved", a["ours"]),
        (two, "W1", "Approved", b["ours"]),
        (two, "W2", "Rejected", b["ours"]),
        (three, "W2", "Approved", ""),
    ]
    pairs = score(tmp_path, study, crowd_results(tmp_path / "r.csv", study, rows))
    assert sum(int(row["votes_for_ours"]) for row in pairs) == 2
    assert sum(int(row["votes"]) for row in pairs) == 3
    assert sum(int(row["posts_even"]) for row in pairs) == 1
    out = capsys.readouterr().out
    assert "1 answers came twice from one worker, 0 of them changed" in out
    assert "1 rows have no answer" in out and "1 rejected rows were left out" in out


def test_a_worker_of_two_batches_is_said(study, tmp_path, capsys):
    by_post = {}
    for id_, item in items_of(study).items():
        if item["sheet"].startswith("crowd"):
            by_post.setdefault(item["post"], []).append(id_)
    first, second = list(by_post.values())[:2]
    rows = [(id_, "W1", "Approved", 1) for id_ in (*first[:3], second[0])]
    rows += [(first[3], "W2", "Approved", 1)]
    score(tmp_path, study, crowd_results(tmp_path / "r.csv", study, rows))
    assert "2 answers are by a worker who judged the same post" in capsys.readouterr().out


def test_the_network_that_saw_the_images_is_named(tmp_path, capsys):
    world = make_runs(tmp_path)
    for run, extractor in zip(RUNS, ("resnet101_random", "resnet101", None), strict=True):
        rows = read_rows(world / run)
        write_rows(world / run, [{**row, "extractor": extractor} for row in rows])
    study = make(world, "study")
    capsys.readouterr()
    score(tmp_path, study, saved_page(tmp_path / "page.json", study, 1))
    out = capsys.readouterr().out
    assert (
        "note: images seen by resnet101_random, random weights that never learnt to see: csmn-p5\n"
        "note: images seen by resnet101: 1nn-usrim\n"
    ) in out
    assert "seen by resnet101: 1nn-usrim" in (tmp_path / "results" / "table4.md").read_text()


def test_one_column_per_choice_is_understood(study, tmp_path):
    one, item = next((i, x) for i, x in items_of(study).items() if x["sheet"] == "crowd 2")
    flags = ["true", "false"] if item["ours"] == 1 else ["false", "true"]
    path = tmp_path / "r.tsv"
    header = ["INPUT:question", "ASSIGNMENT:worker_id", "Answer.choice.1", "Answer.choice.2"]
    path.write_text("\t".join(header) + "\n" + "\t".join([one, "w", *flags]) + "\n")
    assert sum(int(row["votes_for_ours"]) for row in score(tmp_path, study, path)) == 1


def edited(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return path


def test_files_that_cannot_be_trusted_are_refused(study, tmp_path):
    page = saved_page(tmp_path / "page.json", study, 1)
    items = items_of(study)
    other = next(id_ for id_, item in items.items() if item["sheet"] == "page 2")
    answers = json.loads(page.read_text())["answers"]
    flipped = {q: "1" if c == "2" else "2" for q, c in answers.items()}
    crowd = crowd_results(tmp_path / "crowd.csv", study, [("q00", "W", "Approved", 1)])
    on_page = crowd_results(tmp_path / "page.csv", study, [(other, "W", "Approved", 1)])
    asked = next(id_ for id_, item in items.items() if item["sheet"] == "crowd 1")
    third = crowd_results(tmp_path / "third.csv", study, [(asked, "W", "Approved", 3)])
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "notes.txt").write_text("")
    cases = {
        "checksum differs": edited(page, answers=flipped),
        "answers the study 'x'": edited(saved_page(tmp_path / "1.json", study, 1), study="x"),
        "lacks one of": edited(saved_page(tmp_path / "2.json", study, 1), page="1"),
        "no question 'q00' in the batches": crowd,
        f"no question '{other}' in the batches": on_page,
        "the answer is '3', expected 1 or 2": third,
        "is not JSON": tmp_path / "text.json",
        "has 0 columns named question": tmp_path / "other.csv",
        "has 0 columns named question, expected one": tmp_path / "empty.csv",
        "cannot read the answers": tmp_path / "gone.json",
        "answers are .json": tmp_path / "notes.txt",
    }
    for problem, path in cases.items():
        with pytest.raises(UserError, match=problem):
            score(tmp_path, study, path)


@pytest.mark.parametrize("which", ["unknown", "of another page"])
def test_a_question_that_the_page_has_not_is_refused(study, tmp_path, which):
    path = saved_page(tmp_path / "page.json", study, 1)
    values = json.loads(path.read_text())
    id_ = pages_of(study)[1]["questions"][0]["id"] if which == "of another page" else "q00"
    lines = [values["study"], "1", values["saved"], f"{id_} 1"]
    edited(path, answers={id_: "1"}, crc32=f"{zlib.crc32(chr(10).join(lines).encode()):08x}")
    with pytest.raises(UserError, match=f"answers a question '{id_}' that page 1 has not"):
        score(tmp_path, study, path)


def test_a_changed_study_is_refused(tmp_path):
    study = make(make_runs(tmp_path), "study")
    answers = saved_page(tmp_path / "page.json", study, 1)
    page = study / "pages" / "page-02.html"
    before = page.read_text()
    page.write_text(before + " ")
    with pytest.raises(UserError, match="was changed since the study was made"):
        score(tmp_path, study, answers)
    page.unlink()  # pages may be elsewhere
    score(tmp_path, study, answers)
    key = study / "secret" / "key.json"
    key.write_text(key.read_text().replace('"ours": 1', '"ours": 2', 1))
    with pytest.raises(UserError, match="was changed since it was written"):
        score(tmp_path, study, answers)
    with pytest.raises(UserError, match="is no study"):
        score(tmp_path, tmp_path / "nowhere", answers)


@pytest.mark.parametrize("hits,total", [(201, 300), (0, 5), (5, 5), (1, 2)])
def test_wilson_is_what_scipy_gives(hits, total):
    expected = binomtest(hits, total).proportion_ci(method="wilson")
    assert votes.wilson(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-7)
    assert np.isnan(votes.wilson(0, 0)).all()


def test_interval_by_posts_is_wider_where_votes_agree():
    agreeing = np.array([[3, 0]] * 60 + [[0, 3]] * 40)
    low, high = votes.by_posts(agreeing)
    # A share of 0.6 of 100 independent posts: 1.96 * sqrt(0.24 / 100) = 0.096.
    assert (low, high) == pytest.approx((0.504, 0.696), abs=0.011)
    assert high - low > 1.5 * np.diff(votes.wilson(180, 300))[0]
    assert votes.by_posts(agreeing) == votes.by_posts(agreeing)
    assert votes.by_posts(np.array([[3, 0]] * 5 + [[0, 0]])) == votes.wilson(5, 5)


def test_kappa_is_that_of_fleiss_1971():
    # The worked example of the article on Fleiss' kappa in Wikipedia: 10 subjects, 14 raters.
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert votes.agreement(counts) == pytest.approx((0.378, 0.210), abs=5e-4)
    assert votes.agreement([[2, 0], [0, 2], [1, 0]]) == (1, 1)
    assert np.isnan(votes.agreement([[1, 0]])).all()


def test_table_4_is_shipped_as_printed():
    table = json.loads(tables.REPORTED.read_text())["votes_for_ours"]
    shares = {task: [100 * a / b for a, b in row.values()] for task, row in table.items()}
    assert shares["hashtag"] == pytest.approx([67.0, 88.0, 81.3], abs=0.05)
    assert shares["caption"] == pytest.approx([73.0, 78.0, 81.3], abs=0.05)
