"""Figures that hold people's texts, as HTML: a page, pictures inside it, words that hit the truth.

Every function that takes text escapes it; what a function returns is HTML, safe to join.
`utils.chromium.render_html` turns a page into a PNG.
"""

import base64
import io
import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from itertools import groupby

import numpy as np
from PIL import Image, ImageOps

from utils.emoji_pattern import draw_as_pictures

NOTHING = '<span class="none">nothing</span>'
# Noto Sans CJK has Latin, Korean, Chinese and Japanese letters of one design, and comes before the
# emoji font, which has digits of its own.
STYLE = """
* { box-sizing: border-box; margin: 0; }
body { background: #f3f4f6; color: #1f2430; padding: 36px; line-height: 1.42;
       font: 15px "Noto Sans CJK KR", "Noto Color Emoji", sans-serif; }
h1 { font-size: 25px; line-height: 1.25; letter-spacing: -.2px; }
.subtitle { color: #687083; margin-top: 4px; }
.subtitle b { color: #1f2430; }
.grid { display: grid; gap: 20px; margin-top: 26px; align-items: stretch; }
.card { background: #fff; border-radius: 12px; overflow: hidden;
        border: 1px solid #e1e4ea; box-shadow: 0 2px 6px #1f243014; }
.card img, .card .gone { display: block; width: 100%; aspect-ratio: 1; background: #d9dce3; }
.card .gone { display: grid; place-items: center; color: #8a91a0; font-size: 13px; }
.text { padding: 12px 16px 16px; overflow-wrap: anywhere; }
.user { color: #8a91a0; font-size: 12.5px; white-space: nowrap; overflow: hidden;
        text-overflow: ellipsis; }
.label { color: #8a91a0; font-size: 11px; font-weight: bold; letter-spacing: .5px;
         margin-top: 9px; overflow-wrap: anywhere; }
.said { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 6;
        overflow: hidden; }
.truth { color: #687083; }
.group + .group { border-top: 1px solid #eceef2; margin-top: 13px; padding-top: 3px; }
mark { background: #cdeed6; color: #0f5a2d; border-radius: 4px; padding: 0 2px; }
.none { color: #a3a9b5; font-style: italic; }
"""


def page(title: str, subtitle: str, body: str, style: str = "") -> str:
    """Returns a whole document; `subtitle` and `body` are HTML, `title` is text, `style` is CSS."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{STYLE}{style}</style></head>\n<body><h1>{escape(title)}</h1>"
        f'<p class="subtitle">{subtitle}</p>\n{body}\n</body></html>\n'
    )


def grid(cards: list[str], columns: int) -> str:
    """Returns cards (HTML) in rows of `columns` equally wide ones."""
    return (
        f'<div class="grid" style="grid-template-columns: repeat({columns}, minmax(0, 1fr))">\n'
        + "\n".join(cards)
        + "\n</div>"
    )


def picture(image: np.ndarray | None, side: int = 560) -> str:
    """Returns the middle square of a picture inside the page, which then needs no other file.

    Args:
        image: uint8 [H, W, 3], or None for a grey box that says "no image".
        side: of the embedded square, in pixels; the page scales it to its place.
    """
    if image is None:
        return '<div class="gone">no image</div>'
    return f'<img alt="" src="{data_uri(image, side)}">'


def data_uri(image: np.ndarray, side: int = 560) -> str:
    """Returns the middle square of a picture as a JPEG in a URI, for `src` and CSS's `url()`.

    Args:
        image: uint8 [H, W, 3].
        side: of the square, in pixels.
    """
    square = ImageOps.fit(Image.fromarray(image), (side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    square.save(data, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def hits(words: list[str], references: list[list[str]]) -> list[bool]:
    """Says of each word whether a reference has it, at most as often as one reference has it.

    This is the clipping of BLEU: of `the the cat` against `the cat`, the second `the` is no hit.
    """
    left: Counter[str] = Counter()
    for reference in references:
        left |= Counter(reference)
    found = []
    for word in words:
        found.append(left[word] > 0)
        left[word] -= 1
    return found


def marked_parts(text: str, places: Iterable[tuple[int, int]]) -> str:
    """Returns a text with parts of its words marked.

    Args:
        text: words between blanks.
        places: first character and end of each part; they may overlap.
    """
    hit = {at for first, end in places for at in range(first, end)}
    words = []
    for word in re.finditer(r"\S+", text):
        runs = groupby(range(*word.span()), key=hit.__contains__)
        parts = ((flag, "".join(text[at] for at in run)) for flag, run in runs)
        drawn = ((flag, escape(draw_as_pictures(part))) for flag, part in parts)
        html = "".join(f"<mark>{part}</mark>" if flag else part for flag, part in drawn)
        words.append(f"<bdi>{html}</bdi>")
    return " ".join(words) or NOTHING


def marked(words: list[str], flags: list[bool], prefix: str = "") -> str:
    """Returns words with the flagged ones marked, each after `prefix` ("#" for hashtags)."""
    if not words:
        return NOTHING
    texts = [f"<bdi>{escape(prefix + draw_as_pictures(word))}</bdi>" for word in words]
    pairs = zip(texts, flags, strict=True)
    return " ".join(f"<mark>{text}</mark>" if flag else text for text, flag in pairs)
