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

from model.parameters import Parameters, Start


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
        start: draws the initial values of both matrices.
        random_bias: with a `start`, whether it draws the bias too, which then is the sum of two
            draws: PyTorch has two biases, which add up.
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        input_dim: int,
        hidden_dim: int,
        forget_bias: float = 1.0,
        start: Start | None = None,
        random_bias: bool = True,
    ):
        self.parameters, self.name, self.hidden_dim = parameters, name, hidden_dim
        self.projected_dim = 4 * hidden_dim
        parameters.add_weight(f"W_{name}_x", [input_dim, self.projected_dim], start)
        parameters.add_weight(f"W_{name}_h", [hidden_dim, self.projected_dim], start)
        if start and random_bias:
            both = lambda generator, shape: start(generator, shape) + start(generator, shape)  # noqa: E731
            parameters.add_weight(f"b_{name}", [self.projected_dim], both)
        else:
            values = np.repeat([0.0, forget_bias, 0.0, 0.0], hidden_dim)
            parameters.add_bias(f"b_{name}", [self.projected_dim], values)

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

    def first(self, inputs: tf.Tensor) -> LSTMState:
        """The step from the zero state, which needs neither `W_h h` nor f: [..., X] to [..., H]."""
        weight, bias = (
            self._without_forget(part) for part in (f"W_{self.name}_x", f"b_{self.name}")
        )
        gates = tf.tensordot(inputs, weight, 1) + bias
        i, g, o = tf.split(tf.cast(gates, self.parameters.score_dtype), 3, -1)
        memory = tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(memory)
        return LSTMState(tf.cast(hidden, self.parameters.compute_dtype), memory)

    def _without_forget(self, name: str) -> tf.Tensor:
        """The columns of i, g and o."""
        i, _, g, o = tf.split(self.parameters[name], 4, -1)
        return tf.concat([i, g, o], -1)

    def run_all(self, projected: tf.Tensor) -> tf.Tensor:
        """Hidden states of every step, where what follows a sequence's end is nobody's input.

        Args:
            projected: [B, T, 4H], of `project`.

        Returns:
            [B, T, H].
        """

        def advance(state, now):
            state = self.step(now, state)
            return state, state.hidden

        start = self.zeros([tf.shape(projected)[0]])
        hidden = unfold(advance, start, projected, self.parameters.compute_dtype)[1]
        return tf.ensure_shape(hidden, [None, None, self.hidden_dim])

    def run(self, inputs: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, LSTMState]:
        """Reads sequences of different lengths.

        Args:
            inputs: [B, T, X].
            length: [B] int32; after so many inputs the state stays as it was.

        Returns:
            hidden states [B, T, H] and the state after each last real input.
        """

        def advance(state, now):
            projected, left = now
            keep = left[:, tf.newaxis] > 0
            new = self.step(projected, state)
            state = tf.nest.map_structure(lambda a, b: tf.where(keep, a, b), new, state)
            return state, state.hidden

        start = self.zeros([tf.shape(inputs)[0]])
        kind = self.parameters.compute_dtype
        # Positive where an input is real. Not boolean: oneDNN complains of transposed booleans.
        left = length[:, tf.newaxis] - tf.range(tf.shape(inputs)[1])
        final, hidden = unfold(advance, start, (self.project(inputs), left), kind)
        return tf.ensure_shape(hidden, [None, None, self.hidden_dim]), final


def unfold(advance: Callable, state: Any, inputs: Any, emitted: Any) -> tuple[Any, Any]:
    """Repeats a step along time, in a loop of the graph: as many steps as the inputs have.

    Args:
        advance: (state, inputs of one step) to (state, outputs); outputs that lead with [B].
        state: before the first step.
        inputs: tensors [B, T, ...], in any structure.
        emitted: the types of the outputs, in their structure.

    Returns:
        the last state, and the outputs of all steps, each [B, T, ...].
    """
    flat = [_time_first(tensor) for tensor in tf.nest.flatten(inputs)]
    steps = tf.shape(flat[0])[0]
    sequences = [tf.TensorArray(tensor.dtype, steps).unstack(tensor) for tensor in flat]
    arrays = tf.nest.map_structure(lambda dtype: tf.TensorArray(dtype, steps), emitted)

    def body(t, state, arrays):
        now = tf.nest.pack_sequence_as(inputs, [sequence.read(t) for sequence in sequences])
        state, outputs = advance(state, now)
        return t + 1, state, tf.nest.map_structure(lambda a, x: a.write(t, x), arrays, outputs)

    loop = (tf.constant(0), state, arrays)
    _, state, arrays = tf.while_loop(lambda t, *_: t < steps, body, loop)
    return state, tf.nest.map_structure(lambda array: _time_first(array.stack()), arrays)


def unfold_one_beam(advance: Callable, state: Any, inputs: tf.Tensor, emitted: Any) -> Any:
    """`unfold` of steps that have a beam axis, as those of decoding, with a single beam.

    Args:
        advance: (state [B, 1, ...], inputs [B, 1, X]) to (state, outputs [B, 1, ...]).
        state, emitted: as for `unfold`.
        inputs: [B, T, X].

    Returns:
        the outputs of all steps, each [B, T, ...].
    """
    _, outputs = unfold(advance, state, inputs[:, :, tf.newaxis], emitted)
    return tf.nest.map_structure(lambda tensor: tensor[:, :, 0], outputs)


def _time_first(tensor: tf.Tensor) -> tf.Tensor:
    """[B, T, ...] to [T, B, ...], and back."""
    return tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])
