"""Draws test images with truth and prediction, one card per post, as one PNG.

    python -m scripts.contact_sheet --predictions runs/csmn/predictions.jsonl --images data/images

Several files stand side by side: two models on the same posts, or captions and hashtags.
"""

import random
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

import numpy as np

from data_loader.images import ImageError
from data_loader.stills import read_still
from scripts.cards import marked_prediction, name_users
from utils import figures
from utils.chromium import render_html
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.predictions import for_people, read_predictions

CARD_WIDTH = 280  # CSS pixels


@dataclass(frozen=True)
class Arguments:
    """A contact sheet of test images with truth and prediction."""

    predictions: tuple[Path, ...]
    """Files that `eval` wrote (predictions.jsonl)."""
    images: Path
    """The folder that the image names in them are relative to."""
    out: Path = Path("contact_sheet.png")
    """The picture; the page it was drawn from is written beside it as .html."""
    rows: int = 6
    """Rows of cards."""
    columns: int = 4
    """Cards in a row."""
    seed: int = 0
    """Chooses the posts."""
    labels: tuple[str, ...] = ()
    """A name for each file, by default its folder's; words under a name with "hashtag" get a #."""
    title: str = "Test posts: truth and prediction"
    """The headline."""


@dataclass(frozen=True)
class Said:
    """What one file says of a post."""

    label: str
    prediction: str
    """As HTML."""
    references: list[list[str]]


@dataclass(frozen=True)
class Post:
    """One card: a post's image, and what each file says of it; `user` is "" where unknown."""

    user: str
    image: str
    said: tuple[Said, ...]


def read_posts(path: Path) -> list[dict]:
    """Reads a predictions file whose rows name a user and an image.

    Raises:
        UserError: there is no such file, or a row of it is something else.
    """
    rows = read_predictions(path)
    for row in rows:
        for name in ("user", "image"):
            if not isinstance(row.get(name), str):
                raise UserError(
                    f'{path}, id {row["id"]!r}: "{name}" is {row.get(name)!r:.60}, not a string; '
                    "a card needs the post's user and image, as python -m eval writes them"
                )
    return rows


def choose_posts(files: list[list[dict]], labels: list[str], count: int, seed: int) -> list[Post]:
    """Draws posts at random, those that most files speak of first.

    Args:
        files: rows of each file; equal user and id mean the same post.
        labels: one per file.
        count: how many posts at most.
        seed: the same seed draws the same posts, in whatever order the rows stand.
    """
    named = name_users(row for rows in files for row in rows)
    merged: dict[tuple[str, str], dict[str, dict]] = defaultdict(dict)
    for label, rows in zip(labels, files, strict=True):
        for row in rows:
            merged[row["user"], str(row["id"])][label] = row
    keys = sorted(merged)
    random.Random(seed).shuffle(keys)
    keys.sort(key=lambda key: -len(merged[key]))  # stable: random among equals
    return [_post(merged[key], named) for key in keys[:count]]


def _post(rows: dict[str, dict], named: bool) -> Post:
    said = tuple(_said(label, row) for label, row in rows.items())
    first = next(iter(rows.values()))
    return Post(first["user"] if named else "", first["image"], said)


def _said(label: str, row: dict) -> Said:
    references = [text.split() for text in for_people(row)[1]]
    return Said(label, marked_prediction(row, _sign(label)), references)


def _sign(label: str) -> str:
    return "#" if "hashtag" in label.lower() else ""


def card(post: Post, image: np.ndarray | None) -> str:
    """Returns the HTML of a post; files with the same truth share one line of it."""
    groups = [
        _group(truth, list(said)) for truth, said in groupby(post.said, key=lambda s: s.references)
    ]
    user = f'<div class="user"><bdi>{escape(post.user)}</bdi></div>' if post.user else ""
    return (
        f'<div class="card">{figures.picture(image)}<div class="text">{user}{"".join(groups)}'
        "</div></div>"
    )


def _group(references: list[list[str]], said: list[Said]) -> str:
    truth = references[0] if references else []
    more = f" · 1 of {len(references)}" if len(references) > 1 else ""
    plain = figures.marked(truth, [False] * len(truth), _sign(said[0].label))
    parts = [_line("truth" + more, plain, "truth")]
    parts += [_line(one.label, one.prediction) for one in said]
    return f'<div class="group">{"".join(parts)}</div>'


def _line(label: str, html: str, kind: str = "") -> str:
    return f'<div class="label">{escape(label)}</div><div class="said {kind}">{html}</div>'


def load_images(posts: list[Post], folder: Path) -> list[np.ndarray | None]:
    """Reads each post's image, None where it is missing or broken, and says how many are."""
    images = []
    for post in posts:
        try:
            images.append(read_still(folder / post.image))
        except (ImageError, OSError):
            images.append(None)
    gone = sum(image is None for image in images)
    if gone:
        print(f"{gone} of {len(images)} images are missing or broken in {folder}: grey boxes")
    return images


def _labels(arguments: Arguments) -> list[str]:
    """Returns one distinct label per file."""
    paths = arguments.predictions
    labels = list(arguments.labels) or [
        path.resolve().parent.name if path.stem == "predictions" else path.stem for path in paths
    ]
    if len(labels) != len(paths) or len(set(labels)) != len(labels):
        raise UserError(
            f"the labels are {labels} for {len(paths)} files: give each file its own with --labels"
        )
    return labels


def _check(arguments: Arguments) -> None:
    if not arguments.predictions:
        raise UserError("--predictions names no file: python -m eval writes predictions.jsonl")
    if arguments.rows < 1 or arguments.columns < 1:
        raise UserError(f"--rows {arguments.rows} --columns {arguments.columns}: both start at 1")
    if arguments.out.suffix != ".png":
        raise UserError(f"--out {arguments.out}: the name of a picture ends in .png")
    if not arguments.images.is_dir():
        raise UserError(f"no folder {arguments.images}: --images is where the posts' images lie")


def _source(label: str, rows: list[dict]) -> str:
    """How many posts a file has, and the network behind their images where it names one."""
    extractors = sorted({row["extractor"] for row in rows if row.get("extractor")}, key=str)
    seen = f", images seen by {' and '.join(map(str, extractors))}" if extractors else ""
    return f"{label}: {len(rows):,} posts{seen}"


def _subtitle(count: int, seed: int, files: dict[str, list[dict]]) -> str:
    totals = " · ".join(escape(_source(label, rows)) for label, rows in files.items())
    return f"{count} drawn with seed {seed} · {totals} · <mark>marked</mark> words are in the truth"


def main() -> None:
    """Reads predictions, draws posts, writes the picture."""
    arguments = parse(Arguments)
    _check(arguments)
    labels = _labels(arguments)
    files = [read_posts(path) for path in arguments.predictions]
    count = arguments.rows * arguments.columns
    posts = choose_posts(files, labels, count, arguments.seed)
    cards = [
        card(post, image)
        for post, image in zip(posts, load_images(posts, arguments.images), strict=True)
    ]
    subtitle = _subtitle(len(posts), arguments.seed, dict(zip(labels, files, strict=True)))
    html = figures.page(arguments.title, subtitle, figures.grid(cards, arguments.columns))
    width = arguments.columns * (CARD_WIDTH + 20) + 52
    print(f"wrote {render_html(html, arguments.out, width)}")


if __name__ == "__main__":
    run_command(main)
