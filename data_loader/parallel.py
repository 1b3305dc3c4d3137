"""An ordered map over processes that holds only a few pieces of work in memory."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

from utils.errors import UserError

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def processor_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Piece], Result], pieces: Iterable[Piece], jobs: int
) -> Iterator[Result]:
    """`map(function, pieces)` over processes, results in the order of the pieces.

    Plain processes with a pipe each: the pools of the standard library and of joblib wait for ever
    after a Ctrl-C, or a killed worker, at the wrong moment.

    Args:
        function: can be pickled; each process gets one copy.
        pieces: read as needed, so they may be a stream.
        jobs: processes; with one, or with a single piece of work, everything runs in this process.

    Raises:
        UserError: a process was killed, usually for want of memory.
    """
    pieces = iter(pieces)
    first = list(islice(pieces, 2))
    pieces = chain(first, pieces)
    if jobs == 1 or len(first) < 2:
        yield from map(function, pieces)
        return
    with _workers(function, jobs) as connections:
        try:
            yield from _in_turns(connections, pieces)
        except (EOFError, ConnectionError) as error:
            raise UserError(
                "a process of the build was killed, or could not start; with too little memory, "
                "use fewer --jobs"
            ) from error


def _in_turns(connections: list[Connection], pieces: Iterator) -> Iterator:
    """Hands pieces to the workers in turn, one at a time, and takes results in the same order."""
    busy = deque()
    for connection, piece in zip(connections, pieces, strict=False):
        connection.send(piece)
        busy.append(connection)
    while busy:
        connection = busy.popleft()
        succeeded, result = connection.recv()
        if not succeeded:
            raise result
        for piece in islice(pieces, 1):
            connection.send(piece)
            busy.append(connection)
        yield result


@contextmanager
def _workers(function: Callable, jobs: int) -> Iterator[list[Connection]]:
    """Starts processes and ends them, whatever happens in the block."""
    # Spawned, not forked: a fork of a process that has threads (TensorFlow's) can hang.
    context = get_context("spawn")
    workers, connections = [], []
    try:
        with _interrupts_ignored():  # the workers inherit it: Ctrl-C is for the main process
            for _ in range(jobs):
                ours, theirs = context.Pipe()
                worker = context.Process(target=_serve, args=(function, theirs), daemon=True)
                worker.start()
                theirs.close()  # so that a worker's death ends `recv`
                workers.append(worker)
                connections.append(ours)
        yield connections
    finally:
        for worker in workers:
            worker.kill()  # they hold nothing that a kill could harm
        for worker in workers:
            worker.join()


def _serve(function: Callable, connection: Connection) -> None:
    """The life of a worker: it ends with the main process, whose end of the pipe closes."""
    while True:
        try:
            piece = connection.recv()
        except EOFError:
            return
        try:
            reply = True, function(piece)
        except Exception as error:  # raised again in the main process
            reply = False, error
        connection.send(reply)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignores Ctrl-C for a moment; only the main thread may, and only it is interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
