"""Saliency of single descriptors against the captioner's own three operations, and its display."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from model import saliency
from model.captioner import GO
from model.saliency import (
    cell_log_probabilities,
    exact_divergence,
    normalise,
    scale_frames,
    scale_words,
    sentence_scores,
    smooth,
    smooth_over_time,
)
from tests.model.captioners import IMAGE, V, make

WORDS = np.array([7, 19, 4, 7, 12])


def some_cells(number, seed=0):
    return np.random.default_rng(seed).normal(size=(number, IMAGE)).astype(np.float32)


def alone(model, cell):
    """Log probabilities [W, V] of a model that reads nothing but this cell, by its own steps."""
    single = make("saliency-video", image_slots=1)
    single.parameters.assign(model.parameters.values())
    return by_steps(single, cell[np.newaxis])


def by_steps(model, cells):
    """[W, V], from the captioner's three operations."""
    context = model.encode({"image": tf.constant(cells[np.newaxis])})
    state, found = model.initial_state(context), []
    for word in [GO, *WORDS[:-1]]:
        logits, state, _ = model.step(tf.constant([[word]], tf.int32), state, context)
        found.append(tf.nn.log_softmax(logits[0, 0]).numpy())
    return np.stack(found)


@pytest.fixture(params=["saliency-image", "saliency-video"])
def model(request):
    return make(request.param, seed=3)


@pytest.mark.parametrize("logits", [saliency.LOGITS, 4 * V], ids=["at once", "in parts"])
def test_each_word_given_one_cell(model, monkeypatch, logits):
    monkeypatch.setattr(saliency, "LOGITS", logits)
    cells = some_cells(14)
    found = cell_log_probabilities(model, cells, WORDS)
    assert found.shape == (14, 5) and found.dtype == np.float32
    expected = [alone(model, cell)[np.arange(5), WORDS] for cell in cells]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_word_sees_those_before_it_alone(model):
    cells, changed = some_cells(6), WORDS.copy()
    changed[3] = 20
    before, after = (cell_log_probabilities(model, cells, words) for words in (WORDS, changed))
    np.testing.assert_allclose(before[:, :3], after[:, :3], rtol=1e-6)
    assert (np.abs(before[:, 3:] - after[:, 3:]) > 1e-4).all()


def test_divergence_from_what_the_whole_says(model):
    cells, whole = some_cells(6), some_cells(model.image_slots, 1)
    everything = by_steps(model, whole)
    probability = np.exp(everything)
    expected = [(probability * (everything - alone(model, cell))).sum(1) for cell in cells]
    found = exact_divergence(model, cells, whole, WORDS)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match=f"5 descriptors.*reads {model.image_slots}"):
        exact_divergence(model, cells, whole[:5], WORDS)


def test_the_only_descriptor_tells_everything():
    model = make("saliency-video", image_slots=1)
    cell = some_cells(1)
    assert np.abs(exact_divergence(model, cell, cell, WORDS)).max() < 1e-6


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("together", [1, 2, 9])
def test_sentences_of_several_pictures_together_are_as_alone(model, monkeypatch, together, exact):
    cells = model.image_slots
    monkeypatch.setattr(saliency, "LOGITS", together * cells * V)
    pictures = some_cells(3 * cells).reshape(3, cells, IMAGE)
    about, sentences = [0, 2, 1, 1], [WORDS, WORDS[:1], WORDS[::-1], WORDS[1:4]]
    found = sentence_scores(model, pictures, about, sentences, exact)
    for scores, picture, words in zip(found, about, sentences, strict=True):
        if exact:
            expected = -exact_divergence(model, pictures[picture], pictures[picture], words)
        else:
            expected = cell_log_probabilities(model, pictures[picture], words)
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=2e-6)


def test_nothing_to_compute_is_no_error(model):
    none = np.zeros(0, np.int32)
    assert cell_log_probabilities(model, some_cells(3), none).shape == (3, 0)
    assert cell_log_probabilities(model, some_cells(0), WORDS).shape == (0, 5)
    whole = some_cells(model.image_slots)
    assert exact_divergence(model, some_cells(3), whole, none).shape == (3, 0)


def test_one_compilation_serves_all_clips_and_sentences(model):
    for number, words in ((6, WORDS), (4, WORDS[:3]), (9, WORDS)):
        cell_log_probabilities(model, some_cells(number), words)
    assert saliency._compiled(model).log_probability.experimental_get_tracing_count() == 1


def test_cells_that_change_nothing_are_salient_nowhere(model):
    """A projection of zero: all cells say the same, and nothing is divided by zero."""
    for name in ("W_v", "b_v"):
        model.parameters.variables[name].assign(0 * model.parameters.variables[name])
    volume = cell_log_probabilities(model, some_cells(3 * 16), WORDS).reshape(3, 16, 5)
    shown = normalise(volume.transpose(0, 2, 1))
    assert shown.shape == (3, 5, 16) and (shown == 0).all()


def test_a_constant_word_or_frame_is_zero():
    volume = np.random.default_rng(0).normal(size=(4, 3, 9))
    volume[:, 1] = -2.5
    assert (scale_words(volume)[:, 1] == 0).all()
    volume[2] = 0.7
    assert (scale_frames(volume)[2] == 0).all()
    assert np.isfinite(normalise(volume)).all()


def test_normalisation_step_by_step():
    """B.6 of the released code, written down for each word and frame."""
    volume = np.random.default_rng(1).normal(size=(5, 3, 16)) - 4
    maps = volume.copy()
    for word in range(3):
        least, most = maps[:, word].min(), maps[:, word].max()
        maps[:, word] = (maps[:, word] - least) / (most - least)
        maps[:, word] = np.clip(maps[:, word] - maps[:, word].mean(), 0, 1)
    for frame in range(5):
        least, most = maps[frame].min(), maps[frame].max()
        maps[frame] = (maps[frame] - least) / (most - least)
    expected = np.stack(
        [gaussian_filter(maps[:, w].reshape(5, 4, 4), (2, 1, 1)) for w in range(3)], 1
    )
    np.testing.assert_allclose(normalise(volume), expected.reshape(5, 3, 16), atol=1e-5)


def test_a_picture_is_smoothed_in_its_plane():
    volume = np.random.default_rng(2).random((1, 2, 25), np.float32)
    expected = gaussian_filter(volume[0, 1].reshape(5, 5), 1.0)
    np.testing.assert_allclose(smooth(volume)[0, 1].reshape(5, 5), expected, atol=1e-6)
    with pytest.raises(ValueError, match="26 cells make no square"):
        smooth(np.zeros([1, 2, 26]))


def test_cells_are_averaged_over_three_frames():
    cells = some_cells(5 * 4).reshape(5, 4, IMAGE)
    found = smooth_over_time(cells)
    np.testing.assert_allclose(found[2], cells[1:4].mean(0), atol=1e-6)
    np.testing.assert_allclose(found[0], (2 * cells[0] + cells[1]) / 3, atol=1e-6)
    np.testing.assert_allclose(smooth_over_time(cells[:1]), cells[:1], atol=1e-6)
