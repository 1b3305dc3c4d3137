"""The build is timed whole: a made-up crawl, the command itself, the memory of its processes."""

import json
import os
import subprocess
import sys

import pytest

from scripts.benchmark import build, made_up_crawl
from scripts.benchmark.build import Build, measure
from scripts.benchmark.made_up_crawl import english_words, write_crawl
from scripts.benchmark.tree_memory import tree_memory_gb
from utils.errors import UserError


@pytest.fixture(autouse=True)
def needs_dictionary():
    enchant = pytest.importorskip("enchant")
    if not enchant.dict_exists("en_US"):
        pytest.skip("needs an en_US dictionary: apt-get install hunspell-en-us")


@pytest.fixture
def few_words(monkeypatch):
    monkeypatch.setattr(made_up_crawl, "WORDS", 3_000)


def test_a_view_is_built_and_counted():
    numbers = measure(Build(posts=5_000, jobs=2))
    assert numbers["posts_per_second"] == pytest.approx(5_000 / numbers["seconds"])
    assert 500 < numbers["posts_kept"] < 4_000 and numbers["posts_read"] == 5_000
    assert 0.05 < numbers["peak_memory_gb"] < 3


def test_what_the_build_says_of_its_failure_is_passed_on(monkeypatch):
    monkeypatch.setattr(build, "write_crawl", lambda path, posts: path.write_text("{}\n"))
    with pytest.raises(UserError, match="no posts are left"):
        measure(Build())


def test_too_few_posts_are_refused():
    with pytest.raises(UserError, match="--posts is 100; expected at least 5000"):
        Build(posts=100).check()
    with pytest.raises(UserError, match="--jobs is -1"):
        Build(jobs=-1).check()


def test_a_crawl_has_its_dirt_and_is_the_same_every_time(few_words, tmp_path):
    for name in ("first", "second"):
        write_crawl(tmp_path / name, 700)
    text = (tmp_path / "first").read_bytes()
    assert text == (tmp_path / "second").read_bytes() and text.count(b"\n") == 700
    for bit in (b"http", b"#", b"@", "🍕".encode(), "ö".encode()):
        assert bit in text


def test_a_larger_crawl_is_of_other_users_who_say_the_same(few_words, tmp_path, monkeypatch):
    monkeypatch.setattr(made_up_crawl, "DISTINCT", 40)
    write_crawl(tmp_path / "posts", 90)
    records = [json.loads(line) for line in (tmp_path / "posts").read_bytes().splitlines()]
    texts = [record["text"] for record in records]
    assert len(texts) == 90 and texts[:40] == texts[40:80] and texts[:10] == texts[80:]
    names = [{record["user"] for record in records[i : i + 40]} for i in (0, 40, 80)]
    assert not names[0] & names[1] and not names[1] & names[2]


def test_words_are_distinct_and_as_many_as_wanted(few_words):
    words = english_words()
    assert len(words) == len(set(words)) == 3_000 and words[0] == "the"


def test_the_memory_of_a_tree_counts_all_its_processes():
    code = "import os, sys; block = b'x' * 60_000_000; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    before = tree_memory_gb(os.getpid())
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
        child.stdout.readline()
        assert 0.06 < tree_memory_gb(os.getpid()) - before < 0.2
        child.stdin.close()
    assert tree_memory_gb(child.pid) == 0  # it has ended
