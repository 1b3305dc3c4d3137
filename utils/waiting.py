"""How much of a training's time goes by waiting for data."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
SHARE = 0.2  # of the time; below it, faster storage would gain little
AT_LEAST = 10.0  # seconds that are measured before anything is said


class DataWait:
    """Measures what share of the time a loop waits for its next batch, and says so once.

    The first batch of each pass is not counted: the readers start then, and nothing is prefetched.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._waited, self._passed, self._told = 0.0, 0.0, False

    def watch(self, batches: Iterable[T]) -> Iterator[T]:
        """The same batches; the time until each of them, and all the time, is measured."""
        iterator = iter(batches)
        first, before = True, self._clock()
        while True:
            asked = self._clock()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            got = self._clock()
            if not first:
                self._waited += got - asked
                self._passed += got - before
            first, before = False, got
            yield batch

    @property
    def share(self) -> float:
        """Of the time so far, 0 to 1."""
        return self._waited / self._passed if self._passed else 0.0

    def remark(self) -> str | None:
        """A line for the person at the terminal, once, where data is what the run waits for."""
        if self._told or self._passed < AT_LEAST or self.share < SHARE:
            return None
        self._told = True
        return (
            f"this run waits for data {self.share:.0%} of its time ({self._waited:.0f} of "
            f"{self._passed:.0f} s): batches are prefetched, but the storage is slower than the "
            "model; copy --data_dir to a local disk or to memory"
        )
