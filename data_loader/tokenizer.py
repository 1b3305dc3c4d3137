"""From a post to words, section 3.2 of the paper.

"We first remove any urls, unicodes except emojis, and special characters. We then lowercase words
and change user names to a @username token." What the sentence leaves open is decided here:

* links and e-mail addresses go; `&amp;` and the like are what they stand for;
* an emoji is one token, whatever its code points, and ends the word before it; with and without a
  variation selector it is the same token;
* `@name` becomes `@username` (and takes a possessive `'s` with it); `#tag` is one token of letters,
  digits and underscores, so that `#a#b` is two and a hyphen ends a tag, as it does on Instagram;
* a word is letters and digits, with single apostrophes and hyphens inside; every other sign,
  underscores and the point in 3.5 included, parts words and is dropped;
* `letters="ascii"`, the paper's choice: accents go and letters stay (café is cafe), letters with a
  customary spelling get it (ß is ss), the rest of Unicode is dropped: it parts a word (NYで夏 is
  ny) and vanishes from a tag. `letters="unicode"` keeps letters, marks and digits of every script,
  in composed form (NFC); scripts without blanks stay in one piece;
* letters that are only styled (mathematical alphabets, full-width forms) become plain.

Any Python string is accepted, lone surrogates and NUL included. No rule looks across a blank: the
pieces between blanks are cut one by one, and a piece that came before is not cut again.
"""

import html
import unicodedata
from collections.abc import Iterable
from functools import partial

import regex

from data_loader.remembered import Remembered
from data_loader.tokenizer_released import (
    tokenize_released,
    tokenize_released_hashtags,
    tokenize_released_yfcc,
    tokenize_released_yfcc_hashtags,
)
from utils.emoji_pattern import EMOJI, normalize_emoji

__all__ = [
    "LETTERS",
    "LINK",
    "has_link",
    "remove_links",
    "tokenize",
    "tokenize_hashtags",
    "tokenize_released",
    "tokenize_released_hashtags",
    "tokenize_released_yfcc",
    "tokenize_released_yfcc_hashtags",
]

LETTERS = ("ascii", "unicode")
USERNAME = "@username"

# An address ends at a blank or at a sign that addresses do not have, an emoji for example.
_ADDRESS = r"[\w%!#$&'()*+,\-./:;=?@\[\]~]"
_COMMON_DOMAINS = "com|net|org|edu|gov|info|biz"
LINK = regex.compile(
    rf"https?://{_ADDRESS}*"
    rf"|(?<![\w.@#])www\d?\.{_ADDRESS}+"
    # Without a scheme: bit.ly/x needs its path, example.com speaks for itself.
    rf"|(?<![\w.@#-])(?:[a-z0-9][a-z0-9-]*\.)+(?:[a-z]{{2,24}}/{_ADDRESS}+"
    rf"|(?:{_COMMON_DOMAINS})(?:\.[a-z]{{2}})?(?![\w@-]|\.\w)/?)",
    regex.IGNORECASE,
)
_EMAIL = regex.compile(r"(?<![\w@.+-])[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,24}\b", regex.IGNORECASE)
_ENTITY = regex.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,24}[0-9]{0,2});")
_SURROGATE = regex.compile(r"[\uD800-\uDFFF]")
_STYLED = regex.compile(r"[\U0001D400-\U0001D7FF\uFF01-\uFF5E]+")
_INVISIBLE = regex.compile(r"\p{Cf}+")  # soft hyphens, joiners, directions

_MARK = regex.compile(r"\p{M}+")
_SPELLING = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_LETTER = r"[\p{L}\p{N}]\p{M}*"
_TOKEN = regex.compile(
    rf"(?P<user>@\w+(?:\.\w+)*(?:'s\b)?)"
    rf"|#(?P<tag>(?:{_LETTER}|_)+)"
    rf"|(?P<word>(?:{_LETTER})+(?:['-](?:{_LETTER})+)*)"
)
_ASCII_WORD = regex.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")
_ASCII_TAG_NOISE = regex.compile(r"[^a-z0-9_-]+")
_TAG_NOISE = regex.compile(r"[^\p{L}\p{M}\p{N}_-]+")
_APOSTROPHES_AND_HYPHENS = str.maketrans("’‘ʼ`´‐‑", "'''''--")


def tokenize(text: str, letters: str = "ascii") -> list[str]:
    """Cuts a post into lower-case tokens.

    >>> tokenize("Sooo GOOD ❤️❤️ @mum's #apple_pie http://t.co/x")
    ['sooo', 'good', '❤', '❤', '@username', '#apple_pie']

    Args:
        text: any string.
        letters: `ascii` or `unicode`, see the head of this file.
    """
    _check_letters(letters)
    cut = _CUT[letters]
    return [token for part in text.split() for token in cut[part]]


def tokenize_hashtags(tags: Iterable[str], letters: str = "ascii") -> list[str]:
    """Cleans a post's list of tags.

    Tags are lower case, have no `#`, keep underscores, hyphens and emoji, and lose other signs; a
    blank inside becomes an underscore. An item with several `#` is several tags. Empty tags are
    dropped, and so is a tag that came before: the order of first appearance stays.

    >>> tokenize_hashtags(["#Love", "love", "sun_set", "#a#b", "New York", "!"])
    ['love', 'sun_set', 'a', 'b', 'new_york']

    Args:
        tags: raw tags, with or without `#`.
        letters: `ascii` or `unicode`, see the head of this file.
    """
    _check_letters(letters)
    cleaned = _CLEANED[letters]
    return list(dict.fromkeys(clean for tag in tags for clean in cleaned[tag]))


def has_link(text: str) -> bool:
    """Whether a post holds a hyperlink (an e-mail address is none)."""
    return any(_LINKED[part] for part in text.split())


def remove_links(text: str) -> str:
    """The text with a blank in place of every hyperlink."""
    return LINK.sub(" ", text) if _may_hold_link(text) else text


def _may_hold_link(text: str) -> bool:
    """Whether it is worth a search, which takes a hundred times as long as this."""
    return "." in text or "://" in text


def _holds_link(text: str) -> bool:
    text = _mend(text)
    return _may_hold_link(text) and LINK.search(text) is not None


def _check_letters(letters: str) -> None:
    if letters not in LETTERS:
        raise ValueError(f"letters is {letters!r}, expected one of {', '.join(LETTERS)}")


def _cut(text: str, letters: str) -> tuple[str, ...]:
    """The tokens of a text, all rules at once."""
    text = remove_links(_mend(text))
    if "@" in text:
        text = _EMAIL.sub(" ", text)
    tokens = []
    for piece, is_emoji in _pieces(text):
        tokens += [piece] if is_emoji else _words(piece, letters)
    return tuple(tokens)


def _mend(text: str) -> str:
    """Resolves entities, joins surrogate pairs, composes letters and plays down their style."""
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if text.isascii():
        return text.replace("`", "'")
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = unicodedata.normalize("NFC", text)
    text = _STYLED.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return text.translate(_APOSTROPHES_AND_HYPHENS)


def _pieces(text: str) -> Iterable[tuple[str, bool]]:
    """Yields emoji, normalised, and the text between them, in order: (piece, is it an emoji)."""
    end = 0
    if not text.isascii():
        for emoji in EMOJI.finditer(text):
            yield text[end : emoji.start()], False
            yield normalize_emoji(emoji[0]), True
            end = emoji.end()
    yield text[end:], False


def _lower(text: str) -> str:
    """Lower case, without invisible characters, which would part a word."""
    if text.isascii():
        return text.lower()
    # What stood between a letter and its mark may be gone: they are composed once more.
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text.lower()))


def _words(text: str, letters: str) -> list[str]:
    """The tokens of a text without emoji and links."""
    tokens = []
    for match in _TOKEN.finditer(_lower(text)):
        if match.lastgroup == "user":
            tokens.append(USERNAME)
        elif match.lastgroup == "tag":
            tag = _fold_tag(match["tag"], letters)
            tokens += [f"#{tag}"] if tag else []
        else:
            tokens += _fold_word(match[0], letters)
    return tokens


def _fold_word(word: str, letters: str) -> list[str]:
    """A word in the wanted letters: none, one, or several where foreign letters parted it."""
    if letters == "unicode" or word.isascii():
        return [word]
    return _ASCII_WORD.findall(_without_accents(word))


def _fold_tag(tag: str, letters: str) -> str:
    """A tag in the wanted letters, or "" if no letter or digit is left."""
    if letters == "ascii" and not tag.isascii():
        tag = _ASCII_TAG_NOISE.sub("", _without_accents(tag))
    return tag if tag.strip("_-") else ""


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLING))
    return _MARK.sub("", decomposed).lower()


def _split_tags(tag: str) -> list[str]:
    """Parts an item at its `#`, but not inside the keycap #."""
    return regex.split(r"#(?!\uFE0F?\u20E3)", tag)


def _clean_tags(item: str, letters: str) -> tuple[str, ...]:
    """The tags in one item of a list of tags."""
    cleaned = (_clean_tag(part, letters) for part in _split_tags(_mend(item)))
    return tuple(tag for tag in cleaned if tag)


def _clean_tag(tag: str, letters: str) -> str:
    kept = []
    for piece, is_emoji in _pieces("_".join(tag.split())):
        if not is_emoji:
            piece = _TAG_NOISE.sub("", _lower(piece))
            if letters == "ascii" and not piece.isascii():
                piece = _ASCII_TAG_NOISE.sub("", _without_accents(piece))
        kept.append(piece)
    return "".join(kept).strip("_-")


_CUT = {letters: Remembered(partial(_cut, letters=letters)) for letters in LETTERS}
_CLEANED = {letters: Remembered(partial(_clean_tags, letters=letters)) for letters in LETTERS}
_LINKED = Remembered(_holds_link)
