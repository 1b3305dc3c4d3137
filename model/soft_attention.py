"""Soft attention for hashtags, after Xu et al., 2015, by way of TensorFlow's tutorial.

    F_i = ReLU(W_i x_i + b_i)                                  64 cells of Inception's mixed10
    alpha_t = softmax_i(v^T tanh(W_1 F_i + W_2 h_{t-1} + b_1))     z_t = sum_i alpha_ti F_i
    h_t = GRU([z_t; W_e y_{t-1}], h_{t-1})                     or LSTM; h_0 = 0
    p(y_t) = softmax(W_4 (W_3 h_t + b_3) + b_f)                no activation in between
    penalty = lambda sum_i (1 - sum_t alpha_ti)^2

The authors' text says LSTM and has the penalty; their code has a GRU and lambda = 0, and calls the
GRU at every step without its state, so that h_{t-1} reaches the next step by the attention alone
(`legacy_stateless_gru`). Their two biases of the attention are one here, because they only ever
stand as a sum, and the score's bias is gone, because no softmax sees it.
"""

from typing import NamedTuple

import tensorflow as tf

from model.captioner import Batch, Outputs, caption_steps, teacher_forcing
from model.gru import GRU, GRUState
from model.losses import doubly_stochastic
from model.lstm import LSTM, LSTMState, unfold_one_beam
from model.memory import additive_attention
from model.parameters import Parameters

State = GRUState | LSTMState


class Context(NamedTuple):
    """The image; its cells are projected for the attention once per post."""

    cells: tf.Tensor  # [B, I, E], F
    keys: tf.Tensor  # [B, I, H], W_1 F + b_1


class Glimpse(NamedTuple):
    """What one step made of what it saw."""

    hidden: tf.Tensor  # [B, K, H], h_t
    attention: tf.Tensor  # [B, K, I], alpha_t


class SoftAttention:
    """The model; sizes default to the authors'.

    Args:
        vocab_size: V.
        image_dim, image_slots: width and number of the image's cells, and I.
        word_slots: L, the longest caption plus EOS.
        word_dim: E, of tags and of F.
        hidden_dim: H, of the recurrent layer and of the attention.
        cell: `gru` or `lstm`.
        legacy_stateless_gru: the GRU starts from zeros at every step.
        attention_penalty: lambda, of the doubly stochastic attention.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    def __init__(
        self,
        vocab_size: int,
        image_dim: int = 2048,
        image_slots: int = 64,
        word_slots: int = 12,
        word_dim: int = 256,
        hidden_dim: int = 512,
        cell: str = "gru",
        legacy_stateless_gru: bool = False,
        attention_penalty: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.word_slots = vocab_size, word_slots
        self.image_dim, self.image_slots = image_dim, image_slots
        self.word_dim, self.hidden_dim = word_dim, hidden_dim
        self.attention_penalty = attention_penalty
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self._make_attention()
        self.cell = self._make_cell(cell, legacy_stateless_gru)
        self._make_output()

    def _make_attention(self) -> None:
        add, bias = self.parameters.add_weight, self.parameters.add_bias
        add("W_i", [self.image_dim, self.word_dim])
        bias("b_i", [self.word_dim])
        add("W_1", [self.word_dim, self.hidden_dim])
        add("W_2", [self.hidden_dim, self.hidden_dim])
        bias("b_1", [self.hidden_dim])
        add("v", [self.hidden_dim, 1])

    def _make_cell(self, kind: str, stateless: bool) -> GRU | LSTM:
        self.parameters.add_weight("W_e", [self.vocab_size, self.word_dim])
        if kind == "lstm":
            cell = LSTM(self.parameters, kind, self.word_dim, self.hidden_dim)
        else:
            cell = GRU(self.parameters, kind, self.word_dim, self.hidden_dim, stateless)
        # The rows of the cell's input matrix that read z_t, which is known step by step only.
        self._reader = f"W_{kind}_z"
        self.parameters.add_weight(self._reader, [self.word_dim, cell.projected_dim])
        return cell

    def _make_output(self) -> None:
        self.parameters.add_weight("W_3", [self.hidden_dim, self.hidden_dim])
        self.parameters.add_bias("b_3", [self.hidden_dim])
        self.parameters.add_weight("W_4", [self.hidden_dim, self.vocab_size])
        self.parameters.add_bias("b_f", [self.vocab_size])

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """F, and its part of the attention."""
        image = tf.cast(batch["image"], self.parameters.compute_dtype)
        image = tf.ensure_shape(image, [None, self.image_slots, self.image_dim])
        cells = tf.nn.relu(self.parameters.dense(image, "W_i", "b_i"))
        return Context(cells, self.parameters.dense(cells, "W_1", "b_1"))

    def initial_state(self, context: Context, beams: int = 1) -> State:
        """Zeros, for `beams` captions of each post: [B, K, H]."""
        return self.cell.zeros([tf.shape(context.cells)[0], beams])

    def step(self, tokens: tf.Tensor, state: State, context: Context):
        """Looks at the image and reads the tag before, predicts the next.

        Args:
            tokens: [B, K] int32, the previous tags; GO at first.
            state: as `initial_state` and earlier steps left it.
            context: from `encode`.

        Returns:
            logits [B, K, V], the new state, and extras: `attention`, [B, K, I] for `image`.
        """
        words = self.parameters.rows("W_e", tokens)
        state, glimpse = self._advance(self.cell.project(words), state, context)
        return self._predict(glimpse.hidden), state, {"attention": {"image": glimpse.attention}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits only where there is a target.

        The model has no dropout: `noise` changes nothing.
        """
        inputs, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = caption_steps(batch)
        words = self.parameters.rows("W_e", inputs[:, :steps])  # [B, T, E]
        hidden, attention = self._glimpses(words, self.encode(batch))  # [B, T, ...]
        real = real[:, :steps]
        index = tf.where(real)  # [N, 2]
        logits = self._predict(tf.gather_nd(hidden, index))
        penalty = self.attention_penalty * doubly_stochastic(attention, real)
        return Outputs(logits, tf.gather_nd(targets, index), index, {"image": attention}, penalty)

    # ------------------------------------------------------------------ their parts

    def _glimpses(self, words: tf.Tensor, context: Context) -> Glimpse:
        """All steps from the tags before: [B, T, E] to what each saw, [B, T, ...]."""
        return unfold_one_beam(
            lambda state, now: self._advance(now, state, context),
            self.initial_state(context),
            self.cell.project(words),
            Glimpse(*[self.parameters.compute_dtype] * 2),
        )

    def _advance(self, projected: tf.Tensor, state: State, context: Context):
        """Projected tags [B, K, 3H or 4H] to the new state and what was seen."""
        query = self.parameters.dense(self._narrow(state.hidden), "W_2")
        attention = additive_attention(context.keys, query, self.parameters["v"])
        seen = tf.matmul(attention, context.cells)  # [B, K, E], z_t
        projected += self.parameters.dense(seen, self._reader)
        state = self.cell.step(projected, state)
        return state, Glimpse(self._narrow(state.hidden), attention)

    def _predict(self, hidden: tf.Tensor) -> tf.Tensor:
        """Logits: [..., V], in float32 at least."""
        logits = self.parameters.dense(self.parameters.dense(hidden, "W_3", "b_3"), "W_4", "b_f")
        return tf.cast(logits, self.score_dtype)

    def _narrow(self, hidden: tf.Tensor) -> tf.Tensor:
        """A state in the type of the mathematics."""
        return tf.cast(hidden, self.parameters.compute_dtype)
