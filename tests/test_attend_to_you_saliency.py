"""The library: where a word is, on pictures whose cells are known."""

import dataclasses
from unittest import mock

import numpy as np
import pytest

from attend_to_you import UserError, load_run
from configuration import Config, DataConfig
from model.configs import AttendTellConfig
from tests import colour_model


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Runs whose weights are known: a cell's colour is its word."""
    folder = colour_model.make_runs(tmp_path_factory.mktemp("colours"))
    boxes = {"red": (20, 10, 26, 16), "green": (50, 40, 56, 46)}
    colour_model.save(folder / "two.png", colour_model.draw(70, 93, boxes))
    return folder


def test_saliency_is_that_of_the_command(colours, tmp_path, monkeypatch):
    colour_model.run_saliency(colours, "two.png", tmp_path, ("image",), "--sentence", "red green")
    run, picture = load_run(colours / "image"), colours / "two.png"
    found = run.saliency(picture, "red giraffe green", skip_unknown=True)
    assert found.words == ["red", "green"] and found.unknown == ["giraffe"]
    with np.load(tmp_path / "two.npz") as expected:
        np.testing.assert_array_equal(found.values, expected["log_probability"][0])
        np.testing.assert_array_equal(found.shown, expected["saliency"][0])
        assert found.window == tuple(expected["window"]) and found.size == tuple(expected["size"])
    [greedy] = run.caption([picture])
    assert run.saliency(picture).words == greedy.words
    [drawn] = run.caption([picture], sample=True, temperature=9, seed=3)
    assert run.saliency(picture, caption=drawn).words == drawn.words != greedy.words
    with pytest.raises(UserError, match="does not know 'giraffe'"):
        run.saliency(picture, "red giraffe")
    with pytest.raises(UserError, match="caption is of elsewhere; expected one of "):
        run.saliency(picture, caption=dataclasses.replace(drawn, run="elsewhere"))
    clips = load_run(colours / "video")
    assert clips.reads == "clip" and clips._encoder is not run._encoder
    with pytest.raises(UserError, match="saliency-video run, which reads clips"):
        clips.saliency(picture)
    with pytest.raises(TypeError, match="expected the path of one"):
        clips.caption([picture.read_bytes()])


def test_attention_answers_for_a_sentence_too(colours):
    data = DataConfig(colours / "data", "caption", "shipped", "none", "patches")
    model = AttendTellConfig(word_slots=9, word_dim=6, hidden_dim=5)
    with mock.patch.object(AttendTellConfig, "image_layer", "cells8"):
        colour_model.save_run(colours / "told", Config("attend-tell", None, data, model), 192)
        run = load_run(colours / "told")
        found = run.saliency(colours / "two.png", "red ball")
    assert (found.measure, found.values.shape) == ("attention", (2, 8, 8))
    np.testing.assert_allclose(found.values.sum((1, 2)), 1, atol=1e-5)
