"""Pictures that visitors send: bounded while they arrive, told by content, decoded last."""

import base64
import io
import secrets
import threading
import warnings
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from data_loader.images import FORMATS, ImageError, to_pixels

LARGEST_FILE = 10_000_000  # bytes
MOST_PIXELS = 50_000_000
SHELF = 100_000_000  # bytes of pictures that are kept for the page's next questions
SHOWN = 900  # pixels of the longer side of what the page shows
NAMES = "JPEG, PNG, GIF, WebP or BMP"
MARKUP = (b"<svg", b"<?xml", b"<!doctype", b"<html")


class UploadError(ValueError):
    """A picture that is refused; the message is one sentence for its sender.

    Args:
        status: of the HTTP answer, 4xx.
        sentence: what was found, and what would do.
    """

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Upload:
    """A picture that was accepted.

    Attributes:
        pixels: uint8 [H, W, 3], RGB, upright.
        shown: a small JPEG of it, as a data URI.
    """

    pixels: np.ndarray
    shown: str

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[:2]


def limit_pixels() -> None:
    """Sets the most pixels that Pillow decodes in this process; a few bytes may claim millions."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS


def too_large() -> UploadError:
    """What is said of a file that is too large."""
    most = LARGEST_FILE // 10**6
    return UploadError(413, f"The file is larger than {most} MB: send a smaller one.")


async def read_body(stream: AsyncIterator[bytes]) -> bytes:
    """Reads a body of `LARGEST_FILE` at most, and never more of it than that.

    Raises:
        UploadError: it goes on.
    """
    parts, size = [], 0
    async for part in stream:
        size += len(part)
        if size > LARGEST_FILE:
            raise too_large()
        parts.append(part)
    return b"".join(parts)


def open_picture(data: bytes) -> Upload:
    """Decodes a picture after its size, its kind and its number of pixels were checked.

    Args:
        data: the file; its name does not matter.

    Raises:
        UploadError: 400 if it is empty, 413 if it is too large, 415 if it is no picture that can
            be read, 422 if it is damaged.
    """
    if not data:
        raise UploadError(400, f"The file is empty: send a {NAMES} picture.")
    if len(data) > LARGEST_FILE:
        raise too_large()
    _check_header(data)
    try:
        pixels = to_pixels(data)
    except ImageError:
        raise _damaged() from None
    return Upload(pixels, _shown(pixels))


def _check_header(data: bytes) -> None:
    """Looks at the kind and the size that a file claims; decodes nothing."""
    if data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(MARKUP):
        raise UploadError(415, f"This is a drawing or a page made of text: send a {NAMES} picture.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                pixels = image.width * image.height
    except Image.UnidentifiedImageError:
        raise UploadError(415, f"This is no picture that can be read: send {NAMES}.") from None
    except Image.DecompressionBombError:
        pixels = MOST_PIXELS + 1
    except Exception:  # decoders raise almost any type on damaged files
        raise _damaged() from None
    if pixels > MOST_PIXELS:
        most = MOST_PIXELS // 10**6
        raise UploadError(413, f"The picture has more than {most} megapixels: send a smaller one.")


def _shown(pixels: np.ndarray) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS, reducing_gap=3)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=86)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def _damaged() -> UploadError:
    return UploadError(422, "The picture is damaged or breaks off: send it again, or another one.")


class Shelf:
    """The files of accepted pictures, for the page's next questions: the newest, in memory.

    Args:
        room: bytes; the oldest pictures go when it is full.
    """

    def __init__(self, room: int = SHELF):
        self._room = room
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._kept: dict[str, bytes] = {}
        self._turn = threading.Lock()

    def put(self, data: bytes, keep: bool = False) -> str:
        """Takes a file, to `keep` it for good; returns a name for it that nobody can guess."""
        name = secrets.token_urlsafe(16)
        with self._turn:
            if keep:
                self._kept[name] = data
                return name
            self._files[name] = data
            while sum(map(len, self._files.values())) > self._room and len(self._files) > 1:
                self._files.popitem(last=False)
        return name

    def get(self, name: str) -> bytes:
        """The file of a name.

        Raises:
            UploadError: it is no longer there.
        """
        with self._turn:
            if name in self._kept:
                return self._kept[name]
            if name not in self._files:
                raise UploadError(404, "This picture is no longer here: choose it again.")
            self._files.move_to_end(name)
            return self._files[name]
