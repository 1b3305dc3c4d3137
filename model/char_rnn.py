"""A character-level language model: Karpathy, The Unreasonable Effectiveness of Recurrent Neural
Networks, 2015, in the sizes of the hashtags-to-stories slides.

    x_t = W_e y_t                               y_0 is GO, where a window of text begins
    h^1_t, ..., h^n_t = LSTM^1(x_t), ..., LSTM^n(h^{n-1}_t)
    p_{t+1} = softmax(W_f h^n_t + b_f)

GO tells that what came before is not known, not that a story begins: windows are cut anywhere, and
so is a story that goes on from a hashtag. Each window starts from the zero state. Stories are
divided by EOS, which is learnt like a character.
"""

from typing import NamedTuple

import tensorflow as tf

from model.captioner import Batch, Outputs, caption_steps, teacher_forcing
from model.lstm import LSTM, LSTMState
from model.noise import dropout_masks
from model.parameters import Parameters


class Context(NamedTuple):
    """What is known before the first character: nothing but how many texts there are."""

    row: tf.Tensor  # [B]


class State(NamedTuple):
    """The layers' states, the first layer's first."""

    layers: tuple[LSTMState, ...]


class CharRNN:
    """The model; sizes default to the slides'.

    Args:
        vocab_size: V, characters and special symbols.
        word_slots: L, characters of a window, and the most that decoding writes.
        layers: LSTM layers.
        char_dim, hidden_dim: E, H.
        dropout: probability that a number between two layers, or before the softmax, is dropped
            in training.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    unit = "character"

    def __init__(
        self,
        vocab_size: int,
        word_slots: int = 500,
        layers: int = 2,
        char_dim: int = 1024,
        hidden_dim: int = 1024,
        dropout: float = 0.0,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.word_slots, self.hidden_dim = vocab_size, word_slots, hidden_dim
        self.dropout = dropout
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self.parameters.add_weight("W_e", [vocab_size, char_dim])
        widths = [char_dim, *[hidden_dim] * (layers - 1)]
        self.layers = [
            LSTM(self.parameters, f"lstm_{number}", width, hidden_dim)
            for number, width in enumerate(widths, 1)
        ]
        self.parameters.add_weight("W_f", [hidden_dim, vocab_size])
        self.parameters.add_bias("b_f", [vocab_size])

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """Stories see nothing but their own beginning."""
        return Context(batch["row"])

    def initial_state(self, context: Context, beams: int = 1) -> State:
        """The zero state, [B, K, H] in each layer."""
        lead = [tf.size(context.row), beams]
        return State(tuple(layer.zeros(lead) for layer in self.layers))

    def step(self, tokens: tf.Tensor, state: State, context: Context):
        """Reads the character before, predicts the next: [B, K] to [B, K, V]."""
        hidden, states = self.parameters.rows("W_e", tokens), []
        for layer, before in zip(self.layers, state.layers, strict=True):
            states.append(layer.step(layer.project(hidden), before))
            hidden = states[-1].hidden
        return self._predict(hidden), State(tuple(states)), {"attention": {}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits only where there is a target."""
        inputs, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = tf.minimum(caption_steps(batch), self.word_slots)
        masks = self._masks(batch, noise, steps)
        # Each different character is projected once: there are far fewer than positions.
        table = self.layers[0].project(self.parameters["W_e"])  # [V, 4H]
        projected = tf.gather(table, inputs[:, :steps])  # [B, T, 4H]
        hidden = self.layers[0].run_all(projected) * masks[0]
        for layer, mask in zip(self.layers[1:], masks[1:], strict=True):
            hidden = layer.run_all(layer.project(hidden)) * mask
        index = tf.where(real[:, :steps])  # [N, 2]
        logits = self._predict(tf.gather_nd(hidden, index))
        return Outputs(logits, tf.gather_nd(targets, index), index, {})

    # ------------------------------------------------------------------ their parts

    def _predict(self, hidden: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.parameters.dense(hidden, "W_f", "b_f"), self.score_dtype)

    def _masks(self, batch: Batch, noise: tf.Tensor | None, steps: tf.Tensor) -> list:
        """What dropout multiplies each layer's output with."""
        if noise is None or not self.dropout:
            return [tf.ones([], self.parameters.compute_dtype)] * len(self.layers)
        # Drawn for all L steps, so that a text's do not depend on its batch's longest.
        shape = [self.word_slots, len(self.layers) * self.hidden_dim]
        masks = dropout_masks(noise, batch["row"], shape, self.dropout)[:, :steps]
        return tf.split(tf.cast(masks, self.parameters.compute_dtype), len(self.layers), 2)
