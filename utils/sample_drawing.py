"""Draws a sample: the picture, what each word looked at in it, and shares of the other memories."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from utils.heatmap import SHOWN_FROM, Block, shade
from utils.labels import shorten, text_width, write
from utils.overlay import Painter
from utils.samples import Sample
from utils.sheet import GAP, INK, MARGIN, PALE, Row, Sheet, Texts, fit, resize, scale_window

PANEL = 200  # pixels of a panel's longer side
PICTURE = 320  # of a picture that stands alone
MOST_WORDS = 24  # panels; what a long text wrote later is left out
LABEL, NUMBER = 14, 11  # sizes of letters, in pixels
CELL = (32, 25)  # pixels across and down
WIDEST_LABEL = 130
QUALITY = 85  # of JPEG
SHARES_NOTE = "colours: each word from its least (0) to its largest share of the picture (1)"


def draw_sample(sample: Sample) -> np.ndarray:
    """The picture of a sample that has one: uint8 [H, W, 3]."""
    parts = [_looks(sample) if sample.maps is not None else _picture(sample)]
    if sample.blocks and sample.words:
        parts.append(draw_shares(sample.words, sample.blocks))
    return _stack(parts)


def _looks(sample: Sample) -> np.ndarray:
    """The picture, and once more under the colours of each word."""
    height, width = fit(*sample.picture.shape[:2], PANEL)
    down, across = (
        small / large for small, large in zip((height, width), _size(sample), strict=True)
    )
    small, words = resize(sample.picture, height, width), sample.words[:MOST_WORDS]
    paint = Painter(height, width, scale_window(sample.window, across, down))
    texts = Texts(_said(sample), f"truth: {_truth(sample)} · {SHARES_NOTE}")
    sheet = Sheet([Row("", ["picture", *words])], height, width, texts, paint.colours)
    return sheet.compose([small, *paint(small, from_0_to_1(sample.maps[:MOST_WORDS]))])


def _picture(sample: Sample) -> np.ndarray:
    height, width = fit(*_size(sample), PICTURE)
    texts = Texts(_said(sample), f"truth: {_truth(sample)}")
    sheet = Sheet([Row("", [""])], height, width, texts, None)
    return sheet.compose([resize(sample.picture, height, width)])


def from_0_to_1(maps: np.ndarray) -> np.ndarray:
    """Each map of [T, h, w] from its least (0) to its largest value (1); 0 where it is constant."""
    least, most = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return (maps - least) / np.maximum(most - least, np.finfo(np.float32).tiny)


def encode_jpeg(pixels: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as a file, letters as sharp as the colours beside them."""
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=QUALITY, subsampling=0)
    return data.getvalue()


def draw_shares(words: Sequence[str], blocks: Sequence[Block]) -> np.ndarray:
    """A row per word and a column per slot of each memory, with shares in percent.

    Args:
        words: one per step.
        blocks: memories side by side.

    Returns:
        uint8 [H, W, 3].
    """
    across, down = CELL
    rows = [shorten(word, LABEL, WIDEST_LABEL) for word in words]
    columns = [[shorten(text, LABEL, WIDEST_LABEL) for text in block.labels] for block in blocks]
    left = MARGIN + round(max(text_width(text, LABEL) for text in rows)) + GAP
    labels = [text for texts in columns for text in texts]
    top = MARGIN + 2 * LABEL + round(max(text_width(text, LABEL) for text in labels)) + GAP
    starts = _starts(blocks, left)
    image = Image.new("RGB", (starts[-1] + MARGIN, top + down * len(rows) + MARGIN), "white")
    for number, text in enumerate(rows):
        middle = top + (number + 0.5) * down
        write(image, (left - GAP / 2 - text_width(text, LABEL), middle), text, LABEL, fill=INK)
    for block, texts, x in zip(blocks, columns, starts, strict=False):
        write(image, (x, MARGIN + LABEL / 2), block.title, LABEL - 2, fill=PALE)
        for number, text in enumerate(texts):
            _write_upwards(image, (x + number * across, top - GAP / 2), text)
        _draw_block(image, block, (x, top))
    return np.asarray(image)


def _starts(blocks: Sequence[Block], left: int) -> list[int]:
    """Where each block begins, and where the last one ends, in pixels."""
    starts = [left]
    for block in blocks:
        title = round(text_width(block.title, LABEL - 2))
        starts.append(starts[-1] + max(CELL[0] * len(block.labels), title) + GAP)
    return starts


def _write_upwards(image: Image.Image, place: tuple[float, float], text: str) -> None:
    """Writes a line that ends above a column, and is read from below."""
    line = Image.new("RGB", (max(1, round(text_width(text, LABEL))), 2 * LABEL), "white")
    write(line, (0, LABEL), text, LABEL, fill=INK)
    turned = line.rotate(90, expand=True)
    x, y = place
    image.paste(turned, (round(x + (CELL[0] - turned.width) / 2), round(y - turned.height)))


def _draw_block(image: Image.Image, block: Block, place: tuple[int, int]) -> None:
    canvas, (across, down) = ImageDraw.Draw(image), CELL
    for (row, column), share in np.ndenumerate(block.weights):
        if np.isnan(share):
            continue
        colour, ink = shade(float(share), block.colour)
        x, y = place[0] + column * across, place[1] + row * down
        canvas.rectangle((x + 1, y + 1, x + across - 2, y + down - 2), fill=colour)
        if share >= SHOWN_FROM:
            text = f"{100 * share:.0f}"
            middle = x + (across - text_width(text, NUMBER)) / 2
            write(image, (middle, y + down / 2), text, NUMBER, fill=ink)


def _said(sample: Sample) -> str:
    return sample.prediction or "(nothing)"


def _truth(sample: Sample) -> str:
    return " / ".join(sample.truth.splitlines())


def _size(sample: Sample) -> tuple[int, int]:
    """Height and width of the picture."""
    return sample.picture.shape[:2]


def _stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures below one another, white beside narrow ones."""
    width = max(part.shape[1] for part in parts)
    widened = [
        np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in parts
    ]
    return np.concatenate(widened)
