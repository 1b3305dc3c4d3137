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
from collections.abc import Callable
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
    words = np.asarray(words, np.int32)
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
    words, everything = np.asarray(words, np.int32), np.asarray(all_descriptors)
    if len(everything) != captioner.image_slots:
        raise ValueError(
            f"{len(everything)} descriptors are given for the whole; the model reads "
            f"{captioner.image_slots}"
        )
    functions = _compiled(captioner)
    whole = functions.whole(tf.constant(everything, tf.float32), tf.constant(words))
    return _by_chunks(functions.divergence, captioner, descriptors, words, whole)


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
    descriptors = np.asarray(descriptors)
    if not len(words) or not len(descriptors):
        return np.zeros([len(descriptors), len(words)], np.float32)
    parts = np.array_split(descriptors, chunks_of(len(descriptors), captioner.vocab_size))
    words, targets = tf.constant(words), tf.convert_to_tensor(targets)
    scores = [score(tf.constant(part, tf.float32), words, targets) for part in parts]
    return np.concatenate([part.numpy() for part in scores])


class _Functions(NamedTuple):
    """Compiled for any number of descriptors and words."""

    log_probability: Callable  # descriptors [n, D], words [W], words [W] to [n, W]
    divergence: Callable  # descriptors [n, D], words [W], log probabilities [W, V] to [n, W]
    whole: Callable  # descriptors [M, D], words [W] to log probabilities [W, V]


@functools.lru_cache(maxsize=2)
def _compiled(captioner: EncoderDecoder) -> _Functions:
    cells = tf.TensorSpec([None, captioner.image_dim], tf.float32)
    words = tf.TensorSpec([None], tf.int32)
    whole = tf.TensorSpec([None, captioner.vocab_size], captioner.score_dtype)

    def compiled(function: Callable, *signature: tf.TensorSpec) -> Callable:
        return tf.function(functools.partial(function, captioner), signature)

    return _Functions(
        compiled(functools.partial(_score, _log_probability), cells, words, words),
        compiled(functools.partial(_score, _divergence), cells, words, whole),
        compiled(_whole, cells, words),
    )


def _whole(captioner: EncoderDecoder, descriptors: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    """[W, V]: log p(y_t | the words before, all descriptors)."""

    def advance(state: LSTMState, projected: tf.Tensor) -> tuple[LSTMState, tf.Tensor]:
        state = captioner.lstm.step(projected, state)
        return state, state.hidden

    state = LSTMState(*captioner.encode({"image": descriptors[tf.newaxis]}))
    projected, kind = captioner.words_before(words)[tf.newaxis], captioner.parameters.compute_dtype
    hidden = unfold(advance, state, projected, kind)[1]  # [1, W, H]
    return tf.nn.log_softmax(captioner.predict(hidden[0]))


def _score(
    measure: Callable,
    captioner: EncoderDecoder,
    descriptors: tf.Tensor,
    words: tf.Tensor,
    targets: tf.Tensor,
) -> tf.Tensor:
    """Reads one descriptor, then the sentence; measures each step's logits against its target."""

    def advance(state: LSTMState, now) -> tuple[LSTMState, tf.Tensor]:
        projected, target = now  # of this step, for all descriptors: [1, 4H], [1, ...]
        state = captioner.lstm.step(projected, state)
        # Measured at once: the logits of all steps would be W times as large.
        return state, measure(captioner.predict(state.hidden), target[0])

    with captioner.parameters.cast_once():
        state = captioner.lstm.first(captioner.describe(descriptors))
        state = LSTMState(*(tf.ensure_shape(part, [None, captioner.hidden_dim]) for part in state))
        inputs = (captioner.words_before(words)[tf.newaxis], targets[tf.newaxis])
        scores = unfold(advance, state, inputs, captioner.score_dtype)[1]  # [n, W]
    return tf.cast(scores, tf.float32)


def _log_probability(logits: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
    """Logits [n, V] and a word to [n]; the other words are needed for their sum alone."""
    return tf.gather(logits, word, axis=1) - tf.reduce_logsumexp(logits, 1)


def _divergence(logits: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    """Logits [n, V] and log probabilities [V] to KL [n]."""
    probability = tf.exp(whole)
    known = tf.reduce_sum(tf.math.multiply_no_nan(whole, probability))
    cross = tf.linalg.matvec(logits, probability) - tf.reduce_logsumexp(logits, 1)
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
