"""Exported graphs: every method's words are those that decoding gives."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from configuration import find_preset
from data_loader.history import known_words
from data_loader.vocabulary import PAD, SPECIAL_WORDS, UNK, Vocabulary
from model.build import build_captioner
from model.configs import IMAGE_SLOTS
from model.decoding import decode, most_probable_words
from model.evaluation import without_end
from model.exported import Exported, Search
from utils.predictions import join_words

TINY = {
    "hidden_dim": 6,
    "attention_dim": 5,
    "word_dim": 7,
    "memory_dim": 9,
    "channels": 4,
    "user_words": 8,
    "word_slots": 7,
    "width": 0.02,
}
METHODS = (
    *("csmn-p5", "csmn-nowo-p5", "csmn-nouc-p5", "csmn-noim", "show-tell", "attend-tell"),
    *("seq2seq", "diya-resnet", "diya-resnext-look-back", "soft-attention", "show-tell-cnn"),
    *("saliency-image", "csmn-separate-p5", "alexnet"),
)
SIGNS = [f"#tag{n}" if n % 2 else f"word{n}" for n in range(19)]
VOCABULARY = Vocabulary([*SPECIAL_WORDS, *SIGNS])
POSTS, IMAGE_DIM = 3, 11


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "vocabulary.txt"
    VOCABULARY.save(path)
    return path


def make(preset, vocabulary, hashtags=False, **search) -> Exported:
    """A method at a tiny size with a stand-in for its image encoder."""
    model = find_preset(preset).model
    known = {field.name for field in dataclasses.fields(model)}
    sizes = {name: size for name, size in TINY.items() if name in known}
    model = dataclasses.replace(model, **sizes)
    dim = 3 if preset == "alexnet" else IMAGE_DIM
    captioner = build_captioner(model, len(VOCABULARY), dim, seed=4)
    encoder = None
    if model.image_layer != "none":
        network = SimpleNamespace(variables=[])
        slots = IMAGE_SLOTS[model.image_layer]
        encoder = SimpleNamespace(slots=slots, dim=dim, network=network)
    return Exported(captioner, model, vocabulary, encoder, hashtags, Search(**search))


def inputs_of(exported: Exported) -> dict[str, tf.Tensor]:
    random, inputs = np.random.default_rng(3), {}
    if exported._encoder:
        shape = [POSTS, exported._encoder.slots, exported._encoder.dim]
        inputs["features"] = tf.constant(random.normal(size=shape), tf.float32)
    if exported._settings.context_words:
        words = random.choice([*SIGNS, "giraffe"], [POSTS, 5])
        inputs["words"] = tf.constant(words.tolist())
    return inputs


def batch_of(exported: Exported, inputs) -> dict[str, np.ndarray]:
    """The batch as the loader makes it of the same words."""
    slots = exported._settings.context_words
    context, length = np.zeros([POSTS, slots], np.int32), np.zeros(POSTS, np.int32)
    view = SimpleNamespace(vocabulary=VOCABULARY)
    for row, words in enumerate(inputs["words"].numpy().tolist() if "words" in inputs else []):
        ids = known_words(view, [word.decode() for word in words], slots)
        context[row, : len(ids)], length[row] = ids, len(ids)
    image = inputs.get("features", tf.zeros([POSTS, 0, 1]))
    return {
        "image": image,
        "context": tf.constant(context),
        "context_length": tf.constant(length),
        "row": tf.range(POSTS),
    }


@pytest.mark.slow
@pytest.mark.parametrize("preset", METHODS)
def test_words_are_those_of_decoding(preset, vocabulary):
    tags = 4 if not find_preset(preset).model.word_query else None
    exported = make(preset, vocabulary, beams=3, separate_tags=tags)
    inputs = inputs_of(exported)
    batch = batch_of(exported, inputs)
    if tags:
        found = exported._signature(1, pictures=False)(**inputs)
        expected = most_probable_words(exported._captioner, batch, tags)
        np.testing.assert_array_equal(found["ids"], expected)
        assert "log_probability" not in found
        return
    for beams in (1, 3):
        found = exported._signature(beams, pictures=False)(**inputs)
        expected = decode(exported._captioner, batch, beams)
        ids = without_end(expected.ids[:, 0].numpy())
        np.testing.assert_array_equal(found["ids"], ids)
        np.testing.assert_allclose(found["log_probability"], expected.scores[:, 0], rtol=1e-4)
        texts = [" ".join(VOCABULARY.decode(row)) for row in ids.tolist()]
        assert [text.decode() for text in found["text"].numpy()] == texts


def test_what_must_not_be_written_is_not(vocabulary):
    exported = make("show-tell", vocabulary, forbidden=(PAD, 1, UNK))
    bias = next(v for v in exported.parameters if v.shape == [len(VOCABULARY)])
    bias.assign(tf.one_hot(UNK, len(VOCABULARY)) * 99)
    found = exported._signature(1, pictures=False)(**inputs_of(exported))
    assert UNK not in found["ids"].numpy() and b"_UNK" not in found["text"].numpy()


def test_words_of_a_person_are_read_as_the_loader_reads_them(vocabulary):
    exported = make("csmn-noim", vocabulary)
    lines = [
        ["giraffe", "word2", "#tag1", "word2", "_UNK", "#word4", "tag3", ""],
        ["", "", "", "", "", "", "", ""],
        [f"word{n}" for n in (0, 2, 4, 6, 8, 10, 12, 14)],
        [*SIGNS[:7], "word8"],
    ]
    lines = [[*line, "#tag3", "word18", "word16"] for line in lines]  # more than fit
    ids, lengths = exported.context(tf.constant(lines))
    view = SimpleNamespace(vocabulary=VOCABULARY)
    for row, words in enumerate(lines):
        expected = known_words(view, words, TINY["user_words"])
        assert lengths[row] == len(expected)
        np.testing.assert_array_equal(ids[row], np.pad(expected, (0, 8 - len(expected))))
    ids, lengths = exported.context(tf.zeros([2, 0], tf.string))
    assert ids.shape == (2, 8) and not lengths.numpy().any()


@pytest.mark.parametrize("task", ["caption", "hashtag"])
def test_text_is_the_prediction_of_eval(vocabulary, task):
    exported = make("show-tell", vocabulary, hashtags=task == "hashtag")
    ids = [[5, 4, 5, 3, 0, 0], [0, 0, 0, 0, 0, 0], [22, 1, 22, 21, 20, 22]]
    found = exported.spell(tf.constant(ids)).numpy()
    expected = [join_words(VOCABULARY.decode(row), task) for row in ids]
    assert [text.decode() for text in found] == expected
