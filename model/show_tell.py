"""ShowTell: Vinyals et al., Show and Tell: Lessons Learned from the 2015 MSCOCO Image Captioning
Challenge, TPAMI 2016, equations (10)-(12).

    x_{-1} = W_i image + b_i  the image enters the LSTM once, as a first word; nothing is predicted
    x_t = W_e y_t             y_0 is GO
    p_{t+1} = softmax(W_f LSTM(x_t) + b_f)

The image is the pool5 feature: the encoder is not fine-tuned here. The biases b_i and b_f are not
in the paper's equations. Dropout follows the authors' im2txt, on what enters the LSTM (the image
too) and on what leaves it towards the prediction, a fresh mask at each step; the recurrent
connection has none.
"""

from typing import NamedTuple

import tensorflow as tf

from model.captioner import Batch, Outputs, caption_steps, teacher_forcing
from model.lstm import LSTM, LSTMState, unfold
from model.noise import dropout_masks
from model.parameters import Parameters


class Context(NamedTuple):
    """What the LSTM remembers of the image."""

    hidden: tf.Tensor  # [B, H]
    memory: tf.Tensor  # [B, H]


class Masks(NamedTuple):
    """What dropout multiplies with; the first input is the image."""

    inputs: tf.Tensor  # [B, 1 + T, E]
    outputs: tf.Tensor  # [B, T, H]


class ShowTell:
    """The model; sizes default to section 5.2 of Attend to You.

    Args:
        vocab_size: V.
        image_dim: width of a feature row.
        word_slots: L, the longest caption plus EOS.
        word_dim, hidden_dim: E, H.
        dropout: probability that a number is dropped in training.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    def __init__(
        self,
        vocab_size: int,
        image_dim: int = 2048,
        word_slots: int = 16,
        word_dim: int = 512,
        hidden_dim: int = 512,
        dropout: float = 0.3,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.image_dim, self.word_slots = vocab_size, image_dim, word_slots
        self.word_dim, self.hidden_dim, self.dropout = word_dim, hidden_dim, dropout
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self.parameters.add_weight("W_i", [image_dim, word_dim])
        self.parameters.add_bias("b_i", [word_dim])
        self.parameters.add_weight("W_e", [vocab_size, word_dim])
        self.lstm = LSTM(self.parameters, "lstm", word_dim, hidden_dim)
        self.parameters.add_weight("W_f", [hidden_dim, vocab_size])
        self.parameters.add_bias("b_f", [vocab_size])

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """Shows the LSTM the image (10)."""
        return self._show(self._image(batch))

    def initial_state(self, context: Context, beams: int = 1) -> LSTMState:
        """The state after the image, for `beams` captions of each post: [B, K, H]."""
        repeat = lambda x: tf.repeat(x[:, tf.newaxis], beams, axis=1)  # noqa: E731
        return LSTMState(repeat(context.hidden), repeat(context.memory))

    def step(self, tokens: tf.Tensor, state: LSTMState, context: Context):
        """Reads the word before (11), predicts the next (12): [B, K] to [B, K, V]."""
        inputs = self.parameters.rows("W_e", tokens)
        state = self.lstm.step(self.lstm.project(inputs), state)
        return self._predict(state.hidden), state, {"attention": {}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits only where there is a target."""
        words, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = caption_steps(batch)
        image, inputs = self._image(batch), self.parameters.rows("W_e", words[:, :steps])
        masks = self._masks(batch, noise, steps) if noise is not None and self.dropout else None
        if masks:
            image, inputs = image * masks.inputs[:, 0], inputs * masks.inputs[:, 1:]
        hidden = self._hidden(self._show(image), inputs)  # [B, T, H]
        if masks:
            hidden = hidden * masks.outputs
        index = tf.where(real[:, :steps])  # [N, 2]
        logits = self._predict(tf.gather_nd(hidden, index))
        return Outputs(logits, tf.gather_nd(targets, index), index, {})

    # ------------------------------------------------------------------ their parts

    def _image(self, batch: Batch) -> tf.Tensor:
        """(10): the image as a word, [B, 1, image_dim] to [B, E]."""
        image = tf.cast(batch["image"], self.parameters.compute_dtype)
        image = tf.ensure_shape(image, [None, 1, self.image_dim])
        return self.parameters.dense(image[:, 0], "W_i", "b_i")

    def _show(self, image: tf.Tensor) -> Context:
        start = self.lstm.zeros([tf.shape(image)[0]])
        return Context(*self.lstm.step(self.lstm.project(image), start))

    def _hidden(self, context: Context, inputs: tf.Tensor) -> tf.Tensor:
        def advance(state, projected):
            state = self.lstm.step(projected, state)
            return state, state.hidden

        projected, kind = self.lstm.project(inputs), self.parameters.compute_dtype
        return unfold(advance, LSTMState(*context), projected, kind)[1]

    def _predict(self, hidden: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.parameters.dense(hidden, "W_f", "b_f"), self.score_dtype)

    def _masks(self, batch: Batch, noise: tf.Tensor, steps: tf.Tensor) -> Masks:
        # Drawn for all L steps, so that a post's do not depend on its batch's longest caption.
        shape = [1 + self.word_slots, self.word_dim + self.hidden_dim]
        masks = dropout_masks(noise, batch["row"], shape, self.dropout)
        masks = tf.cast(masks[:, : 1 + steps], self.parameters.compute_dtype)
        inputs, outputs = tf.split(masks, [self.word_dim, self.hidden_dim], 2)
        return Masks(inputs, outputs[:, 1:])
