"""Ranges of a crawl, read by themselves, are the crawl."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_loader.sources import crawl
from utils.lines import LONGEST

PIECES = st.lists(st.sampled_from([b"\n", b"a", b"{}\n", b"\xef\xbb\xbf", b"\r\n", b"long " * 9]))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("crawl") / "posts.jsonl"


def numbered(chunks):
    return [(chunk.first + i, line) for chunk in chunks for i, line in enumerate(chunk.lines)]


def read_in_ranges(file, size):
    found, first = [], 0
    for one in crawl.cut(file, size):
        found += numbered(crawl.read_range(*one, first=first))
        first += crawl.count_lines(*one)
    return found


@settings(max_examples=150, deadline=None)
@given(pieces=PIECES, size=st.integers(1, 40))
def test_every_line_is_in_one_range_and_has_its_number(file, pieces, size):
    file.write_bytes(b"".join(pieces))
    assert read_in_ranges(file, size) == numbered(crawl.chunks(file, "caption"))


def test_a_line_that_is_too_long_is_one_line_wherever_it_is_cut(file):
    file.write_bytes(b"first\n" + b"x" * (LONGEST + 9) + b"\nlast\n")
    expected = [(0, b"first\n"), (1, None), (2, b"last\n")]
    for size in (5, 6, 7, LONGEST + 12):
        sizes = [6, LONGEST, LONGEST + 30] if size < 10 else [size, LONGEST + 30]
        found, first, start = [], 0, 0
        for stop in sizes:
            one = crawl.Range(file, start, min(stop, file.stat().st_size))
            found += numbered(crawl.read_range(*one, first=first))
            first, start = first + crawl.count_lines(*one), one.stop
        assert found == expected


def test_what_is_packed_is_not_cut(file):
    file.write_bytes(gzip.compress(b"{}\n{}\n"))
    assert crawl.cut(file, 3) is None
