"""Caption-guided saliency (Ramanishka et al., CVPR 2017): what a single descriptor says of a word.

A captioner without attention reads one cell or frame v_n alone and is told the sentence w_1 .. w_W:

    S[n, t] = log p(w_t | w_1 .. w_{t-1}, {v_n})

That is the paper's divergence from the model's own distribution with all descriptors, if this is
taken for certain of w_t:

    KL(p(y_t | w_<t, v_1 .. v_M) || p(y_t | w_<t, {v_n}))        exactly: `exact_divergence`

For showing, `normalise` scales, thresholds and smooths a volume of F frames, W words and C cells.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.ndimage import gaussian_filter, uniform_filter1d

from model.encoder_decoder import EncoderDecoder
from model.lstm import LSTMState, unfold

LOGITS = 1 << 24  # so many at a time: 64 MB, which caches and memory of small machines bear
ROUNDING = 1e-5  # of the largest value: equal cells may differ by so much, in sums of another order
SIGMAS = (2.0, 1.0, 1.0)  # of frames, rows and columns


def cell_log_probabilities(
    captioner: EncoderDecoder, descriptors: np.ndarray, words: np.ndarray
) -> np.ndarray:
    """How probable each word of a sentence is when the model has seen one descriptor alone.

    The descriptors go through the network together, so many at a time that memory does not grow
    with a clip; what they share (the words' embeddings and projections) is computed once.

    Args:
        captioner: the model.
        descriptors: [N, D], cells of any number of frames.
        words: [W] ids of the sentence, without GO; EOS only if its map is wanted.

    Returns:
        [N, W] float32, log p(w_t | the words before, {descriptor n}).
    """
    words = np.asarray(words, np.int32)[np.newaxis]  # [1, W]
    return _by_chunks(_compiled(captioner).log_probability, captioner, descriptors, words, words)


def exact_divergence(
    captioner: EncoderDecoder,
    descriptors: np.ndarray,
    all_descriptors: np.ndarray,
    words: np.ndarray,
) -> np.ndarray:
    """How far the prediction of one descriptor alone is from that of all; saliency is its negative.

    Args:
        captioner: the model.
        descriptors: [N, D].
        all_descriptors: [M, D], what the model reads to describe the whole, in the order of
            features (a picture's cells row by row); M is `captioner.image_slots`.
        words: [W] ids.

    Returns:
        [N, W] float32, KL(p(y_t | all) || p(y_t | {descriptor n})), 0 or more.

    Raises:
        ValueError: M is another number than the model reads.
    """
    words, everything = np.asarray(words, np.int32)[np.newaxis], np.asarray(all_descriptors)
    if len(everything) != captioner.image_slots:
        raise ValueError(
            f"{len(everything)} descriptors are given for the whole; the model reads "
            f"{captioner.image_slots}"
        )
    functions = _compiled(captioner)
    whole = functions.whole(tf.constant(everything[np.newaxis], tf.float32), tf.constant(words))
    return _by_chunks(functions.divergence, captioner, descriptors, words, whole)


def sentence_scores(
    captioner: EncoderDecoder,
    pictures: np.ndarray,
    about: Sequence[int],
    sentences: Sequence[np.ndarray],
    exact: bool = False,
) -> list[np.ndarray]:
    """What the cells of pictures say of several sentences, those of like length together.

    Args:
        captioner: the model.
        pictures: [P, C, D], their cells row by row.
        about: [S], which picture each sentence is about.
        sentences: S of them, ids [W].
        exact: the negative `exact_divergence`, for `cell_log_probabilities`.

    Returns:
        For each sentence [C, W] float32, as if it had been asked alone.
    """
    functions, found = _compiled(captioner), {}
    for group in _alike(sentences, max(1, LOGITS // (pictures.shape[1] * captioner.vocab_size))):
        cells = tf.constant(pictures[[about[place] for place in group]], tf.float32)
        words = _padded([sentences[place] for place in group])
        if exact:
            scores = -functions.divergence(cells, words, functions.whole(cells, words))
        else:
            scores = functions.log_probability(cells, words, words)
        for place, one in zip(group, scores.numpy(), strict=True):
            found[place] = one[:, : len(sentences[place])]
    return [found[place] for place in range(len(sentences))]


def _alike(sentences: Sequence[np.ndarray], size: int) -> Iterator[list[int]]:
    """The places of sentences, at most `size` at a time, so that little of a group is padding."""
    places = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
    return (places[start : start + size] for start in range(0, len(places), size))


def _padded(sentences: Sequence[np.ndarray]) -> tf.Tensor:
    """[S, W] int32; what follows a sentence changes nothing in it."""
    words = np.zeros([len(sentences), max(1, *map(len, sentences))], np.int32)
    for row, sentence in zip(words, sentences, strict=True):
        row[: len(sentence)] = sentence
    return tf.constant(words)


def chunks_of(number: int, vocab_size: int) -> int:
    """In how many parts of about equal size the descriptors are computed; at least 1."""
    return max(1, math.ceil(number * vocab_size / LOGITS))


def _by_chunks(
    score: Callable,
    captioner: EncoderDecoder,
    descriptors: np.ndarray,
    words: np.ndarray,
    targets: np.ndarray | tf.Tensor,
) -> np.ndarray:
    """One sentence [1, W] for descriptors [N, D], some at a time: [N, W]."""
    descriptors = np.asarray(descriptors)
    if not words.size or not len(descriptors):
        return np.zeros([len(descriptors), words.size], np.float32)
    parts = np.array_split(descriptors, chunks_of(len(descriptors), captioner.vocab_size))
    words, targets = tf.constant(words), tf.convert_to_tensor(targets)
    scores = [score(tf.constant(part[np.newaxis], tf.float32), words, targets) for part in parts]
    return np.concatenate([part[0].numpy() for part in scores])


class _Functions(NamedTuple):
    """Compiled for any number of sentences S, of words W, and of descriptors n of each sentence."""

    log_probability: Callable  # descriptors [S, n, D], words [S, W], words [S, W] to [S, n, W]
    divergence: Callable  # ..., ..., log probabilities [S, W, V] to [S, n, W]
    whole: Callable  # descriptors [S, M, D], words [S, W] to log probabilities [S, W, V]


@functools.lru_cache(maxsize=2)
def _compiled(captioner: EncoderDecoder) -> _Functions:
    cells = tf.TensorSpec([None, None, captioner.image_dim], tf.float32)
    words = tf.TensorSpec([None, None], tf.int32)
    whole = tf.TensorSpec([None, None, captioner.vocab_size], captioner.score_dtype)

    def compiled(function: Callable, *signature: tf.TensorSpec) -> Callable:
        return tf.function(functools.partial(function, captioner), signature)

    return _Functions(
        compiled(functools.partial(_score, _log_probability), cells, words, words),
        compiled(functools.partial(_score, _divergence), cells, words, whole),
        compiled(_whole, cells, words),
    )


def _whole(captioner: EncoderDecoder, descriptors: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    """[S, W, V]: log p(y_t | the words before, all descriptors)."""

    def advance(state: LSTMState, projected: tf.Tensor) -> tuple[LSTMState, tf.Tensor]:
        state = captioner.lstm.step(projected, state)
        return state, state.hidden

    state = LSTMState(*captioner.encode({"image": descriptors}))
    projected, kind = captioner.words_before(words), captioner.parameters.compute_dtype
    hidden = unfold(advance, state, projected, kind)[1]  # [S, W, H]
    return tf.nn.log_softmax(captioner.predict(hidden))


def _score(
    measure: Callable,
    captioner: EncoderDecoder,
    descriptors: tf.Tensor,
    words: tf.Tensor,
    targets: tf.Tensor,
) -> tf.Tensor:
    """Reads one descriptor, then its sentence; measures each step's logits against its target."""

    def advance(state: LSTMState, now) -> tuple[LSTMState, tf.Tensor]:
        projected, target = now  # of this step: [S, 4H], [S, ...]
        state = captioner.lstm.step(projected[:, tf.newaxis], state)  # [S, n, H]
        # Measured at once: the logits of all steps would be W times as large.
        return state, measure(captioner.predict(state.hidden), target)

    with captioner.parameters.cast_once():
        state = captioner.lstm.first(captioner.describe(descriptors))
        wide = [None, None, captioner.hidden_dim]
        state = LSTMState(*(tf.ensure_shape(part, wide) for part in state))
        # As numbers, because oneDNN complains of transposed integers; exact below 2 ** 24.
        targets = tf.cast(targets, captioner.score_dtype)
        inputs = (captioner.words_before(words), targets)
        scores = unfold(advance, state, inputs, captioner.score_dtype)[1]  # [S, W, n]
    return tf.cast(tf.transpose(scores, [0, 2, 1]), tf.float32)


def _log_probability(logits: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    """Logits [S, n, V] and a word each [S] to [S, n]; other words count for their sum alone."""
    words = tf.cast(words, tf.int32)
    return tf.gather(logits, words, axis=2, batch_dims=1) - tf.reduce_logsumexp(logits, 2)


def _divergence(logits: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    """Logits [S, n, V] and log probabilities [S, V] to KL [S, n]."""
    probability = tf.exp(whole)
    known = tf.reduce_sum(tf.math.multiply_no_nan(whole, probability), 1, keepdims=True)
    cross = tf.linalg.matvec(logits, probability) - tf.reduce_logsumexp(logits, 2)
    return tf.maximum(known - cross, 0)  # rounding may leave a trace below 0


# ---------------------------------------------------------------------- for showing


def smooth_over_time(cells: np.ndarray) -> np.ndarray:
    """The mean of three frames for each number of each cell, before a clip's saliency.

    Args:
        cells: [F, C, D]; the clip is mirrored at its ends.

    Returns:
        [F, C, D] float32.
    """
    return uniform_filter1d(np.asarray(cells, np.float32), 3, axis=0, mode="reflect")


def normalise(volume: np.ndarray) -> np.ndarray:
    """The released normalisation and smoothing: from log probabilities to what is shown.

    1. `scale_words`: each word from 0 to 1 over all frames and cells;
    2. `above_mean`: what is below the word's mean becomes 0;
    3. `scale_frames`: each frame from 0 to 1 over all words and cells. So the strongest word of a
       frame reaches 1 even where nothing is salient: to compare frames, leave this out;
    4. `smooth`.

    Args:
        volume: [F, W, C], C the cells of a square; F is 1 for a picture.

    Returns:
        [F, W, C] float32, in [0, 1]; 0 where a slice is constant.
    """
    return smooth(scale_frames(above_mean(scale_words(volume))))


def scale_words(volume: np.ndarray) -> np.ndarray:
    """Each word of [F, W, C] from 0 to 1 over frames and cells."""
    return _scaled(volume, (0, 2))


def scale_frames(volume: np.ndarray) -> np.ndarray:
    """Each frame of [F, W, C] from 0 to 1 over words and cells."""
    return _scaled(volume, (1, 2))


def above_mean(volume: np.ndarray) -> np.ndarray:
    """Subtracts from each word of [F, W, C] its mean over frames and cells; 0 at least."""
    return np.maximum(volume - volume.mean((0, 2), keepdims=True), 0)


def smooth(volume: np.ndarray) -> np.ndarray:
    """A Gaussian over time, rows and columns (2, 1 and 1 wide) for each word of [F, W, C].

    Raises:
        ValueError: the cells make no square.
    """
    frames, words, cells = volume.shape
    side = math.isqrt(cells)
    if side * side != cells:
        raise ValueError(f"{cells} cells make no square")
    maps = np.asarray(volume, np.float32).reshape(frames, words, side, side)
    time, row, column = SIGMAS
    blurred = gaussian_filter(maps, (time, 0, row, column), mode="reflect")
    return blurred.reshape(frames, words, cells)


def _scaled(volume: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """From 0 to 1 over the axes; 0 where all is the same but for rounding."""
    volume = np.asarray(volume, np.float32)
    least, most = volume.min(axes, keepdims=True), volume.max(axes, keepdims=True)
    differs = most - least > ROUNDING * np.maximum(np.abs(least), np.abs(most))
    return np.where(differs, (volume - least) / np.where(differs, most - least, 1), 0)
