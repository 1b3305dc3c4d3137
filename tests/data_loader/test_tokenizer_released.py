"""The original tokenizers, held to what the original scripts gave."""

import json
from pathlib import Path

import pytest

from data_loader.tokenizer import (
    tokenize_released,
    tokenize_released_hashtags,
    tokenize_released_yfcc,
    tokenize_released_yfcc_hashtags,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "goldens/tokenizer_golden.json").read_text())


@pytest.mark.parametrize(
    ("rows", "tokenizer", "given", "expected"),
    [
        ("texts", tokenize_released, "text", "insta"),
        ("texts", tokenize_released_yfcc, "yfcc_caption_raw", "yfcc_caption"),
        ("texts", tokenize_released_yfcc, "text", "yfcc_caption_plain_unicode_input"),
        ("tags", tokenize_released_hashtags, "insta_tags_in", "insta"),
        ("tags", tokenize_released_yfcc_hashtags, "yfcc_user_tags_in", "yfcc_hashtag"),
    ],
)
def test_every_line_of_the_original_scripts(rows, tokenizer, given, expected):
    lines = [row for row in GOLDEN[rows] if given in row]
    assert len(lines) >= 3
    for row in lines:
        assert tokenizer(row[given]) == row[expected], row[given]


def test_lower_case_is_that_of_python_2():
    assert tokenize_released("İstanbul") == ["istanbul"]


def test_surrogates_and_nul_do_not_raise():
    assert tokenize_released("a\ud83d b\0") == ["a", "b", "x00"]
