"""Which words of a post are in a dictionary, by pyenchant (section 3.1 of the paper)."""

import unicodedata
from typing import TYPE_CHECKING

import regex

from data_loader.remembered import Remembered
from data_loader.tokenizer import remove_links
from utils.emoji_pattern import EMOJI
from utils.errors import UserError

if TYPE_CHECKING:
    import enchant

# Also 20th and b4. (Looking for digits from the start of a word only keeps the search linear.)
_NOT_COUNTED = regex.compile(r"[#@]\w[\w.\-]*(?:'s\b)?|(?<!\w)\w*\d\w*")
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*(?:'\p{L}[\p{L}\p{M}]*)*")
_APOSTROPHES = str.maketrans("’‘ʼ`´", "'''''")


class Dictionary:
    """Counts the words of a text that a dictionary does not know.

    Args:
        language: a dictionary's name, such as en_US or de_DE.

    Raises:
        UserError: the enchant library or the dictionary is missing.
    """

    def __init__(self, language: str):
        self._dictionary = _open(language)
        provider = self._dictionary.provider
        self.description = {
            "library": "pyenchant",
            "provider": f"{provider.name} ({provider.desc})",
            "dictionary": self._dictionary.tag,
        }
        self._known = Remembered(self._look_up)
        self._counts = Remembered(self._count)

    def count_unknown(self, text: str) -> tuple[int, int]:
        """(unknown words, words) of a text; see `countable_words` for what is a word."""
        unknown = words = 0
        for part in text.split():  # no rule looks across a blank
            more_unknown, more_words = self._counts[part]
            unknown += more_unknown
            words += more_words
        return unknown, words

    def _count(self, text: str) -> tuple[int, int]:
        words = countable_words(text)
        return sum(not self._known[word] for word in words), len(words)

    def _look_up(self, word: str) -> bool:
        """Whether a word is known as written, in lower case, or as a name or noun ("london")."""
        forms = dict.fromkeys((word, word.lower(), word.capitalize()))
        return any(self._dictionary.check(form) for form in forms)


def countable_words(text: str) -> list[str]:
    """The words of a text that a dictionary can judge: runs of letters, with inner apostrophes.

    Nothing that enchant raises on gets through: no lone surrogates, no NUL, no empty string.

    >>> countable_words("Can't wait 4 @anna's #beach_day at the 𝓼𝓮𝓪 🌊 http://t.co/x")
    ["Can't", 'wait', 'at', 'the', 'sea']
    """
    text = remove_links(text)
    if not text.isascii():
        # Letters that are only styled become plain; a sign such as ℹ is a letter to Unicode.
        text = unicodedata.normalize("NFKC", EMOJI.sub(" ", text))
    return _WORD.findall(_NOT_COUNTED.sub(" ", text.translate(_APOSTROPHES)))


def _open(language: str) -> "enchant.Dict":
    """Opens a dictionary, or says which packages bring it."""
    package = f"hunspell-{language.lower().replace('_', '-')}"
    try:
        import enchant
    except ImportError as error:
        raise UserError(
            "--language needs the enchant library: apt-get install libenchant-2-2 "
            f"{package} (or --language none)"
        ) from error
    try:
        return enchant.Dict(language)
    except enchant.errors.Error as error:
        there = ", ".join(sorted(enchant.list_languages())) or "none"
        raise UserError(
            f"no dictionary {language!r} for --language (installed: {there}); "
            f"apt-get install {package}, or --language none"
        ) from error
