"""Locks that end with the process that holds them, and say which process that is."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from utils.errors import UserError

_LONGEST = 1000  # bytes of a lock's file that are read


def take_lock(path: Path, flag: str = "--run_dir") -> int:
    """Locks a folder by a file in it, until this process ends, however it ends.

    Args:
        path: the file; it is made, and says who holds the lock.
        flag: what names the folder on the command line, for the message.

    Returns:
        What `release_lock` takes.

    Raises:
        UserError: another process holds it, or the folder cannot be written.
    """
    lock = _open(path)
    if not try_lock(lock, path):
        holder = holder_of(lock)
        os.close(lock)
        raise UserError(
            f"{path.parent} is in use by {holder}: stop it first, or give {flag} another name"
        )
    return lock


def take_named_lock(path: Path, what: str) -> int:
    """As `take_lock`, of one thing in a folder that others may use.

    Raises:
        UserError: `what` ("hashtag-users-others is being built") by another process.
    """
    lock = _open(path)
    if not try_lock(lock, path):
        holder = holder_of(lock)
        os.close(lock)
        raise UserError(f"{what} by {holder}: wait for it, or stop it first")
    return lock


def try_lock(lock: int, path: Path) -> bool:
    """Takes the lock of an open file and writes who holds it; False where somebody else does."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # Some network file systems have no locks; refusing to work there would help nobody.
        print(
            f"warning: cannot lock {path} ({error.strerror}); do not work twice in this folder",
            file=sys.stderr,
        )
    write_holder(lock)
    return True


@contextmanager
def waited_lock(path: Path, what: str) -> Iterator[None]:
    """Waits for a lock that is held for a short while, and says for whom.

    Args:
        path: the file; its folder exists.
        what: what its holder does, for the line that is printed ("writes to data").
    """
    lock = _open(path)
    try:
        if not try_lock(lock, path):
            print(f"waiting for {holder_of(lock)}, which {what}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_holder(lock)
        yield
    finally:
        release_lock(lock)


def write_holder(lock: int) -> None:
    """Says in the lock's file that this process holds it, where the disk has room for a line."""
    with suppress(OSError):
        os.truncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)


def holder_of(lock: int) -> str:
    """Who holds the lock of an open file, as it says itself."""
    said = os.pread(lock, _LONGEST, 0).decode(errors="replace").strip()
    return said or "another process"


def release_lock(lock: int) -> None:
    """Gives the lock back."""
    # The file stays: removing it would let two processes lock two files of the same name.
    os.truncate(lock, 0)
    os.close(lock)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UserError(f"cannot write in {path.parent}: {error.strerror}") from error
