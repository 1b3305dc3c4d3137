"""The road of pictures as TensorFlow operations, for models that leave this project.

Inside it there is one road (`data_loader/images.py`, `model/preprocessing.py`); a SavedModel has
TensorFlow alone. From equal pixels, networks of one bilinear resizing see the same to 1e-3 of 255
levels; where Pillow resizes in several steps, each of which rounds, it is within 3 levels. Pixels
are equal for PNG, GIF, WebP and JPEG in colour or gray, but for:

* EXIF orientation: not applied, pictures lie as they are stored;
* BMP: not read;
* CMYK JPEG, 16-bit PNG and half-transparent pixels: converted with other rounding.
"""

import tensorflow as tf
from PIL import Image

from model.preprocessing import PIXELS, Preprocessing, Resize
from model.sight import MID_GREY, Cut, Fit, Step, Steps, Stretch

_KERNELS = {
    Image.Resampling.LANCZOS: "lanczos3",
    Image.Resampling.BICUBIC: "keyscubic",
    Image.Resampling.BILINEAR: "triangle",
}


def decode_picture(data: tf.Tensor) -> tf.Tensor:
    """A file's bytes to pixels: uint8 [H, W, 3], RGB; of an animation the first frame.

    Fails (InvalidArgumentError) on what is no JPEG, PNG, GIF or WebP.
    """
    # TensorFlow takes the colours' numbers of a BMP with a palette for gray: better none at all.
    bmp = tf.strings.substr(data, 0, 2) == b"BM"
    data = tf.where(bmp, b"a BMP", data)
    png = tf.strings.substr(data, 0, 4) == b"\x89PNG"
    pixels = tf.case(
        [(tf.io.is_jpeg(data), lambda: _decode_jpeg(data)), (png, lambda: _decode_png(data))],
        lambda: tf.io.decode_image(data, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(pixels, [None, None, 3])


def _decode_jpeg(data: tf.Tensor) -> tf.Tensor:
    # As libjpeg does for Pillow; TensorFlow's own default is faster and coarser.
    return tf.io.decode_jpeg(data, channels=3, fancy_upscaling=True, dct_method="INTEGER_ACCURATE")


def _decode_png(data: tf.Tensor) -> tf.Tensor:
    # The header's bits per sample and kind; of gray with fewer than 8, the operation's alpha is 1.
    narrow_gray = tf.strings.substr(data, 24, 2) == [b"\1\0", b"\2\0", b"\4\0"]
    return tf.cond(
        tf.reduce_any(narrow_gray),
        lambda: tf.io.decode_png(data, channels=3),
        lambda: _on_white(data),
    )


def _on_white(data: tf.Tensor) -> tf.Tensor:
    """Lays transparency on white."""
    pixels = tf.cast(tf.io.decode_png(data, channels=4), tf.float32)
    opaque = pixels[..., 3:] / 255
    return tf.cast(tf.round(pixels[..., :3] * opaque + 255 * (1 - opaque)), tf.uint8)


def preprocess_ops(image: tf.Tensor, preprocessing: Preprocessing) -> tf.Tensor:
    """What `preprocessing(image)` computes: uint8 [H, W, 3] to [S, S, 3] float32."""
    image = tf.cast(image, tf.float32)
    how = preprocessing.resize
    if isinstance(how, Steps):
        for step in how.steps:
            image = _apply(step, image)
    else:
        image = _resize(image, how) if how.smooth else _resize_of_tensorflow_1(image, how)
    image = tf.ensure_shape(image, [preprocessing.size, preprocessing.size, 3])
    # NumPy's rounding takes no tensor.
    normalise = tf.round if preprocessing is PIXELS else preprocessing.normalise
    return tf.cast(normalise(image), tf.float32)


def _size(image: tf.Tensor) -> tf.Tensor:
    """(height, width), int32."""
    return tf.shape(image)[:2]


def _resize(image: tf.Tensor, how: Resize) -> tf.Tensor:
    """Smoothed and cropped in one operation, see `model.preprocessing.resize_pixels`."""
    size = tf.cast(_size(image), tf.float32)
    if how.shorter_side is None:
        scale = how.crop / size
    else:
        scale = tf.repeat(how.shorter_side / tf.reduce_min(size), 2)
    return _scale(image, [how.crop, how.crop], scale, (how.crop - size * scale) / 2, "triangle")


def _resize_of_tensorflow_1(image: tf.Tensor, how: Resize) -> tf.Tensor:
    size = tf.cast(_size(image), tf.float32)
    sides = tf.cast(size * (how.shorter_side / tf.reduce_min(size)), tf.int32)  # cut off
    resized = tf.raw_ops.ResizeBilinear(images=image[tf.newaxis], size=sides)[0]
    return _cut(resized, how.crop)


def _scale(image, size, scale, offset, kernel: str) -> tf.Tensor:
    return tf.raw_ops.ScaleAndTranslate(
        images=image[tf.newaxis],
        size=size,
        scale=scale,
        translation=offset,
        kernel_type=kernel,
        antialias=True,
    )[0]


def _apply(step: Step, image: tf.Tensor) -> tf.Tensor:
    match step:
        case Cut():
            return _cut(image, step.side or tf.reduce_min(_size(image)))
        case Stretch():
            return _stretch(image, (step.to.height, step.to.width), step.filter)
        case Fit():
            return _fit(image, step)


def _cut(image: tf.Tensor, side: int | tf.Tensor) -> tf.Tensor:
    """The centre; of an odd rest, the larger part goes at the right and the bottom."""
    top, left = tf.unstack((_size(image) - side) // 2)
    return image[top : top + side, left : left + side]


def _stretch(image: tf.Tensor, size, kernel: Image.Resampling) -> tf.Tensor:
    scale = tf.cast(size, tf.float32) / tf.cast(_size(image), tf.float32)
    resized = _scale(image, size, scale, tf.zeros(2), _KERNELS[kernel])
    return tf.clip_by_value(tf.round(resized), 0, 255)


def _fit(image: tf.Tensor, step: Fit) -> tf.Tensor:
    size = tf.cast(_size(image), tf.float32)
    inside = tf.maximum(1, tf.cast(tf.round(size * step.side / tf.reduce_max(size)), tf.int32))
    resized = _stretch(image, inside, step.filter) - MID_GREY[0]
    before = (step.side - inside) // 2
    around = tf.stack([before, step.side - inside - before], axis=1)
    return tf.pad(resized, tf.concat([around, [[0, 0]]], 0)) + MID_GREY[0]
