"""Properties that hypothesis tries to break, and makes small where it does."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_loader.posts import Problems, parse_time
from data_loader.sources import crawl
from data_loader.tokenizer import tokenize
from scripts.torture.words import check_nothing_invented, check_rejoins, check_tokens
from utils.json_text import Doubled, pairs_of, parse_json
from utils.lines import BOM, bounded_lines
from utils.predictions import read_predictions, write_predictions

TEXT = st.text(st.characters(), max_size=40)  # lone surrogates and NUL too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | good
        for name, good in {
            "user": st.sampled_from(["anna", 7]),
            "post": st.integers(0, 99),
            "image": st.just("a/1.jpg"),
            "text": TEXT,
            "hashtags": st.lists(TEXT, max_size=3),
            "created_at": st.integers() | st.floats() | TEXT,
        }.items()
    },
)
QUICK = settings(max_examples=100, deadline=None)


@QUICK
@given(st.lists(RECORD | JSON, max_size=5), st.sampled_from(["caption", "hashtag"]))
def test_each_record_of_a_crawl_is_a_post_or_a_problem(tmp_path_factory, records, task):
    path = tmp_path_factory.mktemp("crawl") / "posts.jsonl"
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    posts, problems = [], Problems()
    for chunk in crawl.chunks(path, task):
        part, bad = crawl.parse(chunk, task, images=[])
        posts += part
        problems.merge(bad)
    assert len(posts) + problems.counts.total() == len(records)
    for post in posts:
        record = records[int(post.place.removeprefix("line ")) - 1]
        assert (post.user, post.post) == (str(record["user"]), str(record["post"]))
        assert post.created_at == parse_time(record.get("created_at"))
        json.dumps(post, ensure_ascii=False).encode()


@QUICK
@given(st.text(st.characters(), max_size=80), st.sampled_from(["ascii", "unicode"]))
def test_tokens_are_what_the_rules_say_and_rejoin(text, letters):
    tokens = tokenize(text, letters)
    check_tokens(tokens, letters)
    check_rejoins(tokens, letters)
    check_nothing_invented(text, tokens)


@QUICK
@given(st.dictionaries(TEXT, st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)), min_size=1))
def test_predictions_are_read_as_they_were_written(tmp_path_factory, posts):
    path = tmp_path_factory.mktemp("predictions") / "p.jsonl"
    rows = [{"id": i, "prediction": said, "references": r} for i, (said, r) in posts.items()]
    write_predictions(path, rows)
    assert read_predictions(path) == rows


@QUICK
@given(st.lists(st.tuples(TEXT, JSON), max_size=4))
def test_objects_keep_all_their_pairs(pairs):
    text = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs)
    found = parse_json(f"{{{text}}}")
    assert isinstance(found, Doubled) == (len({key for key, _ in pairs}) < len(pairs))
    assert str([value for _, value in pairs_of(found)]) == str([value for _, value in pairs])


@QUICK
@given(st.lists(st.binary(max_size=12)), st.integers(3, 9), st.booleans(), st.booleans())
def test_lines_in_bounds_are_whole_and_others_are_none(tmp_path_factory, lines, longest, bom, end):
    lines = [line.replace(b"\n", b"") for line in lines]
    data = b"\n".join(lines) + b"\n" * end
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(BOM * bom + data)
    with open(path, "rb") as file:
        found = list(bounded_lines(file, longest))
    expected = data.removesuffix(b"\n").split(b"\n") if data else []
    if bom and expected and len(expected[0]) + len(BOM) > longest:
        expected, found = expected[1:], found[1:]  # the mark counts
    assert [line and line.removesuffix(b"\n") for line in found] == [
        line if len(line) <= longest else None for line in expected
    ]


def test_a_deep_value_is_no_crash():
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json("[" * 100_000)
