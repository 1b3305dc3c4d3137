"""Greedy search, sampling and beam search for any captioner: one `tf.while_loop`.

The loop knows `encode`, `initial_state` and `step`, nothing else. Posts whose captions have ended
leave the batch, so that the work follows the captions' real lengths.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from model.captioner import EOS, GO, PAD, UNK, Batch, Captioner
from model.noise import uniform
from model.top_k import top_k


class Hypotheses(NamedTuple):
    """Decoded captions, best first.

    Attributes:
        ids: [B, K, L] int32, EOS included where it was reached, 0 after it.
        scores: [B, K], sum of log probabilities of the words (EOS counts).
    """

    ids: tf.Tensor
    scores: tf.Tensor


class _Search(NamedTuple):
    """The loop's variables for the `A` posts that are still being written."""

    row: tf.Tensor  # [A] int32, their places in the batch
    context: Any  # [A, ...]
    state: Any  # [A, K, ...]
    tokens: tf.Tensor  # [A, K] int32, the words just written
    ids: tf.Tensor  # [A, K, L] int32
    scores: tf.Tensor  # [A, K]
    finished: tf.Tensor  # [A, K] bool
    chance: tf.Tensor  # [A, L], uniform numbers for sampling; [A, 0] otherwise
    prefix: tf.Tensor  # [A, L] int32, words that are given, 0 after the last; [A, 0] without any


def decode(
    captioner: Captioner,
    batch: Batch,
    beam_size: int = 1,
    sample: bool = False,
    temperature: float | tf.Tensor = 1.0,
    top_p: float | tf.Tensor = 1.0,
    seed: int | tf.Tensor = 0,
    length_penalty: float | tf.Tensor = 0.0,
    stop_at_eos: bool = True,
    forbidden: tuple[int, ...] = (),
) -> Hypotheses:
    """Writes a caption for every post of the batch.

    Args:
        captioner: the model.
        batch: see `model/captioner.py`; captions are not looked at. Where it has a `prefix`, each
            caption begins with its words: the model reads every one of them once, in their turn.
        beam_size: K; 1 is the paper's greedy search.
        sample: draw each word instead; what a post gets depends on `seed` and its `row` alone.
        temperature: divides the logits when sampling; with `top_p` and `seed`, a tensor will do.
        top_p: draw among the most probable words alone, as many as have this probability together
            (nucleus sampling, Holtzman et al., 2020).
        seed: of the sampling.
        length_penalty: beams are ranked by score / length ** length_penalty at the end; a tensor
            will do, also of 0.
        stop_at_eos: False writes on to the last slot (the released code's graph).
        forbidden: word ids that are never written.

    Raises:
        ValueError: sampling, or words that are given, with more than one beam.
    """
    if sample and beam_size > 1:
        raise ValueError(f"sampling draws one caption per post, but beam_size is {beam_size}")
    if "prefix" in batch and beam_size > 1:
        raise ValueError(f"a prefix leaves one beam, but beam_size is {beam_size}")
    choose = _Chooser(beam_size, sample, temperature, top_p, forbidden)
    chance = uniform(seed, batch["row"], [captioner.word_slots]) if sample else None
    search = _start(captioner, batch, beam_size, chance)
    size = tf.shape(search.row)[0]
    results = Hypotheses(
        tf.zeros([size, beam_size, captioner.word_slots], tf.int32),
        tf.zeros([size, beam_size], search.scores.dtype),
    )

    def go_on(step, search, results):
        return (step < captioner.word_slots) & ~tf.reduce_all(search.finished)

    def body(step, search, results):
        search = _advance(captioner, choose, step, search, stop_at_eos)
        return step + 1, *_release(search, results)

    loop = (tf.constant(0), search, results)
    shapes = tf.nest.map_structure(_any_batch, loop)
    with captioner.parameters.cast_once():
        _, search, results = tf.while_loop(go_on, body, loop, shape_invariants=shapes)
    return _rank(_store(search, results), length_penalty)


def most_probable_words(captioner: Captioner, batch: Batch, count: int) -> tf.Tensor:
    """The `count` most probable words of the first step, [B, count] int32, never a special one.

    What a model without a word query predicts (the paper's separate tag generation).
    """
    context = captioner.encode(batch)
    tokens = tf.fill([tf.shape(batch["context_length"])[0], 1], GO)
    logits, _, _ = captioner.step(tokens, captioner.initial_state(context), context)
    return tf.math.top_k(_forbid(logits[:, 0], (PAD, GO, EOS, UNK)), count).indices


def _start(captioner: Captioner, batch: Batch, beams: int, chance: tf.Tensor | None) -> _Search:
    context = captioner.encode(batch)
    size = tf.shape(batch["context_length"])[0]
    return _Search(
        row=tf.range(size),
        context=context,
        state=captioner.initial_state(context, beams),
        tokens=tf.fill([size, beams], GO),
        ids=tf.zeros([size, beams, captioner.word_slots], tf.int32),
        scores=tf.zeros([size, beams], captioner.score_dtype),
        finished=tf.zeros([size, beams], tf.bool),
        chance=tf.zeros([size, 0]) if chance is None else chance,
        prefix=_prefix(batch, size, captioner.word_slots),
    )


def _prefix(batch: Batch, size: tf.Tensor, slots: int) -> tf.Tensor:
    if "prefix" not in batch:
        return tf.zeros([size, 0], tf.int32)
    padded = tf.pad(batch["prefix"], [[0, 0], [0, slots]])[:, :slots]
    return tf.ensure_shape(padded, [None, slots])


def _advance(captioner, choose, step, search: _Search, stop_at_eos: bool) -> _Search:
    """Writes one more word of every post's beams."""
    logits, state, _ = captioner.step(search.tokens, search.state, search.context)
    tokens, parents, scores = choose(logits, search, step)
    if choose.beams > 1:
        take = lambda x: tf.gather(x, parents, batch_dims=1)  # noqa: E731
        state = tf.nest.map_structure(take, state)
        search = search._replace(ids=take(search.ids), finished=take(search.finished))
    here = tf.range(captioner.word_slots) == step
    return search._replace(
        state=state,
        tokens=tokens,
        ids=tf.where(here, tokens[:, :, tf.newaxis], search.ids),
        scores=scores,
        finished=search.finished | (tokens == EOS) if stop_at_eos else search.finished,
    )


class _Chooser:
    """Picks the next words: tokens [A, K], the beam each continues [A, K], their scores [A, K]."""

    def __init__(
        self,
        beams: int,
        sample: bool,
        temperature: float | tf.Tensor,
        top_p: float | tf.Tensor,
        forbidden: tuple[int, ...],
    ):
        self.beams, self.sample = beams, sample
        self.temperature, self.top_p, self.forbidden = temperature, top_p, forbidden

    def __call__(self, logits, search: _Search, step):
        logits = _forbid(logits, self.forbidden)
        if self.beams > 1:
            return self._beams(logits, search, step)
        tokens = self._draw(logits, search, step) if self.sample else top_k(logits, 1)[1][..., 0]
        if search.prefix.shape[1]:
            given = search.prefix[:, step, tf.newaxis]
            tokens = tf.where(given > 0, given, tokens)
        chosen = tf.gather(logits, tokens, batch_dims=2)
        gain = chosen - _log_total(logits)
        tokens = tf.where(search.finished, PAD, tokens)
        scores = search.scores + tf.where(search.finished, tf.zeros_like(gain), gain)
        return tokens, tf.zeros_like(tokens), scores

    def _draw(self, logits, search: _Search, step):
        """Inverse of the cumulative distribution at this post's number for this step."""
        temperature = tf.cast(self.temperature, logits.dtype)
        probability = tf.nn.softmax(logits[:, 0] / temperature)  # [A, V]
        total = tf.cumsum(self._nucleus(probability), axis=-1)
        # Rounding may leave the last sum under one: scaling keeps the draw inside the vocabulary.
        level = tf.cast(search.chance[:, step, tf.newaxis], total.dtype) * total[:, -1:]
        return tf.searchsorted(total, level, side="right")

    def _nucleus(self, probability: tf.Tensor) -> tf.Tensor:
        """The probabilities [A, V] of the words that may be drawn, 0 elsewhere."""
        if not tf.is_tensor(self.top_p) and self.top_p >= 1:
            return probability
        ranked = tf.sort(probability, direction="DESCENDING")
        needed = tf.cumsum(ranked, axis=-1, exclusive=True) < tf.cast(self.top_p, ranked.dtype)
        least = tf.reduce_min(tf.where(needed, ranked, 1), -1, keepdims=True)
        return tf.where(probability >= least, probability, 0)

    def _beams(self, logits, search: _Search, step):
        """The K best of all continuations; a finished beam continues with PAD, at no cost."""
        # Two levels: the K best words of each beam hold the K best pairs.
        width = min(self.beams, logits.shape[-1])
        best, words = top_k(logits, width)  # [A, K, width]
        best -= _log_total(logits)[:, :, tf.newaxis]
        done = search.finished[:, :, tf.newaxis]
        nothing, never = tf.zeros([], best.dtype), tf.constant(-float("inf"), best.dtype)
        best = tf.where(done, tf.where(tf.range(width) == 0, nothing, never), best)
        words = tf.where(done, PAD, words)
        total = search.scores[:, :, tf.newaxis] + best
        # At the first step all beams are equal: only the first may go on.
        others = (step == 0) & (tf.range(self.beams) > 0)
        total = tf.where(others[:, tf.newaxis], never, total)
        flat = tf.reshape(total, [-1, self.beams * width])
        scores, place = tf.math.top_k(flat, self.beams)
        tokens = tf.gather(tf.reshape(words, [-1, self.beams * width]), place, batch_dims=1)
        return tokens, place // width, scores


def _log_total(logits: tf.Tensor) -> tf.Tensor:
    """What a logit is above its log probability: [..., V] to [...]."""
    return tf.reduce_logsumexp(logits, -1)


def _forbid(logits: tf.Tensor, words: tuple[int, ...]) -> tf.Tensor:
    if not words:
        return logits
    refused = tf.reduce_any(tf.range(tf.shape(logits)[-1])[:, tf.newaxis] == list(words), 1)
    return tf.where(refused, logits.dtype.min, logits)


def _release(search: _Search, results: Hypotheses) -> tuple[_Search, Hypotheses]:
    """Lets finished posts leave once they are a quarter of the batch.

    Each departure copies the others' memories, so posts leave in groups.
    """
    writing = ~tf.reduce_all(search.finished, 1)
    left = tf.math.count_nonzero(writing, dtype=tf.int32)

    def shrink():
        """The posts that are still being written; the others' captions go to the results."""
        places = tf.where(writing)[:, 0]
        smaller = tf.nest.map_structure(lambda x: tf.gather(x, places), search)
        return smaller, _store(search, results)

    return tf.cond(4 * left <= 3 * tf.size(writing), shrink, lambda: (search, results))


def _store(search: _Search, results: Hypotheses) -> Hypotheses:
    place = search.row[:, tf.newaxis]
    return Hypotheses(
        tf.tensor_scatter_nd_update(results.ids, place, search.ids),
        tf.tensor_scatter_nd_update(results.scores, place, search.scores),
    )


def _rank(results: Hypotheses, length_penalty: float | tf.Tensor) -> Hypotheses:
    if not tf.is_tensor(length_penalty) and not length_penalty:
        return results
    length = tf.math.count_nonzero(results.ids, -1, dtype=results.scores.dtype)
    rank = tf.argsort(results.scores / length**length_penalty, direction="DESCENDING")
    take = lambda x: tf.gather(x, rank, batch_dims=1)  # noqa: E731
    return Hypotheses(take(results.ids), take(results.scores))


def _any_batch(tensor: tf.Tensor) -> tf.TensorShape:
    """Shape invariant of a loop variable: only the number of posts may change."""
    shape = tensor.shape
    return shape if shape.rank == 0 else tf.TensorShape([None, *shape[1:]])
