"""AttendTell: Xu et al., Show, Attend and Tell, ICML 2015, with soft attention (section 4.2).

    e_ti = w^T tanh(W_a a_i + W_s h_{t-1} + b_s)     alpha_t = softmax(e_t)         (4)-(6)
    beta_t = sigmoid(W_beta h_{t-1} + b_beta)        z_t = beta_t sum_i alpha_ti a_i
    h_t, c_t = LSTM([W_e y_{t-1}; z_t])                                             (1)-(3)
    p(y_t) = softmax(L_o (W_e y_{t-1} + L_h h_t + L_z z_t) + b_f)                   (7)
    penalty = lambda sum_i (1 - sum_t alpha_ti)^2                                   (14)

The annotations a_i are the 49 columns of res5c. h_0 and c_0 are one tanh layer each of their mean,
as in the authors' code. Equation (7) writes no bias; their code has `b_f`, and so do we. Their
code's tanh and dropout in (7) are not in the paper, nor here.
"""

from typing import NamedTuple

import tensorflow as tf

from model.captioner import Batch, Outputs, caption_steps, teacher_forcing
from model.losses import doubly_stochastic
from model.lstm import LSTM, LSTMState, unfold_one_beam
from model.memory import additive_attention
from model.parameters import Parameters


class Context(NamedTuple):
    """The image; its annotations are projected for the attention once per post."""

    annotations: tf.Tensor  # [B, I, D], a
    keys: tf.Tensor  # [B, I, A], W_a a + b_s


class Glimpse(NamedTuple):
    """What one step saw and made of it."""

    hidden: tf.Tensor  # [B, K, H], h_t
    seen: tf.Tensor  # [B, K, D], z_t
    attention: tf.Tensor  # [B, K, I], alpha_t


class AttendTell:
    """The model; sizes default to section 5.2 of Attend to You.

    Args:
        vocab_size: V.
        image_dim, image_slots: width and number of the annotations, D and I.
        word_slots: L, the longest caption plus EOS.
        word_dim, hidden_dim, attention_dim: E, H, A.
        attention_penalty: lambda, of the doubly stochastic attention.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    def __init__(
        self,
        vocab_size: int,
        image_dim: int = 2048,
        image_slots: int = 49,
        word_slots: int = 16,
        word_dim: int = 512,
        hidden_dim: int = 512,
        attention_dim: int = 512,
        attention_penalty: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.word_slots = vocab_size, word_slots
        self.image_dim, self.image_slots = image_dim, image_slots
        self.word_dim, self.hidden_dim, self.attention_dim = word_dim, hidden_dim, attention_dim
        self.attention_penalty = attention_penalty
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self._make_attention()
        self.parameters.add_weight("W_e", [vocab_size, word_dim])
        self.lstm = LSTM(self.parameters, "lstm", word_dim, hidden_dim)
        # The rows of the LSTM's input matrix that read z_t, which is known step by step only.
        self.parameters.add_weight("W_lstm_z", [image_dim, 4 * hidden_dim])
        self._make_output()

    def _make_attention(self) -> None:
        add, bias = self.parameters.add_weight, self.parameters.add_bias
        for name in ("W_init_h", "W_init_c"):
            add(name, [self.image_dim, self.hidden_dim])
            bias(name.replace("W", "b"), [self.hidden_dim])
        add("W_a", [self.image_dim, self.attention_dim])
        add("W_s", [self.hidden_dim, self.attention_dim])
        bias("b_s", [self.attention_dim])
        add("w", [self.attention_dim, 1])
        add("W_beta", [self.hidden_dim, 1])
        bias("b_beta", [1])

    def _make_output(self) -> None:
        self.parameters.add_weight("L_h", [self.hidden_dim, self.word_dim])
        self.parameters.add_weight("L_z", [self.image_dim, self.word_dim])
        self.parameters.add_weight("L_o", [self.word_dim, self.vocab_size])
        self.parameters.add_bias("b_f", [self.vocab_size])

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """The annotations and their part of (4)."""
        image = tf.cast(batch["image"], self.parameters.compute_dtype)
        image = tf.ensure_shape(image, [None, self.image_slots, self.image_dim])
        return Context(image, self.parameters.dense(image, "W_a", "b_s"))

    def initial_state(self, context: Context, beams: int = 1) -> LSTMState:
        """h_0 and c_0 from the mean annotation, for `beams` captions of each post: [B, K, H]."""
        mean = tf.reduce_mean(context.annotations, 1, keepdims=True)
        hidden, memory = (
            tf.tanh(self.parameters.dense(mean, f"W_init_{kind}", f"b_init_{kind}"))
            for kind in "hc"
        )
        memory = tf.cast(memory, self.score_dtype)
        return LSTMState(tf.repeat(hidden, beams, axis=1), tf.repeat(memory, beams, axis=1))

    def step(self, tokens: tf.Tensor, state: LSTMState, context: Context):
        """Looks at the image and reads the word before, predicts the next.

        Args:
            tokens: [B, K] int32, the previous words; GO at first.
            state: as `initial_state` and earlier steps left it.
            context: from `encode`.

        Returns:
            logits [B, K, V], the new state, and extras: `attention`, [B, K, I] for `image`.
        """
        words = self.parameters.rows("W_e", tokens)
        state, glimpse = self._advance(self.lstm.project(words), state, context)
        logits = self._predict(words, glimpse.hidden, glimpse.seen)
        return logits, state, {"attention": {"image": glimpse.attention}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits only where there is a target.

        The model has no dropout: `noise` changes nothing.
        """
        inputs, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = caption_steps(batch)
        words = self.parameters.rows("W_e", inputs[:, :steps])  # [B, T, E]
        hidden, seen, attention = self._glimpses(words, self.encode(batch))  # [B, T, ...]
        real = real[:, :steps]
        index = tf.where(real)  # [N, 2]
        logits = self._predict(*(tf.gather_nd(tensor, index) for tensor in (words, hidden, seen)))
        penalty = self.attention_penalty * doubly_stochastic(attention, real)  # (14)
        return Outputs(logits, tf.gather_nd(targets, index), index, {"image": attention}, penalty)

    # ------------------------------------------------------------------ their parts

    def _glimpses(self, words: tf.Tensor, context: Context) -> Glimpse:
        """All steps from the words before: [B, T, E] to what each saw, [B, T, ...]."""
        return unfold_one_beam(
            lambda state, now: self._advance(now, state, context),
            self.initial_state(context),
            self.lstm.project(words),
            Glimpse(*[self.parameters.compute_dtype] * 3),
        )

    def _advance(self, projected, state: LSTMState, context: Context):
        """(1)-(6): projected words [B, K, 4H] to the new state and what was seen."""
        attention = self._attend(state.hidden, context)
        gate = tf.sigmoid(self.parameters.dense(state.hidden, "W_beta", "b_beta"))  # [B, K, 1]
        seen = gate * tf.matmul(attention, context.annotations)
        projected += self.parameters.dense(seen, "W_lstm_z")
        state = self.lstm.step(projected, state)
        return state, Glimpse(state.hidden, seen, attention)

    def _attend(self, hidden: tf.Tensor, context: Context) -> tf.Tensor:
        """(4)-(6): [B, K, H] to [B, K, I]."""
        query = self.parameters.dense(hidden, "W_s")  # [B, K, A]
        return additive_attention(context.keys, query, self.parameters["w"])

    def _predict(self, words: tf.Tensor, hidden: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """(7) before the softmax: [..., V], in float32 at least."""
        read = self.parameters.dense(hidden, "L_h") + self.parameters.dense(seen, "L_z")
        logits = self.parameters.dense(words + read, "L_o", "b_f")
        return tf.cast(logits, self.score_dtype)
