import json
from pathlib import Path

import emoji
import pytest

from tests.utils.java_stub import needs_java
from utils.metrics.emoji_spelling import spell_emoji
from utils.metrics.ptb_tokenizer import tokenize_ptb

GOLDEN = Path(__file__).parents[1] / "goldens/metrics/ptb_golden.jsonl"


@needs_java
def test_every_line_is_tokenized_as_by_pycocoevalcap():
    rows = [json.loads(line) for line in GOLDEN.open(encoding="utf-8")]
    assert len(rows) == 610
    assert tokenize_ptb([row["text"] for row in rows]) == [row["ptb"] for row in rows]


@needs_java
def test_nothing_inside_a_text_shifts_the_lines():
    ends = ["\n", "\r", "\r\n", "\v", "\f", "\u2028", "\u2029", "\0", "\x1c", "\x1e", "\ud800"]
    texts = [f"left{end}right" for end in ends] + ["", " ", "\n", "the end"]
    tokens = tokenize_ptb(texts)
    assert len(tokens) == len(texts)
    assert tokens[-4:] == ["", "", "", "the end"]
    for end, line in zip(ends, tokens, strict=False):
        assert line.startswith("left") and line.endswith("right"), repr(end)


def test_no_text_needs_no_java(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert tokenize_ptb([]) == []


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("no emoji: é 한국 1 #", "no emoji: é 한국 1 #"),
        ("fun😂", "fun emoji1f602x "),
        ("❤️", " emoji2764x "),
        ("❤", " emoji2764x "),
        ("👍🏽👍", " emoji1f44du1f3fdx  emoji1f44dx "),
        ("👨‍👩‍👧", " emoji1f468u200du1f469u200du1f467x "),
        ("🇰🇷🇺🇸", " emoji1f1f0u1f1f7x  emoji1f1fau1f1f8x "),
        ("1️⃣", " emoji31u20e3x "),
        ("#sea🌊#sun", "#sea emoji1f30ax #sun"),
    ],
)
def test_each_emoji_is_one_word(text, spelled):
    assert spell_emoji(text) == spelled


def test_different_emoji_are_different_words():
    bare = {e.replace("\ufe0f", "").replace("\ufe0e", "") for e in emoji.EMOJI_DATA}
    assert len({spell_emoji(e) for e in emoji.EMOJI_DATA}) == len(bare)


@needs_java
def test_the_tokenizer_keeps_every_spelled_emoji_whole():
    words = [spell_emoji(e).strip() for e in emoji.EMOJI_DATA]
    assert tokenize_ptb([" ".join(words), *words]) == [" ".join(words), *words]
