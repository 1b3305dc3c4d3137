"""Words as pixels, in any script: for sheets and films that no browser draws.

Each letter takes the first font that has it: DejaVu Sans, which matplotlib brings, then Noto Sans
CJK, where that is installed (`scripts/setup.sh`). Emoji are pictures of Noto Color Emoji, likewise.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from utils.emoji_pattern import EMOJI as PATTERN

EMOJI = "Noto Color Emoji"
FONTS = ("DejaVu Sans", "Noto Sans CJK")
FILES = {"Noto Sans CJK": "NotoSansCJK*-Regular.*", EMOJI: "NotoColorEmoji*.ttf"}
EMOJI_SIZE = 109  # pixels; the font has no other
# Joiners and variants have no picture of their own, and fonts do not always list them.
INVISIBLE = {0x200D, 0xFE0E, 0xFE0F}
AS_TEXT = "\ufe0e"  # asks for the plain form of an emoji


class Piece(NamedTuple):
    """A part of a line in one font."""

    text: str
    font: str


def write(image: Image.Image, place: tuple[float, float], text: str, size: int, **style) -> None:
    """Writes one line.

    Args:
        image: RGB.
        place: (x, y) of the line's left end, half-way up its letters.
        text: in any scripts.
        size: of the font in pixels.
        style: `fill`, the colour of the letters.
    """
    x, y = place
    canvas = ImageDraw.Draw(image)
    for piece in pieces(text):
        if piece.font == EMOJI:
            picture = _emoji(piece.text, size)
            image.paste(picture, (round(x), round(y - picture.height / 2)), picture)
        else:
            canvas.text((x, y), piece.text, font=_load(piece.font, size), anchor="lm", **style)
        x += _width(piece, size)


def text_width(text: str, size: int) -> float:
    """How wide a line is, in pixels."""
    return sum(_width(piece, size) for piece in pieces(text))


def shorten(text: str, size: int, most: float) -> str:
    """The text, or as much of its beginning as fits into `most` pixels, with an ellipsis."""
    if text_width(text, size) <= most:
        return text
    kept = next((n for n in range(len(text), 0, -1) if text_width(f"{text[:n]}…", size) <= most), 1)
    return f"{text[:kept].rstrip()}…"


def wrap(text: str, size: int, most: float) -> list[str]:
    """Lines of at most `most` pixels; a word that is longer by itself is shortened."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and text_width(f"{lines[-1]} {word}", size) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(shorten(word, size, most))
    return lines


@lru_cache(1024)
def pieces(text: str) -> tuple[Piece, ...]:
    """Cuts a line where its font changes."""
    found, end = [], 0
    for match in PATTERN.finditer(text):
        if AS_TEXT not in match[0] and _has(EMOJI, match[0]):
            found += [*_in_fonts(text[end : match.start()]), Piece(match[0], EMOJI)]
            end = match.end()
    return (*found, *_in_fonts(text[end:]))


def _in_fonts(text: str) -> Iterator[Piece]:
    """Letters of one font together; blanks and marks go with what they follow."""
    fonts: list[str] = []
    for letter in text:
        follows = letter == " " or unicodedata.combining(letter) or ord(letter) in INVISIBLE
        fonts.append(fonts[-1] if follows and fonts else _font_of(letter))
    for font, letters in groupby(zip(text, fonts, strict=True), key=lambda pair: pair[1]):
        yield Piece("".join(letter for letter, _ in letters), font)


def _font_of(letter: str) -> str:
    """The name of the first font with a letter; DejaVu where none has it."""
    return next((name for name in FONTS if _has(name, letter)), FONTS[0])


def _has(font: str, text: str) -> bool:
    return {ord(letter) for letter in text} - INVISIBLE <= _characters(font)


def _width(piece: Piece, size: int) -> float:
    if piece.font == EMOJI:
        return _emoji(piece.text, size).width
    return _load(piece.font, size).getlength(piece.text)


@lru_cache
def _characters(name: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    path = _path(name)
    return frozenset(FT2Font(str(path)).get_charmap()) if path else frozenset()


@lru_cache
def _path(name: str) -> Path | None:
    """The file of a font; None where it is not installed."""
    from matplotlib import font_manager, get_data_path

    if name not in FILES:
        return Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    # matplotlib's own list knows no fonts of pictures, and none that came after it was made.
    found = sorted(map(Path, font_manager.findSystemFonts()))
    return next((path for path in found if path.match(FILES[name])), None)


@lru_cache
def _load(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_path(name)), size)


@lru_cache(256)
def _emoji(word: str, size: int) -> Image.Image:
    """An emoji of the height of capital letters and their descent: RGBA."""
    font = _load(EMOJI, EMOJI_SIZE)
    box = [round(edge) for edge in font.getbbox(word)]
    image = Image.new("RGBA", (max(1, box[2] - box[0]), max(1, box[3] - box[1])))
    ImageDraw.Draw(image).text((-box[0], -box[1]), word, font=font, embedded_color=True)
    height = round(1.2 * size)
    return image.resize((max(1, round(image.width * height / image.height)), height))
