"""The user study's pages and batches: seeded, balanced, blind, and what they say of bad input."""

import csv
import io
import random
import re
import shutil
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from data_loader.view import open_view
from scripts.user_study.choice import Choice, Clue, OtherPosts, Question, Said, read_jpeg
from scripts.user_study.plan import Item, plan_sheets
from scripts.user_study.sheets import crowd_csv, page
from tests.scripts.study_world import (
    RUNS,
    items_of,
    make,
    make_runs,
    page_data,
    pages_of,
    read_rows,
    write_rows,
    write_run,
)
from utils.errors import UserError


@pytest.fixture
def world(tmp_path):
    return make_runs(tmp_path)


def everything(study):
    """Name to bytes of all that workers get."""
    folders = (study / "pages", study / "crowdsourcing")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(study)): path.read_bytes() for path in sorted(files)}


def without_texts(study):
    """All that workers get but the texts that are compared."""
    pages = pages_of(study)
    for one in pages:
        for question in one["questions"]:
            question["texts"] = []
    tables = [[{**row, "text_a": "", "text_b": ""} for row in batch] for batch in batches_of(study)]
    other = {
        n: data for n, data in everything(study).items() if n.endswith(("jpg", "template.html"))
    }
    return pages, tables, other


def batches_of(study):
    paths = sorted((study / "crowdsourcing").glob("*.csv"))
    return [list(csv.DictReader(io.StringIO(path.read_text("ascii")))) for path in paths]


def test_equal_inputs_give_equal_bytes_and_another_seed_others(world):
    first, second = make(world, "a"), make(world, "b")
    assert everything(first) == everything(second)
    key = (first / "secret" / "key.json").read_bytes()
    assert key == (second / "secret" / "key.json").read_bytes()
    assert everything(first) != everything(make(world, "c", seed=6))


def test_each_worker_sees_each_post_once_and_each_question_has_its_judges(world):
    study = make(world, "study", workers=4)
    items, judges = items_of(study), Counter()
    pages = pages_of(study)
    assert len(pages) == 2 * 4
    for number, one in enumerate(pages, 1):
        asked = [items[question["id"]] for question in one["questions"]]
        assert len({item["post"] for item in asked}) == len(asked) == 9
        assert {item["sheet"] for item in asked} == {f"page {number}"}
        judges.update((item["post"], item["pair"]) for item in asked)
    assert set(judges.values()) == {4} and len(judges) == 9 * 2
    orders = {tuple(items[q["id"]]["post"] for q in one["questions"]) for one in pages}
    assert len(orders) == len(pages)


def test_each_judge_on_a_crowdsourcing_site_has_a_batch_with_sides_of_its_own(world):
    study = make(world, "study", workers=4)
    items, batches = items_of(study), batches_of(study)
    assert len(batches) == 2 * 4
    sides = defaultdict(list)
    for number, batch in enumerate(batches, 1):
        asked = [items[row["question"]] for row in batch]
        assert len({item["post"] for item in asked}) == 9
        assert {item["sheet"] for item in asked} == {f"crowd {number}"}
        for item in asked:
            sides[item["post"], item["pair"]].append(item["ours"])
    assert {len(places) for places in sides.values()} == {4} and len(sides) == 9 * 2
    assert any(len(set(places)) == 2 for places in sides.values())


@pytest.mark.parametrize("posts,pairs,judges", [(100, 3, 3), (7, 2, 5), (11, 1, 1)])
def test_ours_stands_on_both_sides_equally_often(posts, pairs, judges):
    sheets = plan_sheets(posts, pairs, judges, random.Random(3))
    total = Counter()
    for items in sheets:
        here = Counter((item.pair, item.ours) for item in items)
        assert all(abs(here[pair, 1] - here[pair, 2]) <= 1 for pair in range(pairs))
        total.update(here)
    assert all(abs(total[pair, 1] - total[pair, 2]) <= 1 for pair in range(pairs))
    assert len({item.id for items in sheets for item in items}) == posts * pairs * judges


def test_exchanging_two_runs_exchanges_texts_and_nothing_else(world):
    one = make(world, "one", runs=RUNS[:2])
    other = make(world, "other", runs=RUNS[1::-1])
    assert without_texts(one) == without_texts(other)
    for first, second in zip(pages_of(one), pages_of(other), strict=True):
        for question, exchanged in zip(first["questions"], second["questions"], strict=True):
            assert question["texts"] == exchanged["texts"][::-1]


def test_nothing_but_the_texts_tells_whose_they_are():
    sheets = plan_sheets(100, 3, 3, random.Random(0))
    features, ours = [], []
    for number, items in enumerate(sheets):
        for place, item in enumerate(items):
            digits = [int(digit, 16) for digit in item.id[1:]]
            features.append([number, place, item.post, item.pair, *digits])
            ours.append(item.ours)
    guesses = cross_val_predict(DecisionTreeClassifier(random_state=0), features, ours, cv=5)
    # 900 fair coins: four standard errors.
    assert abs(np.mean(guesses == np.array(ours)) - 0.5) < 4 * 0.5 / np.sqrt(len(ours))


def test_no_name_of_a_run_or_preset_or_user_is_in_what_workers_get(world):
    for name, data in everything(make(world, "study")).items():
        for secret in (*RUNS, "csmn", "1nn", str(world), "anna", "predictions", "seed"):
            assert secret.encode() not in data, (name, secret)
            assert secret not in name


def test_texts_stand_where_the_key_says(world):
    study = make(world, "study")
    said = [{row["id"]: row["prediction"] for row in read_rows(world / run)} for run in RUNS]
    items = items_of(study)
    for one in pages_of(study):
        for question in one["questions"]:
            item = items[question["id"]]
            texts = [text["text"] for text in question["texts"]]
            assert texts[item["ours"] - 1] == said[0][item["post"]]
            assert texts[2 - item["ours"]] == said[1 + item["pair"]][item["post"]]
    for row in (row for batch in batches_of(study) for row in batch):
        ours = items[row["question"]]["ours"]
        assert row["text_a" if ours == 1 else "text_b"] == said[0][items[row["question"]]["post"]]


def test_clues_are_other_posts_of_the_same_user(world):
    rows = {row["id"]: row for row in read_rows(world / RUNS[0])}
    study = make(world, "study")
    items = items_of(study)
    view = open_view(world / "root")
    for one in pages_of(study):
        for question in one["questions"]:
            user = view.users.index(rows[items[question["id"]]["post"]]["user"])
            train = view.subsets["train"]
            texts = {train.text("reference", n) for n in np.flatnonzero(train.user == user)}
            assert len(question["clues"]) == 3
            assert {clue["text"] for clue in question["clues"]} <= texts
            assert question["image"] not in [clue["image"] for clue in question["clues"]]


def test_users_without_training_posts_are_shown_by_their_other_posts(world, capsys):
    view = open_view(world / "root")
    test = view.subsets["test"]
    others = OtherPosts(replace(view, subsets={"test": test}), world / "images")
    for place in range(len(test)):
        row = view.describe(test, place)
        own = [view.describe(test, n) for n in np.flatnonzero(test.user == test.user[place])]
        other = [one["references"][0] for one in own if one["image"] != row["image"]]
        clues = others.draw(row["id"], row, random.Random(0))
        assert len(clues) == min(3, len(other))
        assert {clue.said.text for clue in clues} <= set(other)


class Lonely:
    """A subset with one post of its user; all others are of somebody else."""

    def __init__(self, subset, row):
        self.subset = subset
        self.user = np.where(np.arange(len(subset)) == row, subset.user, -1)

    def __getattr__(self, name):
        return getattr(self.subset, name)

    def __len__(self):
        return len(self.subset)


def test_a_user_without_other_posts_is_asked_about_and_counted(world):
    view = open_view(world / "root")
    test = view.subsets["test"]
    row = view.describe(test, 4)
    others = OtherPosts(replace(view, subsets={"test": Lonely(test, 4)}), world / "images")
    assert others.draw(row["id"], row, random.Random(0)) == ()
    choice = Choice([question(Said("a"), Said())])
    assert choice.notes() == [
        "1 questions have fewer than 3 other posts of the user",
        "in 1 questions a method wrote nothing, shown as such",
    ]


def test_same_texts_are_not_asked_about_and_counted(world, capsys):
    rows = read_rows(world / RUNS[1])
    ours = {row["id"]: row["prediction"] for row in read_rows(world / RUNS[0])}
    for row in rows[:4]:
        row["prediction"] = ours[row["id"]]
    write_rows(world / RUNS[1], rows)
    study = make(world, "study", posts=26)
    assert "1nn-usrim wrote the same as ours for 4 of 30 posts" in capsys.readouterr().out
    posts = {item["post"] for item in items_of(study).values()}
    assert posts == {row["id"] for row in rows[4:]}
    with pytest.raises(UserError, match=r"--posts is 27, but only 26 of 30 .*: give --posts 26$"):
        make(world, "more", posts=27)


def test_hashtags_in_another_order_are_the_same(tmp_path):
    world = make_runs(tmp_path, "hashtag")
    rows = read_rows(world / RUNS[0])
    write_rows(
        world / RUNS[1],
        [{**row, "prediction": " ".join(row["prediction"].split()[::-1])} for row in rows],
    )
    with pytest.raises(UserError, match="only 0 of 30 can be asked about"):
        make(world, "study")


def test_broken_and_missing_images_are_passed_over(world, capsys):
    rows = read_rows(world / RUNS[0])
    names = sorted({row["image"] for row in rows})
    (world / "images" / names[0]).write_text("no picture")
    (world / "images" / names[1]).unlink()
    gone = sum(row["image"] in names[:2] for row in rows)
    make(world, "study", posts=30 - gone)
    assert f"{gone} posts without a readable image" in capsys.readouterr().out
    for name in names[2:]:
        (world / "images" / name).unlink()
    with pytest.raises(UserError, match="none of 30 posts has a readable image"):
        make(world, "none")


def question(*said, clues=()):
    return Question("u/p", b"image", tuple(Clue(b"clue", one) for one in clues), said)


def test_people_cannot_write_html_or_formulas():
    evil = "</script><script>alert(1)</script>"
    asked = [question(Said(evil), Said(tags=(evil,)), clues=[Said("=1+1 \U0001f600")])]
    items = [Item("q0", 0, 0, 2)]
    html = page("s", 1, "caption", asked, items)
    assert html.count("<script") == 2 and evil not in html
    (row,) = csv.DictReader(io.StringIO(crowd_csv(asked, items, "http://x/")))
    assert row["text_b"] == evil.replace("<", "&lt;").replace(">", "&gt;")
    assert row["text_a"].startswith("<bdi>#&lt;/script")
    assert row["clue_1_text"] == "&#61;1+1 &#128512;"
    assert (row["image"], row["clue_1_image"]) == ("http://x/0001.jpg", "http://x/0001-1.jpg")
    assert row["clue_2_image"] == row["clue_2_text"] == ""


def test_an_empty_prediction_is_shown_as_such():
    asked = [question(Said(), Said("a cat"))]
    assert '"texts": [{"text": "", "tags": []}' in page(
        "s", 1, "caption", asked, [Item("q0", 0, 0, 1)]
    )
    assert "(nothing)" in crowd_csv(asked, [Item("q0", 0, 0, 1)], "")


@pytest.mark.parametrize("task", ["caption", "hashtag"])
def test_unknown_words_look_alike(tmp_path, task, capsys):
    """A captioner's `_UNK` and the rare word of a neighbour's post are shown by the same sign."""
    world = make_runs(tmp_path, task)
    written = ("_UNK sea", "zebra sun \ud83d", "cat dog")
    for run, words in zip(RUNS, written, strict=True):
        rows = read_rows(world / run)
        write_rows(world / run, [{**row, "prediction": words} for row in rows])
    study = make(world, "study")
    items, shown = items_of(study), Counter()
    for question in (q for one in pages_of(study) for q in one["questions"]):
        item, texts = items[question["id"]], question["texts"]
        for who, place in ((0, item["ours"] - 1), (1 + item["pair"], 2 - item["ours"])):
            said = texts[place]
            shown[who, said["text"] or " ".join(said["tags"])] += 1
    second = "… sun …" if task == "caption" else "… sun"
    assert set(shown) == {(0, "… sea"), (1, second), (2, "cat dog")}
    assert (
        "note: in 9 questions a text has a word outside the vocabulary" in capsys.readouterr().out
    )


def test_texts_that_look_the_same_are_not_asked_about(world):
    for run, word in zip(RUNS, ("_UNK", "zebra", "joy"), strict=True):
        rows = read_rows(world / run)
        write_rows(world / run, [{**row, "prediction": f"{word} cat"} for row in rows])
    with pytest.raises(UserError, match="only 0 of 30 can be asked about"):
        make(world, "study", posts=1)


def test_a_page_needs_no_network(world):
    study = make(world, "study", posts=3)
    text = (study / "pages" / "page-01.html").read_text()
    assert not re.search(r"https?:|//[a-z]+\.", text)
    assert "default-src 'none'" in text
    assert page_data(study / "pages" / "page-01.html")["images"][0].startswith("data:image/jpeg")


def test_pictures_are_made_small_and_keep_no_data(world, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "anna's"
    Image.new("RGB", (90, 60)).save(tmp_path / "a.jpg", exif=exif)
    data = read_jpeg(tmp_path / "a.jpg", 30)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (30, 20)
    assert b"anna" not in data


def test_mistakes_are_said(world):
    study = make(world, "study")
    cases = {
        "exists: workers may have it": {"out": "study"},
        "--posts is 0": {"posts": 0},
        "--workers is 0": {"workers": 0},
        "names no run": {"runs": RUNS[:1]},
        "a run is given twice": {"runs": (RUNS[0], RUNS[0])},
        "is no run folder": {"runs": (RUNS[0], "nowhere")},
        "no data root": {"data_dir": world / "nowhere"},
    }
    for problem, options in cases.items():
        with pytest.raises(UserError, match=problem):
            make(world, **{"out": "new", **options})
    assert not (world / "new").exists() and study.exists()


def test_posts_are_drawn_from_those_that_all_runs_have(world, capsys):
    """Posts whose image failed are missing where a run needs images, and there alone."""
    rows = [read_rows(world / run) for run in RUNS]
    write_rows(world / RUNS[0], rows[0][2:])
    write_rows(world / RUNS[2], rows[2][:-1])
    study = make(world, "study", posts=27)
    assert {item["post"] for item in items_of(study).values()} == {r["id"] for r in rows[0][2:-1]}
    assert (
        "note: posts are drawn from the 27 that all runs have: csmn-p5 has 1 more, "
        "1nn-usrim has 3 more, seq2seq has 2 more"
    ) in capsys.readouterr().out


def test_runs_that_share_hardly_a_post_are_refused(world):
    rows = read_rows(world / RUNS[0])
    write_rows(world / RUNS[0], rows[:15])
    write_rows(world / RUNS[1], read_rows(world / RUNS[1])[14:])
    with pytest.raises(UserError, match=r"different posts: 1 are in all of them .*csmn-p5 15, "):
        make(world, "new", posts=1)


def test_the_leak_is_never_compared_with_what_has_none(world, capsys):
    shutil.copytree(world / "root" / "caption-users-others", world / "root" / "caption-users-all")
    for number, preset in enumerate(("show-tell", "attend-tell"), 3):
        write_run(world, preset, number, context="all")
    with pytest.raises(UserError, match=r"--context others, but .* has --context all: a study"):
        make(world, "new", runs=(RUNS[0], "show-tell"))
    make(world, "study", runs=("show-tell", "attend-tell"))
    assert "note: the runs have --context all: the words" in capsys.readouterr().out


def test_runs_that_cannot_be_compared_are_refused(world):
    rows = read_rows(world / RUNS[1])
    write_rows(world / RUNS[1], [{**rows[0], "references": ["other"]}, *rows[1:]])
    with pytest.raises(UserError, match="has other references in"):
        make(world, "new")
    (world / RUNS[1] / "predictions.jsonl").unlink()
    with pytest.raises(UserError, match="was not evaluated: python -m eval"):
        make(world, "new")
    write_run(world, "show-tell", 5, "hashtag")
    with pytest.raises(UserError, match="a study compares runs of one task"):
        make(world, "new", runs=(RUNS[0], "show-tell"))
