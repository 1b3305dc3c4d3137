"""The captioner of caption-guided saliency (Ramanishka et al., Top-down Visual Saliency Guided by
Captions, CVPR 2017): no attention, one LSTM that first reads descriptors and then writes.

    x_i = W_v v_i + b_v
    s_i = LSTM([x_i; 0], s_{i-1})          i = 1..I, s_0 = 0
    o_t, s_{I+t} = LSTM([0; u_t], s_{I+t-1})
    u_1 = 0      u_t = W_e y_{t-1}
    p(y_t) = softmax(W_o o_t + b_o)

Both phases share the LSTM's weights. The descriptors are a picture's cells in snake order (odd rows
from right to left, so that neighbours in the sequence are neighbours in the picture), or frames of
a clip in their order. In training, dropout leaves out numbers of what enters the LSTM and of o_t,
a fresh mask at each step; the recurrent connection has none. The word before the first, GO, is the
zero vector; its row of W_e is never read.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.captioner import GO, Batch, Outputs, caption_steps, teacher_forcing
from model.lstm import LSTM, LSTMState, unfold
from model.noise import dropout_masks
from model.parameters import Parameters, glorot, uniform


class Context(NamedTuple):
    """What the LSTM remembers of the descriptors."""

    hidden: tf.Tensor  # [B, H]
    memory: tf.Tensor  # [B, H]


class Masks(NamedTuple):
    """What dropout multiplies with."""

    descriptors: tf.Tensor  # [B, I, H], of x
    words: tf.Tensor  # [B, T, E], of u
    outputs: tf.Tensor  # [B, T, H], of o


class EncoderDecoder:
    """The model; sizes default to the authors'.

    Args:
        vocab_size: V.
        image_dim, image_slots: width and number of the descriptors, D and I.
        word_slots: L, the longest caption plus EOS.
        word_dim, hidden_dim: E, H.
        dropout: probability that a number is dropped in training.
        snake: whether the descriptors are the cells of a square, stored row by row.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.

    Raises:
        ValueError: cells that make no square.
    """

    def __init__(
        self,
        vocab_size: int,
        image_dim: int = 2048,
        image_slots: int = 64,
        word_slots: int = 25,
        word_dim: int = 300,
        hidden_dim: int = 1300,
        dropout: float = 0.5,
        snake: bool = True,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.word_slots, self.snake = vocab_size, word_slots, snake
        self.image_dim, self.image_slots = image_dim, image_slots
        self.word_dim, self.hidden_dim, self.dropout = word_dim, hidden_dim, dropout
        self.order = snake_order(image_slots) if snake else np.arange(image_slots)
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self._make_parameters()

    def _make_parameters(self) -> None:
        hidden, words = self.hidden_dim, self.word_dim
        add = self.parameters.add_weight
        add("W_v", [self.image_dim, hidden], glorot(self.image_dim, hidden))
        add("b_v", [hidden], uniform(math.sqrt(3 / hidden)))  # Xavier's rule for a vector
        add("W_e", [self.vocab_size, words], glorot(self.vocab_size, words))
        # The authors' LSTM has one matrix for [x; u] and state, which sets the bounds of all three.
        start = glorot(hidden + words + hidden, 4 * hidden)
        self.lstm = LSTM(self.parameters, "lstm", hidden, hidden, start=start, random_bias=False)
        # The rows of the LSTM's input matrix that read u; where u is read, x is zero.
        add("W_lstm_u", [words, 4 * hidden], start)
        add("W_o", [hidden, self.vocab_size], glorot(hidden, self.vocab_size))
        self.parameters.add_bias("b_o", [self.vocab_size])

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """Reads all descriptors."""
        return self._read(self._descriptors(batch))

    def initial_state(self, context: Context, beams: int = 1) -> LSTMState:
        """The state after the descriptors, for `beams` captions of each post: [B, K, H]."""
        repeat = lambda x: tf.repeat(x[:, tf.newaxis], beams, axis=1)  # noqa: E731
        return LSTMState(repeat(context.hidden), repeat(context.memory))

    def step(self, tokens: tf.Tensor, state: LSTMState, context: Context):
        """Reads the word before, predicts the next: [B, K] to [B, K, V]."""
        state = self.lstm.step(self.project_words(self._embed(tokens)), state)
        return self.predict(state.hidden), state, {"attention": {}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits only where there is a target."""
        tokens, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = caption_steps(batch)
        descriptors, words = self._descriptors(batch), self._embed(tokens[:, :steps])
        masks = self._masks(batch, noise, steps) if noise is not None and self.dropout else None
        if masks:
            descriptors, words = descriptors * masks.descriptors, words * masks.words
        hidden = self._write(words, self._read(descriptors))  # [B, T, H]
        if masks:
            hidden = hidden * masks.outputs
        index = tf.where(real[:, :steps])  # [N, 2]
        logits = self.predict(tf.gather_nd(hidden, index))
        return Outputs(logits, tf.gather_nd(targets, index), index, {})

    # ------------------------------------------------------------------ parts, also for saliency

    def describe(self, descriptors: tf.Tensor) -> tf.Tensor:
        """`x`: [..., D] to [..., H]."""
        descriptors = tf.cast(descriptors, self.parameters.compute_dtype)
        return self.parameters.dense(descriptors, "W_v", "b_v")

    def words_before(self, words: tf.Tensor) -> tf.Tensor:
        """`W u + b` of each step of sentences: ids [S, W] to [S, W, 4H]."""
        embedded = self._embed(words[:, :-1])
        return self.project_words(tf.pad(embedded, [[0, 0], [1, 0], [0, 0]]))  # u_1 = 0

    def project_words(self, embedded: tf.Tensor) -> tf.Tensor:
        """`W u + b` of the LSTM: [..., E] to [..., 4H]."""
        return self.parameters.dense(embedded, "W_lstm_u", "b_lstm")

    def predict(self, hidden: tf.Tensor) -> tf.Tensor:
        """Logits, in float32 at least: [..., H] to [..., V]."""
        return tf.cast(self.parameters.dense(hidden, "W_o", "b_o"), self.score_dtype)

    # ------------------------------------------------------------------ their parts

    def _descriptors(self, batch: Batch) -> tf.Tensor:
        """The LSTM's inputs in the order of reading: [B, I, D] to [B, I, H]."""
        image = tf.ensure_shape(batch["image"], [None, self.image_slots, self.image_dim])
        if self.snake:
            image = tf.gather(image, self.order, axis=1)
        return self.describe(image)

    def _embed(self, tokens: tf.Tensor) -> tf.Tensor:
        """`u`: [...] to [..., E], zero for GO."""
        words = self.parameters.rows("W_e", tokens)
        return tf.where((tokens == GO)[..., tf.newaxis], tf.zeros_like(words), words)

    def _read(self, descriptors: tf.Tensor) -> Context:
        """[B, I, H] to the state after the last."""
        start = self.lstm.zeros([tf.shape(descriptors)[0]])
        advance = lambda state, projected: (self.lstm.step(projected, state), ())  # noqa: E731
        return Context(*unfold(advance, start, self.lstm.project(descriptors), ())[0])

    def _write(self, words: tf.Tensor, context: Context) -> tf.Tensor:
        """The outputs `o`: words before [B, T, E] to [B, T, H]."""

        def advance(state, projected):
            state = self.lstm.step(projected, state)
            return state, state.hidden

        projected, kind = self.project_words(words), self.parameters.compute_dtype
        return unfold(advance, LSTMState(*context), projected, kind)[1]

    def _masks(self, batch: Batch, noise: tf.Tensor, steps: tf.Tensor) -> Masks:
        # Drawn for all L steps, so that a post's do not depend on its batch's longest caption.
        # (Where words are read, x is zero, and where descriptors are, u: they need no mask.)
        hidden, words, row = self.hidden_dim, self.word_dim, batch["row"]
        cells = dropout_masks(noise, row, [self.image_slots, hidden], self.dropout)
        noise = tf.random.experimental.stateless_fold_in(noise, 1)
        written = dropout_masks(noise, row, [self.word_slots, words + hidden], self.dropout)
        parts = (cells, *tf.split(written[:, :steps], [words, hidden], 2))
        return Masks(*(tf.cast(part, self.parameters.compute_dtype) for part in parts))


def snake_order(cells: int) -> np.ndarray:
    """[cells] int: which cell of a square is read when, odd rows from right to left.

    Of 9 cells, stored row by row: 0 1 2 5 4 3 6 7 8.

    Raises:
        ValueError: they make no square.
    """
    side = math.isqrt(cells)
    if side * side != cells:
        raise ValueError(f"{cells} cells make no square: they have no snake order")
    order = np.arange(cells).reshape(side, side)
    order[1::2] = order[1::2, ::-1]
    return order.ravel()
