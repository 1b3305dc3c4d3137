"""The extraction is timed beside its own network, on photos that are made up."""

import keras
import numpy as np
import pytest
from PIL import Image

from model import encoders
from model.narrowing import narrow
from scripts import extract_features
from scripts.benchmark.extract import Extract, measure, write_photos
from utils.errors import UserError


@pytest.fixture
def tiny(monkeypatch):
    def network(recipe, folder):
        keras.utils.set_random_seed(3)
        inputs = keras.Input([224, 224, 3])
        result = keras.Model(inputs, keras.layers.Conv2D(2048, 32, strides=32)(inputs))
        return result if recipe.precision == "float32" else narrow(result)

    monkeypatch.setattr(encoders, "build_network", network)
    monkeypatch.setattr(encoders, "calibrate", lambda *a: a[-1].write_bytes(b"statistics"))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_photo_is_extracted_by_the_command_s_own_function(tiny, monkeypatch, precision):
    rows, extract = [], extract_features.extract

    def spied(writer, encoder, options, names, some):
        rows.extend(some.tolist())
        assert encoder.description.get("precision", "float32") == precision
        extract(writer, encoder, options, names, some)

    monkeypatch.setattr(extract_features, "extract", spied)
    numbers = measure(
        Extract(images=13, turns=2, batch_size=3, precision=precision, layer="res5c", jobs=1)
    )
    assert rows == list(range(12)) and numbers["images"] == 12
    rates = numbers["images_per_second"], numbers["bare_images_per_second"]
    assert numbers["ratio_to_bare"] == pytest.approx(rates[0] / rates[1])
    assert numbers["peak_memory_gb"] > 0.1


def test_photos_are_like_photos(tmp_path):
    names = write_photos(tmp_path, 2)
    assert (tmp_path / "images.txt").read_text() == "0.jpg\n1.jpg\n"
    pixels = [np.asarray(Image.open(tmp_path / name)).astype(float) for name in names]
    assert pixels[0].shape == (640, 640, 3) and pixels[0].std() > 30
    assert np.abs(pixels[0] - pixels[1]).mean() > 20
    assert np.abs(np.diff(pixels[0], axis=0)).mean() < 15  # neighbours are alike
    assert 80_000 < (tmp_path / "0.jpg").stat().st_size < 300_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 95}, "--images is 95; expected at least 96"),
        ({"turns": 0}, "--turns is 0; expected at least 1"),
        ({"batch_size": 0}, "--batch_size is 0"),
        ({"jobs": -1}, "--jobs is -1"),
    ],
)
def test_what_cannot_be_timed_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        Extract(**options).check()
