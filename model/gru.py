"""Gated recurrent unit (Cho et al., 2014) in the form of CuDNN and of Keras.

    z, r = sigmoid(W_x x + b + W_h h + b_h)      g = tanh(W_x x + b + r (W_h h + b_h))
    h' = z h + (1 - z) g

The reset gate r scales what the state says after its matrix, not the state itself: CuDNN's form,
`reset_after` in Keras, with a bias on either side. What enters from outside (`W_x x + b`) is
projected for a whole sequence in one matrix product, as in `model/lstm.py`.
"""

from typing import NamedTuple

import tensorflow as tf

from model.parameters import Parameters


class GRUState(NamedTuple):
    """What a layer remembers."""

    hidden: tf.Tensor  # [..., H], h; float32 at least, so that narrow sums do not lose words


class GRU:
    """One layer.

    Args:
        parameters: where `W_<name>_x` [X, 3H], `W_<name>_h` [H, 3H], `b_<name>` [3H] and
            `b_<name>_h` [3H] live; the three blocks are z, r, g.
        name: of the layer.
        input_dim, hidden_dim: X, H.
        stateless: every step starts from zeros. There is no `W_<name>_h` then: nothing passes it.
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        input_dim: int,
        hidden_dim: int,
        stateless: bool = False,
    ):
        self.parameters, self.name, self.hidden_dim = parameters, name, hidden_dim
        self.projected_dim, self.stateless = 3 * hidden_dim, stateless
        parameters.add_weight(f"W_{name}_x", [input_dim, self.projected_dim])
        if not stateless:
            parameters.add_weight(f"W_{name}_h", [hidden_dim, self.projected_dim])
        parameters.add_bias(f"b_{name}", [self.projected_dim])
        parameters.add_bias(f"b_{name}_h", [self.projected_dim])

    def zeros(self, lead: list) -> GRUState:
        """The state before a sequence, [*lead, H]."""
        return GRUState(tf.zeros([*lead, self.hidden_dim], self.parameters.score_dtype))

    def project(self, inputs: tf.Tensor) -> tf.Tensor:
        """`W_x x + b`: [..., X] to [..., 3H]."""
        return self.parameters.dense(inputs, f"W_{self.name}_x", f"b_{self.name}")

    def step(self, projected: tf.Tensor, state: GRUState) -> GRUState:
        """One step from projected inputs [..., 3H]."""
        outside = tf.split(tf.cast(projected, state.hidden.dtype), 3, -1)
        before = tf.zeros_like(state.hidden) if self.stateless else state.hidden
        z, r, g = zip(outside, tf.split(self._recall(before), 3, -1), strict=True)
        keep, reset = tf.sigmoid(z[0] + z[1]), tf.sigmoid(r[0] + r[1])
        new = tf.tanh(g[0] + reset * g[1])
        return GRUState(keep * before + (1 - keep) * new)

    def _recall(self, hidden: tf.Tensor) -> tf.Tensor:
        """`W_h h + b_h`: [..., H] to [..., 3H], in the state's type."""
        bias = self.parameters[f"b_{self.name}_h"]
        if self.stateless:
            return tf.cast(bias, hidden.dtype)
        narrow = tf.cast(hidden, self.parameters.compute_dtype)
        product = self.parameters.dense(narrow, f"W_{self.name}_h")
        return tf.cast(product + bias, hidden.dtype)
