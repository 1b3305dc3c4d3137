"""Files that are either complete or not there: atomic writes, fsync, checksums."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.tmp-(?P<pid>\d+)-[0-9a-f]{8}")


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(value: Any) -> str:
    """The SHA-256 of a JSON value; independent of the order of keys and of white space."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def with_checksum(value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object that says, under `checksum`, what the rest of it must be."""
    return {**value, "checksum": sha256_of_json(value)}


def without_checksum(value: Mapping[str, Any]) -> dict[str, Any]:
    """What `with_checksum` was given; an object that has no checksum is as it is.

    Raises:
        ValueError: the rest is not what the checksum says.
    """
    rest = {name: inner for name, inner in value.items() if name != "checksum"}
    if "checksum" in value and sha256_of_json(rest) != value["checksum"]:
        raise ValueError("it does not match its own checksum")
    return rest


def fsync_folder(path: Path) -> None:
    """Waits until the names in a folder (what was created, renamed, removed) are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(path: Path) -> None:
    """Waits until every file and every folder under `path`, itself included, is on disk."""
    for folder, _, names in os.walk(path):
        for name in names:
            with open(Path(folder, name), "rb") as file:
                os.fsync(file.fileno())
        fsync_folder(Path(folder))


def temporary_beside(path: Path) -> Path:
    """A hidden name in the same folder (so that a rename is atomic), one per process and call."""
    return path.with_name(f".{path.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")


def is_temporary(path: Path) -> bool:
    """Whether `temporary_beside` made this name: what a killed process leaves behind."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_temporaries(folder: Path, name: str | None = None) -> list[Path]:
    """Removes what killed processes left in `folder`; only call this under the folder's lock.

    With `name`, only what was to become that file or folder, under a lock of its own.
    """
    found = ((path, _TEMPORARY.fullmatch(path.name)) for path in Path(folder).iterdir())
    leftovers = [path for path, parts in found if parts and name in (None, parts["name"])]
    for path in leftovers:
        remove(path)
    return leftovers


def remove(path: Path) -> None:
    """Removes a file or a whole folder; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces a file at once: readers see the old bytes or the new ones, also after a crash."""
    temporary = temporary_beside(Path(path))
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(Path(path).parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """`write_bytes` of indented JSON; NaN and infinities raise ValueError (they are not JSON)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Builds a folder beside its final place and renames it there when the block ends well.

    Yields the temporary folder to fill. On success all of it is fsynced first, so that the final
    name is never an incomplete folder; when the block raises, nothing remains. `path` may exist
    only as an empty folder: what is there is never overwritten (OSError).
    """
    path = Path(path)
    temporary = temporary_beside(path)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        fsync_tree(temporary)
        os.rename(temporary, path)
        fsync_folder(path.parent)
    finally:
        remove(temporary)


def reserve(descriptor: int, size: int) -> None:
    """Makes a file `size` bytes long and reserves the space on disk, so that no write can fail.

    Where the file system cannot reserve, the file only gets its length (zeros that take no space),
    and a full disk shows when writing.
    """
    try:
        os.posix_fallocate(descriptor, 0, size)
    except AttributeError:  # macOS has no such call
        os.ftruncate(descriptor, max(size, os.fstat(descriptor).st_size))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        os.ftruncate(descriptor, max(size, os.fstat(descriptor).st_size))
