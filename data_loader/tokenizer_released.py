"""The tokenizers of the original (Python 2) attend2u scripts, token for token.

They are here so that the released vocabularies, ids and numbers can be made again. For anything
else `data_loader.tokenizer.tokenize` is the better choice. What to expect of them:

* Instagram: links fall into pieces (`http`, `t`, `co`), a letter of Latin-1 becomes the hexadecimal
  digits of its escape (`xfc` for ü), letters beyond Latin-1 part words; emoji are single code
  points of three blocks, spelled `\\U0001f602`, and newer ones vanish.
* YFCC: the URL-quoted UTF-8 is read as Latin-1, so that every letter that is not ASCII is damaged;
  emoji and hashtag signs go; numbers become 0 or vanish.

The behaviour follows https://github.com/cesc-park/attend2u (scripts/generate_dataset.py,
generate_yfcc_dataset.py, generate_yfcc_hashtag_dataset.py).
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from text_unidecode import unidecode

_EMOTICON = re.compile("([\u2600-\u27bf\U0001f300-\U0001f64f\U0001f680-\U0001f6ff])")
_ESCAPE = re.compile(r"\\U[0-9A-Fa-f]{8}|\\u[0-9A-Fa-f]{4}")
_LONELY_HYPHEN = re.compile(r"(?<![a-zA-Z0-9])-(?![a-zA-Z0-9])")

_INSTAGRAM_NAME = re.compile(r"@[a-zA-Z0-9._]+")
_INSTAGRAM_PUNCTUATION = re.compile(r"[!?,.\"]")
_INSTAGRAM_WORD = re.compile(r"[a-zA-Z0-9#@'-]+")

_YFCC_ANCHOR = re.compile(r'<a href="(.*?)".*>(.*)</a>')
_YFCC_LINK = re.compile(
    r"\b(?:https?://|www\d{0,3}[.]|[a-z0-9.\-]+[.][a-z]{2,4}/)[^\s()<>\"']+",
    re.IGNORECASE | re.ASCII,
)
_YFCC_BLANKED = re.compile(r"</?b>|[\[\]+()~=]")
_YFCC_DELETED = re.compile(r"[.*,!?\"@#'|:;]")
# The unidecode of their day set fractions apart ("fÃ¼r", which is "für" read as Latin-1, became two
# words); the package used here, whose licence is freer, is otherwise the same up to U+00FF, and
# URL-quoted text reaches no further.
_YFCC_FRACTIONS = str.maketrans({"¼": " 1/4 ", "½": " 1/2 ", "¾": " 3/4 "})
# Python 2 split bytes, to which four control characters were no blanks; no file of words could hold
# them.
_YFCC_WORD = re.compile(r"[^\s\x1c-\x1f]+", re.ASCII)
_YFCC_LONELY_ZERO = re.compile(r"(?<![a-zA-Z])0(?![a-zA-Z])")


def tokenize_released(text: str) -> list[str]:
    """The tokens of an Instagram caption.

    >>> tokenize_released("Für dich ❤️ #sun_set")
    ['f', 'xfcr', 'dich', '\\\\u2764', '#sun-set']
    """
    text = text.replace("#", " #").replace("@", " @").replace("\n", " ")
    text = _INSTAGRAM_NAME.sub("@username", _lower(text))
    tokens = []
    for i, piece in enumerate(_EMOTICON.split(text)):
        escaped = piece.encode("unicode-escape").decode("ascii")
        tokens += [escaped] if i % 2 else _instagram_words(escaped)
    return tokens


def tokenize_released_hashtags(tags: Iterable[str]) -> list[str]:
    """The tokens of an Instagram post's tags: those of the tags as one text, `#` included."""
    return tokenize_released(" ".join(tags))


def tokenize_released_yfcc(text: str) -> list[str]:
    """The tokens of a URL-quoted YFCC title or description.

    >>> tokenize_released_yfcc("Caf%C3%A9+in+2016%21")
    ['cafa(c)', 'in']
    """
    return _YFCC_WORD.findall(_yfcc_ascii(unquote_plus(text, encoding="latin-1")))


def tokenize_released_yfcc_hashtags(text: str) -> list[str]:
    """The tags in a URL-quoted, comma-separated list: of one word, or of two joined by `_`.

    >>> tokenize_released_yfcc_hashtags("sun+set,2016,new+york+city,beach")
    ['sun_set', 'beach']
    """
    tags = (_yfcc_ascii(unquote_plus(tag, encoding="latin-1").strip()) for tag in text.split(","))
    words = (tag.split() for tag in tags)
    return ["_".join(tag) for tag in words if len(tag) in (1, 2)]


def _lower(text: str) -> str:
    """Lower case as in Python 2, where İ became one letter; Python 3 adds a combining dot."""
    return text.replace("\u0130", "i").lower()


def _instagram_words(escaped: str) -> list[str]:
    """Words of a text without emoji, written in ASCII with Python's escapes."""
    text = _ESCAPE.sub(" ", escaped).replace("_", "-")
    text = _LONELY_HYPHEN.sub("", _INSTAGRAM_PUNCTUATION.sub(" ", text))
    return _INSTAGRAM_WORD.findall(text)


def _yfcc_ascii(text: str) -> str:
    """An unquoted text as cleaned ASCII; the order of the steps matters."""
    text = _YFCC_LINK.sub("", _YFCC_ANCHOR.sub("", text))
    text = _YFCC_DELETED.sub("", _lower(_YFCC_BLANKED.sub(" ", text)))
    text = unidecode(_EMOTICON.sub(" ", text).translate(_YFCC_FRACTIONS))
    text = _ESCAPE.sub(" ", text).replace("\\", "").replace("/", "")
    text = _YFCC_LONELY_ZERO.sub("", re.sub("[0-9]+", "0", text))
    return _LONELY_HYPHEN.sub("", text.replace("_", "-"))
