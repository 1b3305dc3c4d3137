"""Heat maps of attention as HTML: a table of shares with words on both sides, a picture's veil.

Text is escaped; what a function returns is HTML.
"""

import base64
import io
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from utils.emoji_pattern import draw_as_pictures

STYLE = """
.heat { border-collapse: separate; border-spacing: 2px; font-size: 13px; line-height: 1.2; }
.heat th { font-weight: normal; color: #3b4252; padding: 0; }
.heat thead .group { font-size: 11.5px; font-weight: bold; text-align: left; white-space: nowrap;
                     padding: 0 10px 12px 3px; }
.heat thead .slot { vertical-align: bottom; height: 1px; }
.heat .slot span { writing-mode: vertical-rl; white-space: nowrap; display: inline-block;
                   padding-bottom: 5px; max-height: 150px; overflow: hidden; }
.heat .rest span { color: #8a91a0; font-style: italic; }
.heat tbody th { text-align: right; padding-right: 9px; white-space: nowrap; }
.heat td { width: 32px; min-width: 32px; height: 26px; text-align: center; border-radius: 4px;
           font-size: 11px; background: #f3f4f6; }
.heat td.gap, .heat th.gap { width: 12px; min-width: 12px; background: none; }
.heat td.empty { background: none; }
.scale { display: inline-flex; gap: 2px; vertical-align: middle; margin: 0 12px 0 6px; }
.scale i { width: 34px; height: 17px; border-radius: 4px; font: 10.5px/17px sans-serif;
           text-align: center; }
"""
SHOWN_FROM = 0.05  # smaller shares are colour alone
TITLES = {"image": "image", "user": "user's words", "word": "words written before"}
COLOURS = {"image": (202, 98, 0), "user": (29, 78, 216), "word": (4, 120, 87)}
MOST_USER_WORDS = 12
LEAST_SHARE = 0.03  # a user's word that never has more is summed up with others
PALEST, DARK, LIGHT = 243, "#1f2430", "#fff"


@dataclass(frozen=True)
class Block:
    """The columns of one memory.

    Attributes:
        title: what the memory is.
        labels: one per column.
        weights: [steps, columns], shares of one; NaN for a slot that is not there yet.
        colour: (red, green, blue) of a full share.
        rest: the last column sums up several slots.
    """

    title: str
    labels: list[str]
    weights: np.ndarray
    colour: tuple[int, int, int]
    rest: bool = False


def memory_block(name: str, labels: list[str], weights: np.ndarray) -> Block:
    """The columns of one of a captioner's memories.

    An image of many cells is one column, of a user's words those that matter are, and a word that
    was written is there from the step after it on.

    Args:
        name: image, user or word.
        labels: one per slot.
        weights: [steps, slots].
    """
    rest = False
    if name == "image" and len(labels) > 1:
        labels, weights = [f"{len(labels)} cells"], weights.sum(axis=1, keepdims=True)
    elif name == "user":
        slots = len(labels)
        labels, weights = lump(labels, weights, MOST_USER_WORDS, LEAST_SHARE)
        rest = len(labels) < slots
    elif name == "word":
        steps, slots = weights.shape
        there = np.arange(slots) <= np.arange(steps)[:, np.newaxis]
        weights = np.where(there, weights, np.nan)
    return Block(TITLES.get(name, name), labels, weights, COLOURS.get(name, (80,) * 3), rest)


def table(words: list[str], blocks: list[Block]) -> str:
    """Returns rows of steps, named by the word that each wrote, and columns of slots.

    Args:
        words: one per step.
        blocks: memories side by side.
    """
    groups = [f'<th class="group" colspan="{len(b.labels)}">{escape(b.title)}</th>' for b in blocks]
    slots = ["".join(_slot(b, n) for n in range(len(b.labels))) for b in blocks]
    gap = '<th class="gap"></th>'
    head = "".join(f"<tr><th></th>{gap.join(parts)}</tr>" for parts in (groups, slots))
    rows = [
        f"<tr><th>{_text(word)}</th>"
        + '<td class="gap"></td>'.join(_cells(block, step) for block in blocks)
        + "</tr>"
        for step, word in enumerate(words)
    ]
    return f'<table class="heat"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def scale(colour: tuple[int, int, int]) -> str:
    """Returns the legend of one memory's colour."""
    steps = "".join(f'<i style="{_paint(share, colour)}">{share:.0%}</i>' for share in SCALE)
    return f'<span class="scale">{steps}</span>'


SCALE = (0.01, 0.05, 0.2, 0.5, 1.0)


def shade(share: float, colour: tuple[int, int, int]) -> tuple[tuple[int, int, int], str]:
    """The colour of a cell, and that of a number on it.

    The square root makes small shares visible beside large ones.
    """
    strength = min(1.0, max(0.0, share)) ** 0.5
    red, green, blue = (round(PALEST + (full - PALEST) * strength) for full in colour)
    return (red, green, blue), LIGHT if share > 0.3 else DARK


def lump(
    labels: list[str], weights: np.ndarray, most: int, least: float
) -> tuple[list, np.ndarray]:
    """Keeps the columns that matter, in their order, and sums up the others in a last one.

    Args:
        labels: one per slot.
        weights: [steps, slots].
        most: columns to keep at most, those with the largest weight at any step.
        least: a column with less than this at every step is not kept.

    Returns:
        Labels and weights, as many columns; the last one `n others` where any are left out.
    """
    peak = weights.max(axis=0, initial=0)
    kept = np.sort(np.argsort(-peak, kind="stable")[:most])
    kept = kept[peak[kept] >= least]
    left = np.setdiff1d(np.arange(len(labels)), kept)
    if len(left) <= 1:
        return labels, weights
    rest = weights[:, left].sum(axis=1, keepdims=True)
    names = [labels[place] for place in kept]
    return [*names, f"{len(left)} others"], np.concatenate([weights[:, kept], rest], axis=1)


def veil(weights: np.ndarray, side: int = 112) -> str:
    """Returns a black PNG [side, side] that hides what has little weight: lay it over the picture.

    Args:
        weights: [rows, columns] of image cells; the largest is clear.
    """
    share = weights / max(float(weights.max()), 1e-9)
    alpha = Image.fromarray(np.rint(190 * (1 - share)).astype(np.uint8))
    alpha = alpha.resize((side, side), Image.Resampling.BICUBIC)
    image = Image.new("LA", (side, side))
    image.putalpha(alpha)
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}">'


def _slot(block: Block, number: int) -> str:
    rest = " rest" if block.rest and number == len(block.labels) - 1 else ""
    return f'<th class="slot{rest}"><span>{_text(block.labels[number])}</span></th>'


def _cells(block: Block, step: int) -> str:
    return "".join(_cell(float(share), block.colour) for share in block.weights[step])


def _cell(share: float, colour: tuple[int, int, int]) -> str:
    if np.isnan(share):
        return '<td class="empty"></td>'
    number = f"{100 * share:.0f}" if share >= SHOWN_FROM else ""
    return f'<td style="{_paint(share, colour)}">{number}</td>'


def _paint(share: float, colour: tuple[int, int, int]) -> str:
    (red, green, blue), ink = shade(share, colour)
    return f"background: rgb({red}, {green}, {blue}); color: {ink}"


def _text(word: str) -> str:
    return f"<bdi>{escape(draw_as_pictures(word))}</bdi>"
