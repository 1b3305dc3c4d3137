"""Reads tensors from PyTorch's weight files without running what is in them, and from safetensors.

A `.pth` file describes its tensors by a pickle, whose instructions may call any function that they
name. Here they find five harmless things by name, and nothing else. Both layouts are read: a zip
archive (PyTorch 1.6 and later) and the older one, a row of pickles with the numbers behind them.
"""

import io
import pickle  # nosec B403  # an unpickler of ours finds five harmless names and no others
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from utils.errors import UserError

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older layout
PROTOCOL = 1001  # the second one
# The kinds of numbers that weights and counters have; files are little-endian.
STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


class Storage(NamedTuple):
    """A flat array in the file, which several tensors may share."""

    key: str
    dtype: np.dtype
    size: int


class Description(NamedTuple):
    """A tensor before its numbers are there; strides and offset count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Reads a flat file of named tensors, such as a network's `state_dict`.

    Args:
        path: `.safetensors`, or a file of `torch.save`, whatever its name.

    Raises:
        UserError: it is damaged, holds something else, or wants to call what is not needed.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with open(path, "rb") as file:
            read = _read_zip if zipfile.is_zipfile(file) else _read_older
            file.seek(0)
            return read(file)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except SafetensorError as error:
        raise UserError(f"{path} is no safetensors file, or damaged ({error})") from None
    except Exception as error:  # unpickling damaged bytes raises almost anything
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise UserError(f"{path} is no file of PyTorch's weights, or damaged ({reason})") from error


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        (main,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = main.removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise UserError("big-endian numbers; save the file again on a usual machine")
        for entry in archive.infolist():  # torch.save packs nothing: what grows is made to do harm
            if entry.file_size > entry.compress_size:
                raise UserError(f"{entry.filename} is packed, which torch.save does not do")
        described = _Unpickler(io.BytesIO(archive.read(main))).load()

        def read(storage: Storage) -> np.ndarray:
            return np.frombuffer(archive.read(f"{folder}data/{storage.key}"), storage.dtype)

        return _make_tensors(described, read)


def _read_older(file: BinaryIO) -> dict[str, np.ndarray]:
    if (_Unpickler(file).load(), _Unpickler(file).load()) != (MAGIC, PROTOCOL):
        raise UserError("not a file of torch.save")
    if not _Unpickler(file).load().get("little_endian", True):
        raise UserError("big-endian numbers; save the file again on a usual machine")
    reader = _Unpickler(file)
    described = reader.load()
    arrays = {}
    for key in _Unpickler(file).load():
        storage = reader.storages[key]
        size = int.from_bytes(file.read(8), "little", signed=True)
        data = file.read(size * storage.dtype.itemsize)
        arrays[key] = np.frombuffer(data, storage.dtype)
    return _make_tensors(described, lambda storage: arrays[storage.key])


class _Unpickler(pickle.Unpickler):
    """Builds descriptions of tensors.

    What `find_class` gives away can be called by the file with any arguments, and given attributes.
    Bound methods and `OrderedDict` take no harm of either.
    """

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._describe
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in STORAGES:
            return name
        raise UserError(
            f"refused, since it wants {module}.{name}, which no weights need and which could run "
            "code; save the bare state_dict, or as .safetensors"
        )

    def persistent_load(self, pid: Any) -> Storage:
        kind, name, key, _, size = pid[:5]
        if kind != "storage" or (len(pid) == 6 and pid[5] is not None):  # views: before 2017
            raise UserError(f"expected storages of tensors, found {kind!r}")
        return self.storages.setdefault(key, Storage(key, STORAGES[name], size))

    def _describe(
        self, storage: Storage, offset: int, shape: tuple, strides: tuple, *_: Any
    ) -> Description:
        return Description(storage, offset, tuple(shape), tuple(strides))


def _make_tensors(described: Any, read: Callable[[Storage], np.ndarray]) -> dict[str, np.ndarray]:
    if not isinstance(described, Mapping) or not all(
        isinstance(name, str) and isinstance(x, Description) for name, x in described.items()
    ):
        raise UserError("expected tensors by name, as a state_dict has them")
    return {name: _make_tensor(name, x, read(x.storage)) for name, x in described.items()}


def _make_tensor(name: str, described: Description, numbers: np.ndarray) -> np.ndarray:
    _, offset, shape, strides = described
    steps = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)]
    end = offset + sum(steps) + 1 if 0 not in shape else offset
    # A view beyond the array would read foreign memory.
    if min((offset, *shape, *strides)) < 0 or end > len(numbers):
        raise UserError(f"{name} lies outside of its {len(numbers)} numbers: the file is damaged")
    bytes_apart = [stride * numbers.itemsize for stride in strides]
    view = np.lib.stride_tricks.as_strided(numbers[offset:], shape, bytes_apart, writeable=False)
    return np.array(view)
