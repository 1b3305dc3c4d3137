"""Runs a program that dies by SIGKILL at a chosen moment: the child of `scripts.torture.kills`.

    python -m scripts.torture.victim MOMENT SEED COUNTS MODULE [ARGUMENTS]

Moments are what the program does to files below the current folder: opening to write, writing at a
place, renaming, removing, making folders, syncing. At moment number MOMENT the process kills
itself: before it, in the middle of it (a write of which a half arrives), or up to 20 ms later,
wherever it is then. With 0 it lives. The number of moments that passed is written to COUNTS.
"""

import os
import random
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATH_EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir")
PAGE = 4096
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LATEST = 0.02  # seconds after the moment
FLUSHES = 0.02  # seconds between those of an extraction: its state changes while it is so short


class Death:
    """Counts moments and dies at one of them.

    Args:
        moment: which, from 1; 0 for never.
        seed: decides how.
    """

    def __init__(self, moment: int, seed: int):
        self.passed, self._moment = 0, moment
        self._random = random.Random(f"{seed} {moment}")
        self._here = os.getcwd() + os.sep

    def hear(self, event: str, arguments: tuple) -> None:
        """An audit hook: counts events that change files below the current folder."""
        if event not in PATH_EVENTS or not self._is_ours(arguments[0]):
            return
        if event == "open" and not (arguments[2] or 0) & WRITING:
            return
        self.pass_by()

    def pass_by(self, in_the_middle: Callable[[], object] | None = None) -> None:
        """One moment; `in_the_middle` does half of what comes."""
        self.passed += 1
        if self.passed != self._moment:
            return
        way = self._random.choice(("before", "middle", "later"))
        if way == "later":
            delay = self._random.random() * LATEST
            threading.Thread(target=self._die, args=(delay,), daemon=True).start()
            return
        if way == "middle" and in_the_middle:
            in_the_middle()
        self._die(0)

    def wrap(self, function: Callable) -> Callable:
        """The function, with a moment before it."""

        def wrapped(*arguments, **options):
            self.pass_by()
            return function(*arguments, **options)

        return wrapped

    def wrap_write(self, pwrite: Callable) -> Callable:
        """`os.pwrite`, of which a half may arrive."""

        def wrapped(descriptor, data, offset):
            half = bytes(data)[: len(data) // 2 // PAGE * PAGE]  # a page arrives whole
            self.pass_by(lambda: pwrite(descriptor, half, offset))
            return pwrite(descriptor, data, offset)

        return wrapped

    def _is_ours(self, path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False  # a file descriptor
        return os.path.abspath(os.fsdecode(path)).startswith(self._here)

    def _die(self, delay: float) -> None:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Prepares the death and runs the program as `python -m` does."""
    moment, seed, counts, module, *arguments = sys.argv[1:]
    death = Death(int(moment), int(seed))
    if module == "scripts.extract_features":
        from data_loader import feature_writer

        feature_writer.SECONDS_BETWEEN_FLUSHES = FLUSHES
    for name in ("fsync", "fdatasync", "posix_fallocate"):
        setattr(os, name, death.wrap(getattr(os, name)))
    os.pwrite = death.wrap_write(os.pwrite)
    sys.addaudithook(death.hear)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        Path(counts).write_text(str(death.passed))


if __name__ == "__main__":
    main()
