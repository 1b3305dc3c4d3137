"""Decodes any picture people post to RGB pixels; what cannot be decoded gets a reason.

`model.preprocessing` makes the network's input from these pixels. JPEG's draft mode (decoding at a
fraction of the size) is not used: it is faster for large photos but gives other pixels.
"""

import io
import stat
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import ExifTags, Image

STRIP = 256  # rows
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
# What makes a picture upright, for each EXIF orientation but 1, which is upright already.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
EXIF_SHORT = 3  # the type of a field that is an unsigned 16-bit number
# What matters becomes an ImageError below, too large a picture by Pillow's own limit; its warnings,
# mostly of damaged EXIF data, would only tear the progress bar.
warnings.filterwarnings("ignore", module=r"PIL\.")


Picture = str | Path | bytes | Image.Image | np.ndarray
"""A file's path or its bytes, a picture of Pillow's, or uint8 pixels [H, W, 3], RGB."""


class MediaError(ValueError):
    """A picture or a clip that cannot be used; the message is the reason, in a few words."""


class ImageError(MediaError):
    """A picture that cannot be used."""


def read_image(path: str | Path) -> np.ndarray:
    """Reads a JPEG, PNG, GIF, WebP or BMP picture, told apart by content and not by name.

    It is turned upright as its EXIF data say. Of an animation the first frame is taken,
    transparency is laid on white, gray and CMYK become RGB, 16-bit values are scaled to 8 bits.

    Args:
        path: the file.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        ImageError: missing, empty, broken, truncated, another format, or more pixels than
            `PIL.Image.MAX_IMAGE_PIXELS` (a few bytes can expand to all of the memory).
    """
    path = Path(path)
    check_file(path, ImageError)
    return _decode(path)


def to_pixels(picture: Picture) -> np.ndarray:
    """`read_image` of whatever holds a picture.

    Returns:
        uint8 [H, W, 3], RGB; pixels are returned as they are.

    Raises:
        ImageError: as `read_image`, or pixels of another shape or type.
        TypeError: something else.
    """
    match picture:
        case str() | Path():
            return read_image(picture)
        case bytes() | bytearray() | memoryview():
            if not len(picture):
                raise ImageError("no bytes")
            return _decode(io.BytesIO(picture))
        case Image.Image():
            with _reasons():
                return _pixels_of(picture)
        case np.ndarray():
            return _checked_pixels(picture)
    raise TypeError(
        f"a picture is a {type(picture).__name__}; expected a path, bytes, a PIL.Image or an array"
    )


def _checked_pixels(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        shape = list(pixels.shape)
        raise ImageError(f"pixels are {pixels.dtype} {shape}; expected uint8 [H, W, 3], RGB")
    return pixels


def _decode(file: Path | io.BytesIO) -> np.ndarray:
    with _reasons(), Image.open(file, formats=FORMATS) as image:
        return _pixels_of(image)


def _pixels_of(image: Image.Image) -> np.ndarray:
    _check_size(image)
    image.load()
    return np.asarray(_to_rgb(_upright(image)))


@contextmanager
def _reasons() -> Iterator[None]:
    """Turns what decoders raise into an `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError(f"not one of {', '.join(FORMATS)}, or its header is broken") from None
    except Image.DecompressionBombError:
        raise ImageError(f"more than {Image.MAX_IMAGE_PIXELS} pixels") from None
    except Exception as error:  # decoders raise almost any type on damaged files
        raise ImageError(f"broken: {error or type(error).__name__}") from error


def path_inside(folder: Path, name: str) -> Path:
    """Joins folder and name; a name that leads out of the folder is no image of a data set.

    Raises:
        ImageError: it does.
    """
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ImageError("its name leads out of the images folder")
    return folder / name


def check_file(path: Path, error: type[MediaError]) -> None:
    """Refuses what no decoder should be given.

    Raises:
        error: missing, empty, not to be opened, or not a file.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise error("missing") from None
    except (OSError, ValueError) as reason:  # a name too long, or with a zero byte
        raise error(f"cannot be opened: {reason}") from None
    if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for ever
        raise error("not a file")
    if found.st_size == 0:
        raise error("empty file")


def _check_size(image: Image.Image) -> None:
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise ImageError(
            f"{image.width} x {image.height} is more than {Image.MAX_IMAGE_PIXELS} pixels"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation; without a readable one, a picture stays as it is.

    (`ImageOps.exif_transpose` also writes all of the EXIF data anew, and so fails on pictures whose
    orientation is fine where any other field is odd.)
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow's EXIF parser raises almost any type on damaged data
        return image
    if orientation is None:  # Pillow 12 stops at an odd field and reads nothing behind it
        orientation = _find_orientation(image.info.get("exif", b""))
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _find_orientation(exif: bytes) -> int | None:
    """The orientation in the first directory of EXIF data, read past all other fields."""
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}L", data, 4)
        (fields,) = struct.unpack_from(f"{order}H", data, start)
        for field in range(fields):
            tag, kind, _, value = struct.unpack_from(f"{order}HHLH", data, start + 2 + 12 * field)
            if (tag, kind) == (ExifTags.Base.Orientation, EXIF_SHORT):
                return value
    except struct.error:  # the data end before their directory
        return None
    return None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = _in_strips(image, _to_8_bits, "L")
    if image.has_transparency_data:
        return _in_strips(image, lay_on_white, "RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _in_strips(
    image: Image.Image, change: Callable[[Image.Image], Image.Image], mode: str
) -> Image.Image:
    """Changes a picture some rows at a time: whole, its copies would take ten times its memory."""
    changed = Image.new(mode, image.size)
    for top in range(0, image.height, STRIP):
        box = (0, top, image.width, min(top + STRIP, image.height))
        changed.paste(change(image.crop(box)), box)
    return changed


def lay_on_white(image: Image.Image) -> Image.Image:
    """An opaque RGB picture of one that has transparency."""
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scales 16-bit gray to 8 bits: 0 stays 0 and 65535 becomes 255 (Pillow would clip at 255)."""
    values = np.asarray(image).astype(np.float64)
    return Image.fromarray(np.rint(np.clip(values, 0, 65535) / 257).astype(np.uint8))
