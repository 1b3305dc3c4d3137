"""Unpacks a zip or tar archive into a new folder, or refuses it before anything is written there.

    python -m scripts.unpack ARCHIVE FOLDER

Refused are names that lead out of the folder (`..`, absolute paths, drives), links that do,
devices, and archives that would grow to more than the disk has, or to 200 times their size. Needs
Python's own library alone: `scripts/download_dataset.sh` works before anything is installed.
"""

import shutil
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from utils.errors import UserError, run_command

GROWTH = 200  # texts shrink to a tenth; what shrinks to a thousandth is made to fill disks
SMALL = 100 * 2**20  # bytes that are always allowed
MOST_FILES = 10_000_000
BLOCK = 4096  # bytes that the smallest file takes on a disk


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive.

    Args:
        archive: a zip or tar file, the latter plain or packed by gzip, bzip2 or xz.
        folder: is made; where the archive is refused, it may hold a part of it.

    Raises:
        UserError: it is no such file, damaged, or refused as the head of this file says.
    """
    folder.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, folder)
        else:
            _unpack_tar(archive, folder)
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
    with tarfile.open(archive) as file:
        # The list of a packed archive is known only at its end: each entry is checked as it comes.
        entries = _checked(file, _Budget(archive, folder))
        file.extractall(folder, entries, filter="data")


def _checked(file: tarfile.TarFile, budget: "_Budget") -> Iterator[tarfile.TarInfo]:
    for entry in file:
        _check_name(entry.name)
        if not (entry.isfile() or entry.isdir() or entry.issym() or entry.islnk()):
            raise UserError(f"{file.name} has a device: {entry.name!r:.100}")
        budget.take(entry.size)
        yield entry


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
    archive, folder = map(Path, sys.argv[1:])
    if folder.exists():
        raise UserError(f"{folder} exists already; name a new folder")
    unpack(archive, folder)


if __name__ == "__main__":
    run_command(main)
