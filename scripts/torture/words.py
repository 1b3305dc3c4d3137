"""Odd strings through every tokenizer; their tokens are held to rules said in another way."""

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

from data_loader.characters import Characters, normalise
from data_loader.korean import BLANK_INSIDE, join_korean, tokenize_korean
from data_loader.tokenizer import (
    has_link,
    remove_links,
    tokenize,
    tokenize_hashtags,
    tokenize_released,
    tokenize_released_hashtags,
    tokenize_released_yfcc,
    tokenize_released_yfcc_hashtags,
)
from scripts.torture.damage import odd_text
from scripts.torture.plain import check_plain_korean, check_plain_released, check_plain_words
from utils.emoji_pattern import EMOJI

USERNAME = "@username"
# Signs that may stand inside a token besides letters and digits.
INSIDE = {"word": "'-", "tag": "#_", "clean tag": "_-"}


def tokens_case(rng: random.Random, folder: Path) -> bool:
    """Our tokenizer, in both alphabets."""
    del folder
    text, letters = odd_text(rng), rng.choice(("ascii", "unicode"))
    tokens = tokenize(text, letters)
    check_tokens(tokens, letters)
    check_rejoins(tokens, letters)
    check_nothing_invented(text, tokens)
    check_blanks_part(text, letters)
    check_plain_words(rng)
    return True


def check_tokens(tokens: list[str], letters: str) -> None:
    """Each token is an emoji, a user, a tag or a word, in lower case and in the alphabet."""
    for token in tokens:
        assert token.split() == [token], f"blanks in {token!r}"
        if token == USERNAME or EMOJI.fullmatch(token):
            continue
        signs = INSIDE["tag" if token.startswith("#") else "word"]
        body = token.removeprefix("#")
        assert body.strip("'-_#"), f"{token!r} has no letter and no digit"
        for sign in body:
            assert sign in signs or _in_alphabet(sign, letters), f"{sign!r} in {token!r}"
        assert not body.startswith(("'", "-")) and not body.endswith(("'", "-")), token


def _in_alphabet(sign: str, letters: str) -> bool:
    if letters == "ascii":
        return sign.isascii() and (sign.isdigit() or "a" <= sign <= "z")
    # "Cn": Python's tables of Unicode are older than those of `regex`.
    return unicodedata.category(sign)[0] in "LNM" or unicodedata.category(sign) == "Cn"


def check_rejoins(tokens: list[str], letters: str) -> None:
    """Tokens between blanks are cut as they were: what a file holds means the same again."""
    again = tokenize(" ".join(tokens), letters)
    assert again == tokens, f"{tokens} rejoin to {again}"


def check_nothing_invented(text: str, tokens: list[str]) -> None:
    """An ASCII text without addresses and entities keeps its letters and digits, in order."""
    if not text.isascii() or any(sign in text for sign in "&@.#:/"):
        return
    kept = "".join(sign for sign in text.lower() if sign.isalnum())
    found = "".join(sign for token in tokens for sign in token if sign.isalnum())
    assert kept == found, f"{text!r} became {tokens}"


def check_blanks_part(text: str, letters: str) -> None:
    """No rule looks across a blank."""
    pieces = [token for piece in text.split() for token in tokenize(piece, letters)]
    assert pieces == tokenize(text, letters), text


def hashtags_case(rng: random.Random, folder: Path) -> bool:
    """Lists of tags: each comes once, clean, and is clean already."""
    del folder
    tags, letters = [odd_text(rng, 8) for _ in range(4)], rng.choice(("ascii", "unicode"))
    found = tokenize_hashtags(tags, letters)
    assert len(set(found)) == len(found), found
    for tag in found:
        assert tag.split() == [tag] and tag.strip("_-") == tag, tag
        left = EMOJI.sub("", tag)
        assert all(sign in "_-" or _in_alphabet(sign, letters) for sign in left), (tags, tag)
    return True


def links_case(rng: random.Random, folder: Path) -> bool:
    """Links: a text that has one gets shorter, and has none when they are taken away."""
    del folder
    text = odd_text(rng)
    without = remove_links(text)
    if has_link(text):
        assert len(text.split()) > 0
    assert len(without) <= len(text)
    return True


def released_case(rng: random.Random, folder: Path) -> bool:
    """The released tokenizers: ASCII without blanks."""
    del folder
    text = odd_text(rng)
    cutters: tuple[Callable[[str], list[str]], ...] = (
        tokenize_released,
        lambda said: tokenize_released_hashtags(said.split(",")),
        tokenize_released_yfcc,
        tokenize_released_yfcc_hashtags,
    )
    for token in rng.choice(cutters)(text):
        assert token.isascii() and token.split() == [token], (text, token)
    check_plain_released(rng)
    return True


def characters_case(rng: random.Random, folder: Path) -> bool:
    """Texts of character models: normalising twice changes nothing, ids mean the same signs."""
    del folder
    text = odd_text(rng).encode("utf-8", "ignore").decode()
    form = rng.choice(("raw", "cleaned"))
    once = normalise(text, form)
    assert normalise(once, form) == once, (text, once)
    known = Characters.build([once], 1, form)
    assert known.decode(known.encode(once)) == once, once
    return True


def korean_case(rng: random.Random, folder: Path) -> bool:
    """Korean morphemes: without blanks inside, and to be joined to a sentence again."""
    del folder
    text = odd_text(rng).encode("utf-8", "ignore").decode().replace("\0", "")
    tokens = tokenize_korean(text)
    assert all(token.split() == [token] for token in tokens), (text, tokens)
    kept = _solid("".join(token.rpartition("/")[0] for token in tokens))
    plain = _solid(unicodedata.normalize("NFC", text))
    if text.isascii():
        assert kept.lower() == plain.lower(), (text, tokens)
    join_korean(tokens)
    check_plain_korean(rng)
    return True


def _solid(text: str) -> str:
    return "".join(text.replace(BLANK_INSIDE, "").split())
