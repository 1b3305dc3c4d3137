"""The whole build on small crawls: exact counts, every column, and the same result every time."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from data_loader import sources
from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.prepare import choose_caption, tags_in_text
from data_loader.view import UNKNOWN_TIME, list_views, open_view
from tests.data_loader.crawls import (
    ENGLISH,
    GERMAN,
    record,
    write_crawl,
    write_instapic,
    write_yfcc,
)
from tests.shared_data import shared
from utils.errors import UserError

USERS = ("ann", "ben", "eve", "kim", "lee")
WORDS = ("boat", "cloud", "hill", "lake", "road", "tree", "wave")


def crawl_records():
    """Five users with 12 good posts each, in no order of time, and one post of every bad kind."""
    records = [
        record(user, f"p{n:02}", f"{ENGLISH} with a {WORDS[(n + i) % 7]}", created_at=1000 - 7 * n)
        for i, user in enumerate(USERS)
        for n in range(12)
    ]
    return [
        *records,
        record("ann", "p03"),
        record("ann", "foreign", GERMAN),
        record("ann", "linked", f"{ENGLISH} https://t.co/abc"),
        record("ann", "short", "so nice", hashtags=["one"]),
        record("ann", "long", f"{ENGLISH} " * 3, hashtags=[f"tag{n}" for n in range(16)]),
        record("few", "p01"),
        record("bad", None),
    ]


@pytest.fixture
def options(tmp_path):
    path = write_crawl(tmp_path / "posts.jsonl", crawl_records())
    return BuildOptions(
        "crawl", path, out=tmp_path / "data", min_posts=10, test_posts=12, train_share=0.6, jobs=1
    )


@pytest.fixture(autouse=True)
def needs_dictionary():
    enchant = pytest.importorskip("enchant")
    if not enchant.dict_exists("en_US"):
        pytest.skip("needs an en_US dictionary: apt-get install hunspell-en-us")


def build(options):
    folder, _ = build_view(options, show_progress=False)
    return open_view(options.out, *folder.name.split("-"))


def contents(folder):
    """Every file of a view but view.json, which holds the command line."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.name != "view.json"}


@pytest.mark.parametrize("task", ["caption", "hashtag"])
def test_every_filter_takes_exactly_what_was_planted(options, task):
    view = build(replace(options, task=task))
    steps = {step["filter"]: step["posts_removed"] for step in view.report["filters"]}
    assert steps == {
        "duplicate ids": 1,
        "not in the language": 1,
        "with hyperlinks": 1,
        "users with too many such posts": 0,
        "shorter than 3 words": 1,
        "longer than 15 words": 1,
        "users with fewer than 10 posts": 1,
        "beyond the latest 1000 posts of a user": 0,
    }
    assert view.report["unusable_records"] == {"no post": {"count": 1, "examples": ["line 67"]}}
    assert view.users == list(USERS)
    assert {name: len(subset) for name, subset in view.subsets.items()} == {
        "train": 36,
        "val": 12,
        "test": 12,
    }


def test_columns_hold_what_the_posts_say(options):
    view = build(options)
    records = {(r["user"], r["post"]): r for r in reversed(crawl_records())}
    for subset in view.subsets.values():
        for row in range(len(subset)):
            user, post = view.users[subset.user[row]], subset.text("post_id", row)
            original = records[user, post]
            words = subset.text("reference", row).split()
            assert words == original["text"].split()
            length = subset.caption_length[row]
            assert length == len(words) and not subset.caption_ids[row, length:].any()
            assert view.vocabulary.decode(subset.caption_ids[row]) == words
            assert view.image_names[subset.image_row[row]] == original["image"]
            assert subset.created_at[row] == original["created_at"]
    assert subset.caption_ids.shape == (12, 15) and subset.context_ids.shape == (12, 100)


def test_rows_are_in_canonical_order_whatever_the_order_of_the_input(options, tmp_path):
    view = build(options)
    write_crawl(options.input, crawl_records()[59::-1])
    other = build(replace(options, out=tmp_path / "other"))
    for name, subset in other.subsets.items():
        order = list(zip(subset.user.tolist(), subset.created_at.tolist(), strict=True))
        assert order == sorted(order) and len(subset)
        np.testing.assert_array_equal(subset.user, view.subsets[name].user)
        assert subset.columns.texts("post_id") == view.subsets[name].columns.texts("post_id")


def test_any_number_of_processes_gives_the_same_files(options, tmp_path, monkeypatch):
    monkeypatch.setattr(sources.crawl, "CHUNK_LINES", 9)
    one = build(options)
    three = build(replace(options, out=tmp_path / "three", jobs=3))
    assert contents(one.folder) == contents(three.folder)


def test_a_seed_decides_the_split(options, tmp_path):
    tests = [
        build(replace(options, out=tmp_path / str(n), split="posts", seed=seed))
        .subsets["test"]
        .columns.texts("post_id")
        for n, seed in enumerate((1, 1, 2))
    ]
    assert tests[0] == tests[1] != tests[2]


def test_a_users_context_has_no_word_that_only_the_post_itself_has(options):
    records = crawl_records()[:60]
    for n, item in enumerate(records):
        item["text"] += f" own{n}"
    write_crawl(options.input, records)
    for split in ("users", "posts"):
        view = build(replace(options, split=split, language="none"))
        for subset in view.subsets.values():
            for row in range(len(subset)):
                own = subset.text("reference", row).split()[-1]
                words = view.vocabulary.decode(subset.context_ids[row])
                assert own not in words and len(words) == subset.context_length[row] > 0


def test_a_user_with_training_posts_has_a_context_of_those_alone(options):
    view = build(replace(options, split="posts"))
    train, test = view.subsets["train"], view.subsets["test"]
    for row in range(len(test)):
        mine = train.user[:] == test.user[row]
        words = {w for r in np.flatnonzero(mine) for w in train.text("reference", r).split()}
        assert set(view.vocabulary.decode(test.context_ids[row])) <= words


def test_links_can_be_stripped_and_languages_let_in(options):
    view = build(replace(options, links="strip", language="none"))
    steps = {step["filter"]: step["posts_removed"] for step in view.report["filters"]}
    assert steps["with hyperlinks"] == steps["not in the language"] == 0
    texts = [t for s in view.subsets.values() for t in s.columns.texts("reference")]
    assert ENGLISH in texts and GERMAN in texts and view.report["language"] is None


def test_the_language_filter_reads_the_text_in_both_tasks(options):
    view = build(replace(options, task="hashtag"))
    assert view.report["filters"][1]["posts_removed"] == 1
    assert view.report["language"]["dictionary"] == "en_US"


def test_a_fifth_of_unknown_words_is_still_english(options):
    records = [record(user, n, "the sun is up xqzw") for user in USERS for n in range(12)]
    records += [record("ann", "more", "the sun is xqzw")]
    write_crawl(options.input, records)
    assert build(options).report["filters"][1]["posts_removed"] == 1


def test_hashtags_are_found_in_the_text_where_the_field_is_missing(options):
    text = f"{ENGLISH} #Sun_Set and #sea #sand"
    records = [record(user, n, text, hashtags=None) for user in USERS for n in range(12)]
    write_crawl(options.input, records)
    view = build(replace(options, task="hashtag"))
    assert view.subsets["train"].text("reference", 0) == "sun_set sea sand"


def test_posts_without_a_date_stay_and_are_counted(options):
    records = crawl_records()[:60]
    for item in records[:12]:
        item["created_at"] = "yesterday"
    write_crawl(options.input, records)
    view = build(options)
    (remark,) = view.report["remarks"].values()
    assert remark["count"] == 12 and remark["examples"] == ["line 1", "line 2", "line 3"]
    times = np.concatenate([subset.created_at for subset in view.subsets.values()])
    assert (times == UNKNOWN_TIME).sum() == 12


def test_images_can_be_lent(options, tmp_path):
    records = [item | {"image": None} for item in crawl_records()[:60]]
    write_crawl(options.input, records)
    with pytest.raises(UserError, match=r"no image \(--images_list lends one\) \(60 posts\)"):
        build(options)
    (tmp_path / "photos").mkdir()
    for name in ("b.jpg", "a.jpg", "c.jpg"):
        (tmp_path / "photos" / name).touch()
    view = build(replace(options, images_list=tmp_path / "photos"))
    (tmp_path / "names.txt").write_text("a.jpg\nb.jpg\nc.jpg\n")
    build_view(replace(options, images_list=tmp_path / "names.txt"), show_progress=False)
    train = view.subsets["train"]
    lines = {(item["user"], item["post"]): n for n, item in enumerate(records)}
    for row in range(len(train)):
        line = lines[view.users[train.user[row]], train.text("post_id", row)]
        assert view.image_names[train.image_row[row]] == "abc"[line % 3] + ".jpg"


def test_a_second_task_appends_images_and_counts_both(options):
    first = build(options)
    assert first.report["both_tasks"] == {"posts": 60, "users": 5, "other_view": None}
    records = [*crawl_records(), *(record("zoe", n, hashtags=["a", "b", "c"]) for n in range(12))]
    for item in records[:12]:
        item["hashtags"] = []  # ann has captions only
    write_crawl(options.input, records)
    names = first.image_names
    second = build(replace(options, task="hashtag"))
    assert second.report["both_tasks"] == {
        "posts": 72,
        "users": 6,
        "other_view": "caption-users-others",
    }
    assert second.image_names[: len(names)] == names and len(second.image_names) == 72


def test_statistics_of_table_one(options):
    row = build(options).report["statistics"]
    assert row == {
        "posts": 60,
        "users": 5,
        "posts_per_user_average": 12,
        "posts_per_user_median": 12,
        "words_per_post_average": 9,
        "words_per_post_median": 9,
    }


def test_the_vocabulary_counts_its_special_words_and_only_training_posts(options):
    view = build(replace(options, vocab_size=8))
    assert len(view.vocabulary) == 8 == view.report["vocabulary"]["size"]
    train = view.subsets["train"].columns.texts("reference")
    assert view.report["vocabulary"]["distinct_training_words"] == len(
        {word for text in train for word in text.split()}
    )
    assert view.report["vocabulary"]["training_coverage"] == pytest.approx(5 / 9)


def test_the_same_view_is_not_built_twice(options):
    folder, built = build_view(options, show_progress=False)
    before = contents(folder)
    assert built and build_view(replace(options, jobs=2), show_progress=False) == (folder, False)
    with pytest.raises(UserError, match=r"max_words 15 -> 9.*--overwrite"):
        build(replace(options, max_words=9))
    assert contents(folder) == before
    assert build(replace(options, max_words=9, overwrite=True)).settings["max_words"] == 9


def test_changed_input_is_noticed(options):
    build(options)
    write_crawl(options.input, crawl_records()[:60])
    with pytest.raises(UserError, match="input_sha256"):
        build(options)


def test_other_lent_images_are_noticed(options, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("a.jpg\n")
    build(replace(options, images_list=names))
    names.write_text("b.jpg\n")
    with pytest.raises(UserError, match="input_sha256"):
        build(replace(options, images_list=names))


def test_a_build_that_fails_leaves_nothing(options, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fails)
    with pytest.raises(UserError, match="no space left"):
        build(options)
    assert list_views(options.out) == []
    assert not [path for path in options.out.iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_share": 1.5}, "--train_share is 1.5, expected 0.01 to 0.99"),
        ({"min_words": 16}, "--min_words is larger than --max_words"),
        ({"min_posts": 2000}, "--min_posts is larger"),
        ({"vocab_size": 4}, "--vocab_size is 4, expected 5 or more"),
        ({"val_posts": 5}, "--val_posts does nothing with --source crawl"),
        ({"source": "instapic"}, "does nothing with --source instapic"),
        ({"tokenizer": "released", "letters": "unicode"}, "--letters does nothing"),
        ({"language": "xx_YY"}, "no dictionary 'xx_YY'"),
        ({"min_posts": 30}, r"no posts are left.*users with fewer than 30 posts \(61 posts\)"),
    ],
)
def test_wrong_options_are_said_in_words(options, change, words):
    with pytest.raises(UserError, match=words):
        build(replace(options, **change))


def test_a_published_data_set_keeps_its_split(tmp_path):
    write_instapic(tmp_path, 30)
    view = build(BuildOptions("instapic", tmp_path, out=tmp_path / "data", val_posts=11, jobs=1))
    assert view.folder.name == "caption-shipped-others"
    assert {name: len(subset) for name, subset in view.subsets.items()} == {
        "train": 109,
        "val": 11,
        "test1": 6,
        "test2": 12,
    }
    assert "min_posts" not in view.settings and view.settings["val_posts"] == 11


def test_long_test_posts_of_a_published_data_set_are_cut_and_said(tmp_path):
    write_instapic(tmp_path, 30)
    path = tmp_path / "insta-caption-test1.json"
    content = json.loads(path.read_text())
    content["e"]["test1000"]["caption"] = "word " * 20
    path.write_text(json.dumps(content))
    view = build(BuildOptions("instapic", tmp_path, out=tmp_path / "d", jobs=1))
    test1 = view.subsets["test1"]
    assert test1.caption_length.max() == 15 == test1.caption_ids[0].astype(bool).sum()
    assert len(test1.text("reference", 0).split()) == 20
    assert any("1 test posts are longer than 15 words" in note for note in view.report["notes"])


def test_the_released_tokenizer_filters_nothing(tmp_path):
    photos = [("One+title+here", "x", ""), ("", "", ""), ("a", " ".join("b" * 20), "")]
    write_yfcc(tmp_path, photos)
    view = build(
        BuildOptions(
            "yfcc", tmp_path, out=tmp_path / "d", tokenizer="released", context="all", jobs=1
        )
    )
    assert list(view.subsets) == ["train", "test"]
    assert view.subsets["test"].caption_length.tolist() == [3, 0, 20]
    assert view.subsets["train"].caption_ids.shape == (3, 20)


def test_a_yfcc_caption_is_the_first_candidate_that_fits():
    title, description = ["t"] * 2, ["d"] * 3
    assert choose_caption([title, description]) == description
    assert choose_caption([["t"] * 20, description]) == ["t"] * 20
    assert choose_caption([["t"] * 21, description]) == description
    assert choose_caption([title, ["d"] * 21]) == title


def test_tags_in_a_text():
    assert tags_in_text("at #the_sea, #Été! no#") == ["#the_sea", "#été"]


@pytest.mark.parametrize("split", ["users", "posts"])
def test_real_german_posts(tmp_path, split):
    view = build(
        BuildOptions(
            "crawl",
            shared("data/posts/de_posts.jsonl.gz"),
            task="hashtag",
            out=tmp_path,
            language="none",
            links="strip",
            max_bad_share=1,
            letters="unicode",
            min_posts=20,
            test_posts=200,
            split=split,
            images_list=shared("data/photos/images"),
            jobs=1,
        )
    )
    assert view.report["statistics"]["posts"] == 2290 and view.report["statistics"]["users"] == 10
    assert len(view.subsets["test"]) == (200 if split == "posts" else 345)
