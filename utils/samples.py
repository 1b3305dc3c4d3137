"""What a model makes of a few posts after each epoch, as TensorBoard shows it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.heatmap import Block

NOTHING = "—"
MARKED = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|~:&\"]")  # more than letters to Markdown or HTML


@dataclass(frozen=True, eq=False)
class Sample:
    """One post.

    Attributes:
        id: of the post, or the place of a piece of text.
        truth: what people wrote; several references stand on lines of their own.
        prediction: what the model writes.
        picture: uint8 [H, W, 3]; None where there is none to be shown.
        words: what was written at each of T steps, the end included.
        maps: [T, h, w], shares of the picture's cells; None where no step looks at some of many.
        window: (left, top, width, height) of the cells in pixels of the picture.
        blocks: shares of each memory; empty for a model without attention.
    """

    id: str
    truth: str
    prediction: str
    picture: np.ndarray | None = None
    words: Sequence[str] = ()
    maps: np.ndarray | None = None
    window: Sequence[float] = (0, 0, 1, 1)
    blocks: Sequence[Block] = ()


def markdown_table(samples: Sequence[Sample]) -> str:
    """The texts side by side; nothing in them is taken for Markdown or HTML.

    >>> print(markdown_table([Sample("anna/1", "sea | *sun*", "")]))
    | post | truth | prediction |
    |:---|:---|:---|
    | anna/1 | sea &#124; &#42;sun&#42; | — |
    """
    rows = [(sample.id, sample.truth, sample.prediction) for sample in samples]
    lines = ["| post | truth | prediction |", "|:---|:---|:---|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


def _cell(text: str) -> str:
    lines = [plain(" ".join(line.split())) for line in text.strip().splitlines()]
    return "<br>".join(lines) or NOTHING


def plain(text: str) -> str:
    """Letters alone: marks as numeric entities, which no dialect of Markdown looks into."""
    return MARKED.sub(lambda found: f"&#{ord(found[0])};", text)
