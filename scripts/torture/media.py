"""Damaged pictures and clips: pixels of the promised form, or a reason in a few words."""

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from data_loader.clips import ClipError, open_clip
from data_loader.images import ImageError, MediaError, read_image
from scripts.torture.damage import damage_binary
from utils.errors import UserError

PICTURES = (
    ("JPEG", "RGB"),
    ("JPEG", "CMYK"),
    ("JPEG", "L"),
    ("PNG", "RGBA"),
    ("PNG", "P"),
    ("PNG", "I;16"),
    ("PNG", "1"),
    ("GIF", "P"),
    ("WEBP", "RGBA"),
    ("BMP", "RGB"),
)
CLIPS = (("mp4", "libx264"), ("webm", "libvpx"), ("avi", "mpeg4"), ("mpg", "mpeg2video"))
SMALLEST = 2  # bytes of a file that nothing was cut from


@contextmanager
def _refusals(kind: type[MediaError]) -> Iterator[None]:
    """A medium that is refused in few words is a refusal; for lack of memory it may not be."""
    try:
        yield
    except kind as error:
        reason = str(error)
        assert "\n" not in reason and len(reason) < 500, reason
        assert "emory" not in reason, f"memory ran out: {reason}"
        raise UserError(reason) from error


def picture_case(rng: random.Random, folder: Path) -> bool:
    """A damaged picture in one of the formats."""
    good = _picture(*rng.choice(PICTURES))
    path = folder / "picture"
    path.write_bytes(damage_binary(rng, good) if rng.random() < 0.95 else good)
    with _refusals(ImageError):
        pixels = read_image(path)
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3, pixels.shape
    assert 0 < pixels.shape[0] * pixels.shape[1] <= Image.MAX_IMAGE_PIXELS
    return True


@cache
def _picture(kind: str, mode: str) -> bytes:
    image = Image.radial_gradient("L").resize((31, 23)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((31, 23)))
    image = image.convert("L") if mode == "I;16" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    extra = {} if kind in ("GIF", "BMP") else {"exif": exif}
    image.convert(mode).save(file, kind, **extra)
    return file.getvalue()


def clip_case(rng: random.Random, folder: Path) -> bool:
    """A damaged clip in one of the formats."""
    path = folder / "clip"
    good = _clip(*rng.choice(CLIPS))
    path.write_bytes(damage_binary(rng, good) if rng.random() < 0.95 else good)
    with _refusals(ClipError):
        clip = open_clip(path)
        frames = clip.sample(3, lambda frame: frame)
    assert frames.dtype == np.uint8
    assert frames.shape == (3, clip.info.height, clip.info.width, 3), (frames.shape, clip.info)
    assert clip.info.frames == len(clip.times) and (np.diff(clip.times) >= 0).all(), clip.times
    assert np.isfinite(clip.info.seconds) and clip.info.rate > 0, clip.info
    return True


@cache
def _clip(kind: str, codec: str) -> bytes:
    file = io.BytesIO()
    # Muxers of MP4 go back to the beginning: a file in memory serves as one on disk.
    with av.open(file, "w", format={"mpg": "mpeg"}.get(kind, kind)) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for number in range(5):
            pixels = np.full([16, 32, 3], 40 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return file.getvalue()
