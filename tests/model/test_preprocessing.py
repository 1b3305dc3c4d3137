"""Every road from pixels to a network's input, against TensorFlow's, Keras's and Pillow's own."""

import platform

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from model.preprocessing import (
    INCEPTION,
    MEAN_BGR,
    PIXELS,
    RESNET,
    SLIM,
    TORCH,
    preprocess,
)
from tests.photos import photo


@pytest.mark.parametrize("size", [(300, 400), (512, 256), (97, 180)])
def test_preprocessing_resizes_and_crops_the_centre(size):
    image = photo(*size)
    height, width = (round(256 * side / min(size)) for side in size)
    resized = tf.image.resize(image, [height, width], antialias=True).numpy()
    top, left = (height - 224) // 2, (width - 224) // 2
    crop = resized[top : top + 224, left : left + 224]
    expected = keras.applications.resnet.preprocess_input(crop.copy())
    # Up to one pixel of difference in the crop, since no side is rounded here.
    np.testing.assert_allclose(preprocess(image), expected, atol=2.5)


SIZES = [(640, 640), (480, 640), (97, 180), (1, 1), (1, 3000), (3000, 2), (256, 300), (1081, 1350)]


@pytest.mark.parametrize("size", SIZES)
def test_preprocessing_has_the_bits_of_the_operation(size):
    image = np.random.default_rng(0).integers(0, 256, [*size, 3], np.uint8)
    sides = tf.constant(size, tf.float32)
    scale = 256 / tf.reduce_min(sides)
    resized = tf.raw_ops.ScaleAndTranslate(
        images=image[np.newaxis],
        size=[224, 224],
        scale=tf.fill([2], scale),
        translation=(224 - sides * scale) / 2,
        kernel_type="triangle",
        antialias=True,
    )[0]
    expected = (resized[..., ::-1] - tf.constant(MEAN_BGR)).numpy()
    # A processor whose compilers fuse multiplication and addition rounds once where we do twice.
    tolerance = 0 if platform.machine() == "x86_64" else 1e-4
    np.testing.assert_allclose(preprocess(image), expected, rtol=0, atol=tolerance)


def test_preprocessing_normalises_as_keras_does():
    image = np.full((256, 256, 3), (200, 100, 50), np.uint8)
    expected = keras.applications.resnet.preprocess_input(image[:224, :224].astype(np.float32))
    np.testing.assert_allclose(preprocess(image), expected, atol=1e-4)


def test_preprocessing_smooths_before_it_reduces():
    stripes = np.zeros([768, 768, 3], np.uint8)
    stripes[:, ::2] = 255  # alternate columns: at a third of the size, an even gray
    result = preprocess(stripes) + np.array(MEAN_BGR, np.float32)
    np.testing.assert_allclose(result, 127.5, atol=20)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (2, 3)])
def test_preprocessing_of_extreme_sizes(size):
    image = np.full((*size, 3), 77, np.uint8)
    result = preprocess(image) + np.array(MEAN_BGR, np.float32)
    assert result.shape == (224, 224, 3)
    np.testing.assert_allclose(result, 77, atol=1e-3)


def resized_by_pillow(image, width, height):
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("size", [(300, 400), (701, 350), (97, 180)])
def test_torch_s_preprocessing_is_that_of_its_own_transforms(size):
    image = photo(*size)
    height, width = (int(224 * side / min(size)) for side in size)
    top, left = (height - 224) // 2, (width - 224) // 2
    crop = resized_by_pillow(image, width, height)[top : top + 224, left : left + 224]
    expected = (crop / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    # Up to one pixel of difference in the crop, and Pillow rounds to whole numbers.
    np.testing.assert_allclose(TORCH(image), expected, atol=0.06)
    assert TORCH(image).dtype == np.float32


@pytest.mark.parametrize("size", [(598, 299), (350, 701), (97, 180)])
def test_inception_sees_the_whole_picture_between_minus_one_and_one(size):
    image = photo(*size)
    expected = keras.applications.inception_v3.preprocess_input(
        resized_by_pillow(image, 299, 299).astype(np.float32)
    )
    np.testing.assert_allclose(INCEPTION(image), expected, atol=1.01 / 127.5)


@pytest.mark.parametrize("size", [(300, 400), (512, 256), (97, 180), (1, 1), (2, 900), (255, 601)])
def test_slim_s_preprocessing_is_that_of_tensorflow_1(size):
    image = photo(*size)
    scale = np.float32(256) / np.float32(min(size))
    sides = [int(np.float32(side) * scale) for side in size]
    resized = tf.raw_ops.ResizeBilinear(images=image[np.newaxis], size=sides)[0].numpy()
    top, left = ((side - 224) // 2 for side in sides)
    expected = resized[top : top + 224, left : left + 224] - [123.68, 116.78, 103.94]
    np.testing.assert_allclose(SLIM(image), expected, atol=1e-3)


@pytest.mark.parametrize("size", [(227, 227), (454, 227), (100, 331)])
def test_pixels_are_whole_numbers_that_float16_holds(size):
    image = photo(*size)
    result = PIXELS(image)
    expected = resized_by_pillow(image, 227, 227).astype(np.float32)
    np.testing.assert_allclose(result, expected, atol=0 if size == (227, 227) else 1)
    np.testing.assert_array_equal(result.astype(np.float16).astype(np.uint8), result)


@pytest.mark.parametrize("road", [RESNET, SLIM, TORCH, INCEPTION, PIXELS])
def test_every_size_of_picture_has_an_input(road):
    for height, width in [(1, 1), (1, 5000), (3000, 1), (7, 9)]:
        result = road(np.full([height, width, 3], (10, 200, 90), np.uint8))
        assert result.shape == (road.size, road.size, 3) and result.dtype == np.float32
        np.testing.assert_allclose(result, np.broadcast_to(result[0, 0], result.shape), atol=1e-4)
