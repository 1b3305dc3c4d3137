"""What each word looked at: shares of the memories as a heat map, image cells as a veil."""

from html import escape

import numpy as np
from PIL import Image

from data_loader.korean import bare_korean
from model.networks import NETWORKS, bare_name, is_mirrored
from scripts.gallery_figures.parts import Album, Figure, Row, chosen, draw, line, plain, truth
from scripts.gallery_figures.runs import Run, describe
from utils import figures, heatmap
from utils.emoji_pattern import draw_as_pictures
from utils.predictions import for_people

WIDTH = 1440
SIDE = 224  # pixels of what a network saw


def figure(
    runs: list[Run], album: Album, posts: int, seed: int, ids: tuple[str, ...]
) -> Figure | None:
    """Draws a few posts of every run that has an attention file.

    Args:
        runs: all.
        album: the images.
        posts: how many of each run at most.
        seed, ids: choose them.

    Returns:
        None where there is nothing to show.
    """
    written = {run: [row for row in run.attention if row["words"]] for run in runs}
    drawn = [(run, draw(rows, posts, seed, ids)) for run, rows in written.items()]
    drawn = [(run, rows) for run, rows in drawn if rows]
    if not drawn:
        return None
    shown = {name for _, rows in drawn for row in rows for name in row["slots"]}
    legends = "".join(
        f"{title} {heatmap.scale(heatmap.COLOURS[name])}"
        for name, title in heatmap.TITLES.items()
        if name in shown
    )
    how = chosen(len(drawn[0][1]), seed, ids, "among those in attention.jsonl of each run")
    return Figure(
        "attention",
        "Attention at each word",
        f"{how} · a row is a step; numbers are percent, from 5 on<br>{legends}",
        "".join(_block(run, rows, album) for run, rows in drawn),
        WIDTH,
    )


def _block(run: Run, rows: list[Row], album: Album) -> str:
    posts = "".join(_post(row, run.task, album) for row in rows)
    return f'<h3><small>{describe([run])}</small></h3><div class="attended-list">{posts}</div>'


def _post(row: Row, task: str, album: Album) -> str:
    side = (
        f'{album.html(row["image"])}<div class="lines">{line("GT", truth(row, task))}'
        f"{line('Prediction', plain(for_people(row)[0], task), ours=True)}</div>"
    )
    main = _table(row) + _looks(row, album)
    return (
        f'<div class="attended"><div class="side">{side}</div><div class="main">{main}</div></div>'
    )


def _table(row: Row) -> str:
    """The heat map; an image of many cells is one column. Nothing for an image alone."""
    slots = {name: labels for name, labels in row["slots"].items() if labels}
    if slots.keys() <= {"image"}:
        return ""
    blocks = [
        heatmap.memory_block(name, labels, _weights(row, name)) for name, labels in slots.items()
    ]
    missing = 1 - sum(_weights(row, name).sum(axis=1) for name in slots)
    note = "what is missing to 100% lies on empty slots (the released form attends to them too)"
    return heatmap.table(_steps(row), blocks) + (
        f'<p class="hint">{note}</p>' if missing.max() > 0.005 else ""
    )


def _steps(row: Row) -> list[str]:
    """What was written at each step; of Korean the morphemes, without their tags."""
    return list(map(bare_korean, row["words"])) if "text" in row else row["words"]


def _looks(row: Row, album: Album) -> str:
    """The picture once per step, dark where the step did not look; only for a square of cells."""
    cells = len(row["slots"].get("image", []))
    side, pixels = round(cells**0.5), album.pixels(row["image"])
    if cells < 4 or side * side != cells or pixels is None:
        return ""
    data = figures.data_uri(seen(pixels, str(row.get("extractor"))), SIDE)
    maps = _weights(row, "image").reshape(-1, side, side)
    if is_mirrored(str(row.get("extractor")), row["image"]):
        maps = maps[..., ::-1]
    views = [_look(word, one) for word, one in zip(_steps(row), maps, strict=True)]
    return f'<div class="looks" style="--picture: url({data})">{"".join(views)}</div>'


def _look(word: str, weights: np.ndarray) -> str:
    return (
        '<div class="look"><div class="view" style="background-image: var(--picture)">'
        f"{heatmap.veil(weights)}</div><bdi>{escape(draw_as_pictures(word))}</bdi></div>"
    )


def seen(pixels: np.ndarray, extractor: str) -> np.ndarray:
    """What a network sees of a picture [H, W, 3], as it sees it: [SIDE, SIDE, 3].

    Of a network that is none of ours, the usual middle is shown.
    """
    network = NETWORKS.get(bare_name(extractor), NETWORKS["resnet101"])
    left, top, width, height = network.preprocessing.window(*pixels.shape[:2])
    corners = map(round, (left, top, left + width, top + height))
    return np.asarray(Image.fromarray(pixels).crop(tuple(corners)).resize((SIDE, SIDE)))


def _weights(row: Row, name: str) -> np.ndarray:
    return np.asarray(row["attention"][name], np.float64)
