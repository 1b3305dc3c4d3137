"""Characters and their ids: four special symbols, then the characters of the training text.

A character is a Unicode code point after normalisation (NFC), so that any script and any emoji can
be written, the latter by its parts.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from data_loader.vocabulary import EOS, SPECIAL_WORDS, UNK
from utils.errors import UserError
from utils.files import write_json
from utils.json_text import parse_json

Form = Literal["raw", "cleaned"]
FIRST = len(SPECIAL_WORDS)  # id of the first character
_LINE_ENDS = re.compile("\r\n?|\u2028|\u2029|\x85")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")  # but tab and line feed
_DELETED = re.compile("[0-9'’]|[\u0300-\u036f]")  # digits, apostrophes, accents by themselves
_OTHERS = re.compile("[^a-z]")


def normalise(text: str, form: Form = "raw") -> str:
    """The text as a model reads it.

    `raw` keeps what can be printed: NFC, line ends as line feeds, no control characters. `cleaned`
    is the form of the slides' corpus: a to z and blanks; digits and apostrophes are deleted, all
    else becomes a blank, and several blanks stay several.

    >>> normalise("Café at 9?\\r\\nI'm in!"), normalise("Café at 9?\\r\\nI'm in!", "cleaned")
    ("Café at 9?\\nI'm in!", 'cafe at   im in ')
    """
    if form == "raw":
        lines = _LINE_ENDS.sub("\n", text)
        return unicodedata.normalize("NFC", _CONTROLS.sub("", lines))
    letters = unicodedata.normalize("NFKD", normalise(text).lower())
    return _OTHERS.sub(" ", _DELETED.sub("", letters))


class Characters:
    """A fixed list of characters; an id is a place in it, counted behind the special symbols.

    Args:
        characters: each once; a `ValueError` names what is no single character or comes twice.
        form: how texts are normalised before they are looked up.
    """

    def __init__(self, characters: Sequence[str], form: Form = "raw"):
        self.characters, self.form = list(characters), form
        for character, count in Counter(self.characters).items():
            if len(character) != 1 or count > 1:
                raise ValueError(f"{character!r} is no character, or comes twice")
        points = np.array([ord(character) for character in self.characters], np.int64)
        # One entry beyond the last code point stands for all that follow.
        self._ids = np.full(points.max(initial=0) + 2, UNK, np.int32)
        self._ids[points] = np.arange(FIRST, FIRST + len(points))

    @classmethod
    def build(cls, texts: Iterable[str], min_count: int, form: Form = "raw") -> "Characters":
        """The characters that occur often enough, the most frequent first.

        Args:
            texts: the training texts, normalised.
            min_count: fewer occurrences than this make a character unknown.
            form: of the texts.
        """
        counter = Counter()
        for text in texts:
            counter.update(text)
        ranked = sorted(counter, key=lambda character: (-counter[character], character))
        return cls([c for c in ranked if counter[c] >= min_count], form)

    def __len__(self) -> int:
        return FIRST + len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """Ids [len(text)] int32 of a normalised text; `UNK` for characters that are not known."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        return self._ids[np.minimum(points, len(self._ids) - 1)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text up to the first `EOS`; special symbols give nothing."""
        written = []
        for id_ in ids:
            if id_ == EOS:
                break
            if id_ >= FIRST:
                written.append(self.characters[id_ - FIRST])
        return "".join(written)

    def unknown(self, text: str) -> list[str]:
        """The different characters of a normalised text that are not known, in their order."""
        ids = self.encode(text)
        return list(dict.fromkeys(c for c, id_ in zip(text, ids, strict=True) if id_ == UNK))

    def save(self, path: Path) -> None:
        """Writes a JSON object with `form` and `characters`."""
        write_json(path, {"form": self.form, "characters": self.characters})

    @classmethod
    def load(cls, path: Path) -> "Characters":
        """Reads what `save` wrote.

        Raises:
            UserError: it is missing, or no such file.
        """
        try:
            values = parse_json(path.read_text(encoding="utf-8"))
            return cls(values["characters"], values["form"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read the characters of {path} ({error})") from error
