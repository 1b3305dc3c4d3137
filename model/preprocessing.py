"""The one road from a picture's pixels to the network's input, for extraction, captions, export.

It is that of TensorFlow's operation ScaleAndTranslate with antialiasing, bit for bit, in a third of
the time: the operation goes through the second axis pixel by pixel.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

SHORTER_SIDE = 256
CROP = 224
# The channel means, blue, green, red, of the ImageNet photos that Keras's ResNet was trained on
# (`keras.applications.resnet.preprocess_input`).
MEAN_BGR = (103.939, 116.779, 123.68)
DESCRIPTION = "shorter side 256, bilinear with antialiasing; centre crop 224; BGR minus mean"
BLOCK = 32  # rows made at a time, so that a large picture is never in float32 as a whole
PLANS = 64  # sizes remembered; photos come in few


def preprocess(image: np.ndarray) -> np.ndarray:
    """Resizes so that the shorter side is 256, crops the centre 224 x 224, and normalises.

    Only what is kept is computed: a picture of one by ten thousand pixels costs no more than
    another. The longer side is not rounded to whole pixels before the crop, which keeps proportions
    and centre exact.

    Args:
        image: [H, W, 3] uint8, RGB.

    Returns:
        [224, 224, 3] float32, BGR, the mean of each channel subtracted.
    """
    plan = _plan(*image.shape[:2])
    width = plan.columns.shape[1]  # W', of the columns that are used
    resized = np.empty([width, CROP, 3], np.float32)
    for block in plan.rows:
        pixels = image[block.read, plan.read].astype(np.float32)  # [rows read, W', 3]
        rows = block.weights @ pixels.reshape(len(pixels), -1)
        resized[:, block.write] = rows.reshape(-1, width, 3).swapaxes(0, 1)
    cropped = (plan.columns @ resized.reshape(width, -1)).reshape(CROP, CROP, 3).swapaxes(0, 1)
    return cropped[..., ::-1] - np.float32(MEAN_BGR)


class Block(NamedTuple):
    """Rows of the result: `weights` [rows written, rows read] for pixels of the picture."""

    weights: csr_array
    read: slice
    write: slice


class Plan(NamedTuple):
    """How pictures of one size are resized: `columns` [224, W'], for the columns `read`."""

    rows: list[Block]
    columns: csr_array
    read: slice


@lru_cache(PLANS)
def _plan(height: int, width: int) -> Plan:
    size = np.array([height, width], np.float32)
    scale = SHORTER_SIDE / size.min()
    offset = (CROP - size * scale) / 2
    rows = _weights(height, scale, offset[0])
    starts = range(0, CROP, BLOCK)
    blocks = [Block(*_used(rows[i : i + BLOCK]), slice(i, i + BLOCK)) for i in starts]
    return Plan(blocks, *_used(_weights(width, scale, offset[1])))


def _weights(length: int, scale: np.float32, offset: np.float32) -> csr_array:
    """The weights [224, length] of the pixels along one axis: triangles around their places.

    Every step is the operation's, in float32, so that the bits are the same.

    Args:
        length: pixels along this axis.
        scale, offset: pixel x of the picture comes to scale * x + offset.
    """
    one, half = np.float32([1, 0.5])
    inverse = one / scale
    radius = max(inverse, one)  # larger pictures are smoothed, smaller ones interpolated
    middle = (np.arange(CROP, dtype=np.float32) + half) * inverse - inverse * offset  # [224]
    first = np.ceil(middle - radius - half).clip(0, length - 1).astype(np.int64)
    last = np.floor(middle + radius - half).clip(0, length - 1).astype(np.int64)
    place = first[:, np.newaxis] + np.arange((last - first).max() + 1)  # [224, most pixels of one]
    middle, last = middle[:, np.newaxis], last[:, np.newaxis]
    distance = np.abs((place.astype(np.float32) + half - middle) * (one / radius))
    used = (place <= last) & (middle >= 0) & (middle <= length)
    weights = np.where(used, np.maximum(one - distance, 0), 0)
    # A cumulative sum adds from left to right, as the operation does; `sum` would add in pairs.
    weights = weights * (one / weights.cumsum(axis=1)[:, -1:])
    ends = np.concatenate([[0], used.sum(axis=1).cumsum()])
    return csr_array((weights[used], place[used], ends), shape=(CROP, length))


def _used(weights: csr_array) -> tuple[csr_array, slice]:
    """The weights of the pixels from the first to the last one used, and which these are."""
    first, end = int(weights.indices.min()), int(weights.indices.max()) + 1
    return weights[:, first:end], slice(first, end)
