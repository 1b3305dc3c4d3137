"""How fast this machine does something: seconds, matrix products of given shapes, peak memory."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.benchmark.products import Product


def seconds_of(action: Callable[[], object]) -> float:
    """Runs `action` once; it must return only when its work is done."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def in_turns(
    actions: Mapping[str, Callable[[], object]], rounds: int, every: Mapping[str, int] | None = None
) -> dict[str, float]:
    """Runs all actions by turns, so that a busy moment of the machine meets all of them.

    Args:
        actions: by name.
        rounds: turns.
        every: for slow actions, in which turns they run: 3 for every third; by default in all.

    Returns:
        Name to median seconds.
    """
    seconds = {name: [] for name in actions}
    for turn in range(rounds):
        for name, action in actions.items():
            if turn % (every or {}).get(name, 1) == 0:
                seconds[name].append(seconds_of(action))
    return {name: median(times) for name, times in seconds.items()}


def peak_memory_gb() -> float:
    """The most memory that this process has held so far, in GB (10^9 bytes)."""
    return _memory("VmHWM") / 1e6


def private_memory_gb() -> float:
    """Memory that this process holds by itself now, without what it shares with files, in GB."""
    return _memory("RssAnon") / 1e6


def _memory(entry: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(re.search(rf"^{entry}:\s+(\d+) kB$", status, re.M)[1])


class Products:
    """Measures products: each distinct shape once per turn, on operands that are made before.

    Args:
        products: what a step needs.
        dtype: of both factors.
    """

    def __init__(self, products: Iterable["Product"], dtype: str):
        self.products, self.dtype = list(products), dtype
        self._seconds = {self._shape(product): [] for product in self.products}

    def measure(self) -> None:
        """One more turn."""
        for shape, seconds in self._seconds.items():
            seconds.append(self._time(shape))

    def seconds(self) -> float:
        """What all products would take, each at the median rate of its own shape."""
        times = {shape: median(seconds) for shape, seconds in self._seconds.items()}
        return sum(times[self._shape(product)] * product.times for product in self.products)

    def flop(self) -> int:
        """Multiplications and additions of all products."""
        return sum(product.flop for product in self.products)

    def _shape(self, product: "Product") -> tuple:
        return product.batch, product.rows, product.inner, product.columns, product.transposed

    def _time(self, shape: tuple) -> float:
        import tensorflow as tf

        batch, rows, inner, columns, transposed = shape
        lead = [batch] if batch > 1 else []
        first = [inner, rows] if transposed == "first" else [rows, inner]
        second = [columns, inner] if transposed == "second" else [inner, columns]
        factors = [
            tf.cast(tf.random.uniform([*lead, *side]), self.dtype) for side in (first, second)
        ]
        flags = {"transpose_a": transposed == "first", "transpose_b": transposed == "second"}
        # Small products are repeated, so that Python's calls and the clock's grain do not count.
        repeats = min(20, 1 + int(1e9 / (batch * rows * inner * columns)))

        def multiply():
            for _ in range(repeats):
                tf.matmul(*factors, **flags)
            tf.test.experimental.sync_devices()

        tf.matmul(*factors, **flags)
        return seconds_of(multiply) / repeats
