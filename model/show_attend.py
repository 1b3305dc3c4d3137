"""The decoders of the Korean Instagram system: Show-Attend-Tell as its authors wrote it, with Look
Back and Predict Forward (Qin et al., CVPR 2019) as options.

    h_0 = W_init_h mean_i a_i      c_0 = W_init_c mean_i a_i      z_0 = mean_i a_i
    e_ti = w^T ReLU(W_a a_i + b_a + W_q q_t + b_q) + b_e          alpha_t = softmax(e_t)
    z_t = sum_i alpha_ti a_i
    h_t, c_t = LSTM([W_e y_{t-1}; z_t])
    p1(y_t) = softmax(L_o dropout(W_e y_{t-1} + L_h h_t + L_z z_t))

The annotations a_i are the 14 x 14 cells of res4. The query q_t is h_{t-1}; looking back, it is
[h_{t-1}; z_{t-1}]. Unlike AttendTell, nothing gates z_t, no tanh stands at the first state, in the
attention or before the words, and the output has no bias. `b_e` changes nothing (the softmax
cancels it); the authors' model has it.

Predict Forward adds a second head: after y_t is known, it predicts the word after it.

    h2_t, c2_t = LSTM2([h_t; W_e y_t])              h2_0 = c2_0 = 0
    p2(y_{t+1}) = softmax(W_2 dropout(h2_t))
    loss = -sum_t log p1(y_t) - lambda sum_t log p2(y_{t+1})
    score(y_t) = log p1_t(y_t) + gamma log p2_{t-1}(y_t)          at t = 1, log p1 alone

The authors of the Korean system did not build it, and what is known of the paper leaves much open.
Our reading: the base decoder stays the one above; y_t is the real word in training and the written
one in decoding; W_2 has no bias, like L_o; both sums are divided by the number of the first head's
targets; lambda = gamma = 1; the scores of a step are normalised over the vocabulary, so that beams
add up log probabilities, as for any captioner. Reported losses are the first head's.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from model.captioner import Batch, Outputs, caption_steps, teacher_forcing
from model.lstm import LSTM, LSTMState, unfold, unfold_one_beam
from model.memory import masked_softmax
from model.noise import dropout_masks
from model.parameters import Parameters, normal, uniform


class Context(NamedTuple):
    """The image; its annotations are projected for the attention once per post."""

    annotations: tf.Tensor  # [B, I, D], a
    keys: tf.Tensor  # [B, I, A], W_a a + b_a + b_q


class Ahead(NamedTuple):
    """What the second head remembers."""

    lstm: LSTMState  # [B, K, H], h2_{t-1} and c2_{t-1}
    begun: tf.Tensor  # [B, K] bool, False before the first word: nothing was predicted for it


class State(NamedTuple):
    """What a step leaves to the next; `()` where the model has no such part."""

    lstm: LSTMState  # [B, K, H], h_{t-1} and c_{t-1}
    seen: tf.Tensor | tuple  # [B, K, D], z_{t-1}, to look back at
    ahead: Ahead | tuple  # to predict forward


class Glimpse(NamedTuple):
    """What one step saw and made of it."""

    hidden: tf.Tensor  # [B, K, H], h_t
    seen: tf.Tensor  # [B, K, D], z_t
    attention: tf.Tensor  # [B, K, I], alpha_t


class ShowAttend:
    """The model; sizes default to the authors'.

    Args:
        vocab_size: V.
        image_dim, image_slots: width and number of the annotations, D and I.
        word_slots: L, the longest caption plus EOS.
        word_dim, hidden_dim, attention_dim: E, H, A.
        dropout: probability that a number is dropped in training, in the last layer before words.
        look_back: whether the attention sees z_{t-1}.
        predict_forward: whether there is a second head.
        second_word_weight, joint_weight: lambda and gamma, of the second head.
        seed: of the initial values, which are those of PyTorch's layers.
        dtype, compute_dtype: of the stored parameters and of the mathematics.
    """

    def __init__(
        self,
        vocab_size: int,
        image_dim: int = 1024,
        image_slots: int = 196,
        word_slots: int = 31,
        word_dim: int = 300,
        hidden_dim: int = 512,
        attention_dim: int = 512,
        dropout: float = 0.5,
        look_back: bool = False,
        predict_forward: bool = False,
        second_word_weight: float = 1.0,
        joint_weight: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.word_slots, self.dropout = vocab_size, word_slots, dropout
        self.image_dim, self.image_slots = image_dim, image_slots
        self.word_dim, self.hidden_dim, self.attention_dim = word_dim, hidden_dim, attention_dim
        self.look_back, self.predict_forward = look_back, predict_forward
        self.second_word_weight, self.joint_weight = second_word_weight, joint_weight
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self.score_dtype = self.parameters.score_dtype
        self._make_attention()
        self._make_words()
        if predict_forward:
            self._make_second_head()

    def _make_attention(self) -> None:
        image, hidden, width = self.image_dim, self.hidden_dim, self.attention_dim
        query = hidden + image if self.look_back else hidden
        for name in ("W_init_h", "W_init_c"):
            self._add_linear(name, image, hidden)
        self._add_linear("W_a", image, width, "b_a")
        self._add_linear("W_q", query, width, "b_q")
        self._add_linear("w", width, 1, "b_e")

    def _make_words(self) -> None:
        start = uniform(1 / math.sqrt(self.hidden_dim))
        self.parameters.add_weight("W_e", [self.vocab_size, self.word_dim], normal())
        self.lstm = LSTM(self.parameters, "lstm", self.word_dim, self.hidden_dim, start=start)
        # The rows of the LSTM's input matrix that read z_t, which is known step by step only.
        self.parameters.add_weight("W_lstm_z", [self.image_dim, 4 * self.hidden_dim], start)
        self._add_linear("L_h", self.hidden_dim, self.word_dim)
        self._add_linear("L_z", self.image_dim, self.word_dim)
        self._add_linear("L_o", self.word_dim, self.vocab_size)

    def _make_second_head(self) -> None:
        hidden, start = self.hidden_dim, uniform(1 / math.sqrt(self.hidden_dim))
        self.second = LSTM(self.parameters, "second", hidden + self.word_dim, hidden, start=start)
        self._add_linear("W_2", hidden, self.vocab_size)

    def _add_linear(self, weight: str, inputs: int, outputs: int, bias: str | None = None) -> None:
        """A layer with the initial values of PyTorch's: U(±1 / sqrt(inputs)), the bias too."""
        start = uniform(1 / math.sqrt(inputs))
        self.parameters.add_weight(weight, [inputs, outputs], start)
        if bias:
            self.parameters.add_weight(bias, [outputs], start)

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """The annotations and their part of the attention."""
        image = tf.cast(batch["image"], self.parameters.compute_dtype)
        image = tf.ensure_shape(image, [None, self.image_slots, self.image_dim])
        keys = self.parameters.dense(image, "W_a", "b_a") + self.parameters["b_q"]
        return Context(image, keys)

    def initial_state(self, context: Context, beams: int = 1) -> State:
        """h_0, c_0 and z_0 from the mean annotation, for `beams` captions of each post."""
        mean = tf.reduce_mean(context.annotations, 1, keepdims=True)  # [B, 1, D]
        mean = tf.repeat(mean, beams, axis=1)
        hidden, memory = (self.parameters.dense(mean, f"W_init_{kind}") for kind in "hc")
        lstm = LSTMState(hidden, tf.cast(memory, self.score_dtype))
        return State(lstm, mean if self.look_back else (), self._nothing_ahead(mean))

    def step(self, tokens: tf.Tensor, state: State, context: Context):
        """Looks at the image and reads the word before, predicts the next.

        Args:
            tokens: [B, K] int32, the previous words; GO at first.
            state: as `initial_state` and earlier steps left it.
            context: from `encode`.

        Returns:
            logits [B, K, V] (predicting forward, of the joint score), the new state, and extras:
            `attention`, [B, K, I] for `image`.
        """
        words = self.parameters.rows("W_e", tokens)
        new, glimpse = self._advance(self.lstm.project(words), state, context)
        logits = self._predict(self._read(words, glimpse.hidden, glimpse.seen), "L_o")
        if self.predict_forward:
            ahead, earlier = self._predicted_earlier(words, state)
            new, logits = new._replace(ahead=ahead), logits + self.joint_weight * earlier
        return logits, new, {"attention": {"image": glimpse.attention}}

    def forward(
        self, batch: Batch, extra_targets: int = 0, noise: tf.Tensor | None = None
    ) -> Outputs:
        """All steps under teacher forcing; logits of the first head, only where there is a target.

        The second head's loss is the penalty.
        """
        inputs, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        steps = caption_steps(batch)
        words = self.parameters.rows("W_e", inputs[:, :steps])  # [B, T, E]
        hidden, seen, attention = self._glimpses(words, self.encode(batch))  # [B, T, ...]
        index = tf.where(real[:, :steps])  # [N, 2]
        read = self._read(*(tf.gather_nd(tensor, index) for tensor in (words, hidden, seen)))
        logits = self._predict(self._drop(read, index, batch, noise), "L_o")
        penalty = None
        if self.predict_forward:
            penalty = self._second_loss(hidden, targets, real, batch, noise)
        return Outputs(logits, tf.gather_nd(targets, index), index, {"image": attention}, penalty)

    # ------------------------------------------------------------------ their parts

    def _glimpses(self, words: tf.Tensor, context: Context) -> Glimpse:
        """All steps from the words before: [B, T, E] to what each saw, [B, T, ...]."""
        return unfold_one_beam(
            lambda state, now: self._advance(now, state, context),
            self.initial_state(context)._replace(ahead=()),
            self.lstm.project(words),
            Glimpse(*[self.parameters.compute_dtype] * 3),
        )

    def _advance(self, projected: tf.Tensor, state: State, context: Context):
        """Projected words [B, K, 4H] to the new state (the second head's is left) and a glimpse."""
        attention = self._attend(state, context)
        seen = tf.matmul(attention, context.annotations)
        projected += self.parameters.dense(seen, "W_lstm_z")
        lstm = self.lstm.step(projected, state.lstm)
        new = state._replace(lstm=lstm, seen=seen if self.look_back else ())
        return new, Glimpse(lstm.hidden, seen, attention)

    def _attend(self, state: State, context: Context) -> tf.Tensor:
        """alpha_t, [B, K, I]."""
        query = state.lstm.hidden
        if self.look_back:
            query = tf.concat([query, state.seen], -1)
        queries = tf.unstack(self.parameters.dense(query, "W_q"), axis=1)  # K times [B, A]
        # One beam at a time: [B, K, I, A] would be far larger than all else.
        scores = [cell_scores(context.keys, query, self.parameters["w"]) for query in queries]
        scores = tf.stack(scores, 1) + self.parameters["b_e"]  # [B, K, I]
        return masked_softmax(scores, tf.ones_like(scores, tf.bool))

    def _read(self, words: tf.Tensor, hidden: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """The last layer before the words: [..., E]."""
        return words + self.parameters.dense(hidden, "L_h") + self.parameters.dense(seen, "L_z")

    def _predict(self, features: tf.Tensor, weight: str) -> tf.Tensor:
        """Logits [..., V], in float32 at least."""
        return tf.cast(self.parameters.dense(features, weight), self.score_dtype)

    def _drop(
        self, features: tf.Tensor, index: tf.Tensor, batch: Batch, noise: tf.Tensor | None
    ) -> tf.Tensor:
        """Dropout of the features [N, X] that stand at `index`; none without noise."""
        if noise is None or not self.dropout:
            return features
        # Drawn for all L steps, so that a post's do not depend on its batch's longest caption.
        shape = [self.word_slots, features.shape[-1]]
        masks = dropout_masks(noise, batch["row"], shape, self.dropout)
        return features * tf.cast(tf.gather_nd(masks, index), features.dtype)

    # ------------------------------------------------------------------ predicting forward

    def _nothing_ahead(self, like: tf.Tensor) -> Ahead | tuple:
        """The second head before the first word, for states that lead as `like` [B, K, ...]."""
        if not self.predict_forward:
            return ()
        shape = tf.shape(like)[:2]
        lstm = self.second.zeros([shape[0], like.shape[1]])
        return Ahead(lstm, tf.zeros(shape, tf.bool))

    def _predicted_earlier(self, words: tf.Tensor, state: State) -> tuple[Ahead, tf.Tensor]:
        """What the step before predicted for this one, now that its word is known.

        Args:
            words: [B, K, E], the embedding of y_{t-1}.
            state: before this step.

        Returns:
            the second head's state, and its logits [B, K, V]; both zero at the first step.
        """
        begun = state.ahead.begun[:, :, tf.newaxis]
        projected = self.second.project(tf.concat([state.lstm.hidden, words], -1))
        lstm = self.second.step(projected, state.ahead.lstm)
        lstm = tf.nest.map_structure(lambda a, b: tf.where(begun, a, b), lstm, state.ahead.lstm)
        return Ahead(lstm, tf.ones_like(state.ahead.begun)), self._predict(lstm.hidden, "W_2")

    def _second_loss(
        self,
        hidden: tf.Tensor,
        targets: tf.Tensor,
        real: tf.Tensor,
        batch: Batch,
        noise: tf.Tensor | None,
    ) -> tf.Tensor:
        """lambda times the second head's cross-entropy, summed over the posts.

        Step t reads h_t and y_t, which is its own target, and has the next step's target.

        Args:
            hidden: [B, T, H], h_t.
            targets, real: [B, L], of the first head.
            batch, noise: as in `forward`.
        """
        steps = tf.shape(hidden)[1]
        words = self.parameters.rows("W_e", targets[:, :steps])
        projected = self.second.project(tf.concat([hidden, words], -1))  # [B, T, 4H]
        start = self.second.zeros([tf.shape(hidden)[0]])
        _, ahead = unfold(self._look_ahead, start, projected, hidden.dtype)  # [B, T, H]
        index = tf.where(real[:, 1:steps])  # the last step has nothing after it
        if noise is not None:
            noise = tf.random.experimental.stateless_fold_in(noise, 2)  # not the first head's
        features = self._drop(tf.gather_nd(ahead, index), index, batch, noise)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.gather_nd(targets[:, 1:], index), self._predict(features, "W_2")
        )
        return self.second_word_weight * tf.reduce_sum(losses)

    def _look_ahead(self, state: LSTMState, projected: tf.Tensor) -> tuple[LSTMState, tf.Tensor]:
        state = self.second.step(projected, state)
        return state, state.hidden


@tf.custom_gradient
def cell_scores(keys: tf.Tensor, query: tf.Tensor, weight: tf.Tensor):
    """What each cell is worth to a query: `w^T ReLU(key + query)`.

    The sums are the largest tensor of the model, so they are not kept for the gradient of every
    step but computed again.

    Args:
        keys: [B, I, A].
        query: [B, A].
        weight: [A, 1].

    Returns:
        [B, I].
    """

    def active() -> tf.Tensor:
        return tf.nn.relu(keys + query[:, tf.newaxis])  # [B, I, A]

    def gradient(upstream: tf.Tensor):
        """[B, I] to the gradients of keys, query and weight."""
        with tf.control_dependencies([upstream]):  # or the sums would be kept from before
            cells = active()
        own = upstream[:, :, tf.newaxis] * weight[:, 0]  # [B, I, A]
        own = tf.where(cells > 0, own, tf.zeros_like(own))
        return own, tf.reduce_sum(own, 1), tf.einsum("bia,bi->a", cells, upstream)[:, tf.newaxis]

    return tf.tensordot(active(), weight, 1)[..., 0], gradient
