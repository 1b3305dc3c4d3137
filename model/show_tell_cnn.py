"""Show-and-Tell as the hashtags-to-stories project compares with: ResNet-152 and two LSTM layers.

    x_{-1} = BN(W_i image)    the image enters the LSTM once, as a first word; nothing is predicted
    x_t = W_e y_t             y_0 is GO
    h^1_t, ..., h^n_t = LSTM^1(x_t), ..., LSTM^n(h^{n-1}_t)
    p_{t+1} = softmax(W_f h^n_t + b_f)

The authors' code has the image's step predict <start>, which says nothing about any image; their
text describes an ordinary Show-and-Tell, and so does this. Batch normalisation takes the place of
their bias beside W_i, which it cancels. There is no dropout.
"""

from typing import NamedTuple

import tensorflow as tf

from model.batch_norm import BatchNorm
from model.captioner import Batch, Outputs, caption_steps, teacher_forcing
from model.lstm import LSTM, LSTMState
from model.parameters import Parameters


class State(NamedTuple):
    """The layers' states, the first layer's first: after the image, what is known of it."""

    layers: tuple[LSTMState, ...]


class ShowTellCNN:
    """The model; sizes default to the authors'.

    Args:
        vocab_size: V.
        image_dim: width of a feature row.
        word_slots: L, the longest caption plus EOS.
        layers: LSTM layers.
        word_dim, hidden_dim: E, H.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    def __init__(
        self,
        vocab_size: int,
        image_dim: int = 2048,
        word_slots: int = 20,
        layers: int = 2,
        word_dim: int = 256,
        hidden_dim: int = 512,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.image_dim, self.word_slots = vocab_size, image_dim, word_slots
        self.word_dim, self.hidden_dim = word_dim, hidden_dim
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self.parameters.add_weight("W_i", [image_dim, word_dim])
        self.normalise = BatchNorm(self.parameters, "image", word_dim)
        self.parameters.add_weight("W_e", [vocab_size, word_dim])
        widths = [word_dim, *[hidden_dim] * (layers - 1)]
        self.layers = [
            LSTM(self.parameters, f"lstm_{number}", width, hidden_dim)
            for number, width in enumerate(widths, 1)
        ]
        self.parameters.add_weight("W_f", [hidden_dim, vocab_size])
        self.parameters.add_bias("b_f", [vocab_size])

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> State:
        """Shows the LSTM the image: [B, H] in each layer."""
        image, _ = self._image(batch, training=False)
        lead = [tf.shape(image)[0]]
        return self._advance(image, State(tuple(layer.zeros(lead) for layer in self.layers)))

    def initial_state(self, context: State, beams: int = 1) -> State:
        """The state after the image, for `beams` captions of each post: [B, K, H]."""
        return tf.nest.map_structure(
            lambda x: tf.repeat(x[:, tf.newaxis], beams, axis=1),
            context,
        )

    def step(self, tokens: tf.Tensor, state: State, context: State):
        """Reads the tag before, predicts the next: [B, K] to [B, K, V]."""
        state = self._advance(self.parameters.rows("W_e", tokens), state)
        return self._predict(state.layers[-1].hidden), state, {"attention": {}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits only where there is a target.

        With `noise`, the image is normalised by the batch's own moments.
        """
        words, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = caption_steps(batch)
        image, statistics = self._image(batch, training=noise is not None)
        words = self.parameters.rows("W_e", words[:, :steps])
        hidden = tf.concat([image[:, tf.newaxis], words], 1)  # [B, 1 + T, E]
        for layer in self.layers:
            hidden = layer.run_all(layer.project(hidden))  # [B, 1 + T, H]
        index = tf.where(real[:, :steps])  # [N, 2]
        logits = self._predict(tf.gather_nd(hidden[:, 1:], index))
        targets = tf.gather_nd(targets, index)
        return Outputs(logits, targets, index, {}, statistics=statistics)

    # ------------------------------------------------------------------ their parts

    def _image(self, batch: Batch, training: bool) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The image as a word, [B, 1, image_dim] to [B, E], and what it does to the statistics."""
        image = tf.cast(batch["image"], self.parameters.compute_dtype)
        image = tf.ensure_shape(image, [None, 1, self.image_dim])
        return self.normalise(self.parameters.dense(image[:, 0], "W_i"), training)

    def _advance(self, inputs: tf.Tensor, state: State) -> State:
        """One step of all layers, from [..., E]."""
        states = []
        for layer, before in zip(self.layers, state.layers, strict=True):
            states.append(layer.step(layer.project(inputs), before))
            inputs = states[-1].hidden
        return State(tuple(states))

    def _predict(self, hidden: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.parameters.dense(hidden, "W_f", "b_f"), self.score_dtype)
