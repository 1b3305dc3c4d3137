import json

import numpy as np
import pytest

from data_loader.characters import Characters, normalise
from data_loader.vocabulary import EOS, UNK
from utils.errors import UserError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafe\u0301", "café"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("tab\tand\x00\x1b[0m zero", "tab\tand[0m zero"),
        ("\ufeffmark", "mark"),
        ("👩🏿‍🍳 ❤️ 한국어", "👩🏿‍🍳 ❤️ 한국어"),
    ],
)
def test_raw_text_keeps_what_can_be_printed(text, expected):
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm 23, Jane#!", "im   jane  "),
        ("It’s\nDON'T", "its dont"),
        ("Café Ñandú", "cafe nandu"),
        ("a—b 😀", "a b  "),
    ],
)
def test_cleaned_text_is_letters_and_blanks(text, expected):
    assert normalise(text, "cleaned") == expected


def test_frequent_characters_come_first_and_rare_ones_are_unknown():
    characters = Characters.build(["abab😀", "ba😀z"], min_count=2)
    assert characters.characters == ["a", "b", "😀"]
    assert len(characters) == 7
    ids = characters.encode("😀zaéb\U0010ffff")
    np.testing.assert_array_equal(ids, [6, UNK, 4, UNK, 5, UNK])
    assert characters.unknown("zébz") == ["z", "é"]


def test_decoding_ends_at_the_boundary_and_leaves_special_symbols_out():
    characters = Characters(["x", "y"])
    assert characters.decode([4, 0, 1, 5, UNK, 4, EOS, 5]) == "xyx"


def test_saved_and_loaded(tmp_path):
    Characters(["\n", '"', "é"], "cleaned").save(tmp_path / "c.json")
    loaded = Characters.load(tmp_path / "c.json")
    assert loaded.characters == ["\n", '"', "é"] and loaded.form == "cleaned"


@pytest.mark.parametrize("content", [None, "[]", "{}", '{"form": "raw", "characters": ["ab"]}'])
def test_what_is_no_such_file_is_one_line(tmp_path, content):
    path = tmp_path / "c.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"cannot read the characters of .*c\.json"):
        Characters.load(path)


def test_a_character_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match="comes twice"):
        Characters(json.loads('["a", "b", "a"]'))
