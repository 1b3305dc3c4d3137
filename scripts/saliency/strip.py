"""The temporal strip of a clip: a row per word, time to the right, colours for what matters."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from utils.labels import shorten, text_width, wrap, write
from utils.overlay import Colours, paint
from utils.sheet import (
    BAR,
    GAP,
    INK,
    LABEL,
    LINE,
    MARGIN,
    PALE,
    SMALL,
    TICKS,
    TITLE,
    Texts,
    draw_bar,
    line_height,
    resize,
    write_lines,
)

TRACK = 960  # pixels across, of the whole clip
BAND = 26  # pixels down, of a word
THUMBNAIL = 84  # pixels down, of the frames above
WIDEST_LABEL = 180
INTERVALS = 6  # of the time axis, at most
STEPS = (1, 2, 5)  # times a power of ten, in seconds


def frame_at(seconds: np.ndarray, columns: int, end: float) -> np.ndarray:
    """Which frame is on the screen at each column of a time axis: [columns] int.

    Args:
        seconds: [F], when each frame appears, in order.
        columns: of the axis, from 0 to `end` seconds.
        end: when the last frame goes.
    """
    times = seconds[0] + (np.arange(columns) + 0.5) / columns * (end - seconds[0])
    return np.searchsorted(seconds, times, side="right") - 1


def thumbnail_count(height: int, width: int) -> int:
    """How many frames of a size fit beside one another above the strip."""
    return max(1, int((TRACK + 2) // (THUMBNAIL * width / height + 2)))


def draw_strip(
    words: Sequence[str],
    values: np.ndarray,
    seconds: np.ndarray,
    end: float,
    thumbnails: Sequence[np.ndarray],
    texts: Texts,
    colours: Colours,
) -> np.ndarray:
    """Draws the strip.

    Args:
        words: W, one per row.
        values: [F, W], 0 to 1: how much each frame matters for each word; the largest of a word
            gets a mark.
        seconds: [F], when each frame appears.
        end: when the last one goes.
        thumbnails: pictures uint8 [h, w, 3], evenly spread over the time.
        texts: title and note.
        colours: of the values.

    Returns:
        uint8 [H, W, 3].
    """
    labels = [shorten(word, LABEL, WIDEST_LABEL) for word in words]
    left = MARGIN + round(max(text_width(text, LABEL) for text in labels)) + GAP
    width = left + TRACK + GAP + BAR + TICKS + MARGIN
    title = wrap(texts.title, TITLE, width - 2 * MARGIN)
    note = wrap(texts.note, SMALL, width - 2 * MARGIN)
    note_top = MARGIN + line_height(len(title), TITLE)
    top = note_top + line_height(len(note), SMALL) + GAP
    bands = top + THUMBNAIL + GAP
    axis = bands + BAND * len(words)
    image = Image.new("RGB", (width, axis + round(2 * SMALL * LINE) + MARGIN), "white")
    write_lines(image, title, MARGIN, TITLE, INK)
    write_lines(image, note, note_top, SMALL, PALE)
    _paste_thumbnails(image, thumbnails, left, top)
    shown = frame_at(seconds, TRACK, end)
    for row, label in enumerate(labels):
        y = bands + BAND * row
        write(image, (MARGIN, y + BAND / 2), label, LABEL, fill=INK)
        _draw_band(image, (left, y), values[shown, row], colours)
    _draw_axis(image, (left, axis), seconds[0], end)
    draw_bar(image, (left + TRACK + GAP, bands), max(BAND * len(words) - 2, 3 * SMALL), colours)
    return np.asarray(image)


def _paste_thumbnails(
    image: Image.Image, thumbnails: Sequence[np.ndarray], left: int, top: int
) -> None:
    for number, picture in enumerate(thumbnails):
        height, width = picture.shape[:2]
        across = min(round(THUMBNAIL * width / height), TRACK)
        middle = left + (number + 0.5) / len(thumbnails) * TRACK
        small = resize(picture, round(across * height / width), across)
        corner = (round(middle - across / 2), top)
        image.paste(Image.fromarray(small), corner)
        frame = (*corner, corner[0] + across - 1, top + small.shape[0] - 1)
        ImageDraw.Draw(image).rectangle(frame, outline=PALE)


def _draw_band(
    image: Image.Image, place: tuple[int, int], values: np.ndarray, colours: Colours
) -> None:
    """One word's row, with a white mark at its largest value."""
    (x, y), down = place, BAND - 2
    band = np.repeat(paint(values[np.newaxis], colours), down, axis=0)
    image.paste(Image.fromarray(band), (x, y))
    peak = np.flatnonzero(values == values.max())
    if len(peak) == len(values):
        return  # no frame matters more than another
    middle = x + int(peak[len(peak) // 2])
    corners = [(middle - 5, y), (middle + 5, y), (middle, y + 8)]
    ImageDraw.Draw(image).polygon(corners, fill="white", outline=INK)


def _draw_axis(image: Image.Image, place: tuple[int, int], start: float, end: float) -> None:
    (x, y), canvas, length = place, ImageDraw.Draw(image), max(end - start, 1e-9)
    for tick in ticks(length):
        across = x + round(tick / length * (TRACK - 1))
        canvas.line([(across, y), (across, y + 5)], fill=PALE)
        text = f"{tick:g} s"
        write(image, (across - text_width(text, SMALL) / 2, y + 5 + SMALL), text, SMALL, fill=PALE)


def ticks(length: float) -> list[float]:
    """Round numbers from 0 up to a length, at most `INTERVALS` steps.

    >>> ticks(25.0)
    [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
    """
    steps = (base * 10.0**power for power in range(-4, 9) for base in STEPS)
    step = next(step for step in steps if length / step <= INTERVALS)
    return [round(number * step, 4) for number in range(int(length / step + 1e-6) + 1)]
