"""The image encoder: one road from pixels to features, whatever batch a picture comes in."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.saving import legacy_h5_format

from model import encoders
from model.encoders import (
    ImageEncoder,
    Recipe,
    build_network,
    calibrate,
    describe,
    load_encoder,
    random_weights,
)
from model.preprocessing import preprocess
from tests.photos import photo
from utils.errors import UserError


def tiny_network(recipe=None, folder=None):
    """[B, 224, 224, 3] to [B, 7, 7, 2048] in one layer instead of a hundred."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input([224, 224, 3])
    return keras.Model(inputs, keras.layers.Conv2D(2048, 32, strides=32)(inputs))


RANDOM_POOL5 = Recipe("pool5", "random")


@pytest.fixture(scope="module")
def tiny():
    return tiny_network()


def make_encoder(network, layer="pool5", batch_size=3):
    return ImageEncoder(network, {"extractor": "resnet101", "layer": layer}, batch_size)


def test_features_do_not_depend_on_the_batch(tiny):
    images = [photo(60 + 10 * i, 80, seed=i) for i in range(5)]
    together = make_encoder(tiny)(images)
    assert together.shape == (5, 1, 2048) and together.dtype == np.float16
    for index in (0, 4):
        np.testing.assert_array_equal(make_encoder(tiny)([images[index]])[0], together[index])
    assert make_encoder(tiny)([]).shape == (0, 1, 2048)


def test_pool5_is_the_mean_of_res5c(tiny):
    images = [photo(60, 80)]
    maps = make_encoder(tiny, "res5c")(images)
    assert maps.shape == (1, 49, 2048)
    pooled = make_encoder(tiny)(images)
    np.testing.assert_allclose(maps.astype(np.float32).mean(1), pooled[:, 0], rtol=0.01, atol=0.05)
    row = tiny.predict_on_batch(preprocess(images[0])[np.newaxis])[0, 2, 5]
    np.testing.assert_allclose(maps[0, 2 * 7 + 5], row, rtol=0.01, atol=0.1)


def test_random_weights_are_the_same_everywhere():
    kernel = random_weights._he_uniform((7, 7, 3, 64), 3)
    assert kernel.std() == pytest.approx(np.sqrt(2 / (7 * 7 * 3)), rel=0.01)
    np.testing.assert_array_equal(
        kernel[0, 0, 0, :3], np.array([0.00155261764, 0.159593061, 0.183692917], np.float32)
    )
    assert not np.array_equal(kernel, random_weights._he_uniform((7, 7, 3, 64), 4))


def test_missing_and_wrong_weight_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no weight file .*download_pretrained_resnet_101"):
        describe(Recipe("pool5", tmp_path / "none.h5"), tmp_path)
    (tmp_path / "text.h5").write_text("<html>")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, tiny_network())
    for name in ("text.h5", "other.h5"):
        with pytest.raises(UserError, match=rf"{name} holds no weights .*download_pretrained"):
            build_network(Recipe("pool5", tmp_path / name))


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Features of a weight file, as `FeatureStore.metadata` describes them."""
    monkeypatch.setattr(encoders, "build_network", tiny_network)
    weights = tmp_path / "weights.h5"
    weights.write_bytes(b"some weights")
    note = {"weights_path": str(weights), "batch_size": 3}
    return describe(Recipe("pool5", weights), tmp_path) | {
        "made_with": note,
        "rows": 4,
        "failed": {},
    }


def test_a_new_picture_is_encoded_like_the_stored_ones(tmp_path, stored, tiny):
    image = photo(60, 80)
    encoder = load_encoder(stored, tmp_path)
    assert encoder.batch_size == 3
    np.testing.assert_array_equal(encoder([image]), make_encoder(tiny)([image]))


def test_moved_weights_can_be_given(tmp_path, stored):
    (tmp_path / "weights.h5").rename(tmp_path / "moved.h5")
    with pytest.raises(UserError, match=r"no weight file .*weights.h5"):
        load_encoder(stored, tmp_path)
    (tmp_path / "to").mkdir()
    (tmp_path / "moved.h5").rename(tmp_path / "to" / "weights.h5")
    load_encoder(stored, tmp_path, tmp_path / "to" / "weights.h5")


def test_other_weights_are_refused(tmp_path, stored):
    (tmp_path / "weights.h5").write_bytes(b"other weights")
    with pytest.raises(UserError, match="did not make these features"):
        load_encoder(stored, tmp_path)


def test_features_of_other_extractors_have_no_encoder(tmp_path):
    with pytest.raises(UserError, match="toy features were not made by"):
        load_encoder({"extractor": "toy", "layer": "pool5"}, tmp_path)


def test_random_weights_need_their_calibration(tmp_path):
    with pytest.raises(UserError, match=r"resnet101_random.npz is missing"):
        describe(RANDOM_POOL5, tmp_path)
    (tmp_path / RANDOM_POOL5.calibration).write_bytes(b"PK damaged")
    with pytest.raises(UserError, match=r"resnet101_random.npz is damaged"):
        build_network(RANDOM_POOL5, tmp_path)


def mean_cosine(features):
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return (unit @ unit.T)[np.triu_indices(len(unit), 1)].mean()


@pytest.mark.slow
def test_a_calibrated_random_network_tells_pictures_apart(tmp_path):
    images = [photo(224, 224, seed) for seed in range(12)]
    inputs = np.stack([preprocess(image) for image in images])
    path = tmp_path / RANDOM_POOL5.calibration
    untouched = tf.reduce_mean(build_network(RANDOM_POOL5).predict_on_batch(inputs), [1, 2]).numpy()
    calibrate(RANDOM_POOL5, inputs[:8], list("abcdefgh"), path)
    encoder = load_encoder(describe(RANDOM_POOL5, tmp_path), tmp_path)
    features = encoder(images)[:, 0].astype(np.float32)
    assert np.isfinite(features).all()
    assert mean_cosine(untouched) > 0.99 and mean_cosine(features) < 0.5
    np.testing.assert_array_equal(encoder(images[9:10])[0, 0], features[9])
    with np.load(path) as arrays:
        assert arrays["sample"].tolist() == list("abcdefgh")


@pytest.mark.slow
def test_a_file_in_the_layout_of_the_official_one_is_loaded(tmp_path):
    source = build_network(RANDOM_POOL5)
    official = keras.Model(source.inputs, source.layers[-2].output)  # without the last one, ours
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, official)
    loaded = build_network(Recipe("pool5", tmp_path / "weights.h5"))
    for expected, found in zip(official.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
