"""A data root on disk: its list of images, its lock, and how a view gets into it in one step."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from data_loader.features import read_image_names
from utils.errors import UserError
from utils.files import new_folder, remove, remove_temporaries, temporary_beside, write_text
from utils.locks import release_lock, take_named_lock, waited_lock

IMAGES = "images.txt"
LOCK = ".lock"


@contextmanager
def locked_root(root: Path) -> Iterator[None]:
    """Makes the root if needed and holds its lock: one writer at a time, others wait.

    Writing takes seconds; who has to wait says for whom. The system gives the lock back when a
    process dies, so there is no stale lock to remove; what killed writers left is removed here.

    Raises:
        UserError: the root cannot be made or written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to the data root {root}: {error.strerror}") from error
    with waited_lock(root / LOCK, f"writes to {root}"):
        remove_temporaries(root)
        yield


@contextmanager
def building(root: Path, name: str) -> Iterator[None]:
    """Reserves the name of a view, or of a corpus, from the beginning of its build.

    No second process builds it; others may be built in this folder meanwhile.

    Raises:
        UserError: another process builds it; or the folder cannot be made or written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write in {root}: {error.strerror}") from error
    lock = take_named_lock(root / f".{name}.lock", f"{root / name} is being built")
    try:
        yield
    finally:
        release_lock(lock)


def append_images(root: Path, names: Collection[str]) -> np.ndarray:
    """Adds the names that ROOT/images.txt does not have yet, and returns the row of each name.

    Rows that exist never change: feature files are aligned with them. Hold `locked_root`.

    Args:
        root: the data root.
        names: image file names relative to the images folder; repeats are fine.

    Returns:
        rows: [len(names)] int32.
    """
    lines = read_image_names(root) if (root / IMAGES).exists() else []
    known = len(lines)
    rows = {name: row for row, name in enumerate(lines)}
    for name in names:
        if name not in rows:
            rows[name] = len(lines)
            lines.append(name)
    if len(lines) > known:
        write_text(root / IMAGES, "".join(f"{name}\n" for name in lines))
    return np.fromiter((rows[name] for name in names), np.int32, len(names))


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """`utils.files.new_folder` for a name that may be taken: what has it goes once the new is done.

    A kill at the worst moment leaves no folder of that name, never a mixture of two.
    """
    old = temporary_beside(path)
    try:
        with new_folder(path) as folder:
            yield folder
            if path.exists():
                os.rename(path, old)
    except BaseException:
        if old.exists() and not path.exists():
            os.rename(old, path)
        raise
    remove(old)
