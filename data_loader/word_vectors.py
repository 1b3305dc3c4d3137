"""Word vectors in fastText's text format, for the words of one vocabulary.

    2000000 300            words and width; this line may be missing
    바다 0.013 -0.271 ...   a word and its numbers, between single blanks

Files hold millions of words, so they are read line by line, and only lines of words that are
asked for are looked into.
"""

import gzip
import itertools
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_loader.vocabulary import SPECIAL_WORDS
from utils.errors import UserError
from utils.lines import bounded_lines

GZIP = b"\x1f\x8b"  # how gzip's files begin


class WordVectors(NamedTuple):
    """What a file has for a vocabulary.

    Attributes:
        ids: [n] int64, the words that it has.
        vectors: [n, E] float32.
        broken: numbers of the lines that belong to such words but hold no vector; left out.
    """

    ids: np.ndarray
    vectors: np.ndarray
    broken: list[int]

    def put_into(self, table: np.ndarray) -> np.ndarray:
        """An embedding [V, E] with these vectors in the rows of their words."""
        table = table.copy()
        table[self.ids] = self.vectors
        return table

    def coverage(self, words: int) -> str:
        """What a person wants to know: how many of `words` have a vector, and what was wrong."""
        text = (
            f"word vectors for {len(self.ids):,} of {words:,} words ({len(self.ids) / words:.1%})"
        )
        if self.broken:
            text += f"; broken lines left out: {len(self.broken)}, the first is {self.broken[0]}"
        return text


def read_word_vectors(path: Path, words: Sequence[str], width: int) -> WordVectors:
    """Reads the vectors of a vocabulary's words.

    A word that the file does not have may be a Korean token, `surface/TAG`: it gets the vector of
    its surface, as all tokens with that surface do. Of a word that comes twice, the first counts.

    Args:
        path: the file; may be compressed by gzip.
        words: the vocabulary, special words first; these get no vector.
        width: E.

    Raises:
        UserError: no such file, an unreadable one, one without vectors, vectors of another width,
            or none for any word.
    """
    words = words[len(SPECIAL_WORDS) :]
    wanted = {name.encode() for word in words for name in (word, _surface(word))}
    try:
        found, broken = _read(path, wanted, width)
    except FileNotFoundError:
        raise UserError(f"--word_vectors: no file {path}; expected fastText's .vec") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"--word_vectors: cannot read {path}: {error}") from None
    names = [next((n for n in (w, _surface(w)) if n.encode() in found), None) for w in words]
    places = [place for place, name in enumerate(names) if name is not None]
    if not places and broken:
        raise UserError(
            f"--word_vectors: no word of the vocabulary has {width} finite numbers in {path}, nor "
            f"has line {broken[0]}: expected fastText's .vec, each line of the first one's width"
        )
    if not places:
        raise UserError(
            f"--word_vectors: {path} has none of the vocabulary's words (fastText's .vec)"
        )
    vectors = np.stack([found[names[place].encode()] for place in places])
    return WordVectors(np.array(places) + len(SPECIAL_WORDS), vectors, broken)


def _surface(token: str) -> str:
    """`바다/NNG` without its tag; a word without a tag is its own surface."""
    surface, _, tag = token.rpartition("/")
    return surface if surface and tag else token


def _read(path: Path, wanted: set[bytes], width: int) -> tuple[dict[bytes, np.ndarray], list[int]]:
    """Vectors of the wanted words, and the numbers of broken lines."""
    found: dict[bytes, np.ndarray] = {}
    broken = []
    for number, line in _lines(path, width):
        word, _, numbers = line.partition(b" ")
        if word in wanted and word not in found:
            vector = _parse(numbers, width)
            if vector is None:
                broken.append(number)
            else:
                found[word] = vector
    return found, broken


def _lines(path: Path, width: int) -> Iterator[tuple[int, bytes]]:
    """The lines of words, numbered from 1, once the first line has shown the right width."""
    with open(path, "rb") as file:
        compressed = file.read(len(GZIP)) == GZIP
    with gzip.open(path) if compressed else open(path, "rb") as file:
        # A line too long to be held is no vector of any word.
        numbered = ((n, line or b"") for n, line in enumerate(bounded_lines(file), 1))
        first = next(numbered, (1, b""))
        fields = first[1].split()
        has_header = len(fields) == 2 and all(f.isdigit() and len(f) < 12 for f in fields)
        found = int(fields[1]) if has_header else len(fields) - 1
        numbers = first[1].partition(b" ")[2]
        if found < 1 or not (has_header or _parse(numbers, found) is not None):
            raise UserError(
                f"--word_vectors: {path} does not begin with a word and its numbers; expected "
                "fastText's .vec"
            )
        if found != width:
            raise UserError(
                f"--word_vectors: {path} has vectors of width {found}, the model embeds "
                f"words in {width}: give --word_dim {found}, or other vectors"
            )
        yield from numbered if has_header else itertools.chain([first], numbered)


def _parse(numbers: bytes, width: int) -> np.ndarray | None:
    """[E] float32; None where there are not as many finite numbers."""
    fields = numbers.split()
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            vector = np.array([float(field) for field in fields], np.float32)
    except ValueError:
        return None
    return vector if len(vector) == width and np.isfinite(vector).all() else None
