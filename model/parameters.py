"""Named parameters: what a checkpoint stores, under the symbols of the paper."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

Start = Callable[[np.random.Generator, Sequence[int]], np.ndarray]
"""Draws the initial values of a parameter of the given shape."""


class Parameters:
    """The variables of one model, by name, with their initial values drawn from a seed.

    `variables` are learnt: gradients, optimizer and counts are about them. `statistics` move with
    training too (see `model/batch_norm.py`), but no gradient moves them. `stored` is both, which is
    what a checkpoint has.

    Plain `tf.Variable`s in one flat dictionary rather than Keras layers: checkpoints, goldens and
    released checkpoints then name the same thing by the same symbol, and the fused optimizer
    reaches mirrored variables directly.

    Args:
        seed: decides all initial values together with each parameter's name.
        dtype: type of the stored values; `compute_dtype` is the type that mathematics uses.
    """

    def __init__(self, seed: int, dtype: tf.DType = tf.float32, compute_dtype=None):
        self.seed = seed
        self.dtype = tf.as_dtype(dtype)
        self.compute_dtype = tf.as_dtype(compute_dtype or dtype)
        self.variables: dict[str, tf.Variable] = {}
        self.statistics: dict[str, tf.Variable] = {}
        self._cast: dict[str, tf.Tensor] | None = None

    def add_weight(self, name: str, shape: Sequence[int], start: Start | None = None) -> None:
        """Adds a matrix or filter with random values.

        By default they are uniform in ±sqrt(3 / n) (section 4.3; the authors' initializer); `n` is
        the product of all dimensions but the last, so V for an embedding [V, E].
        """
        start = start or uniform(math.sqrt(3.0 / math.prod(shape[:-1])))
        values = start(self._generator(name), shape)
        self.variables[name] = tf.Variable(values, dtype=self.dtype, name=name)

    def add_bias(self, name: str, shape: Sequence[int], start: float | np.ndarray = 0.0) -> None:
        """Adds a bias that starts at `start`: one number or an array of that shape."""
        values = np.broadcast_to(start, shape)
        self.variables[name] = tf.Variable(values, dtype=self.dtype, name=name)

    def add_statistic(self, name: str, shape: Sequence[int], start: float) -> None:
        """Adds numbers that are kept beside what is learnt."""
        self.statistics[name] = tf.Variable(
            np.broadcast_to(start, shape),
            dtype=self.dtype,
            name=name,
            trainable=False,
            # Every replica computes the same next values, so one replica's are everyone's.
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def set_statistics(self, values: Mapping[str, tf.Tensor]) -> None:
        """Sets some of them. Under a strategy, in `strategy.run`, by all replicas alike."""
        for name, value in values.items():
            self.statistics[name].assign(tf.cast(value, self.dtype))

    @property
    def stored(self) -> dict[str, tf.Variable]:
        """What is learnt, and the statistics."""
        return self.variables | self.statistics

    @property
    def score_dtype(self) -> tf.DType:
        """Type of logits, scores and long sums: float32 where the mathematics is narrower."""
        return tf.float64 if self.compute_dtype == tf.float64 else tf.float32

    def __getitem__(self, name: str) -> tf.Tensor:
        """The value in the compute type."""
        if self._cast is not None:
            return self._cast[name]
        return tf.cast(self.variables[name], self.compute_dtype)

    @contextmanager
    def cast_once(self) -> Iterator[None]:
        """Around a loop of the graph: casts what its body asks for before it, not at each step."""
        # What nobody asks for is pruned from the graph.
        self._cast = {name: self[name] for name in self.variables}
        try:
            yield
        finally:
            self._cast = None

    def dense(self, x: tf.Tensor, weight: str, bias: str | None = None) -> tf.Tensor:
        """`W x + b`, or `W x` without a bias: [..., in] to [..., out] for a weight [in, out]."""
        product = tf.tensordot(x, self[weight], 1)
        return product if bias is None else product + self[bias]

    def rows(self, name: str, ids: tf.Tensor) -> tf.Tensor:
        """Rows of an embedding: gathered as stored, then cast (a cast table would be V rows)."""
        return tf.cast(tf.gather(self.variables[name], ids), self.compute_dtype)

    def assign(self, values: dict[str, np.ndarray]) -> None:
        """Sets every parameter and statistic.

        Raises:
            ValueError: `values` does not hold exactly these names with these shapes.
        """
        stored = self.stored
        missing, extra = stored.keys() - values.keys(), values.keys() - stored.keys()
        if missing or extra:
            raise ValueError(f"parameters missing: {sorted(missing)}; unknown: {sorted(extra)}")
        for name, variable in stored.items():
            if tuple(variable.shape) != values[name].shape:
                raise ValueError(
                    f"{name} is {values[name].shape}, expected {tuple(variable.shape)}"
                )
        for name, variable in stored.items():
            variable.assign(values[name])

    def values(self) -> dict[str, np.ndarray]:
        """Every parameter and statistic as an array."""
        return {name: variable.numpy() for name, variable in self.stored.items()}

    def count(self) -> int:
        """How many numbers are learnt."""
        return sum(math.prod(variable.shape) for variable in self.variables.values())

    def _generator(self, name: str) -> np.random.Generator:
        # One stream per name: an ablation that drops a parameter leaves the others' start as it is.
        return np.random.default_rng([self.seed, *name.encode()])


def uniform(bound: float) -> Start:
    """Values in ±bound, all equally likely."""
    return lambda generator, shape: generator.uniform(-bound, bound, shape)


def glorot(inputs: int, outputs: int) -> Start:
    """Values in ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010; Xavier's rule)."""
    return uniform(math.sqrt(6 / (inputs + outputs)))


def normal(deviation: float = 1.0) -> Start:
    """Values around 0."""
    return lambda generator, shape: generator.normal(0.0, deviation, shape)
