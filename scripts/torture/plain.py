"""Plain words of many alphabets, and what a tokenizer may make of them: nothing less."""

import random
from collections.abc import Sequence

from data_loader.korean import tokenize_korean
from data_loader.tokenizer import (
    tokenize,
    tokenize_hashtags,
    tokenize_released,
    tokenize_released_hashtags,
    tokenize_released_yfcc,
    tokenize_released_yfcc_hashtags,
)


def _range(first: str, last: str) -> str:
    return "".join(map(chr, range(ord(first), ord(last) + 1)))


# Letters that mean the same in every place of a word (of Greek all but sigma).
ALPHABETS = {
    "Latin": _range("a", "z") + _range("A", "Z"),
    "digits": _range("0", "9"),
    "accented": "àáâãäåçèéêëìíîïñòóôõöùúûüýÿÀÉÎÕÜÇÑ",
    "Greek": _range("α", "ρ") + _range("τ", "ω"),
    "Cyrillic": _range("а", "я") + _range("А", "Я"),
    "Hebrew": _range("א", "ת"),
    "Arabic": _range("ب", "غ"),
    "Devanagari": _range("क", "न"),
    "Thai": _range("ก", "ฮ"),
    "Hangul": _range("가", "힣"),
    "kana": _range("か", "ぢ") + _range("カ", "ヂ"),
    "Han": _range("一", "龠"),
    "emoji": "😀😂😍🌊🎉🐶🍕🚀",
}
BARE = str.maketrans(
    ALPHABETS["accented"], "aaaaaaceeeeiiiinooooouuuuyyAEIOUCN", ""
)  # what the paper's letters leave
# Kiwi's morphemes of a noun are the noun; of verbs they have other letters (바다 may be 바+이+다).
NOUNS = ("하늘", "학교", "사람", "친구", "여행", "사진", "커피")


def plain_words(rng: random.Random) -> list[tuple[str, str]]:
    """Some words, each with the name of its alphabet; emoji stand alone."""
    names = [rng.choice(list(ALPHABETS)) for _ in range(rng.randrange(1, 6))]
    return [(name, _word(rng, name)) for name in names]


def _word(rng: random.Random, name: str) -> str:
    longest = 1 if name == "emoji" else 8
    return "".join(rng.choices(ALPHABETS[name], k=rng.randint(1, longest)))


def expected_words(words: Sequence[tuple[str, str]], letters: str) -> list[str]:
    """What the rules leave of plain words: all of them, or those that ASCII can spell."""
    if letters == "unicode":
        return [word.lower() for _, word in words]
    spelled = ("Latin", "digits", "accented", "emoji")
    return [word.translate(BARE).lower() for name, word in words if name in spelled]


def check_plain_words(rng: random.Random) -> None:
    """Plain words survive our tokenizer: between blanks, as hashtags, and in lists of tags.

    Raises:
        AssertionError: one is gone, changed or new.
    """
    words = plain_words(rng)
    text = " ".join(word for _, word in words)
    for letters in ("ascii", "unicode"):
        kept = expected_words(words, letters)
        assert tokenize(text, letters) == kept, (text, letters, tokenize(text, letters))
        tags = expected_words([pair for pair in words if pair[0] != "emoji"], letters)
        tagged = " ".join(f"#{word}" for name, word in words if name != "emoji")
        found = tokenize(tagged, letters)
        assert found == [f"#{tag}" for tag in tags], (tagged, letters, found)
        listed = tokenize_hashtags([word for _, word in words], letters)
        assert listed == list(dict.fromkeys(kept)), (text, letters, listed)


def check_plain_released(rng: random.Random) -> None:
    """English words survive the released tokenizers.

    Raises:
        AssertionError: one is gone, changed or new.
    """
    words = [_word(rng, "Latin") for _ in range(4)]
    kept = [word.lower() for word in words]
    assert tokenize_released(" ".join(words)) == kept, words
    assert tokenize_released_hashtags(words) == kept, words
    assert tokenize_released_yfcc("+".join(words)) == kept, words
    assert tokenize_released_yfcc_hashtags(",".join(words)) == kept, words


def check_plain_korean(rng: random.Random) -> None:
    """Nouns, and words of other alphabets, survive the cutting into morphemes.

    Raises:
        AssertionError: one is gone, changed or new.
    """
    others = [word for name, word in plain_words(rng) if name != "Hangul"]
    words = [rng.choice(NOUNS), *others, rng.choice(NOUNS)]
    tokens = tokenize_korean(" ".join(words))
    assert "".join(token.rpartition("/")[0] for token in tokens) == "".join(words), (words, tokens)
