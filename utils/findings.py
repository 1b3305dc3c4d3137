"""What a check of files finds: one finding for each file, sound or damaged."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from utils.errors import UserError


class Finding(NamedTuple):
    """One file that was looked at.

    Attributes:
        path: the file.
        problem: what is wrong with it and what to do; None where it is sound.
        note: what a reader should know of a sound file, often nothing.
    """

    path: Path
    problem: str | None = None
    note: str = ""


def examine(path: Path, check: Callable[[], object]) -> Finding:
    """Calls the check of a file; a `UserError` is its problem, a string that it returns a note."""
    try:
        found = check()
    except UserError as error:
        return Finding(path, str(error))
    return Finding(path, note=found if isinstance(found, str) else "")
