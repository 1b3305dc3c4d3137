"""Words as pixels, in any script: for sheets and films that no browser draws.

Each word takes the first font that has all its characters: DejaVu Sans, which matplotlib brings,
then Noto Sans CJK and Noto Color Emoji, where they are installed (`scripts/setup.sh`).
"""

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

EMOJI = "Noto Color Emoji"
FONTS = ("DejaVu Sans", "Noto Sans CJK", EMOJI)
FILES = {"Noto Sans CJK": "NotoSansCJK*-Regular.*", EMOJI: "NotoColorEmoji*.ttf"}
EMOJI_SIZE = 109  # pixels; the font has no other
# Joiners and variants have no picture of their own, and fonts do not always list them.
INVISIBLE = {0x200D, 0xFE0E, 0xFE0F}
AS_PICTURE = "\ufe0f"  # asks for the picture where a character also has a plain form


def write(image: Image.Image, place: tuple[float, float], text: str, size: int, **style) -> None:
    """Writes one line.

    Args:
        image: RGB.
        place: (x, y) of the line's left end, half-way up its letters.
        text: words between blanks; each is drawn in a font that has it.
        size: of the font in pixels.
        style: `fill`, the colour of the letters.
    """
    x, y = place
    canvas = ImageDraw.Draw(image)
    for word in text.split(" "):
        if _font_of(word) == EMOJI:
            picture = _emoji(word, size)
            image.paste(picture, (round(x), round(y - picture.height / 2)), picture)
        else:
            canvas.text((x, y), word, font=_load(_font_of(word), size), anchor="lm", **style)
        x += _width(word, size) + _blank(size)


def text_width(text: str, size: int) -> float:
    """How wide a line is, in pixels."""
    words = text.split(" ")
    return sum(_width(word, size) for word in words) + _blank(size) * (len(words) - 1)


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


def _width(word: str, size: int) -> float:
    font = _font_of(word)
    return _emoji(word, size).width if font == EMOJI else _load(font, size).getlength(word)


def _blank(size: int) -> float:
    return _load(FONTS[0], size).getlength(" ")


@lru_cache(1024)
def _font_of(word: str) -> str:
    """The name of the first font with all characters of a word; DejaVu where none has them."""
    needed = {ord(letter) for letter in word} - INVISIBLE
    fonts = FONTS[::-1] if AS_PICTURE in word else FONTS
    return next((name for name in fonts if needed <= _characters(name)), FONTS[0])


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
