"""Where things stand on a sheet of panels, one per word: the same for a picture and for a film."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from utils.film import check_size
from utils.labels import shorten, text_width, wrap, write
from utils.overlay import Colours, paint

INK, PALE = "#1f2430", "#687083"
MARGIN, GAP = 20, 12
TITLE, SMALL, LABEL = 22, 13, 17  # sizes of letters, in pixels
LINE = 1.45  # of the size
BAR, TICKS = 16, 40  # widths of the colour bar and of the numbers beside it
SHAPE = 16 / 9  # of all panels together, about: a screen's
LARGEST_SHEET = 1920  # pixels across, unless the words are few
WIDEST_LABEL = 120  # pixels for a word above a narrow panel
LEAST_TEXT = 320  # pixels for the title of a narrow sheet
SMALLER = "give a smaller --panel"


@dataclass(frozen=True)
class Row:
    """The panels of one model.

    Attributes:
        title: whose; empty where there is one model only.
        words: one panel each.
    """

    title: str
    words: Sequence[str]


@dataclass(frozen=True)
class Texts:
    """What a sheet says: `title`, and a `note` below it."""

    title: str
    note: str


class Sheet:
    """Panels of one size in a grid with labels, title and colour bar.

    Args:
        rows: of panels.
        height, width: of a panel, in pixels.
        texts: around them.
        colours: of the bar; None for none.

    Attributes:
        places: (x, y) of each panel's left upper pixel, row by row.
        background: [H, W, 3] uint8, all but the panels; both sides are even, as H.264 wants them.
    """

    def __init__(
        self, rows: Sequence[Row], height: int, width: int, texts: Texts, colours: Colours | None
    ):
        self.height, self.width = height, width
        self._column = max(width, min(widest_label(rows), WIDEST_LABEL))
        self.columns = choose_columns(max(len(row.words) for row in rows), height, self._column)
        across = self.columns * (self._column + GAP) - GAP
        self._text = max(across + GAP + BAR + TICKS, LEAST_TEXT)
        title = wrap(texts.title, TITLE, self._text)
        notes = wrap(texts.note, SMALL, self._text)
        top = MARGIN + line_height(len(title), TITLE) + line_height(len(notes), SMALL) + GAP
        self.places, labels, end = self._arrange(rows, top)
        image = Image.new("RGB", (even(self._text + 2 * MARGIN), even(end + MARGIN)), "white")
        write_lines(image, title, MARGIN, TITLE, INK)
        write_lines(image, notes, MARGIN + line_height(len(title), TITLE), SMALL, PALE)
        for place, text, most, colour in labels:
            write(image, place, shorten(text, LABEL, most), LABEL, fill=colour)
        bar = (MARGIN + across + GAP, self.places[0][1])
        if colours is not None:
            draw_bar(image, bar, height, colours)
        self.background = np.asarray(image)

    def compose(self, panels: Sequence[np.ndarray]) -> np.ndarray:
        """The sheet with its panels, each uint8 [height, width, 3]: [H, W, 3] uint8."""
        drawn = self.background.copy()
        for (x, y), panel in zip(self.places, panels, strict=True):
            drawn[y : y + self.height, x : x + self.width] = panel
        return drawn

    def _arrange(self, rows: Sequence[Row], top: int) -> tuple[list, list, int]:
        """Places of the panels, labels (place, text, widest, colour), and where all this ends."""
        places, labels = [], []
        for row in rows:
            if row.title:
                labels.append(((MARGIN, top + LABEL), row.title, self._text, PALE))
                top += line_height(1, LABEL) + GAP // 2
            for number, word in enumerate(row.words):
                x = MARGIN + number % self.columns * (self._column + GAP)
                y = top + number // self.columns * (self.height + line_height(1, LABEL) + GAP)
                labels.append(((x, y + line_height(1, LABEL) / 2), word, self._column, INK))
                places.append((x, y + line_height(1, LABEL)))
            top = places[-1][1] + self.height + 2 * GAP
        return places, labels, top - 2 * GAP


def widest_label(rows: Sequence[Row]) -> int:
    """Pixels that the longest word takes above its panel."""
    return math.ceil(max(text_width(word, LABEL) for row in rows for word in row.words))


def check_film(words: Sequence[str], size: tuple[int, int], panel: int) -> None:
    """Refuses a sheet that no film can show, before anything is drawn.

    Args:
        words: a panel each.
        size: (height, width) of the clip in pixels.
        panel: pixels of a panel's longer side.

    Raises:
        UserError: it is too large even without a note.
    """
    sheet = Sheet([Row("", words)], *fit(*size, panel), Texts(" ".join(words), ""), "jet")
    check_size(*sheet.background.shape[:2], SMALLER)


def choose_columns(panels: int, height: int, width: int) -> int:
    """How many panels stand beside one another, so that all of them fill a screen."""
    wanted = round(math.sqrt(panels * height / width * SHAPE))
    most = max(1, (LARGEST_SHEET + GAP) // (width + GAP))
    return max(1, min(wanted, panels, most))


def fit(height: int, width: int, side: int) -> tuple[int, int]:
    """The size of a panel whose longer side has so many pixels: (height, width)."""
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture in the size of a panel: uint8 [height, width, 3]."""
    if picture.shape[:2] == (height, width):
        return picture
    image = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image)


def scale_window(window: Sequence[float], across: float, down: float) -> tuple[float, ...]:
    """A window of a picture in the pixels of its panel, by the factors along x and y."""
    left, top, width, height = window
    return left * across, top * down, width * across, height * down


def draw_bar(image: Image.Image, place: tuple[int, int], height: int, colours: Colours) -> None:
    """Draws the colours from 0 to 1, upwards, with numbers beside them.

    Args:
        image: RGB, to draw on.
        place: (x, y) of the bar's left upper pixel.
        height: of the bar in pixels.
        colours: of the map.
    """
    x, y = place
    shades = np.linspace(1, 0, height)[:, np.newaxis]
    image.paste(Image.fromarray(np.repeat(paint(shades, colours), BAR, axis=1)), (x, y))
    for share in (0, 0.5, 1) if height >= 3 * SMALL else (0, 1):
        level = y + (1 - share) * (height - SMALL) + SMALL / 2
        write(image, (x + BAR + 5, level), f"{share:g}", SMALL, fill=PALE)


def write_lines(
    image: Image.Image, lines: Sequence[str], top: float, size: int, colour: str
) -> None:
    """Writes lines below one another from the left margin on; `top` and `size` in pixels."""
    for number, line in enumerate(lines):
        write(image, (MARGIN, top + line_height(number + 0.5, size)), line, size, fill=colour)


def line_height(lines: float, size: int) -> int:
    """Pixels that so many lines take."""
    return round(lines * size * LINE)


def even(length: float) -> int:
    """The next even number of pixels."""
    return 2 * math.ceil(length / 2)
