"""Long short-term memory (Hochreiter and Schmidhuber, 1997, with forget gates), and time.

    i, f, o = sigmoid(W_x x + W_h h + b)      g = tanh(W_x x + W_h h + b)
    c' = f c + i g                            h' = o tanh(c')

What enters a layer from outside (`W_x x + b`) is projected for a whole sequence in one matrix
product; only `W_h h` waits for the step before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from model.parameters import Parameters


class LSTMState(NamedTuple):
    """What a layer remembers."""

    hidden: tf.Tensor  # [..., H], h
    memory: tf.Tensor  # [..., H], c; float32 at least, so that narrow sums do not lose words


class LSTM:
    """One layer, without peepholes.

    Args:
        parameters: where `W_<name>_x` [X, 4H], `W_<name>_h` [H, 4H] and `b_<name>` [4H] live; the
            four blocks are i, f, g, o.
        name: of the layer.
        input_dim, hidden_dim: X, H.
        forget_bias: where the bias of f starts: at 1, a new model remembers (Jozefowicz et al.,
            2015).
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        input_dim: int,
        hidden_dim: int,
        forget_bias: float = 1.0,
    ):
        self.parameters, self.name, self.hidden_dim = parameters, name, hidden_dim
        parameters.add_weight(f"W_{name}_x", [input_dim, 4 * hidden_dim])
        parameters.add_weight(f"W_{name}_h", [hidden_dim, 4 * hidden_dim])
        start = np.repeat([0.0, forget_bias, 0.0, 0.0], hidden_dim)
        parameters.add_bias(f"b_{name}", [4 * hidden_dim], start)

    def zeros(self, lead: list) -> LSTMState:
        """The state before a sequence, [*lead, H]."""
        shape = [*lead, self.hidden_dim]
        wide = tf.zeros(shape, self.parameters.score_dtype)
        return LSTMState(tf.cast(wide, self.parameters.compute_dtype), wide)

    def project(self, inputs: tf.Tensor) -> tf.Tensor:
        """`W_x x + b`: [..., X] to [..., 4H]."""
        return self.parameters.dense(inputs, f"W_{self.name}_x", f"b_{self.name}")

    def step(self, projected: tf.Tensor, state: LSTMState) -> LSTMState:
        """One step from projected inputs [..., 4H]."""
        gates = projected + self.parameters.dense(state.hidden, f"W_{self.name}_h")
        wide = tf.cast(gates, self.parameters.score_dtype)
        i, f, g, o = tf.split(wide, 4, -1)
        memory = tf.sigmoid(f) * state.memory + tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(memory)
        return LSTMState(tf.cast(hidden, self.parameters.compute_dtype), memory)

    def run(self, inputs: tf.Tensor, real: tf.Tensor) -> tuple[tf.Tensor, LSTMState]:
        """Reads sequences of different lengths.

        Args:
            inputs: [B, T, X].
            real: [B, T] bool; where it is False the state stays as it was.

        Returns:
            hidden states [B, T, H] and the state after each last real input.
        """

        def advance(state, now):
            projected, present = now
            keep = present[:, tf.newaxis]
            new = self.step(projected, state)
            state = tf.nest.map_structure(lambda a, b: tf.where(keep, a, b), new, state)
            return state, state.hidden

        start = self.zeros([tf.shape(inputs)[0]])
        final, hidden = unfold(advance, start, (self.project(inputs), real))
        return hidden, final


def unfold(advance: Callable, state: Any, inputs: Any) -> tuple[Any, Any]:
    """Repeats a step along time.

    Written out step by step rather than as a loop of the graph: a loop's gradient would keep and
    add up a gradient for everything the step reads, images included.

    Args:
        advance: (state, inputs of one step) to (state, outputs).
        state: before the first step.
        inputs: tensors [B, T, ...] with a static T of at least 1, in any structure.

    Returns:
        the last state, and the outputs of all steps, each [B, T, ...].
    """
    flat = [tf.unstack(tensor, axis=1) for tensor in tf.nest.flatten(inputs)]
    outputs = []
    for now in zip(*flat, strict=True):
        state, output = advance(state, tf.nest.pack_sequence_as(inputs, now))
        outputs.append(output)
    return state, tf.nest.map_structure(lambda *steps: tf.stack(steps, 1), *outputs)
