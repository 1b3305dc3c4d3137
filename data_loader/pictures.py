"""Pictures or clips that are in no data set, some at a time, for one person's captions."""

import os
from collections.abc import Iterable, Iterator, MutableMapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_loader.images import MediaError, Picture, to_pixels
from utils.errors import UserError


class Shown(NamedTuple):
    """Some pictures or clips, read.

    Attributes:
        numbers: their places among all, from 0.
        names: their paths; of what has none, "picture" and its place from 1.
        pixels: each uint8 [H, W, 3], RGB, or of a clip [frames, H, W, 3].
    """

    numbers: list[int]
    names: list[str]
    pixels: list[np.ndarray]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each."""
        return [pixels.shape[-3:-1] for pixels in self.pixels]


def list_pictures(path: Path) -> list[Path]:
    """The file itself, or the files of a folder by name, hidden ones left out.

    Raises:
        UserError: nothing is there.
    """
    if not os.path.isdir(path):  # Path.is_dir may raise
        if not os.path.exists(path):
            raise UserError(f"--image: there is no picture and no folder {path}")
        return [path]
    try:
        found = [entry for entry in path.iterdir() if entry.is_file()]
    except OSError as error:
        raise UserError(f"--image: cannot read the folder {path}: {error.strerror}") from error
    found = sorted(entry for entry in found if not entry.name.startswith("."))
    if not found:
        raise UserError(f"--image: the folder {path} has no pictures (subfolders are not searched)")
    return found


def read_batches(
    pictures: Iterable[Picture],
    size: int,
    skipped: MutableMapping[str, str] | None = None,
    frames: int = 0,
) -> Iterator[Shown]:
    """Reads pictures when they are asked for, so that many need no more memory than some.

    Args:
        pictures: any number of them.
        size: how many at a time.
        skipped: where given, what cannot be read goes there, name to reason.
        frames: of a clip, spread evenly; 0 for pictures.

    Yields:
        The readable ones of each `size`, if there are any.

    Raises:
        MediaError: what cannot be read, by its name, where there is no `skipped`.
        TypeError: a single picture, or something that is none.
    """
    if isinstance(pictures, str | bytes | os.PathLike | Image.Image):
        raise TypeError(f"pictures is a {type(pictures).__name__}; expected a list of pictures")
    read = partial(_read_clip, frames=frames) if frames else to_pixels
    numbered = iter(enumerate(pictures))
    while chunk := list(islice(numbered, size)):
        shown = Shown([], [], [])
        for number, picture in chunk:
            named = isinstance(picture, str | os.PathLike)
            name = os.fspath(picture) if named else f"picture {number + 1}"
            try:
                pixels = read(picture)
            except MediaError as error:
                if skipped is None:
                    raise type(error)(f"{name}: {error}") from None
                skipped[name] = str(error)
                continue
            for column, value in zip(shown, (number, name, pixels), strict=True):
                column.append(value)
        if shown.names:
            yield shown


def _read_clip(path: Picture, frames: int) -> np.ndarray:
    from data_loader.clips import read_frames

    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"a clip is a {type(path).__name__}; expected the path of one")
    return read_frames(path, frames)
