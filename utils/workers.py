"""What the workers of one training must have in common, and how they stop together."""

import collections
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from utils.devices import is_one_of_several_workers
from utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

# A stop takes effect so many questions later: nobody waits for an answer that is still under way.
_LATER = 2


class LostWorkerError(UserError):
    """The others are gone: whoever started the workers can start all of them again."""

    status = os.EX_TEMPFAIL  # unlike a mistake in the command, it may go well another time


class Workers:
    """All workers of a training. A process by itself answers its own questions, at no cost.

    Every worker must ask the same questions in the same order: each waits for all.
    """

    def __init__(self, strategy: "tf.distribute.Strategy"):
        self._several = is_one_of_several_workers()
        self._strategy = strategy
        self._gather = _make_gather(strategy) if self._several else None
        self._asked: collections.deque[tf.Tensor] = collections.deque()

    def wait(self) -> None:
        """Goes on when all workers have come here."""
        if self._several:
            self._gather([0.0]).numpy()

    def differing(self, values: Mapping[str, int]) -> list[str]:
        """The names whose values are not the same in all workers.

        Args:
            values: the same names everywhere, whole numbers below 2 ** 53.
        """
        if not self._several:
            return []
        table = self._gather([float(value) for value in values.values()]).numpy()
        columns = zip(values, table.T, strict=True)
        return [name for name, column in columns if (column != column[0]).any()]

    def total(self, values: Sequence[float]) -> np.ndarray:
        """The sums of the workers' values [N], float64; the same numbers in all of them."""
        if not self._several:
            return np.asarray(values, np.float64)
        replicas = len(self._strategy.extended.worker_devices)  # each of them gives the values
        return self._gather([value / replicas for value in values]).numpy().sum(0)

    def agree(self, stop: bool) -> bool:
        """Whether a worker wants to stop; the same answer for all, two questions later.

        A stop once wanted must stay so.
        """
        if not self._several:
            return stop
        self._asked.append(self._gather([float(stop)]))
        return len(self._asked) > _LATER and bool(self._asked.popleft().numpy().any())


def _make_gather(strategy: "tf.distribute.Strategy") -> Callable[[Sequence[float]], "tf.Tensor"]:
    """A function of each worker's numbers [N] to those of all replicas [replicas, N]."""
    import tensorflow as tf

    def replica(values):
        own = tf.identity(values)  # on this replica's device
        return tf.distribute.get_replica_context().all_gather(own[tf.newaxis], axis=0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)])
    def gather(values):
        return strategy.experimental_local_results(strategy.run(replica, args=(values,)))[0]

    return lambda values: gather(tf.constant(values, tf.float64))


@contextlib.contextmanager
def one_line_for_a_lost_worker() -> Iterator[None]:
    """Turns TensorFlow's tracebacks about a worker that is gone into a `LostWorkerError`."""
    try:
        yield
    except Exception as error:
        if not _is_lost_worker(error):
            raise
        raise LostWorkerError(
            "another worker has stopped (its own output says why); start all of them again, and "
            "they go on from the last checkpoint"
        ) from None


def _is_lost_worker(error: Exception) -> bool:
    if "tensorflow" not in sys.modules or not is_one_of_several_workers():
        return False
    errors = sys.modules["tensorflow"].errors
    gone = isinstance(error, errors.UnavailableError | errors.AbortedError | errors.CancelledError)
    return gone or (isinstance(error, errors.InternalError) and "ollective" in str(error))
