"""The study of hashtags and stories: what is asked, and shares of pictures with a majority."""

import csv
import io
import json
from collections import Counter

import pytest

from scripts.user_study import __main__ as commands
from scripts.user_study import rating_tables
from scripts.user_study.choice import Question, Said
from scripts.user_study.plan import Item
from scripts.user_study.ratings import ASKS, RELEVANCE, read_stories
from scripts.user_study.sheets import crowd_csv, page
from tests.scripts.study_world import (
    RUNS,
    items_of,
    make,
    make_runs,
    pages_of,
    read_rows,
    write_rows,
)
from tests.scripts.test_user_study_score import crowd_results, edited, saved_page
from utils.errors import UserError

POSTS, WORKERS = 5, 3


@pytest.fixture
def world(tmp_path):
    """Hashtag runs, and stories for all posts of the first but one."""
    world = make_runs(tmp_path, "hashtag")
    write_stories(world, [story_of(row) for row in read_rows(world / RUNS[0])[1:]])
    return world


def story_of(row, **other):
    stories = [f"{row['id']} went out", " ", f"{row['id']} came\nhome"]
    return {"id": row["id"], "hashtag": row["prediction"].split()[0], "stories": stories} | other


def write_stories(world, rows):
    (world / "stories.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def rate(world, out="study", **options):
    """`python -m scripts.user_study make --form relevance`."""
    files = {"predictions": world / RUNS[0], "stories": world / "stories.jsonl"}
    sizes = {"posts": POSTS, "workers": WORKERS, "seed": 5}
    given = {**files, **sizes, "images": world / "images", **options}
    commands.make(commands.Make(form=RELEVANCE, out=world / out, **given))
    return world / out


def test_every_worker_answers_three_questions_on_every_picture(world, capsys):
    study = rate(world)
    rows = {row["id"]: row for row in read_rows(world / RUNS[0])}
    items, judges = items_of(study), Counter()
    assert len(pages_of(study)) == WORKERS
    for number, one in enumerate(pages_of(study), 1):
        assert len(one["images"]) <= POSTS and len(one["questions"]) == 3 * POSTS
        for start in range(0, 3 * POSTS, 3):
            three = one["questions"][start : start + 3]
            asked = [items[question["id"]] for question in three]
            assert len({item["post"] for item in asked}) == 1
            assert [item["pair"] for item in asked] == [0, 1, 2]
            assert {item["sheet"] for item in asked} == {f"page {number}"}
            assert [question["ask"] for question in three] == [ask.text for ask in ASKS]
            post = asked[0]["post"]
            judges[post] += 1
            (shown,) = {json.dumps(question["shown"]) for question in three}
            assert json.loads(shown)["tags"] == list(
                dict.fromkeys(rows[post]["prediction"].split())
            )
            assert json.loads(shown)["text"] in (f"{post} went out", f"{post} came\nhome")
            assert [said["text"] for said in three[0]["texts"]] == ["Yes", "No"]
    assert set(judges.values()) == {WORKERS} and len(judges) == POSTS
    printed = capsys.readouterr().out
    assert "1 posts have no hashtags or no story: not asked about" in printed
    assert f"{WORKERS} pages, one for each worker, of {3 * POSTS} questions" in printed


def test_the_size_is_that_of_the_slides(world):
    study = rate(world, posts=None, workers=None)
    key = json.loads((study / "secret/key.json").read_text())
    assert (len(key["posts"]), key["workers"]) == (21, 7) and len(pages_of(study)) == 7
    assert commands.Make().size == (100, 3)


def test_chance_is_the_seeds_and_no_name_gets_out(world):
    def files(study):
        parts = [path for path in sorted(study.rglob("*")) if path.is_file()]
        return [(path.relative_to(study), path.read_bytes()) for path in parts]

    first = files(rate(world, "a"))
    assert first == files(rate(world, "b")) and first != files(rate(world, "c", seed=6))
    for path, data in first:
        if path.parts[0] != "secret":
            for name in (RUNS[0], str(world), "predictions", "anna.jpg"):
                assert name.encode() not in data


def test_the_seed_alone_does_not_say_what_was_drawn(world):
    """Of the seed and of texts that workers do not have, as in the other form."""
    before = pages_of(rate(world, "a"))
    write_stories(world, [story_of(row, stories=["new"]) for row in read_rows(world / RUNS[0])])
    assert before[0]["study"] != pages_of(rate(world, "b"))[0]["study"]


def test_posts_that_cannot_be_asked_about_are_counted(world, capsys):
    rows = read_rows(world / RUNS[0])
    rows[1]["prediction"] = ""
    write_rows(world / RUNS[0], rows)
    stories = [story_of({**row, "prediction": "x"}) for row in rows]
    stories[2]["stories"] = ["", " \n"]
    write_stories(world, [*stories[:-1], {"id": "other", "hashtag": "x", "stories": ["y"]}])
    rate(world, posts=27)
    printed = capsys.readouterr().out
    assert "3 posts have no hashtags or no story: not asked about" in printed
    assert "27 stories were begun with a word that is none of the hashtags shown" in printed
    with pytest.raises(
        UserError, match=r"only 27 of the 30 .* \(3 have no hashtags.*give --posts 27$"
    ):
        rate(world, "more", posts=28)


def test_people_cannot_write_html_or_formulas():
    evil = "</script><script>alert(1)</script>"
    asked = [Question("u/p", b"image", (), (Said(f"={evil}", (evil,)),))]
    items = [Item("q0", 0, 2, 1)]
    html = page("s", 1, RELEVANCE, asked, items)
    assert html.count("<script") == 2 and evil not in html
    (row,) = csv.DictReader(io.StringIO(crowd_csv(asked, items, "http://x/", RELEVANCE)))
    assert row["story"] == "&#61;" + evil.replace("<", "&lt;").replace(">", "&gt;")
    assert row["hashtags"].startswith("<bdi>#&lt;/script")
    assert row["ask"] == ASKS[2].text and row["image"] == "http://x/0001.jpg"


def score(tmp_path, study, *files):
    commands.score(commands.Score(files, (study,), tmp_path / "results"))
    with open(tmp_path / "results/relevance.csv", newline="") as file:
        return list(csv.DictReader(file))


def answered(path, study, number, yes):
    """What page `number` saves when its worker says yes where `yes(place of post, question)`."""
    posts = json.loads((study / "secret/key.json").read_text())["posts"]
    items = items_of(study)

    def choice(question):
        item = items[question["id"]]
        return "1" if yes(posts.index(item["post"]), item["pair"]) else "2"

    given = {q["id"]: choice(q) for q in pages_of(study)[number - 1]["questions"]}
    return saved_page(path, study, number, answers=given)


def test_shares_of_pictures_with_a_majority(world, tmp_path, capsys):
    study = rate(world)
    files = [
        # Two of three say yes to the hashtags of the first four, one of three to the first story.
        answered(tmp_path / "1.json", study, 1, lambda post, ask: ask == 0 and post < 4),
        answered(tmp_path / "2.json", study, 2, lambda post, ask: ask == 0 and post < 4),
        answered(tmp_path / "3.json", study, 3, lambda post, ask: post == 0 and ask == 1),
    ]
    rows = {row["question"]: row for row in score(tmp_path, study, *files)}
    assert list(rows) == ["hashtags", "meaning", "match"]
    assert [row["majority"] for row in rows.values()] == ["4", "0", "0"]
    assert [row["yes"] for row in rows.values()] == ["8", "1", "0"]
    assert [row["reported"] for row in rows.values()] == ["0.65", "0.47", "0.3"]
    assert float(rows["hashtags"]["share"]) == 4 / 5
    ends = [float(rows["hashtags"][f"majority_{end}"]) for end in ("low", "high")]
    assert ends == pytest.approx([0.3755, 0.9638], abs=5e-4)  # Wilson's of 4 of 5
    printed = capsys.readouterr().out
    # Pairs of equal answers: a third on four pictures, all on the fifth.
    cells = "csmn-p5: hashtags 4/5 80.0 37.6-96.4 8/15 53.3 0.47 -0.07 65"
    assert cells in [" ".join(line.split()) for line in printed.splitlines()]
    assert "reported: 7 people, 21 pictures" in printed and "0 of 45 answers are missing" in printed
    assert "same post in another batch" not in printed
    assert "| reported by the authors |" in (tmp_path / "results/relevance.md").read_text()


def test_half_is_no_majority_and_open_pictures_do_not_count(world, tmp_path):
    study = rate(world)
    items = items_of(study)
    crowd = [(id_, item) for id_, item in items.items() if item["sheet"].startswith("crowd")]
    post = crowd[0][1]["post"]
    same = [id_ for id_, item in crowd if item["post"] == post and item["pair"] == 0]
    rows = [(same[0], "W1", "Approved", 1), (same[1], "W2", "Approved", 2)]
    first = score(tmp_path, study, crowd_results(tmp_path / "r.csv", study, rows))[0]
    assert (first["majority"], first["pictures"], first["answers"]) == ("0", "1", "2")
    others = score(tmp_path, study, crowd_results(tmp_path / "r.csv", study, rows))[1]
    assert (others["pictures"], others["share"]) == ("0", "")


def test_answers_are_checked_as_those_of_the_other_form(world, tmp_path):
    study = rate(world)
    page_file = answered(tmp_path / "1.json", study, 1, lambda *_: True)
    broken = {"answers": dict.fromkeys(json.loads(page_file.read_text())["answers"], "2")}
    with pytest.raises(UserError, match="checksum differs"):
        score(tmp_path, study, edited(page_file, **broken))
    with pytest.raises(UserError, match="are of two forms"):
        other = make(world, "other", posts=4)
        commands.score(commands.Score((page_file,), (study, other), tmp_path / "results"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "is empty; expected lines"),
        ("hello\n", "line 1: no row of stories"),
        ('{"id": "a", "stories": ["x"]}\n', "line 1: no row of stories"),
        ('{"id": "a", "hashtag": "b", "stories": "x"}\n', "line 1: no row of stories"),
        ('{"id": "a", "hashtag": "b", "stories": []}\n' * 2, "line 2: the id of an earlier line"),
    ],
)
def test_broken_stories_are_named(tmp_path, line, message):
    path = tmp_path / "stories.jsonl"
    path.write_text(line)
    with pytest.raises(UserError, match=message):
        read_stories(path)
    with pytest.raises(UserError, match="cannot read the stories"):
        read_stories(tmp_path / "none.jsonl")


def test_each_form_has_flags_of_its_own(world):
    cases = {
        "--stories is missing: --form relevance needs --predictions and --stories": {
            "stories": None
        },
        "--ours is of --form preference": {"ours": world / RUNS[0]},
        "--workers is 0": {"workers": 0},
        "--images is missing": {"images": None},
        "cannot read the predictions": {"predictions": world / "none.jsonl"},
    }
    for message, options in cases.items():
        with pytest.raises(UserError, match=message):
            rate(world, **options)
    with pytest.raises(UserError, match="--predictions is of --form relevance"):
        make(world, "new", predictions=world / RUNS[0])
    assert not (world / "study").exists() and not (world / "new").exists()


def test_the_reported_shares_stand_beside_each_question():
    assert list(rating_tables.HEADER)[-1] == "reported by the authors"
    assert [ask.name for ask in ASKS] == ["hashtags", "meaning", "match"]
