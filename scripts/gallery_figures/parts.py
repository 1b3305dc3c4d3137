"""What the figures share: a figure, pictures by name, lines of words, drawing posts."""

import random
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from data_loader.images import ImageError
from data_loader.stills import read_still
from utils import figures, heatmap
from utils.predictions import for_people

Row = dict[str, Any]
STYLE = (
    heatmap.STYLE
    + """
body { background: #fff; padding: 30px 34px; }
section { margin-top: 52px; }
h2 { font-size: 21px; line-height: 1.25; }
h3 { font-size: 15px; margin-top: 22px; }
h3 small, .hint { color: #687083; font-weight: normal; font-size: 12.5px; }
.entries { display: grid; gap: 14px; margin-top: 20px; }
.entry { display: flex; gap: 18px; align-items: center; padding-bottom: 14px;
         border-bottom: 1px solid #e8eaef; }
.entry:last-child { border-bottom: 0; padding-bottom: 0; }
.entry > .image { flex: none; width: 150px; }
.image img, .image .gone { display: block; width: 100%; aspect-ratio: 1; border-radius: 8px;
                           background: #e5e7ec; }
.image .gone { display: grid; place-items: center; color: #8a91a0; font-size: 13px; }
.lines { display: grid; grid-template-columns: max-content 1fr; gap: 5px 14px; flex: 1;
         align-items: baseline; min-width: 0; overflow-wrap: anywhere; }
.lines .who { color: #687083; font-size: 13px; }
.lines .ours { color: #1f2430; font-weight: bold; }
.text .lines { display: block; }
.text .who { margin-top: 8px; font-size: 12px; }
.text .said, .lines .said { display: block; }
.card { box-shadow: none; }
.fact { color: #1d4ed8; }
.hit { font-weight: bold; }
.key { padding: 18px; color: #687083; font-size: 13.5px; line-height: 1.6; }
.person { display: inline-block; font-weight: bold; }
.looks { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 16px; }
.look { width: 112px; font-size: 13px; text-align: center; }
.look .view { height: 112px; background-size: cover; border-radius: 6px; overflow: hidden;
              margin-bottom: 4px; }
.look .view img { display: block; width: 100%; }
.attended { display: flex; gap: 30px; align-items: flex-start; padding: 20px 0;
            border-bottom: 1px solid #e8eaef; }
.attended > .side { flex: none; width: 210px; }
.side .lines { display: block; margin-top: 10px; }
.side .who { margin-top: 6px; }
.main { min-width: 0; }
.tiles { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 26px 24px;
         margin-top: 18px; }
.tiles .lines { display: block; margin-top: 8px; }
.tiles .who { margin-top: 5px; }
"""
)


@dataclass(frozen=True)
class Figure:
    """A figure as HTML.

    Attributes:
        name: of its files.
        title: text.
        subtitle: HTML; how its posts were chosen.
        body: HTML.
        width: of its picture, in CSS pixels.
    """

    name: str
    title: str
    subtitle: str
    body: str
    width: int

    def page(self) -> str:
        """The figure as a document of its own."""
        return figures.page(self.title, self.subtitle, self.body, STYLE)

    def section(self) -> str:
        """The figure as a part of a longer page."""
        return (
            f'<section id="{self.name}"><h2>{escape(self.title)}</h2>'
            f'<p class="subtitle">{self.subtitle}</p>{self.body}</section>'
        )


class Album:
    """Pictures by name, read when they are asked for.

    Attributes:
        gone: names that are missing or broken.
    """

    def __init__(self, folder: Path):
        self.folder, self.gone = folder, set()

    def pixels(self, name: str) -> np.ndarray | None:
        """uint8 [H, W, 3], or None where there is no readable picture."""
        try:
            return read_still(self.folder / name)
        except (ImageError, OSError):
            self.gone.add(name)
            return None

    def html(self, name: str, side: int = 320) -> str:
        """The middle square of a picture in a frame of its own."""
        return f'<div class="image">{figures.picture(self.pixels(name), side)}</div>'


def sign(task: str) -> str:
    """What stands before each word."""
    return "#" if task == "hashtag" else ""


def line(who: str, html: str, ours: bool = False) -> str:
    """Who says what; `html` is HTML."""
    kind = " ours" if ours else ""
    return f'<div class="who{kind}">{escape(who)}</div><div class="said">{html}</div>'


def plain(text: str, task: str) -> str:
    """Words without any mark."""
    words = text.split()
    return figures.marked(words, [False] * len(words), sign(task))


def truth(row: Row, task: str) -> str:
    """The first reference, and how many more there are."""
    references = for_people(row)[1]
    more = len(references) - 1
    note = f' <span class="hint">(1 of {more + 1})</span>' if more else ""
    return plain(references[0], task) + note


def draw(rows: list[Row], count: int, seed: int, ids: tuple[str, ...] = ()) -> list[Row]:
    """The rows that `ids` name, or random ones, those with a picture of their own first.

    Args:
        rows: of one file.
        count: how many at most.
        seed: the same seed draws the same posts, in whatever order they stand.
        ids: those of them that are there are taken, all of them.
    """
    if ids:
        known = {str(row["id"]): row for row in rows}
        return [known[name] for name in dict.fromkeys(ids) if name in known]
    mixed = sorted(rows, key=lambda row: str(row["id"]))
    random.Random(seed).shuffle(mixed)
    seen: set[str] = set()
    repeats = [row["image"] in seen or seen.add(row["image"]) is not None for row in mixed]
    order = sorted(range(len(mixed)), key=lambda place: repeats[place])  # stable
    return [mixed[place] for place in order[:count]]


def chosen(count: int, seed: int, ids: tuple[str, ...], among: str) -> str:
    """How posts were chosen, in words (HTML)."""
    how = "chosen by name" if ids else f"drawn at random (seed {seed})"
    return f"{count} {'post' if count == 1 else 'posts'} {how} {escape(among)}"
