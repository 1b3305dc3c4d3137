"""Columns on disk: a folder with one memory-mapped .npy file per column and a columns.json.

A numeric column is one file, `NAME.npy`. A text column is two: all texts in UTF-8 one after the
other (`NAME.bytes.npy`) and where each begins (`NAME.offsets.npy`, one more than there are rows).
"""

import errno
import hashlib
import io
import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from utils.arrays import load_array
from utils.errors import UserError
from utils.files import reserve, sha256, with_checksum, without_checksum, write_json
from utils.json_text import expecting, parse_json

CONTENTS = "columns.json"
SMALL_FILE = 4 << 20  # bytes; up to this size a file's sha256 is compared whenever it is opened
PIECE = 16 << 20  # bytes written and hashed at a time


class Columns:
    """The columns of one folder; a large one is compared with its sha256 when it is first used.

    Args:
        arrays: name to memory map.
        text_names: which columns are texts.
        unchecked: name to a function that raises where the file of that name is damaged.
    """

    def __init__(
        self,
        arrays: dict[str, np.ndarray],
        text_names: list[str],
        unchecked: Mapping[str, Callable[[], None]],
    ):
        self._arrays = arrays
        self._unchecked = dict(unchecked)
        self.text_names = text_names

    def __getitem__(self, name: str) -> np.ndarray:
        """The array of a numeric column, a read-only memory map.

        Raises:
            UserError: its file is damaged.
        """
        check = self._unchecked.get(name)
        if check:
            check()
            self._unchecked.pop(name, None)  # another thread may have been as fast
        return self._arrays[name]

    def rows(self, name: str) -> int:
        """How many rows a numeric column has; reads nothing."""
        return len(self._arrays[name])

    def __contains__(self, name: str) -> bool:
        return name in self._arrays or name in self.text_names

    def text(self, name: str, row: int) -> str:
        """One row of a text column."""
        offsets = self[f"{name}.offsets"]
        if not 0 <= row < len(offsets) - 1:
            raise IndexError(f"row {row} of column {name!r}, which has {len(offsets) - 1} rows")
        start, end = int(offsets[row]), int(offsets[row + 1])
        return self[f"{name}.bytes"][start:end].tobytes().decode("utf-8")

    def texts(self, name: str, first: int = 0, stop: int | None = None) -> list[str]:
        """The rows of a text column, from the first to before `stop`; all without."""
        offsets = self[f"{name}.offsets"]
        offsets = offsets[first : (len(offsets) if stop is None else stop + 1)].tolist()
        base = offsets[0]
        data = self[f"{name}.bytes"][base : offsets[-1]].tobytes()
        places = itertools.pairwise(offsets)
        return [data[start - base : end - base].decode("utf-8") for start, end in places]


@dataclass(frozen=True)
class Pieces:
    """A numeric column that is too large for memory: made anew, piece by piece, when it is written.

    Attributes:
        dtype, shape: of the whole.
        read: gives the pieces; one after the other along the first axis, they are the whole.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    read: Callable[[], Iterator[np.ndarray]]

    def __len__(self) -> int:
        return self.shape[0]


@dataclass(frozen=True)
class TextPieces:
    """A text column that is too large for memory: see `Pieces`, and the head of this file.

    Attributes:
        data: all texts in UTF-8, uint8.
        offsets: where each begins, int64.
        read: gives the texts.
    """

    data: Pieces
    offsets: Pieces
    read: Callable[[], Iterator[str]]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        return self.read()


Column = np.ndarray | Pieces | TextPieces | Sequence[str]


def write_columns(folder: Path, columns: Mapping[str, Column]) -> None:
    """Writes columns into a folder, which is made when it is missing.

    Args:
        folder: where the files go; give a temporary one and rename it when all is written.
        columns: name to array (a numeric column) or to a sequence of strings (a text column).

    Raises:
        UserError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays, text_names = {}, []
    for name, values in columns.items():
        if isinstance(values, np.ndarray | Pieces):
            arrays[name] = values
        else:
            text_names.append(name)
            arrays[f"{name}.bytes"], arrays[f"{name}.offsets"] = _pack_texts(values)
    files = {f"{name}.npy": write_array(folder / f"{name}.npy", a) for name, a in arrays.items()}
    write_json(folder / CONTENTS, with_checksum({"files": files, "text": text_names}))


def open_columns(folder: Path, remedy: str = "") -> Columns:
    """Opens the columns of a folder; sizes and headers are checked, and small files' sha256.

    Large files are compared with their sha256 when they are first used: opening stays instant.

    Args:
        folder: what `write_columns` wrote.
        remedy: what to do about a damaged file, the end of the error message.

    Raises:
        UserError: a file is missing, cut short or changed; the message names it.
    """
    files, text_names = read_contents(folder, remedy)
    arrays, unchecked = {}, {}
    with expecting(folder / CONTENTS, remedy):
        for file, expected in files.items():
            name = file.removesuffix(".npy")
            arrays[name] = _open_array(folder / file, expected, remedy)
            if expected["bytes"] > SMALL_FILE:
                unchecked[name] = partial(check_sum, folder / file, expected, remedy)
    return Columns(arrays, text_names, unchecked)


def read_contents(folder: Path, remedy: str = "") -> tuple[dict[str, dict], list[str]]:
    """What columns.json says: the description of each file by its name, and the text columns.

    Raises:
        UserError: it is missing or damaged.
    """
    with expecting(folder / CONTENTS, remedy):
        contents = parse_json((folder / CONTENTS).read_text(encoding="utf-8"))
        contents = without_checksum(contents)
        return dict(contents["files"]), list(contents["text"])


def check_sum(path: Path, expected: Mapping[str, Any], remedy: str = "") -> None:
    """Compares all of a column's file with its description.

    Raises:
        UserError: it is missing, cut short or changed.
    """
    try:
        _check_size(path, expected, remedy)
        if sha256(path) != expected["sha256"]:
            raise UserError(f"{path} is damaged: its sha256 differs from {CONTENTS}; {remedy}")
    except OSError as error:
        raise UserError(f"cannot open {path} ({error}); {remedy}") from error


def write_array(path: Path, array: np.ndarray | Pieces) -> dict:
    """Writes one .npy file and returns its description: dtype, shape, bytes, sha256.

    The space is reserved first and the file is written with `write`: through a memory map, a disk
    that fills up would kill the process with SIGBUS.
    """
    header = _header(array)
    size = len(header) + math.prod(array.shape) * array.dtype.itemsize
    digest, written = hashlib.sha256(header), len(header)
    try:
        with open(path, "wb", buffering=0) as file:
            reserve(file.fileno(), size)
            write_all(file, header)
            for data in _bytes_of(array):
                digest.update(data)
                write_all(file, data)
                written += len(data)
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(path, error, size) from error
    if written != size:
        raise ValueError(f"the pieces of {path.name} have {written} bytes, expected {size}")
    shape = list(array.shape)
    return {"dtype": array.dtype.str, "shape": shape, "bytes": size, "sha256": digest.hexdigest()}


def _header(array: np.ndarray | Pieces) -> bytes:
    """What stands before the numbers of a .npy file."""
    descr = np.lib.format.dtype_to_descr(array.dtype)
    header = {"descr": descr, "fortran_order": False, "shape": tuple(array.shape)}
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _bytes_of(array: np.ndarray | Pieces) -> Iterator[memoryview]:
    """The bytes of an array, some at a time."""
    for one in [array] if isinstance(array, np.ndarray) else array.read():
        data = memoryview(np.ascontiguousarray(one).reshape(-1).view(np.uint8))
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]


def write_all(file: io.FileIO, data: bytes | memoryview) -> None:
    """Writes everything: one `write` call of a raw file may take only a part."""
    written = 0
    while written < len(data):
        written += file.write(data[written:])


def disk_error(path: Path, error: OSError, size: int = 0) -> UserError:
    """Words for a failed write of `size` bytes (0: not known)."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = f" ({size / 1e6:.1f} MB)" if size else ""
        return UserError(f"no space left for {path}{needed}: free some or choose another folder")
    return UserError(f"cannot write {path}: {error.strerror or error}")


def _check_size(path: Path, expected: Mapping[str, Any], remedy: str) -> None:
    size = path.stat().st_size
    if size != expected["bytes"]:
        raise UserError(f"{path} is damaged: {size} bytes, expected {expected['bytes']}; {remedy}")


def _pack_texts(texts: Sequence[str] | TextPieces) -> tuple[np.ndarray | Pieces, ...]:
    """Strings -> (all bytes [total] uint8, offsets [N + 1] int64)."""
    if isinstance(texts, TextPieces):
        return texts.data, texts.offsets
    encoded = [text.encode("utf-8") for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _open_array(path: Path, expected: dict, remedy: str) -> np.ndarray:
    """Maps one file into memory after comparing it with its description."""
    try:
        _check_size(path, expected, remedy)
        if expected["bytes"] <= SMALL_FILE:
            check_sum(path, expected, remedy)
        # An empty array cannot be mapped.
        mode = "r" if np.prod(expected["shape"]) else None
        array = load_array(path, mode)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot open {path} ({error}); {remedy}") from error
    if array.dtype.str != expected["dtype"] or list(array.shape) != expected["shape"]:
        raise UserError(
            f"{path} is damaged: it holds {array.dtype.str} {list(array.shape)}, expected "
            f"{expected['dtype']} {expected['shape']}; {remedy}"
        )
    return array.view(np.ndarray)  # the class np.memmap makes each gather of rows slower
