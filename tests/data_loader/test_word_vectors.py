"""Word vectors: layouts of files, Korean tokens, and what is said of a bad file."""

import gzip

import numpy as np
import pytest

from data_loader.vocabulary import SPECIAL_WORDS
from data_loader.word_vectors import read_word_vectors
from utils.errors import UserError

WORDS = [*SPECIAL_WORDS, "sea", "바다/NNG", "바다/NNP", "and/or", "fog", "//SP"]
LINES = ["sea 1 2 3", "바다 4 5e-1 -6 ", "or 0 0 0", "/ 7 8 9", "sea 9 9 9", "and/or 1 1 1"]
EXPECTED = {4: [1, 2, 3], 5: [4, 0.5, -6], 6: [4, 0.5, -6], 7: [1, 1, 1], 9: [7, 8, 9]}


def write(tmp_path, lines, header="6 3", compress=False):
    text = "".join(f"{line}\n" for line in ([header] if header else []) + lines).encode()
    path = tmp_path / "some.vec"
    path.write_bytes(gzip.compress(text) if compress else text)
    return path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("header", ["6 3", None])
def test_words_and_surfaces_of_tokens_get_their_vectors(tmp_path, header, compress):
    found = read_word_vectors(write(tmp_path, LINES, header, compress), WORDS, 3)
    assert dict(zip(found.ids.tolist(), found.vectors.tolist(), strict=True)) == EXPECTED
    assert found.coverage(6) == "word vectors for 5 of 6 words (83.3%)"
    table = np.full([10, 3], 5.0)
    changed = found.put_into(table)
    rows = [place for place in range(10) if place not in EXPECTED]
    assert (changed[rows] == 5).all() and (table == 5).all()
    np.testing.assert_array_equal(changed[7], [1, 1, 1])


def test_special_words_get_none(tmp_path):
    path = write(tmp_path, ["_UNK 1 2 3", "fog 1 2 3"])
    assert read_word_vectors(path, WORDS, 3).ids.tolist() == [8]


def test_broken_lines_are_left_out_and_counted(tmp_path):
    """Only where a word is asked for: a line of many words is none of them."""
    lines = [
        "new york 1 2 3",
        "sea 1 2",
        "fog 1 x 3",
        "바다 1 nan 3",
        "and/or 1 2 3 4",
        "fog 4 5 6",
    ]
    path = write(tmp_path, lines)
    path.write_bytes(path.read_bytes() + b"\xff\xfe 1 2 3\n")
    found = read_word_vectors(path, WORDS, 3)
    assert found.ids.tolist() == [8] and found.vectors.tolist() == [[4, 5, 6]]
    assert found.broken == [3, 4, 5, 6]
    assert found.coverage(6).endswith("broken lines left out: 4, the first is 3")


def test_lines_are_not_kept(tmp_path, monkeypatch):
    """A file may be larger than the memory."""
    from data_loader import word_vectors

    alive = []

    class Line(bytes):
        def __del__(self):
            alive.pop()

    def lines(path, width):
        for number in range(1000):
            alive.append(number)
            assert len(alive) < 5
            yield number, Line(b"word%d 1 2 3" % number if number != 500 else b"fog 1 2 3")

    monkeypatch.setattr(word_vectors, "_lines", lines)
    assert read_word_vectors(tmp_path / "some.vec", WORDS, 3).ids.tolist() == [8]


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["sea 1 2 3"], "1 3", "has vectors of width 3, the model embeds words in 4: .*word_dim 3"),
        (["sea 1 2 3"], None, "has vectors of width 3"),
        ([], None, "does not begin with a word and its numbers; expected fastText"),
        (["\x00binary"], None, "does not begin with a word and its numbers"),
        (["a story of the sea"], None, "does not begin with a word and its numbers"),
        (["sea 1 2 3", "fog 1 2"], "2 4", "no word .* has 4 finite numbers .* nor has line 2"),
        (["cow 1 2 3 4"], "1 4", "none of the vocabulary's words"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(tmp_path, lines, header, message):
    with pytest.raises(UserError, match=message) as error:
        read_word_vectors(write(tmp_path, lines, header), WORDS, 4)
    assert "\n" not in str(error.value) and "some.vec" in str(error.value)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(UserError, match="--word_vectors: no file"):
        read_word_vectors(tmp_path / "none.vec", WORDS, 3)
    with pytest.raises(UserError, match="cannot read"):
        read_word_vectors(tmp_path, WORDS, 3)
    path = write(tmp_path, LINES * 100, compress=True)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="cannot read"):
        read_word_vectors(path, WORDS, 3)
