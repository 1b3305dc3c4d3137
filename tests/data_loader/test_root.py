"""Several processes at one data root: who has to wait or is refused is told for whom."""

import os
import socket
import threading

import pytest

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.corpus import CorpusOptions, build_corpus
from data_loader.root import building, locked_root
from tests.data_loader.crawls import record, write_crawl
from utils import locks
from utils.errors import UserError
from utils.locks import holder_of

ME = f"process {os.getpid()} on {socket.gethostname()}"


def test_a_view_that_is_being_built_is_refused_before_the_work(tmp_path):
    write_crawl(tmp_path / "posts.jsonl", [record("ann", "p1")])
    options = BuildOptions("crawl", tmp_path / "posts.jsonl", out=tmp_path / "data", task="caption")
    with building(tmp_path / "data", "caption-users-others"):
        with pytest.raises(UserError, match=f"others is being built by {ME}: wait for it"):
            build_view(options, False)
        with building(tmp_path / "data", "hashtag-users-others"):
            pass  # another view
    with pytest.raises(UserError, match="no posts"):  # the lock is free again
        build_view(options, False)


def test_a_corpus_that_is_being_built_is_refused(tmp_path):
    (tmp_path / "one.txt").write_text("ab" * 50)
    options = CorpusOptions(tmp_path / "one.txt", tmp_path / "out")
    with (
        building(tmp_path, "out"),
        pytest.raises(UserError, match=f"out is being built by {ME}"),
    ):
        build_corpus(options)
    build_corpus(options)


def test_what_a_killed_build_of_a_corpus_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "one.txt").write_text("ab" * 50)
    mine, other = tmp_path / ".out.tmp-1-0123abcd", tmp_path / ".other.tmp-1-0123abcd"
    for left in (mine, other):
        left.mkdir()
    build_corpus(CorpusOptions(tmp_path / "one.txt", tmp_path / "out"))
    assert not mine.exists() and other.exists()


def test_who_waits_for_a_root_says_for_whom(tmp_path, capsys, monkeypatch):
    order, asked = [], threading.Event()
    monkeypatch.setattr(locks, "holder_of", lambda lock: (holder_of(lock), asked.set())[0])

    def write_too():
        with locked_root(tmp_path):
            order.append("second")

    second = threading.Thread(target=write_too)
    with locked_root(tmp_path):
        second.start()
        assert asked.wait(60)
        order.append("first")
    second.join()
    assert order == ["first", "second"]
    assert f"waiting for {ME}, which writes to {tmp_path}" in capsys.readouterr().out
