"""The one road from a picture's pixels to a network's input, for extraction, captions, export.

Smooth resizing is that of TensorFlow's operation ScaleAndTranslate with antialiasing, bit for bit,
in a third of the time: the operation goes through the second axis pixel by pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.sparse import csr_array

from model.sight import Cut, Fit, Size, Steps, Stretch, Window

SHORTER_SIDE = 256
CROP = 224
# The channel means, blue, green, red, of the ImageNet photos that Keras's ResNet was trained on
# (`keras.applications.resnet.preprocess_input`).
MEAN_BGR = (103.939, 116.779, 123.68)
MEAN_RGB_SLIM = (123.68, 116.78, 103.94)  # as TF-slim rounds them
# Of pixels between 0 and 1, red, green, blue: what PyTorch's networks were trained with.
MEAN_TORCH = (0.485, 0.456, 0.406)
STD_TORCH = (0.229, 0.224, 0.225)
BLOCK = 32  # rows made at a time, so that a large picture is never in float32 as a whole
PLANS = 64  # sizes remembered; photos come in few


class Resize(NamedTuple):
    """Which square of a picture a network sees, and by how many pixels.

    Attributes:
        crop: S, the side of the network's input in pixels.
        shorter_side: what the shorter side of the picture becomes before the centre is cut out;
            None for the whole picture, each side resized to S by itself.
        smooth: whether larger pictures are smoothed (antialiasing). Without, and then with a
            shorter side only, bilinear resizing is that of TensorFlow 1: pixel x of the result is
            at x / scale, and sides are whole pixels before the crop.
    """

    crop: int
    shorter_side: int | None = None
    smooth: bool = True

    @property
    def side(self) -> int:
        """S, of the network's input in pixels."""
        return self.crop

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """What `resize_pixels` makes of a picture."""
        return resize_pixels(image, self)

    def window(self, height: int, width: int) -> Window:
        """The part of a picture of H x W pixels that the network sees."""
        if self.shorter_side is None:
            return Window(0.0, 0.0, float(width), float(height))
        scale = self.shorter_side / min(height, width)
        if self.smooth:
            side = self.crop / scale
            return Window((width - side) / 2, (height - side) / 2, side, side)
        first, step = zip(
            *(_grid_of_tensorflow_1(n, scale, self.crop) for n in (width, height)), strict=True
        )
        left, top = (float(f * s) for f, s in zip(first, step, strict=True))
        return Window(left, top, *(float(self.crop * s) for s in step))


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a network's input.

    Attributes:
        description: in words, stored with the features.
        resize: what is seen, and in how many pixels.
        normalise: [S, S, 3] float32, RGB from 0 to 255, to what the network takes.
    """

    description: str
    resize: Resize | Steps
    normalise: Callable[[np.ndarray], np.ndarray]

    @property
    def size(self) -> int:
        """S: the side of the network's input in pixels."""
        return self.resize.side

    def window(self, height: int, width: int) -> Window:
        """The rectangle of a picture of H x W pixels that the network's input shows."""
        return self.resize.window(height, width)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Makes the network's input of a picture.

        Args:
            image: [H, W, 3] uint8, RGB.

        Returns:
            [S, S, 3] float32.
        """
        return self.normalise(self.resize.pixels(image))


RESNET = Preprocessing(
    "shorter side 256, bilinear with antialiasing; centre crop 224; BGR minus mean",
    Resize(CROP, SHORTER_SIDE),
    lambda pixels: pixels[..., ::-1] - np.float32(MEAN_BGR),
)
# The released code of Attend to You (`vgg_preprocessing` of TF-slim, as evaluation uses it).
SLIM = Preprocessing(
    "shorter side 256, bilinear of TensorFlow 1; centre crop 224; RGB minus mean",
    Resize(CROP, SHORTER_SIDE, smooth=False),
    lambda pixels: pixels - np.float32(MEAN_RGB_SLIM),
)
# The Korean captioner sees the whole of the shorter side, not 7/8 of it. Its random flip, in
# testing too, is an extractor of its own (`model.networks.is_mirrored`).
TORCH = Preprocessing(
    "shorter side 224, bilinear with antialiasing; centre crop 224; RGB / 255, minus mean, by std",
    Resize(CROP, CROP),
    lambda pixels: (pixels / 255 - np.float32(MEAN_TORCH)) / np.float32(STD_TORCH),
)


def _minus_1_to_1(pixels: np.ndarray) -> np.ndarray:
    return pixels / np.float32(127.5) - np.float32(1)


INCEPTION = Preprocessing(
    "both sides 299, bilinear with antialiasing; RGB / 127.5 - 1", Resize(299), _minus_1_to_1
)
# Caption-guided saliency: pictures as for Show, Attend and Tell; frames of clips as the ffmpeg
# program wrote them (it resizes bicubically). The released graph of 2015 then took every place
# between four pixels, without rounding; its weights are others than Keras's in any case.
INCEPTION_CROP = Preprocessing(
    "centre square; 256, Lanczos; centre crop 224; 299, Lanczos; RGB / 127.5 - 1",
    Steps((Cut(), Stretch(Size(256, 256)), Cut(224), Stretch(Size(299, 299)))),
    _minus_1_to_1,
)
INCEPTION_VIDEO = Preprocessing(
    "400 x 300, bicubic; both sides 299, bilinear; RGB / 127.5 - 1",
    Steps(
        (
            Stretch(Size(400, 300), Image.Resampling.BICUBIC),
            Stretch(Size(299, 299), Image.Resampling.BILINEAR),
        )
    ),
    _minus_1_to_1,
)
INCEPTION_WHOLE = Preprocessing(
    "longer side 299, Lanczos; grey around; RGB / 127.5 - 1", Steps((Fit(299),)), _minus_1_to_1
)
PATCHES = Preprocessing(
    "centre square; 64, Lanczos; RGB / 127.5 - 1",
    Steps((Cut(), Stretch(Size(64, 64)))),
    _minus_1_to_1,
)
PIXELS = Preprocessing(
    "both sides 227, bilinear with antialiasing; RGB 0 to 255, rounded",
    Resize(227),
    lambda pixels: np.rint(pixels),
)


def preprocess(image: np.ndarray) -> np.ndarray:
    """Keras's ResNets: [H, W, 3] uint8, RGB, to [224, 224, 3] float32, BGR minus the mean."""
    return RESNET(image)


def resize_pixels(image: np.ndarray, resize: Resize) -> np.ndarray:
    """Resizes a picture and cuts out what the network sees.

    Only what is kept is computed: a picture of one by ten thousand pixels costs no more than
    another. With smoothing, the longer side is not rounded to whole pixels before the crop, which
    keeps proportions and centre exact.

    Args:
        image: [H, W, 3] uint8, RGB.
        resize: to S x S pixels.

    Returns:
        [S, S, 3] float32, RGB from 0 to 255.
    """
    plan = _plan(*image.shape[:2], resize)
    width = plan.columns.shape[1]  # W', of the columns that are used
    resized = np.empty([width, resize.crop, 3], np.float32)
    for block in plan.rows:
        pixels = image[block.read, plan.read].astype(np.float32)  # [rows read, W', 3]
        rows = block.weights @ pixels.reshape(len(pixels), -1)
        resized[:, block.write] = rows.reshape(-1, width, 3).swapaxes(0, 1)
    cropped = plan.columns @ resized.reshape(width, -1)
    return cropped.reshape(resize.crop, resize.crop, 3).swapaxes(0, 1)


class Block(NamedTuple):
    """Rows of the result: `weights` [rows written, rows read] for pixels of the picture."""

    weights: csr_array
    read: slice
    write: slice


class Plan(NamedTuple):
    """How pictures of one size are resized: `columns` [S, W'], for the columns `read`."""

    rows: list[Block]
    columns: csr_array
    read: slice


@lru_cache(PLANS)
def _plan(height: int, width: int, resize: Resize) -> Plan:
    rows, columns = _axes(height, width, resize)
    starts = range(0, resize.crop, BLOCK)
    blocks = [
        Block(*_used(rows[i : i + BLOCK]), slice(i, min(i + BLOCK, resize.crop))) for i in starts
    ]
    return Plan(blocks, *_used(columns))


def _axes(height: int, width: int, resize: Resize) -> tuple[csr_array, csr_array]:
    """The weights [S, H] and [S, W] of the pixels along both axes."""
    size = np.array([height, width], np.float32)
    side = resize.shorter_side
    if not resize.smooth:
        scale = np.float32(side) / size.min()
        return tuple(_weights_of_tensorflow_1(n, scale, resize.crop) for n in (height, width))
    scale = resize.crop / size if side is None else np.repeat(side / size.min(), 2)
    offset = (resize.crop - size * scale) / 2
    crop = resize.crop
    return _weights(height, scale[0], offset[0], crop), _weights(width, scale[1], offset[1], crop)


def _grid_of_tensorflow_1(length: int, scale: np.float32, crop: int) -> tuple[int, np.float32]:
    """The first pixel along one axis after resizing, and how far pixels are apart before it."""
    resized = int(np.float32(length) * np.float32(scale))  # cut off, not rounded
    return (resized - crop) // 2, np.float32(length) / np.float32(resized)


def _weights_of_tensorflow_1(length: int, scale: np.float32, crop: int) -> csr_array:
    """The weights [crop, length] of the pixels along one axis, each place between two of them."""
    first, step = _grid_of_tensorflow_1(length, scale, crop)
    place = np.arange(first, first + crop, dtype=np.float32) * step  # [crop]
    before = np.floor(place).astype(np.int64).clip(0, length - 1)
    after = np.minimum(before + 1, length - 1)
    share = place - np.floor(place)
    columns = np.stack([before, after], axis=1).ravel()
    weights = np.stack([1 - share, share], axis=1).ravel()
    return csr_array((weights, columns, np.arange(0, 2 * crop + 1, 2)), shape=(crop, length))


def _weights(length: int, scale: np.float32, offset: np.float32, crop: int) -> csr_array:
    """The weights [crop, length] of the pixels along one axis: triangles around their places.

    Every step is the operation's, in float32, so that the bits are the same.

    Args:
        length: pixels along this axis.
        scale, offset: pixel x of the picture comes to scale * x + offset.
        crop: pixels of the result.
    """
    one, half = np.float32([1, 0.5])
    inverse = one / scale
    radius = max(inverse, one)  # larger pictures are smoothed, smaller ones interpolated
    middle = (np.arange(crop, dtype=np.float32) + half) * inverse - inverse * offset  # [crop]
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
    return csr_array((weights[used], place[used], ends), shape=(crop, length))


def _used(weights: csr_array) -> tuple[csr_array, slice]:
    """The weights of the pixels from the first to the last one used, and which these are."""
    first, end = int(weights.indices.min()), int(weights.indices.max()) + 1
    return weights[:, first:end], slice(first, end)
