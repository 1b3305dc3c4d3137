"""Does caption-guided saliency work at all? On pictures with a bright thing for each word."""

import numpy as np
import pytest
import tensorflow as tf

from model.encoder_decoder import EncoderDecoder
from model.losses import cross_entropy
from model.optimizer import Adam
from model.saliency import cell_log_probabilities, exact_divergence, normalise
from scripts.make_planted_set import Options, caption, draw, in_centre, plant

TRAIN, TEST, BATCH, STEPS = 1500, 60, 50, 250
SLOTS, FIRST = 9, 4


def cells_of(pixels):
    """[64, 192]: the picture at 64 x 64 pixels, cell by cell, from -1 to 1."""
    small = pixels.reshape(64, 2, 64, 2, 3).mean((1, 3)) / 127.5 - 1
    return small.reshape(8, 8, 8, 8, 3).transpose(0, 2, 1, 3, 4).reshape(64, 192)


@pytest.fixture(scope="module")
def planted():
    """Scenes, their cells, and the ids of all words."""
    scenes = list(plant(Options(out=None, train=TRAIN, val=1, test=TEST)))
    random = np.random.default_rng(0)
    cells = np.stack([cells_of(draw(s.things, random)) for s in scenes]).astype(np.float32)
    words = sorted({word for scene in scenes for word in caption(scene).split()})
    return scenes, cells, {word: FIRST + place for place, word in enumerate(words)}


def batch_of(planted, rows):
    scenes, cells, ids = planted
    captions = [[ids[word] for word in caption(scenes[row]).split()] for row in rows]
    padded = [words + [0] * (SLOTS - 1 - len(words)) for words in captions]
    arrays = {"caption": padded, "caption_length": [len(c) for c in captions], "row": rows}
    found = {name: tf.constant(value, tf.int32) for name, value in arrays.items()}
    return {"image": tf.constant(cells[rows]), **found}


@pytest.fixture(scope="module")
def captioner(planted):
    """Ten epochs, with the dropout of the paper."""
    model = EncoderDecoder(FIRST + len(planted[2]), 192, 64, SLOTS, 24, 96)
    optimizer = Adam(model.parameters.variables)

    @tf.function
    def train(batch, noise):
        with tf.GradientTape() as tape:
            total, count = cross_entropy(model.forward(batch, noise=noise))
            loss = total / count
        optimizer.apply(tape.gradient(loss, model.parameters.variables), 0.004)

    random = np.random.default_rng(1)
    for step in range(STEPS):
        train(batch_of(planted, random.choice(TRAIN, BATCH)), tf.constant([0, step]))
    return model


def maps_of(planted, score):
    """For each test scene and thing: its scene, the thing, and its word's map [64]."""
    scenes, cells, ids = planted
    for scene, picture in list(zip(scenes, cells, strict=True))[-TEST:]:
        words = caption(scene).split()
        maps = score(picture, np.array([ids[word] for word in words]))
        for thing in scene.things:
            yield thing, maps[:, words.index(thing.word)]


def hit_rate(found):
    return np.mean([inside(thing, int(map_.argmax())) for thing, map_ in found])


def inside(thing, cell):
    row, column = divmod(cell, 8)
    rows, columns = thing.covered
    return rows.start <= row < rows.stop and columns.start <= column < columns.stop


def test_the_most_salient_cell_is_the_planted_one(planted, captioner):
    rate = hit_rate(maps_of(planted, lambda cells, w: cell_log_probabilities(captioner, cells, w)))
    centre = np.mean([in_centre(thing) for scene in planted[0][-TEST:] for thing in scene.things])
    print(f"hits {rate:.3f}, centre {centre:.3f}")
    assert rate > 0.9 and 0.2 < centre < 0.4


def test_what_is_shown_points_there_too(planted, captioner):
    def shown(cells, words):
        return normalise(cell_log_probabilities(captioner, cells, words).T[np.newaxis])[0].T

    assert hit_rate(maps_of(planted, shown)) > 0.9


def test_the_exact_divergence_finds_what_is_certain(planted, captioner):
    """The second thing, once the first is named: before, either could be, and no cell says so."""

    def score(cells, words):
        return -exact_divergence(captioner, cells, cells, words)

    found = list(maps_of(planted, score))
    print(f"exact divergence: {hit_rate(found[::2]):.3f} and {hit_rate(found[1::2]):.3f}")
    assert hit_rate(found[1::2]) > 0.8
