"""Writes image features so that a kill at any moment loses unfinished rows and nothing else.

A row's bytes are written and synchronised before its state says that it is done. Files grow with
`posix_fallocate` and are written with `pwrite`, never through a memory map: a full disk is an error
then, and not the death of the process. Several processes fill one file, each its own shard of rows.
"""

import fcntl
import io
import math
import os
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_loader.features import (
    DONE,
    FAILED,
    FEATURE_DTYPE,
    NOT_COMPARED,
    NOT_DONE,
    ROW_DTYPE,
    FeatureStore,
    check_same_images,
    features_folder,
    hash_names,
    read_image_names,
    read_metadata,
    rows_path,
)
from utils.errors import UserError
from utils.files import fsync_folder, reserve, with_checksum, write_json
from utils.locks import holder_of, waited_lock, write_holder

SECONDS_BETWEEN_FLUSHES = 10.0
NOT_MENTIONED = {"precision": "float32"}  # what a description means that does not say


class FeatureWriter:
    """Fills one shard of a feature file: rows r with r modulo `shards` equal to `shard`.

    Args:
        root: the data root.
        description: what the features are; at least `extractor`, `layer`, `slots` and `dim`. An
            existing file is continued only where its description is the same.
        names: the image names of all rows; a file with fewer rows grows.
        made_with: what is only noted, such as versions; a file keeps the note of its first writer.
        shard, shards: which part of the rows this writer fills.

    Raises:
        UserError: other features lie under that name, another process fills these rows, or the
            disk is too full.

    Attributes:
        path: the feature file.
        state: [rows] uint32, the rows' states; only those of this shard are kept up to date.
        made_with: the note that is in the file.
    """

    def __init__(
        self,
        root: str | Path,
        description: dict,
        names: Sequence[str],
        made_with: dict | None = None,
        shard: int = 0,
        shards: int = 1,
    ):
        folder = features_folder(root)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{description['extractor']}-{description['layer']}.npy"
        self._names, self._shard, self._shards = names, shard, shards
        self._shape = (description["slots"], description["dim"])
        with file_lock(self.path.with_suffix(".lock")):
            self._shard_lock = _lock_shard(self.path, shard, shards)
            _create_or_grow(self.path, description, names, made_with or {})
        self._data = open(self.path, "r+b", buffering=0)  # noqa: SIM115 (closed by close)
        self._rows = open(rows_path(self.path), "r+b", buffering=0)  # noqa: SIM115
        self._data_start = _header_size(self._data)
        self._rows_start = _header_size(self._rows)
        existing = FeatureStore(self.path)
        self.state, self.made_with = existing.state, existing.metadata["made_with"]
        self._written: dict[int, int] = {}  # row to crc32, not yet marked as done
        self._failed: dict[int, str] = {}  # row to reason, not yet marked as failed
        self._flushed_at = time.monotonic()

    def damaged(self) -> np.ndarray:
        """Reads all rows of this shard that are done; returns those [N] whose crc32 differs."""
        rows = np.flatnonzero(self.state == DONE)
        return FeatureStore(self.path).damaged(rows[rows % self._shards == self._shard])

    def pending(self, retry_failed: bool = False) -> np.ndarray:
        """Returns the rows [N] of this shard that are not done, or failed and to be tried again."""
        wanted = (self.state == NOT_DONE) | (retry_failed & (self.state == FAILED))
        rows = np.flatnonzero(wanted)
        return rows[rows % self._shards == self._shard]

    def count(self, state: int) -> int:
        """Returns how many rows of this shard are in the given state."""
        return int((self.state[self._shard :: self._shards] == state).sum())

    def read_failed(self) -> dict[str, str]:
        """Reads the failed images of all shards, name to reason, as far as they were flushed."""
        return read_metadata(self.path)["failed"]

    def write(self, row: int, features: np.ndarray) -> None:
        """Writes the features [slots, dim] of one image; they count as done after a flush."""
        stored = np.ascontiguousarray(features, FEATURE_DTYPE)
        if stored.shape != self._shape:
            raise ValueError(f"features of row {row} are {stored.shape}, expected {self._shape}")
        _write_at(self._data, stored.tobytes(), self._data_start + row * stored.nbytes)
        self._written[row] = zlib.crc32(stored)
        self._flush_now_and_then()

    def fail(self, row: int, reason: str) -> None:
        """Notes that the image of a row cannot be read, and why."""
        self._failed[row] = reason
        self._flush_now_and_then()

    def flush(self) -> None:
        """Makes what was written durable: bytes, then reasons, and only then the rows' states."""
        if self._written or self._failed:
            os.fdatasync(self._data.fileno())
            self._update_failed()
            for row, crc32 in self._written.items():
                self._mark(row, DONE, crc32)
            for row in self._failed:
                self._mark(row, FAILED, 0)
            os.fdatasync(self._rows.fileno())
        self._written, self._failed = {}, {}
        self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Flushes, and lets other processes have these rows."""
        try:
            self.flush()
        finally:
            self._data.close()
            self._rows.close()
            self._shard_lock.close()

    def __enter__(self) -> "FeatureWriter":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _flush_now_and_then(self) -> None:
        if time.monotonic() - self._flushed_at > SECONDS_BETWEEN_FLUSHES:
            self.flush()

    def _mark(self, row: int, state: int, crc32: int) -> None:
        entry = np.array((state, crc32), ROW_DTYPE)
        _write_at(self._rows, entry.tobytes(), self._rows_start + row * ROW_DTYPE.itemsize)
        self.state[row] = state

    def _update_failed(self) -> None:
        """Brings the list of failed images up to date; all shards share it."""
        repaired = [row for row in self._written if self.state[row] == FAILED]
        if not repaired and not self._failed:
            return
        with file_lock(self.path.with_suffix(".lock")):
            metadata = read_metadata(self.path)
            failed = metadata["failed"]
            for row in repaired:
                failed.pop(self._names[row], None)
            failed |= {self._names[row]: reason for row, reason in self._failed.items()}
            metadata["failed"] = dict(sorted(failed.items()))  # the same whoever came first
            write_json(self.path.with_suffix(".json"), with_checksum(metadata))


def write_features(
    root: str | Path, name: str, array: np.ndarray, failed: dict[int, str] | None = None
) -> Path:
    """Writes a whole array of features at once: those of another extractor, or of a test.

    Args:
        root: the data root; row i belongs to line i of its images.txt.
        name: `<extractor>-<layer>`.
        array: [rows, slots, dim], any floating type; stored as float16.
        failed: row to reason, for images without features.

    Returns:
        the path of the feature file.

    Raises:
        UserError: as `FeatureWriter`, or there is no images.txt, or it has fewer lines than rows.
    """
    extractor, _, layer = name.rpartition("-")
    rows, slots, dim = array.shape
    names = read_image_names(root)[:rows]
    if len(names) != rows:
        raise UserError(f"{rows} rows of features for the {len(names)} images of {root}/images.txt")
    failed = failed or {}
    description = {"extractor": extractor, "layer": layer, "slots": slots, "dim": dim}
    with FeatureWriter(root, description, names) as writer:
        for row in range(rows):
            if row in failed:
                writer.fail(row, failed[row])
            else:
                writer.write(row, array[row])
    return writer.path


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Waits for and holds an advisory lock; the kernel releases it when a process dies."""
    with waited_lock(path, f"holds {path}"):
        yield


def _lock_shard(path: Path, shard: int, shards: int) -> BinaryIO:
    """Reserves rows for this process; the caller holds the file's lock.

    Rows of the shards i/n and j/m overlap exactly when i and j agree modulo gcd(n, m).
    """
    for held in path.parent.glob(f"{path.stem}.shard-*-of-*.lock"):
        other, others = map(int, re.findall(r"\d+", held.name.removeprefix(path.stem))[:2])
        overlap = (other - shard) % math.gcd(others, shards) == 0
        holder = _holder(held) if overlap else None
        if holder:
            raise UserError(
                f"{holder} is filling shard {other}/{others} of {path}, which shares rows with "
                f"{shard}/{shards}; wait for it, or give each process its own --shard i/n"
            )
    lock = open(path.with_name(f"{path.stem}.shard-{shard}-of-{shards}.lock"), "ab+")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    write_holder(lock.fileno())
    return lock


def _holder(path: Path) -> str | None:
    """Who holds the lock of a shard; None for nobody."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return holder_of(file.fileno())
    return None


def _create_or_grow(path: Path, description: dict, names: Sequence[str], made_with: dict) -> None:
    """Gives both files a row for every name. The JSON is written last: with it, they are whole."""
    rows, failed = len(names), {}
    if path.with_suffix(".json").exists():
        metadata = read_metadata(path)
        _check_same_features(path, metadata, description)
        check_same_images(path, metadata, names)
        if metadata["rows"] == rows:
            return
        failed, made_with = metadata["failed"], metadata["made_with"]
    else:
        _refuse_lost_description(path)
        path.unlink(missing_ok=True)  # left by a process that died here: nothing is in it
        rows_path(path).unlink(missing_ok=True)
    _reserve(path, FEATURE_DTYPE, (rows, description["slots"], description["dim"]))
    _reserve(rows_path(path), ROW_DTYPE, (rows,))
    late = {"made_with": made_with, "rows": rows, "images_sha256": hash_names(names)}
    content = description | late | {"failed": failed}
    write_json(path.with_suffix(".json"), with_checksum(content))


def _refuse_lost_description(path: Path) -> None:
    """Refuses to begin where features are, whose description is gone: hours of work.

    Raises:
        UserError: rows are done.
    """
    try:
        done = (np.load(rows_path(path), mmap_mode="r", allow_pickle=False)["state"] == DONE).sum()
    except (OSError, ValueError):  # not there, or cut short by a kill before its first row
        return
    if done:
        raise UserError(
            f"{path} has {done:,} images' features, but {path.stem}.json, which describes them, is "
            f"gone: bring back a copy, or delete {path.stem}.* in {path.parent} to start afresh"
        )


def _check_same_features(path: Path, metadata: dict, description: dict) -> None:
    for key in sorted((metadata.keys() | description.keys()) - set(NOT_COMPARED)):
        found, wanted = (d.get(key, NOT_MENTIONED.get(key)) for d in (metadata, description))
        if found != wanted:
            raise UserError(
                f"{path} was made with another {key} ({found}) than this run's "
                f"({wanted}); delete {path.stem}.* in {path.parent} to start afresh"
            )


def _reserve(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Creates or lengthens a .npy file; new rows are zero, which is the state NOT_DONE."""
    # NumPy pads headers so that the first dimension can grow to any size without moving the data.
    header = _header(dtype, shape)
    size = len(header) + math.prod(shape) * dtype.itemsize
    with open(path, "r+b" if path.exists() else "w+b", buffering=0) as file:
        try:
            reserve(file.fileno(), size)
        except OSError as error:
            raise UserError(f"{path} needs {size / 1e9:.2f} GB on its disk: {error}") from None
        _write_at(file, header, 0)
        os.fsync(file.fileno())
    fsync_folder(path.parent)


def _header(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    descr = np.lib.format.dtype_to_descr(dtype)
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue()


def _header_size(file: BinaryIO) -> int:
    file.seek(0)
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    return file.tell()


def _write_at(file: BinaryIO, data: bytes, offset: int) -> None:
    """Writes all of the data: `pwrite` alone may write a part of it."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file.fileno(), view, offset)
        view, offset = view[written:], offset + written
