"""A page that needs no other file: pointing at a word of the sentence shows where it is."""

import base64
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from scripts.saliency.drawing import end_of, texts
from scripts.saliency.maps import Maps
from scripts.saliency.options import Options
from utils.emoji_pattern import draw_as_pictures
from utils.errors import UserError
from utils.figures import page
from utils.files import write_text
from utils.film import write_film
from utils.overlay import OPACITY, SHADES, colour_table
from utils.sheet import even, fit, resize

if TYPE_CHECKING:
    from data_loader.clips import Clip

HERE = Path(__file__).parent
LARGEST_SIDE = 640  # of the picture in the page, in pixels
HINT = "point at a word, tab to it or touch it; a click keeps it"


def write_page(
    path: Path,
    found: Sequence[Maps],
    options: Options,
    picture: np.ndarray | None = None,
    clip: "Clip | None" = None,
) -> Path:
    """Writes the page of a picture or of a clip; returns its path.

    Args:
        path: of the page.
        found: maps, one sentence each.
        options: colours and scale.
        picture: uint8 [H, W, 3]; or
        clip: opened, of which the maps are.

    Raises:
        UserError: the page cannot be written.
    """
    height, width = (even(side) for side in fit(*found[0].size, LARGEST_SIDE))
    if clip is None:
        medium = f'<img id="base" alt="the picture" src="{_jpeg(picture, height, width)}">'
    else:
        film = _film(clip, found[0], height, width)
        medium = f'<video id="base" src="{film}" muted loop autoplay playsinline controls></video>'
    body = (
        f'<div class="stage" style="width: {width}px; aspect-ratio: {width} / {height}">{medium}'
        f'<div id="unseen" hidden></div><canvas id="map" width="{width}" height="{height}">'
        "</canvas></div>"
        + "".join(_sentence(number, maps, len(found)) for number, maps in enumerate(found))
        + _legend(options)
        + f'<script type="application/json" id="data">{_data(found, options, clip)}</script>'
        + f"<script>{_part('page.js')}</script>"
    )
    words = texts(found, options, "word" if clip is None else "released")
    html = page(path.stem, f"{escape(words.note)}<br>{HINT}", body, _part("page.css"))
    try:
        write_text(path, html)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path


def _sentence(number: int, maps: Maps, count: int) -> str:
    """Buttons, which can be focused and touched too."""
    words = " ".join(
        f'<button type="button" data-run="{number}" data-word="{place}" aria-pressed="false"><bdi>'
        f"{escape(draw_as_pictures(word))}</bdi></button>"
        for place, word in enumerate(maps.words)
    )
    run = f'<div class="run">{escape(maps.note)}</div>' if count > 1 else ""
    return f'{run}<div class="sentence">{words}</div>'


def _legend(options: Options) -> str:
    table = colour_table(options.colours)[:: SHADES // 16]
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in table.tolist())
    return (
        f'<div class="legend">0<i style="background: linear-gradient(90deg, {stops})"></i>1</div>'
    )


def _data(found: Sequence[Maps], options: Options, clip: "Clip | None") -> str:
    """What page.js reads, as JSON: numbers alone, no text that could end the script."""
    seconds = (found[0].seconds - found[0].seconds[0]).round(4).tolist()
    data = {
        "colours": _base64(colour_table(options.colours).tobytes()),
        "alpha": round(255 * OPACITY),
        "seconds": None if clip is None else seconds,
        "runs": [_run(maps) for maps in found],
    }
    return json.dumps(data)


def _run(maps: Maps) -> dict:
    """Maps as bytes, and their window in shares of the picture."""
    (height, width), (left, top, across, down) = maps.size, maps.window
    shades = np.rint(np.clip(maps.shown, 0, 1) * (SHADES - 1)).astype(np.uint8)
    return {
        "words": len(maps.words),
        "grid": list(maps.shown.shape[2:]),
        "window": [left / width, top / height, across / width, down / height],
        "maps": _base64(shades.tobytes()),
    }


def _jpeg(picture: np.ndarray, height: int, width: int) -> str:
    data = io.BytesIO()
    Image.fromarray(resize(picture, height, width)).save(data, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{_base64(data.getvalue())}"


def _film(clip: "Clip", maps: Maps, height: int, width: int) -> str:
    """The clip itself, small, in a form that browsers play."""
    start, end = maps.seconds[0], end_of(maps.seconds)

    def frames() -> Iterator[tuple[float, np.ndarray]]:
        for seconds, frame in zip(maps.seconds, clip.frames(None), strict=False):
            yield seconds - start, resize(frame, height, width)

    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder, "film.mp4")
        write_film(film, frames(), len(maps.seconds) / (end - start), end - maps.seconds[-1])
        return f"data:video/mp4;base64,{_base64(film.read_bytes())}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _part(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
