"""An ordered map over processes that holds only a few pieces of work in memory."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context
from typing import TypeVar

from utils.errors import UserError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

AHEAD = 3  # pieces of work per process that wait or are done and not yet taken


def processor_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Piece], Result],
    pieces: Iterable[Piece],
    jobs: int,
    start: Callable[..., None],
    start_arguments: tuple,
) -> Iterator[Result]:
    """`map(function, pieces)` over processes, results in the order of the pieces.

    Args:
        function: a module-level function.
        pieces: read as needed, so they may be a stream.
        jobs: processes; with one, or with a single piece of work, everything runs in this process.
        start: called once in each process before any work.
        start_arguments: its arguments.

    Raises:
        UserError: a process was killed, usually for want of memory.
    """
    pieces = iter(pieces)
    first = list(islice(pieces, 2))
    if jobs == 1 or len(first) < 2:
        start(*start_arguments)
        yield from map(function, chain(first, pieces))
        return
    # Spawned, not forked: a fork of a process that has threads (TensorFlow's) can hang.
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_start_worker, initargs=(start, start_arguments)
    ) as pool:
        try:
            yield from _in_order(pool, function, chain(first, pieces), jobs * AHEAD)
        except BrokenProcessPool as error:
            raise UserError(
                "a process of the build was killed, or could not start; with too little memory, "
                "use fewer --jobs"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, function: Callable, pieces: Iterable, ahead: int
) -> Iterator:
    """Hands out pieces as results are taken."""
    waiting = deque()
    for piece in pieces:
        waiting.append(pool.submit(function, piece))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _start_worker(start: Callable[..., None], arguments: tuple) -> None:
    """Leaves Ctrl-C to the main process, whose end is the workers' end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start(*arguments)
