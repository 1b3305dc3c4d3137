"""Arrays on disk whose checksums are made while they are written."""

import hashlib
from pathlib import Path

import numpy as np


class _HashingFile:
    """Hashes what passes to a file, so that saving reads no byte twice."""

    def __init__(self, file):
        self.file, self.hash = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Writes and hashes."""
        self.hash.update(data)
        return self.file.write(data)


def write_array(folder: Path, name: str, value: np.ndarray) -> str:
    """Writes `folder / name` as a .npy file; returns its sha256.

    Raises:
        ValueError: the array is of a type that NumPy cannot read back without its library.
    """
    value = np.asarray(value)
    if value.dtype.kind not in "biuf":
        raise ValueError(f"{name} has type {value.dtype}: expected a number that NumPy has itself")
    with open(folder / name, "wb") as file:
        hashing = _HashingFile(file)
        np.save(hashing, value, allow_pickle=False)
        return hashing.hash.hexdigest()
