"""Order, ids, files and the special words."""

import re
from collections import Counter

import pytest

from data_loader.vocabulary import EOS, GO, PAD, UNK, Vocabulary
from utils.errors import UserError

SPECIAL = ["_PAD", "_GO", "_EOS", "_UNK"]


def test_order_is_count_then_code_points():
    counter = Counter({"b": 2, "é": 2, "a": 2, "Z": 2, "c": 5, "rare": 1})
    assert Vocabulary.build(counter, 9).words == [*SPECIAL, "c", "Z", "a", "b", "é"]


def test_special_words_are_first_and_counted():
    vocabulary = Vocabulary.build(Counter("abcdefg"), 6)
    assert len(vocabulary) == 6
    assert [vocabulary.words[i] for i in (PAD, GO, EOS, UNK)] == SPECIAL


def test_a_short_counter_gives_a_short_vocabulary():
    assert len(Vocabulary.build(Counter("ab"), 50)) == 6


def test_size_without_room_is_an_error():
    with pytest.raises(UserError, match="at least 5"):
        Vocabulary.build(Counter("ab"), 4)


def test_special_names_in_a_post_are_unknown_words():
    vocabulary = Vocabulary.build(Counter({"_PAD": 9, "_EOS": 8, "a": 1}), 7)
    assert vocabulary.words == [*SPECIAL, "a"]
    assert vocabulary.encode(["_PAD", "a", "_GO", "_UNK"]) == [UNK, 4, UNK, UNK]
    assert "_EOS" not in vocabulary


def test_encode_and_decode():
    vocabulary = Vocabulary([*SPECIAL, "a", "b"])
    assert vocabulary.encode(["b", "x", "a"]) == [5, UNK, 4]
    assert vocabulary.decode([GO, 5, PAD, UNK, 4, EOS, 4]) == ["b", "_UNK", "a"]


def test_file_has_one_word_per_line_and_comes_back(tmp_path):
    words = [*SPECIAL, "❤", "#tag", "한국", "x\x7f"]
    Vocabulary(words).save(tmp_path / "8.vocab")
    assert (tmp_path / "8.vocab").read_bytes() == ("\n".join(words) + "\n").encode()
    assert Vocabulary.load(tmp_path / "8.vocab").words == words


def test_a_file_with_windows_line_ends_is_read(tmp_path):
    (tmp_path / "5.vocab").write_bytes("\r\n".join([*SPECIAL, "a", ""]).encode())
    assert Vocabulary.load(tmp_path / "5.vocab").words == [*SPECIAL, "a"]


@pytest.mark.parametrize("word", ["", "a b", "a\nb", "x"])
def test_words_that_a_file_cannot_hold_are_errors(word):
    with pytest.raises(ValueError, match=re.escape(repr(word))):
        Vocabulary([*SPECIAL, "x", word])


@pytest.mark.parametrize("content", [b"a\nb\n", b"_PAD\n_GO\n_EOS\n_UNK\n\xff\n", b""])
def test_a_file_that_is_no_vocabulary_is_named(tmp_path, content):
    (tmp_path / "bad.vocab").write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.vocab is not a vocabulary"):
        Vocabulary.load(tmp_path / "bad.vocab")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no vocabulary at .*none\.vocab"):
        Vocabulary.load(tmp_path / "none.vocab")


def test_rare_words_are_left_out():
    counter = {"sea": 3, "sun": 2, "fog": 1, "_UNK": 9}
    words = Vocabulary.build(counter, None, min_count=2).words
    assert words == [*SPECIAL, "sea", "sun"]
    assert Vocabulary.build(counter, None).words[4:] == ["sea", "sun", "fog"]
    assert Vocabulary.build(counter, 5, min_count=2).words[4:] == ["sea"]
