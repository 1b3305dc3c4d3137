"""From captions with phrases to what a model is asked: word ids, and which make a phrase."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from data_loader.vocabulary import UNK, Vocabulary
from utils.entities import NOT_VISUAL, Piece

Cut = Callable[[str], list[str]]
# Why a phrase is not played, in words.
SKIPPED = {
    "not_visual": "name nothing visible",
    "no_box": "have no box",
    "not_seen": "have their boxes outside of what the network sees",
    "unknown": "have no word that the model knows",
    "too_long": "stand behind the longest sentence that the model writes",
}


class Phrase(NamedTuple):
    """A phrase that is played.

    Attributes:
        chain: what it names.
        kinds: people, clothing ...
        places: which words of the sentence are its own; unknown ones are not there.
    """

    chain: str
    kinds: tuple[str, ...]
    places: list[int]


class Query(NamedTuple):
    """A sentence without its unknown words: ids [W] int32, and its phrases."""

    ids: np.ndarray
    phrases: list[Phrase]


class Language(NamedTuple):
    """How a model's words are made of a text, and how many it writes."""

    cut: Cut
    vocabulary: Vocabulary
    longest: int


def make_query(
    pieces: Sequence[Piece],
    language: Language,
    boxed: Collection[str],
    seen: Collection[str],
    skipped: Counter[str],
) -> Query:
    """Cuts a caption into words piece by piece, so that each word knows its phrase.

    Args:
        pieces: of the caption.
        language: of the model.
        boxed: chains that have boxes.
        seen: those with a box in the network's window.
        skipped: gets the phrases that cannot be played, by a key of `SKIPPED`.
    """
    spoken = [_known(piece.text, language) for piece in pieces]
    ids = [word for words in spoken for word in words][: language.longest]
    starts = np.cumsum([0, *map(len, spoken)]).tolist()
    phrases = []
    for piece, words, start in zip(pieces, spoken, starts, strict=False):
        if not piece.chain:
            continue
        places = list(range(start, min(start + len(words), language.longest)))
        problem = _problem(piece, boxed, seen) or _unsaid(words, places)
        if problem:
            skipped[problem] += 1
        else:
            phrases.append(Phrase(piece.chain, piece.kinds, places))
    return Query(np.array(ids, np.int32), phrases)


def _known(text: str, language: Language) -> list[int]:
    return [word for word in language.vocabulary.encode(language.cut(text)) if word != UNK]


def _problem(piece: Piece, boxed: Collection[str], seen: Collection[str]) -> str:
    if piece.chain == NOT_VISUAL:
        return "not_visual"
    if piece.chain not in boxed:
        return "no_box"
    return "" if piece.chain in seen else "not_seen"


def _unsaid(words: Sequence[int], places: Sequence[int]) -> str:
    if not words:
        return "unknown"
    return "" if places else "too_long"


def phrase_maps(maps: np.ndarray, phrases: Iterable[Phrase], combine: str) -> np.ndarray:
    """One map per phrase from those of its words.

    Args:
        maps: [W, C], of each word of the sentence.
        phrases: P of them.
        combine: mean or max over a phrase's words.

    Returns:
        [P, C].
    """
    over = {"mean": np.mean, "max": np.max}[combine]
    return np.stack([over(maps[phrase.places], axis=0) for phrase in phrases])
