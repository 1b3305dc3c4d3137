"""What the networks of caption-guided saliency see of a picture, and where it is in the picture."""

import numpy as np
import pytest
from PIL import Image

from model.networks import NETWORKS
from model.preprocessing import INCEPTION_CROP, INCEPTION_VIDEO, INCEPTION_WHOLE, PATCHES
from model.sight import Window

LANCZOS = Image.Resampling.LANCZOS


def photo(height, width):
    """Smooth noise, made without TensorFlow: what a network sees is decided without it."""
    coarse = np.random.default_rng(0).integers(0, 256, [5, 4, 3], np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def test_the_crop_is_that_of_the_release():
    image = photo(375, 500)
    square = Image.fromarray(image).crop((62, 0, 437, 375))
    square = square.resize((256, 256), LANCZOS).crop((16, 16, 240, 240)).resize((299, 299), LANCZOS)
    expected = np.asarray(square, np.float32) / 127.5 - 1
    np.testing.assert_allclose(INCEPTION_CROP(image), expected, atol=1e-6)


def test_frames_are_squeezed_into_the_size_of_the_release():
    image = photo(90, 160)
    frame = Image.fromarray(image).resize((400, 300), Image.Resampling.BICUBIC)
    frame = np.asarray(frame.resize((299, 299), Image.Resampling.BILINEAR), np.float32)
    np.testing.assert_allclose(INCEPTION_VIDEO(image), frame / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("preprocessing", "size", "window"),
    [
        # 7/8 of the square in the middle: 28 of 448 pixels are cut off at each side.
        (INCEPTION_CROP, (448, 600), (76 + 28, 28, 392, 392)),
        (INCEPTION_CROP, (513, 256), (16, 128 + 16, 224, 224)),
        (INCEPTION_VIDEO, (90, 160), (0, 0, 160, 90)),
        (INCEPTION_WHOLE, (299, 598), (0, -149.5, 598, 598)),
        (INCEPTION_WHOLE, (598, 299), (-149.5, 0, 598, 598)),
        (PATCHES, (48, 65), (8, 0, 48, 48)),
    ],
)
def test_windows(preprocessing, size, window):
    found = preprocessing.window(*size)
    assert isinstance(found, Window)
    # Where sides become whole pixels, half a pixel of the square is a pixel of the picture.
    tolerance = 2 if preprocessing is INCEPTION_WHOLE else 1e-9
    np.testing.assert_allclose(found, window, atol=tolerance)


EXTRACTORS = [name for name in NETWORKS if name != "pixels"]


@pytest.mark.parametrize("size", [(240, 401), (403, 250), (300, 300)])
@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_a_bright_object_is_where_its_window_says(extractor, size):
    """A square of white at the place of a cell of the input lights up just that cell."""
    preprocessing = NETWORKS[extractor].preprocessing
    height, width = size
    left, top, across, down = preprocessing.window(*size)
    image = np.zeros([height, width, 3], np.uint8)
    column, row = 3, 4  # of 8 x 8 cells; in the picture for every extractor
    x0, x1 = (round(left + c * across / 8) for c in (column, column + 1))
    y0, y1 = (round(top + r * down / 8) for r in (row, row + 1))
    image[y0:y1, x0:x1] = 255
    dark, bright = (preprocessing(np.full_like(image, value)) for value in (0, 255))
    share = ((preprocessing(image) - dark) / (bright - dark + 1e-9)).mean(-1)
    side = preprocessing.size // 8 * 8
    cells = share[:side, :side].reshape(8, side // 8, 8, side // 8).mean((1, 3))
    assert cells[row, column] > 0.9
    cells[row, column] = 0
    assert np.abs(cells).max() < 0.12


def test_whole_pictures_are_undistorted_on_grey():
    image = np.full([100, 300, 3], 255, np.uint8)
    seen = INCEPTION_WHOLE(image)
    rows = np.flatnonzero((seen == 1).all((1, 2)))
    assert (rows[0], rows[-1]) == (99, 198)  # 100 of 299 rows are a third
    np.testing.assert_allclose(seen[:99], 0, atol=0.005)
    np.testing.assert_allclose(seen[199:], 0, atol=0.005)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 2)])
@pytest.mark.parametrize("preprocessing", [INCEPTION_CROP, INCEPTION_VIDEO, INCEPTION_WHOLE])
def test_extreme_sizes(preprocessing, size):
    seen = preprocessing(np.full([*size, 3], 255, np.uint8))
    assert seen.shape == (299, 299, 3) and seen.max() == 1 and np.isfinite(seen).all()
    assert all(np.isfinite(preprocessing.window(*size)))
