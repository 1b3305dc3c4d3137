"""Decoding against a toy captioner whose probabilities are known, and against brute force."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import EOS, GO
from model.decoding import decode, most_probable_words
from model.parameters import Parameters
from tests.model.captioners import make, make_batch, take


class Table(NamedTuple):
    before: tf.Tensor  # [B, K] int32, the word before


class TableCaptioner:
    """A first-order language model: each post shifts the logits of a shared table [V, V]."""

    def __init__(self, logits: np.ndarray, word_slots: int):
        self.logits = tf.constant(logits, tf.float32)
        self.vocab_size, self.word_slots = len(logits), word_slots
        self.score_dtype, self.parameters = tf.float32, Parameters(0)

    def encode(self, batch):
        return batch["image"][:, 0]  # [B, V]

    def initial_state(self, context, beams=1):
        return Table(tf.zeros([tf.shape(context)[0], beams], tf.int32))

    def step(self, tokens, state, context):
        logits = tf.gather(self.logits, tokens) + context[:, tf.newaxis]
        return logits, Table(tokens), {}


def toy(posts=4, vocabulary=6, slots=4, seed=0):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(vocabulary, vocabulary)) * 2
    logits[:, [0, GO]] = -1e9  # PAD and GO are never written
    shift = generator.normal(size=(posts, 1, vocabulary)) * 2
    batch = {
        "image": tf.constant(shift, tf.float32),
        "context_length": tf.zeros([posts], tf.int32),
        "row": tf.range(posts),
    }
    return TableCaptioner(logits, slots), batch


def brute_force(captioner, batch, post):
    """Every caption with its score: words after EOS do not exist."""
    logits = captioner.logits.numpy() + batch["image"][post, 0].numpy()
    scores = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    found = {}
    for words in itertools.product(range(2, captioner.vocab_size), repeat=captioner.word_slots):
        end = words.index(EOS) + 1 if EOS in words else len(words)
        caption = words[:end]
        steps = zip((GO, *caption), caption, strict=False)
        found[caption + (0,) * (len(words) - end)] = sum(scores[a, b] for a, b in steps)
    return sorted(found.items(), key=lambda item: -item[1])


def test_greedy_takes_the_best_word_at_each_step():
    captioner, batch = toy()
    result = decode(captioner, batch)
    logits = captioner.logits.numpy()
    for post in range(4):
        words, before = [], GO
        while len(words) < 4 and before != EOS:
            before = int(np.argmax(logits[before] + batch["image"][post, 0].numpy()))
            words.append(before)
        assert list(result.ids[post, 0].numpy()) == words + [0] * (4 - len(words))
        score = dict(brute_force(captioner, batch, post))[tuple(result.ids[post, 0].numpy())]
        assert float(result.scores[post, 0]) == pytest.approx(score, abs=1e-4)


def test_a_wide_beam_equals_brute_force():
    captioner, batch = toy()
    result = decode(captioner, batch, beam_size=64)
    for post in range(4):
        for beam, (words, score) in enumerate(brute_force(captioner, batch, post)[:5]):
            assert tuple(result.ids[post, beam].numpy()) == words
            assert float(result.scores[post, beam]) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("variant", ["p5", "nocnn", "nowo", "released"])
def test_a_wide_beam_of_the_model_beats_greedy_and_scores_as_the_model_does(variant):
    model = make(variant)
    for variable in model.parameters.variables.values():
        variable.assign(variable * 2)  # sharper, so that captions differ
    batch = make_batch(model)
    greedy, beams = decode(model, batch), decode(model, batch, beam_size=12)
    assert (beams.scores[:, 0].numpy() >= greedy.scores[:, 0].numpy() - 1e-5).all()
    ids = beams.ids[:, 0].numpy()
    length = np.where((ids == EOS).any(1), np.argmax(ids == EOS, 1), 6).clip(max=6)
    captions = np.where(np.arange(6) < length[:, None], ids[:, :6], 0)
    forced = {
        **batch,
        "caption": tf.constant(captions, tf.int32),
        "caption_length": tf.constant(length, tf.int32),
    }
    outputs = model.forward(forced)
    gains = tf.nn.log_softmax(outputs.logits).numpy()
    for post in range(5):
        mine = outputs.index.numpy()[:, 0] == post
        words = ids[post][ids[post] > 0]
        score = gains[mine][np.arange(len(words)), words].sum()
        assert float(beams.scores[post, 0]) == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("variant", ["p5", "nouc", "released"])
def test_a_post_is_decoded_the_same_alone_and_in_a_batch(variant):
    model = make(variant, seed=3)
    batch = make_batch(model, posts=9)
    together = decode(model, batch)
    for row in range(9):
        alone = decode(model, take(batch, [row]))
        np.testing.assert_array_equal(alone.ids[0], together.ids[row])


def test_compiled_decoding_equals_eager():
    model = make()
    batch = make_batch(model)
    compiled = tf.function(lambda b: decode(model, b, beam_size=3))
    np.testing.assert_array_equal(compiled(batch).ids, decode(model, batch, beam_size=3).ids)


@pytest.mark.parametrize("options", [{}, {"beam_size": 3, "length_penalty": 0.7}, {"sample": True}])
def test_decoding_has_the_type_of_the_model(options):
    wide, narrow = make(dtype="float64"), make()
    narrow.parameters.assign(
        {name: value.astype(np.float32) for name, value in wide.parameters.values().items()}
    )
    batch = make_batch(narrow)
    result, expected = decode(wide, batch, **options), decode(narrow, batch, **options)
    assert result.scores.dtype == tf.float64
    np.testing.assert_array_equal(result.ids, expected.ids)
    np.testing.assert_allclose(result.scores, expected.scores, rtol=1e-4)


def test_sampling_depends_on_seed_and_row_alone():
    captioner, batch = toy(posts=300)
    first = decode(captioner, batch, sample=True, seed=5)
    np.testing.assert_array_equal(first.ids, decode(captioner, batch, sample=True, seed=5).ids)
    assert not np.array_equal(first.ids, decode(captioner, batch, sample=True, seed=6).ids)
    part = decode(captioner, take(batch, [7, 299]), sample=True, seed=5)
    np.testing.assert_array_equal(part.ids, first.ids.numpy()[[7, 299]])


def test_sampled_words_have_the_models_frequencies():
    captioner, batch = toy(posts=4000, slots=1)
    batch["image"] = tf.zeros_like(batch["image"])
    words = decode(captioner, batch, sample=True).ids[:, 0, 0].numpy()
    expected = tf.nn.softmax(captioner.logits[GO]).numpy()
    np.testing.assert_allclose(np.bincount(words, minlength=6) / 4000, expected, atol=0.03)


def test_the_nucleus_is_the_fewest_words_with_the_share():
    captioner, batch = toy(posts=4000, slots=1)
    batch["image"] = tf.zeros_like(batch["image"])
    shares = tf.nn.softmax(captioner.logits[GO]).numpy()
    ranked = np.argsort(-shares)
    share = shares[ranked[:2]].sum() - 0.01  # the best word alone has less
    assert shares[ranked[0]] < share
    words = decode(captioner, batch, sample=True, top_p=share).ids[:, 0, 0].numpy()
    assert set(words) == set(ranked[:2])
    expected = shares[ranked[0]] / shares[ranked[:2]].sum()
    assert (words == ranked[0]).mean() == pytest.approx(expected, abs=0.03)
    tiny = decode(captioner, batch, sample=True, top_p=1e-6).ids
    np.testing.assert_array_equal(tiny, decode(captioner, batch).ids)


@pytest.mark.parametrize("options", [{}, {"sample": True}], ids=["greedy", "sampled"])
def test_given_words_come_first_and_count_in_the_score(options):
    captioner, batch = toy(posts=3)
    prefix = [[3, 5], [4, 0], [0, 0]]
    result = decode(captioner, batch | {"prefix": tf.constant(prefix)}, **options)
    free = decode(captioner, batch, **options)
    ids = result.ids[:, 0].numpy()
    assert ids[0, :2].tolist() == [3, 5] and ids[1, 0] == 4
    np.testing.assert_array_equal(ids[2], free.ids[2, 0])
    for post in range(3):
        score = dict(brute_force(captioner, batch, post))[tuple(ids[post])]
        assert float(result.scores[post, 0]) == pytest.approx(score, abs=1e-4)


def test_given_words_with_beams_are_refused():
    captioner, batch = toy()
    with pytest.raises(ValueError, match="beam_size is 3"):
        decode(captioner, batch | {"prefix": tf.zeros([4, 1], tf.int32)}, beam_size=3)


def test_cold_samples_are_greedy():
    captioner, batch = toy()
    cold = decode(captioner, batch, sample=True, temperature=1e-3)
    np.testing.assert_array_equal(cold.ids, decode(captioner, batch).ids)


def test_forbidden_words_are_never_written():
    captioner, batch = toy(posts=50)
    assert (decode(captioner, batch).ids == 3).numpy().any()
    for options in ({}, {"beam_size": 3}, {"sample": True}):
        assert not (decode(captioner, batch, forbidden=(3,), **options).ids == 3).numpy().any()


def test_length_penalty_prefers_longer_captions():
    captioner, batch = toy(posts=40)
    plain = decode(captioner, batch, beam_size=8)
    longer = decode(captioner, batch, beam_size=8, length_penalty=1.0)
    words = lambda result: np.count_nonzero(result.ids[:, 0])  # noqa: E731
    assert words(longer) > words(plain)


def test_no_posts_give_no_captions():
    captioner, batch = toy()
    empty = decode(captioner, take(batch, tf.zeros([0], tf.int32)))
    assert empty.ids.shape == [0, 1, 4]


def test_sampling_with_beams_is_refused():
    captioner, batch = toy()
    with pytest.raises(ValueError, match="beam_size is 3"):
        decode(captioner, batch, beam_size=3, sample=True)


def test_separate_tags_are_the_most_probable_words_of_a_constant_query():
    model = make("nowo-noquery")
    batch = make_batch(model)
    words = most_probable_words(model, batch, 3)
    outputs = model.forward(batch)
    first = [
        np.flatnonzero((outputs.index.numpy() == [post, 0]).all(1))[0] for post in range(len(words))
    ]
    logits = outputs.logits.numpy()[first]
    logits[:, :4] = -np.inf
    np.testing.assert_array_equal(words, np.argsort(-logits, 1)[:, :3])


def test_weights_are_cast_before_the_loop_and_not_in_it():
    model = make("p5", compute_dtype="bfloat16")
    search = tf.function(lambda batch: decode(model, batch).ids)
    graph = search.get_concrete_function(make_batch(model)).graph.as_graph_def()
    (body,) = [f for f in graph.library.function if "while_body" in f.signature.name]
    kinds = [node.op for node in body.node_def]
    assert "MatMul" in kinds and "ReadVariableOp" not in kinds
