"""Unpacks a zip or tar archive into a new folder, which is there whole or not at all.

    python -m scripts.unpack ARCHIVE FOLDER

Refused are names that lead out of the folder (`..`, absolute paths, drives), links, devices,
headers of more than 1 MB, and archives that would grow to more than the disk has, or to 200 times
their size. What a packed tar holds is known only at its end: all is written to a folder beside,
which gets its name at the end and goes where the archive is refused. Needs Python's own library
alone: `scripts/download_dataset.sh` works before anything is installed.
"""

import bz2
import gzip
import lzma
import shutil
import stat
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from utils.errors import UserError, run_command

GROWTH = 200  # texts shrink to a tenth; what shrinks to a thousandth is made to fill disks
SMALL = 100 * 2**20  # bytes that are always allowed
MOST_FILES = 10_000_000
BLOCK = 4096  # bytes that the smallest file takes on a disk
HEADERS = 2**20  # bytes before one entry of a tar; its longest honest name has 4096
PACKERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive.

    Args:
        archive: a zip or tar file, the latter plain or packed by gzip, bzip2 or xz.
        folder: is made where the whole archive was unpacked, and only then.

    Raises:
        UserError: it is no such file, damaged, or refused as the head of this file says; the folder
            exists.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already; name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as beside:
            whole = Path(beside, "whole")
            whole.mkdir()
            (_unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar)(archive, whole)
            whole.rename(folder)
    except UserError:
        raise
    except (OSError, EOFError, ValueError, RuntimeError, tarfile.TarError, zipfile.error) as error:
        raise UserError(
            f"{archive} cannot be unpacked: {str(error) or type(error).__name__}"
        ) from None
    except Exception as error:  # zlib's and lzma's errors have no common kind
        raise UserError(f"{archive} is damaged: {type(error).__name__}: {error}") from None


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        budget = _Budget(archive, folder)
        for entry in file.infolist():
            _check_name(entry.filename)
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UserError(f"{archive} has a link or device: {entry.filename!r:.100}")
            budget.take(entry.file_size)
        file.extractall(folder)  # nosec B202  # every name was checked above


def _unpack_tar(archive: Path, folder: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise UserError("unpacking safely needs Python 3.11.4 or later")
    budget = _Budget(archive, folder)
    with _open_packed(archive) as data:
        reader = _Reader(archive, data)
        with tarfile.open(fileobj=reader, mode="r:") as file:
            while entry := _next_entry(file, reader):
                _check_name(entry.name)
                if not (entry.isfile() or entry.isdir()):
                    raise UserError(f"{archive} has a link or device: {entry.name!r:.100}")
                budget.take(entry.size)
                file.extract(entry, folder, filter="data")


def _open_packed(archive: Path) -> IO[bytes]:
    """The bytes of a tar, unpacked where they are packed."""
    with archive.open("rb") as file:
        start = file.read(8)
    opened = (packer for magic, packer in PACKERS.items() if start.startswith(magic))
    return next(opened, open)(archive, "rb")


def _next_entry(file: tarfile.TarFile, reader: "_Reader") -> tarfile.TarInfo | None:
    """The next entry; what `tarfile` keeps of those before is given up."""
    file.members.clear()
    reader.left = HEADERS
    entry = file.next()
    if sum(len(name) + len(value) for name, value in file.pax_headers.items()) > HEADERS:
        raise UserError(f"refused: {file.name} has headers of more than {HEADERS:,} bytes")
    reader.left = None
    return entry


class _Reader:
    """A tar that is read in small pieces: `tarfile` reads a header whole, however long it says."""

    def __init__(self, archive: Path, data: IO[bytes]):
        self.name = str(archive)
        self.left: int | None = HEADERS  # bytes; None while the content of an entry is copied
        self._data = data
        self.seek, self.tell = data.seek, data.tell

    def read(self, size: int) -> bytes:
        """Bytes of the tar.

        Raises:
            UserError: more than a header may have.
        """
        if not 0 <= size <= (HEADERS if self.left is None else self.left):
            raise UserError(f"refused: {self.name} has headers of more than {HEADERS:,} bytes")
        if self.left is not None:
            self.left -= size
        return self._data.read(size)


def _check_name(name: str) -> None:
    """Refuses what leads out of the folder, in the notation of any system."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.anchor or ".." in (*posix.parts, *windows.parts):
        raise UserError(f"refused: {name!r:.100} is outside of the folder")
    if "\0" in name:
        raise UserError(f"refused: {name!r:.100} is no name of a file")


class _Budget:
    """What an archive may still grow to."""

    def __init__(self, archive: Path, folder: Path):
        self._archive = archive
        self._free = shutil.disk_usage(folder).free
        self._most = min(self._free, max(SMALL, GROWTH * archive.stat().st_size))
        self._total = self._files = 0

    def take(self, size: int) -> None:
        """Counts one entry.

        Raises:
            UserError: it is one too many.
        """
        self._total += max(size, BLOCK)
        self._files += 1
        if self._total > self._most or self._files > MOST_FILES:
            why = "the disk has room for" if self._most == self._free else "its size allows"
            raise UserError(
                f"{self._archive} was not unpacked: it grows to more than the {self._most:,} bytes "
                f"that {why} (entry {self._files:,})"
            )


def main() -> None:
    """The command line; no flags, for bare machines have no parser of ours."""
    if len(sys.argv) != 3:
        raise UserError("expected ARCHIVE FOLDER")
    unpack(*map(Path, sys.argv[1:]))


if __name__ == "__main__":
    run_command(main)
