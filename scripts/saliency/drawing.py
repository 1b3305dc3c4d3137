"""Sheets, films and strips of maps."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from scripts.saliency.maps import Maps
from scripts.saliency.options import Options
from scripts.saliency.strip import draw_strip, frame_at, thumbnail_count
from utils.errors import UserError
from utils.film import check_size, write_film
from utils.overlay import Painter, seen
from utils.sheet import SMALLER, Row, Sheet, Texts, fit, resize, scale_window

if TYPE_CHECKING:
    from data_loader.clips import Clip

MEASURES = {
    "log_probability": "log probability of the word, given one cell alone",
    "negative_divergence": "nearness of one cell's prediction to that of the whole (exact KL)",
    "attention": "attention",
}
SCALES = {
    "word": "each word from its least (0) to its largest value (1)",
    "released": "above each word's mean; the strongest word of each frame is 1; smoothed",
}
UNSEEN = "grey: outside of what the network sees"
ONE_FRAME = 0.04  # seconds that a clip of a single frame is shown


def draw_picture(path: Path, picture: np.ndarray, found: Sequence[Maps], options: Options) -> Path:
    """Draws a panel per word and run over a picture; returns the PNG's path.

    Args:
        path: of the PNG.
        picture: uint8 [H, W, 3].
        found: maps of one or several runs.
        options: colours, scale and size of the panels.
    """
    height, width = fit(*picture.shape[:2], options.panel)
    titles = [maps.note for maps in found] if len(found) > 1 else [""]
    rows = [Row(title, maps.words) for title, maps in zip(titles, found, strict=True)]
    sheet = Sheet(rows, height, width, texts(found, options, "word"), options.colours)
    small = resize(picture, height, width)
    panels = [
        panel
        for maps in found
        for panel in painter(maps, height, width, options)(small, maps.shown[0])
    ]
    return save_png(path, sheet.compose(panels))


def draw_clip(stem: Path, clip: "Clip", maps: Maps, options: Options) -> list[Path]:
    """Draws the film and the strip of a clip; returns their paths.

    Args:
        stem: path of the results, without an ending.
        clip: opened.
        maps: of it.
        options: colours, scale and size of the panels.
    """
    height, width = fit(*maps.size, options.panel)
    words = texts([maps], options, "released")
    sheet = Sheet([Row("", maps.words)], height, width, words, options.colours)
    check_size(*sheet.background.shape[:2], SMALLER)
    end = end_of(maps.seconds)
    chosen = frame_at(maps.seconds, thumbnail_count(*maps.size), end)
    thumbnails: dict[int, np.ndarray] = {}

    def composed() -> Iterator[tuple[float, np.ndarray]]:
        paint = painter(maps, height, width, options)
        frames = zip(maps.seconds, clip.frames(None), maps.shown, strict=False)
        for number, (seconds, frame, shown) in enumerate(frames):
            small = resize(frame, height, width)
            if number in chosen:
                thumbnails[number] = small
            yield seconds - maps.seconds[0], sheet.compose(paint(small, shown))

    rate = len(maps.seconds) / (end - maps.seconds[0])
    write_film(Path(f"{stem}.mp4"), composed(), rate, end - maps.seconds[-1])
    measure = MEASURES[maps.measure].replace("one cell", "one frame")
    note = Texts(words.title, f"{maps.note} · {measure} · {SCALES['word']}")
    pictures = [thumbnails[number] for number in chosen if number in thumbnails]
    strip = draw_strip(
        maps.words, maps.frame_shown, maps.seconds, end, pictures, note, options.colours
    )
    return [Path(f"{stem}.mp4"), save_png(Path(f"{stem}-strip.png"), strip)]


def painter(maps: Maps, height: int, width: int, options: Options) -> Painter:
    """Lays maps over pictures that are resized to `height` x `width` pixels."""
    window = scale_window(maps.window, width / maps.size[1], height / maps.size[0])
    return Painter(height, width, window, options.colours)


def texts(found: Sequence[Maps], options: Options, scale: str) -> Texts:
    """The sentence, and below it models, measures, the colours' meaning and what is grey."""
    sentences = dict.fromkeys(" ".join(maps.words) for maps in found)
    measures = dict.fromkeys(MEASURES[maps.measure] for maps in found)
    models = [] if len(found) > 1 else [found[0].note]
    grey = [] if all(seen(maps.window, *maps.size).all() for maps in found) else [UNSEEN]
    own = ["the model's own caption"] if options.sentence is None else []
    note = [*models, *own, " / ".join(measures), SCALES[options.scale or scale], *grey]
    return Texts(" / ".join(sentences), " · ".join(note))


def end_of(seconds: np.ndarray) -> float:
    """When the last frame goes: it stays as long as frames usually do."""
    return seconds[-1] + (float(np.median(np.diff(seconds))) if len(seconds) > 1 else ONE_FRAME)


def save_png(path: Path, pixels: np.ndarray) -> Path:
    """Writes uint8 [H, W, 3]; returns the path."""
    try:
        Image.fromarray(pixels).save(path, optimize=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return path
