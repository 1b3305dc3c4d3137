"""Korean text as morphemes, by Kiwi (kiwipiepy).

Okt of konlpy, which DIYA used, runs in a Java machine inside Python (JPype), which a bare Python
has to be fitted with first. Kiwi is a wheel with its model beside it, for Python 3.9 and later. Its
morphemes are finer: 갔다 is `가/VV 었/EP 다/EF`, where Okt has one verb. It repairs what chats do
to endings (그래욬ㅋㅋ), as Okt's normalisation does, and joins morphemes to a sentence again, for
which DIYA's demo needed another program.

A token is `surface/TAG`, so that the noun 가 and the particle 가 are different words. kiwipiepy is
imported when the first text is cut, once per process: its model takes a second and 0.5 GB.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from utils.errors import UserError

if TYPE_CHECKING:
    from kiwipiepy import Kiwi

BLANK_INSIDE = "\u2423"  # stands for a blank inside a morpheme: files have blanks between words
EMOJI, OPENING = "W_EMOJI", "SSO"  # Kiwi's tags of emoji and opening brackets
Placed = tuple[str, list[tuple[int, int]]]


def tokenize_korean(text: str) -> list[str]:
    """Cuts a text into `surface/TAG` tokens.

    >>> tokenize_korean("바다에 갔다.")
    ['바다/NNG', '에/JKB', '가/VV', '었/EP', '다/EF', './SF']

    Raises:
        UserError: kiwipiepy is not installed.
    """
    tokens = _kiwi().tokenize(unicodedata.normalize("NFC", text), normalize_coda=True)
    return [f"{BLANK_INSIDE.join(token.form.split())}/{token.tag}" for token in tokens]


def join_korean(tokens: Iterable[str]) -> str:
    """The readable sentence of tokens: what `tokenize_korean` made of it, with usual blanks.

    Words without a tag, such as the unknown word, stand as they are between blanks. Tokens do not
    say where blanks were; an emoji gets one before it.

    >>> join_korean(["바다/NNG", "에/JKB", "가/VV", "었/EP", "다/EF", "./SF"])
    '바다에 갔다.'

    Raises:
        UserError: kiwipiepy is not installed.
    """
    return place_korean(tokens)[0]


def place_korean(tokens: Iterable[str]) -> Placed:
    """`join_korean`, and where each token is in the sentence: first character and end.

    Morphemes that have grown together share characters.

    >>> place_korean(["가/VV", "었/EP", "다/EF"])
    ('갔다', [(0, 1), (0, 1), (1, 2)])

    Raises:
        UserError: kiwipiepy is not installed.
    """
    texts, places, start = [], [], 0
    for tagged, run in groupby(map(_parse, tokens), key=lambda pair: bool(pair[1])):
        text, found = (_join if tagged else _plain)(list(run))
        places += [(start + first, start + end) for first, end in found]
        texts.append(text)
        start += len(text) + 1
    return " ".join(texts), places


def bare_korean(token: str) -> str:
    """A token without its tag.

    >>> bare_korean("바다/NNG"), bare_korean("_UNK")
    ('바다', '_UNK')
    """
    return _parse(token)[0]


def _parse(token: str) -> tuple[str, str]:
    """Surface and tag; the tag is "" where there is none."""
    surface, _, tag = token.rpartition("/")
    return (surface.replace(BLANK_INSIDE, " "), tag) if surface else (token, "")


def _join(tagged: list[tuple[str, str]]) -> Placed:
    before = [OPENING, *(tag for _, tag in tagged)]
    morphemes = [
        (*pair, True) if pair[1] == EMOJI and last not in (EMOJI, OPENING) else pair
        for pair, last in zip(tagged, before, strict=False)
    ]
    try:
        return _kiwi().join(morphemes, return_positions=True)
    except ValueError:  # a tag that Kiwi does not know
        return _plain(tagged)


def _plain(pairs: list[tuple[str, str]]) -> Placed:
    ends = list(accumulate(len(surface) + 1 for surface, _ in pairs))
    places = [
        (end - 1 - len(surface), end - 1) for (surface, _), end in zip(pairs, ends, strict=True)
    ]
    return " ".join(surface for surface, _ in pairs), places


@cache
def _kiwi() -> "Kiwi":
    """The analyser; one thread, since each process of a build has one of its own."""
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise UserError(
            f"--tokenizer korean needs kiwipiepy ({error}): pip install -r requirements.txt"
        ) from error
    return Kiwi(num_workers=1)
