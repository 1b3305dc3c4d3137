"""Pictures as TensorFlow operations: what the project's own road gives, or how near to it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data_loader.images import to_pixels
from model.networks import NETWORKS
from model.picture_ops import decode_picture, preprocess_ops
from tests.photos import photo

ROADS = {network.preprocessing.description: network.preprocessing for network in NETWORKS.values()}
SIZES = [(97, 180), (300, 231), (480, 640), (640, 1)]
# Of 255 levels: where each step rounds, and in Pillow each axis of it, a level or two are lost.
LEVELS = {True: 1e-3, False: 3}


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return decode_picture(tf.constant(data)).numpy()


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_pixels_without_loss_are_equal(kind, mode):
    data = encoded(Image.fromarray(photo(61, 47).astype(np.uint8)).convert(mode), kind)
    np.testing.assert_array_equal(decoded(data), to_pixels(data))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pixels_of_jpeg_are_those_of_libjpeg(mode, subsampling):
    options = {"subsampling": subsampling} if mode == "RGB" else {}
    image = Image.fromarray(photo(61, 47).astype(np.uint8)).convert(mode)
    data = encoded(image, "JPEG", quality=80, **options)
    difference = np.abs(decoded(data).astype(int) - to_pixels(data))
    assert difference.max() <= 2 and difference.mean() < 0.05


def test_transparency_is_laid_on_white():
    image = Image.fromarray(photo(40, 50).astype(np.uint8))
    image.putalpha(
        Image.fromarray(np.random.default_rng(1).choice([0, 255, 90], (40, 50)).astype(np.uint8))
    )
    data = encoded(image, "PNG")
    expected = to_pixels(data)
    clear = np.asarray(image)[..., 3] != 90
    np.testing.assert_array_equal(decoded(data)[clear], expected[clear])
    np.testing.assert_allclose(decoded(data).astype(int), expected, atol=1)


def test_what_differs_is_what_the_card_says():
    image = Image.fromarray(photo(40, 50).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(image, "JPEG", exif=exif)
    assert to_pixels(turned).shape == (50, 40, 3) and decoded(turned).shape == (40, 50, 3)
    cmyk = encoded(image.convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decoded(cmyk).astype(int) - to_pixels(cmyk)).mean() < 25
    webp = encoded(image, "WEBP", lossless=True)
    np.testing.assert_array_equal(decoded(webp), to_pixels(webp))
    for data in (encoded(image, "BMP"), encoded(image, "TIFF"), b"hello", b""):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decoded(data)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("road", ROADS)
def test_networks_see_what_they_saw(road, size):
    preprocessing, image = ROADS[road], photo(*size).astype(np.uint8)
    found = preprocess_ops(tf.constant(image), preprocessing).numpy()
    expected = preprocessing(image)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    # One level of 255, as the network's input counts.
    ends = preprocessing.normalise(np.float32([[[0, 0, 0]], [[255, 255, 255]]]))
    level = (ends[1] - ends[0]).max() / 255
    exact = not hasattr(preprocessing.resize, "steps")
    difference = np.abs(found - expected) / level
    assert difference.max() <= LEVELS[exact]
    assert exact or difference.mean() < 0.5
