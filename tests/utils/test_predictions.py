import json

import pytest

from utils.errors import UserError
from utils.predictions import join_id, join_words, read_predictions, write_predictions

GOOD = {"id": "7", "prediction": "a dog", "references": ["the dog"]}


def write(path, *lines: str | bytes):
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines))
    return path


def row(**changes) -> str:
    return json.dumps(GOOD | changes)


def test_what_is_written_is_read(tmp_path):
    rows = [
        GOOD | {"user": "u1", "image": "a.jpg"},
        GOOD | {"id": 8, "prediction": "", "references": ["😂 é\u2028\u0085x", "\n"]},
        GOOD | {"id": "9", "prediction": "half \ud83d"},
    ]
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, iter(rows))
    assert read_predictions(path) == rows
    assert "😂 é" in path.read_text(encoding="utf-8")


def test_editors_marks_are_read(tmp_path):
    path = write(tmp_path / "p", b"\xef\xbb\xbf" + row().encode() + b"\r", row(id="8"))
    assert [found["id"] for found in read_predictions(path)] == ["7", "8"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON: '{'"),
        ("", "not JSON: ''"),
        ("[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        ("[1]", "a list where an object is needed"),
        ('{"id": 1}', 'no "prediction" and no "references"'),
        (row(id=None), '"id" is None'),
        (row(id=True), '"id" is True'),
        (row(id=1.5), '"id" is 1.5'),
        (row(prediction=["a"]), r'"prediction" is \[\'a\'\], not a string'),
        (row(references="a"), "\"references\" is 'a', not a list"),
        (row(references=[]), '"references" has no entry'),
        (row(references=["a", 3]), '"references" has 3, not a string'),
        (row(id=5), "the id '5' is already on line 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, problem):
    path = write(tmp_path / "p.jsonl", row(id="5"), line, row())
    with pytest.raises(UserError, match=f"p.jsonl, line 2: {problem}.*(expected|give)") as error:
        read_predictions(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_named(tmp_path, content):
    with pytest.raises(UserError, match="is empty"):
        read_predictions(write(tmp_path / "p", content))


def test_no_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"missing\.jsonl: No such file"):
        read_predictions(tmp_path / "missing.jsonl")
    with pytest.raises(UserError, match="directory"):
        read_predictions(tmp_path)


@pytest.mark.parametrize("bad", [GOOD, GOOD | {"id": "8", "references": []}])
def test_bad_rows_leave_the_old_file(tmp_path, bad):
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, [GOOD])
    with pytest.raises(UserError, match="row 1"):
        write_predictions(path, [GOOD, bad])
    assert read_predictions(path) == [GOOD]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot write the predictions"):
        write_predictions(tmp_path / "missing" / "p.jsonl", [GOOD])


def test_no_two_posts_share_an_id():
    names = ["a", "a/b", "b", "a%2Fb", "%", "/", "//", ""]
    pairs = [(user, post) for user in names for post in names]
    assert len({join_id(*pair) for pair in pairs}) == len(pairs)
    assert join_id("ann_1", "p-7.x") == "ann_1/p-7.x"


def test_a_hashtag_is_predicted_once_and_a_word_as_often_as_it_is_said():
    words = ["sun", "sea", "sun"]
    assert join_words(words, "hashtag") == "sun sea"
    assert join_words(words, "caption") == "sun sea sun"
