"""seq2seq: Vinyals et al., Grammar as a Foreign Language, NIPS 2015, on the user's words.

    h_1 .. h_U = encoder(W_d w_1 .. W_d w_U)                 the words in decreasing TF-IDF order
    d_t = decoder([W_e y_{t-1}; d'_{t-1}])                   starts from the encoder's last states
    u_ti = v^T tanh(W_1 h_i + W_2 d_t)     a_t = softmax(u_t)     d'_t = sum_i a_ti h_i
    p(y_t) = softmax(W_f [d_t; d'_t] + b_f)

Encoder and decoder are stacks of LSTM layers. There is no image. The two sides have embeddings of
their own, as the paper's two languages do; d'_0 is zero. The words are read from the best to the
worst, as section 5.2 of Attend to You has it; the grammar paper reads its sentences backwards.
"""

from typing import NamedTuple

import tensorflow as tf

from model.captioner import Batch, Outputs, caption_steps, teacher_forcing
from model.lstm import LSTM, LSTMState, unfold
from model.memory import additive_attention
from model.parameters import Parameters


class Context(NamedTuple):
    """The user's words, read."""

    contents: tf.Tensor  # [B, U, H], h
    keys: tf.Tensor  # [B, U, H], W_1 h
    filled: tf.Tensor  # [B, U] bool
    last: tuple[LSTMState, ...]  # [B, H], of each layer


class State(NamedTuple):
    """The decoder's layers, and what was attended to."""

    layers: tuple[LSTMState, ...]  # [B, K, H]
    attended: tf.Tensor  # [B, K, H], d'


class Prediction(NamedTuple):
    """What one step tells the output layer."""

    features: tf.Tensor  # [B, K, 2H], [d_t; d'_t]
    attention: tf.Tensor  # [B, K, U], a_t


class Seq2Seq:
    """The model; sizes default to section 5.2 of Attend to You.

    Args:
        vocab_size: V.
        user_slots: U, the user words that are read.
        word_slots: L, the longest caption plus EOS.
        word_dim, hidden_dim: E, H.
        layers: LSTM layers of the encoder, and of the decoder.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    def __init__(
        self,
        vocab_size: int,
        user_slots: int = 60,
        word_slots: int = 16,
        word_dim: int = 512,
        hidden_dim: int = 512,
        layers: int = 3,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.user_slots, self.word_slots = vocab_size, user_slots, word_slots
        self.word_dim, self.hidden_dim, self.layers = word_dim, hidden_dim, layers
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        add = self.parameters.add_weight
        add("W_d", [vocab_size, word_dim])
        add("W_e", [vocab_size, word_dim])
        self.encoder, self.decoder = self._stack("encoder"), self._stack("decoder")
        # The rows of the first decoder layer's input matrix that read d', known step by step only.
        add("W_decoder_1_a", [hidden_dim, 4 * hidden_dim])
        add("W_1", [hidden_dim, hidden_dim])
        add("W_2", [hidden_dim, hidden_dim])
        add("v", [hidden_dim, 1])
        add("W_f", [2 * hidden_dim, vocab_size])
        self.parameters.add_bias("b_f", [vocab_size])

    def _stack(self, name: str) -> list[LSTM]:
        widths = [self.word_dim] + [self.hidden_dim] * (self.layers - 1)
        return [
            LSTM(self.parameters, f"{name}_{layer}", width, self.hidden_dim)
            for layer, width in enumerate(widths, 1)
        ]

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """Reads the user's words; what follows `context_length` is not read."""
        ids = batch["context"][:, : self.user_slots]
        ids = tf.pad(ids, [[0, 0], [0, self.user_slots - tf.shape(ids)[1]]])
        ids.set_shape([None, self.user_slots])
        length = batch["context_length"]
        filled = tf.range(self.user_slots) < length[:, tf.newaxis]
        contents, last = self.parameters.rows("W_d", ids), []
        for layer in self.encoder:
            contents, state = layer.run(contents, length)
            last.append(state)
        return Context(contents, self.parameters.dense(contents, "W_1"), filled, tuple(last))

    def initial_state(self, context: Context, beams: int = 1) -> State:
        """The encoder's last states, for `beams` captions of each post."""
        repeat = lambda x: tf.repeat(x[:, tf.newaxis], beams, axis=1)  # noqa: E731
        layers = tf.nest.map_structure(repeat, context.last)
        return State(layers, tf.zeros_like(layers[0].hidden))

    def step(self, tokens: tf.Tensor, state: State, context: Context):
        """Reads the word before, attends to the user's words, predicts the next word.

        Args:
            tokens: [B, K] int32, the previous words; GO at first.
            state: as `initial_state` and earlier steps left it.
            context: from `encode`.

        Returns:
            logits [B, K, V], the new state, and extras: `attention`, [B, K, U] for `user`, zero in
            empty slots.
        """
        words = self.parameters.rows("W_e", tokens)
        state, prediction = self._advance(self.decoder[0].project(words), state, context)
        extras = {"attention": {"user": prediction.attention}}
        return self._predict(prediction.features), state, extras

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits only where there is a target.

        The model has no dropout: `noise` changes nothing.
        """
        inputs, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = caption_steps(batch)
        words = self.parameters.rows("W_e", inputs[:, :steps])  # [B, T, E]
        features, attention = self._predictions(words, self.encode(batch))  # [B, T, ...]
        index = tf.where(real[:, :steps])  # [N, 2]
        logits = self._predict(tf.gather_nd(features, index))
        return Outputs(logits, tf.gather_nd(targets, index), index, {"user": attention})

    # ------------------------------------------------------------------ their parts

    def _predictions(self, words: tf.Tensor, context: Context) -> Prediction:
        """All steps from the words before: [B, T, E] to [B, T, ...]."""
        projected = self.decoder[0].project(words)[:, :, tf.newaxis]  # [B, T, 1, 4H]: one beam
        _, predictions = unfold(
            lambda state, now: self._advance(now, state, context),
            self.initial_state(context),
            projected,
            Prediction(*[self.parameters.compute_dtype] * 2),
        )
        return tf.nest.map_structure(lambda tensor: tensor[:, :, 0], predictions)

    def _advance(self, projected, state: State, context: Context) -> tuple[State, Prediction]:
        """One step of the decoder from projected words [B, K, 4H]."""
        projected += self.parameters.dense(state.attended, "W_decoder_1_a")
        layers = []
        for layer, before in zip(self.decoder, state.layers, strict=True):
            if layers:
                projected = layer.project(layers[-1].hidden)
            layers.append(layer.step(projected, before))
        top = layers[-1].hidden  # d_t
        attention = self._attend(top, context)
        attended = tf.matmul(attention, context.contents)  # d'_t
        prediction = Prediction(tf.concat([top, attended], -1), attention)
        return State(tuple(layers), attended), prediction

    def _attend(self, top: tf.Tensor, context: Context) -> tf.Tensor:
        """`u` and its softmax over the filled slots: [B, K, H] to [B, K, U]."""
        query = self.parameters.dense(top, "W_2")  # [B, K, H]
        filled = context.filled[:, tf.newaxis]
        return additive_attention(context.keys, query, self.parameters["v"], filled)

    def _predict(self, features: tf.Tensor) -> tf.Tensor:
        """Logits in float32 at least: [..., 2H] to [..., V]."""
        return tf.cast(self.parameters.dense(features, "W_f", "b_f"), self.score_dtype)
