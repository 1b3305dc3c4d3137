"""Histories: the words of a person's own posts, cut as the posts of the view were."""

import json
from types import SimpleNamespace

import pytest

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.history import (
    context_words,
    count_known,
    read_history,
    text_cutter,
    user_history,
)
from data_loader.view import open_view
from tests.data_loader.crawls import record, write_crawl
from utils.errors import UserError

TEXTS = ("a café by the sea", "sunny sunny day at the sea", "hill and lake and boat")


@pytest.fixture
def crawl_view(tmp_path):
    """Makes a view of four users with six posts each; `letters` and `task` as asked."""

    def make(task="caption", split="posts", letters="ascii"):
        records = [
            record(user, f"p{n}", f"{TEXTS[(n + i) % 3]} {user}", hashtags=["Süd", user, f"t{n}"])
            for i, user in enumerate(("ann", "ben", "eve", "kim"))
            for n in range(6)
        ]
        path = write_crawl(tmp_path / "crawl.jsonl", records)
        options = BuildOptions(
            "crawl",
            path,
            task,
            tmp_path / "data",
            language="none",
            min_posts=3,
            train_share=0.6,
            test_posts=5,
            split=split,
            letters=letters,
            jobs=1,
        )
        build_view(options, show_progress=False)
        return open_view(tmp_path / "data", task, split)

    return make


@pytest.fixture
def write(tmp_path):
    def write(text, name="posts.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_each_line_is_a_post_cut_as_the_view_was(crawl_view, write):
    path = write("\ufeffCafé! at the #Sea\r\n\n  @mum SUNNY http://t.co/x \u2028café\n")
    history = read_history(path, crawl_view())
    assert history.posts == 2
    assert history.counts == dict.fromkeys(("at", "the", "#sea", "@username", "sunny"), 1) | {
        "cafe": 2
    }
    counts = read_history(path, crawl_view(split="users", letters="unicode")).counts
    assert counts["café"] == 2


def test_json_has_text_or_hashtags_or_both(crawl_view, write):
    rows = [{"text": "so #Blue", "user": 7}, {"hashtags": ["Süd", "#a#b"]}]
    rows += [{"text": "no #tag", "hashtags": ["sea"], "user": 7}, {"text": None, "hashtags": []}]
    path = write("\ufeff" + "\n".join(json.dumps(row) for row in rows), "posts.jsonl")
    tags = read_history(path, crawl_view("hashtag"))
    assert (tags.posts, sorted(tags.counts)) == (4, ["a", "b", "blue", "sea", "sud"])
    words = read_history(path, crawl_view("caption"))
    assert (words.posts, sorted(words.counts)) == (4, ["#blue", "#tag", "no", "so"])


def test_words_outside_the_vocabulary_are_counted_but_not_remembered(crawl_view, write):
    view = crawl_view()
    history = read_history(write("the the sea zebra _UNK\nsea the hill hill hill hill"), view)
    assert count_known(view, history) == (3, 5)
    # "hill" weighs most: it comes four times; of the two others "the" comes more often.
    assert view.vocabulary.decode(context_words(view, history, 60)) == ["hill", "the", "sea"]
    assert view.vocabulary.decode(context_words(view, history, 2)) == ["hill", "the"]
    nothing = read_history(write("zebra giraffe"), view)
    assert context_words(view, nothing, 60).shape == (0,)


def test_a_user_has_the_context_that_the_view_stores_for_other_posts(crawl_view):
    view = crawl_view()
    train, test = view.subsets["train"], view.subsets["test"]
    for row in range(len(test)):
        if test.user[row] not in train.user:
            continue
        history = user_history(view, view.users[test.user[row]])
        assert "subset train" in history.origin
        assert history.posts == (train.user == test.user[row]).sum()
        stored = test.context_ids[row, : test.context_length[row]].tolist()
        assert context_words(view, history, 100).tolist() == stored


def test_a_user_without_training_posts_has_the_words_of_the_subset(crawl_view):
    view = crawl_view(split="users")
    (number,) = set(view.subsets["test"].user.tolist())
    name = view.users[number]
    history = user_history(view, name)
    assert "subset test" in history.origin
    assert (history.posts, history.counts[name]) == (6, 0)  # the name is in no training post
    assert history.counts["sea"] == 4


def test_unknown_user_is_an_error_with_similar_names(crawl_view):
    with pytest.raises(UserError, match=r"no user 'enn' among its 4, such as .*ann.*--history"):
        user_history(crawl_view(), "enn")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (" \n\n", "posts.txt", "has no posts"),
        ("hello\n".encode("utf-16"), "posts.txt", "not UTF-8"),
        ("[1]", "posts.jsonl", "line 1: not a JSON object"),
        ('{"user": 1}', "posts.jsonl", "line 1: neither text nor hashtags"),
        ('{"text": "a"}\n\n{oops', "posts.jsonl", "line 3: not JSON; expected"),
        ("[" * 100_000, "posts.jsonl", "line 1: not JSON"),
        ('{"text": 3}', "posts.jsonl", "text is not a text"),
        ('{"hashtags": "sea"}', "posts.jsonl", "hashtags is not a list"),
        ('{"text": "a", "user": 1}\n{"text": "b", "user": 2}', "posts.jsonl", "of 2 users"),
    ],
)
def test_a_history_that_cannot_be_used_is_named(crawl_view, write, content, name, message):
    with pytest.raises(UserError, match=message):
        read_history(write(content, name), crawl_view())


def test_missing_history_is_named(crawl_view, tmp_path):
    for path in (tmp_path / "gone.txt", tmp_path):
        with pytest.raises(UserError, match=r"cannot read the history .*one earlier post per line"):
            read_history(path, crawl_view())


@pytest.mark.parametrize(
    ("source", "task", "text", "expected"),
    [
        ("instapic", "caption", "100% Für #sun_set", ["100", "f", "xfcr", "#sun-set"]),
        ("instapic", "hashtag", "100% Für #sun_set", ["#sun-set"]),
        # A percent sign is part of the text, not of its quotation.
        ("yfcc", "caption", "a%25b Café in", ["a%0b", "cafa(c)", "in"]),
        ("yfcc", "hashtag", "so #Sun #sea", ["sun", "sea"]),
    ],
)
def test_released_settings_cut_plain_text_like_their_own_form(write, source, task, text, expected):
    settings = {"source": source, "task": task, "tokenizer": "released"}
    found = read_history(write(text), SimpleNamespace(settings=settings))
    assert list(found.counts) == expected


@pytest.mark.parametrize(
    ("source", "tags", "expected"),
    [
        ("instapic", ["sea", "#sun"], ["#sea", "#sun"]),
        ("yfcc", ["sea", "#sun", "x%41y"], ["sea", "sun", "x%0y"]),
    ],
)
def test_released_tags_of_a_json_history_have_the_form_of_their_source(
    write, source, tags, expected
):
    settings = {"source": source, "task": "hashtag", "tokenizer": "released"}
    path = write(json.dumps({"hashtags": tags}), "posts.jsonl")
    found = read_history(path, SimpleNamespace(settings=settings))
    assert list(found.counts) == expected


@pytest.mark.parametrize("letters, cafe", [("ascii", "cafe"), ("unicode", "café")])
def test_a_new_text_is_cut_as_the_views_own(letters, cafe):
    view = SimpleNamespace(settings={"task": "caption", "letters": letters})
    assert text_cutter(view)("A Café, 2 dogs!") == ["a", cafe, "2", "dogs"]
