"""Image features on disk: one float16 row per image of a data root (read here, written elsewhere).

    ROOT/images.txt                          image names, one per row, only ever appended to
    ROOT/features/resnet101-pool5.npy        float16 [rows, slots, dim]
    ROOT/features/resnet101-pool5.rows.npy   for each row its state and the crc32 of its bytes
    ROOT/features/resnet101-pool5.json       extractor, weights, preprocessing, failed images

A row's bytes are on the disk before its state says so (`data_loader.feature_writer`), which is why
a store may be opened at any time, during an extraction or after one was killed. This module needs
NumPy alone.
"""

import hashlib
import math
import mmap
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.arrays import load_array
from utils.errors import UserError
from utils.files import without_checksum
from utils.json_text import parse_json

NOT_DONE, DONE, FAILED = 0, 1, 2
# Eight aligned bytes: one row's entry never straddles a page, so it is never half written.
ROW_DTYPE = np.dtype([("state", "<u4"), ("crc32", "<u4")])
FEATURE_DTYPE = np.dtype("<f2")
TENSOR_ALIGNMENT = 64  # bytes
RECHECK = "give the command of scripts.extract_features that made them again, with --recheck"
# Of a file's description, what says nothing about the meaning of a number.
NOT_COMPARED = ("made_with", "rows", "images_sha256", "failed")
_RESNET, _INCEPTION = ("pool5", "res5c", "res4"), ("mixed10", "pool3")
# The networks of `model.networks`, which this module does without, and their layers.
LAYERS = {
    "resnet101": _RESNET,
    "resnet152": _RESNET,
    "resnet101-slim": _RESNET,
    "resnext101_32x8d": _RESNET,
    "inception_v3": _INCEPTION,
    "inception_v3-crop": _INCEPTION,
    "inception_v3-crop-aspect": _INCEPTION,
    "inception_v3-video": ("frames26", *_INCEPTION),
    "inception_v3-video-aspect": ("frames26", *_INCEPTION),
    "pixels": ("rgb227",),
    "patches": ("cells8", "frames26"),
}
WITHOUT_WEIGHTS = ("pixels", "patches")
# Behind the extractor's name: its network has never learnt to see; it sees pictures mirrored.
RANDOM, FLIPPED = "_random", "-flipped"


def read_image_names(root: str | Path) -> list[str]:
    """Reads ROOT/images.txt: the name of each image row, relative to the images folder.

    Raises:
        UserError: there is no images.txt, or it is not UTF-8.
    """
    text = _read_images(root)
    # Not splitlines(): names may hold characters that Python also takes for line ends.
    return text.removesuffix("\n").split("\n") if text else []


def _read_images(root: str | Path) -> str:
    """The text of ROOT/images.txt."""
    path = Path(root) / "images.txt"
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; it lists the images of a data root and is made by "
            f"python -m scripts.build_dataset --out {root}"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error}); build the data set again") from None


def hash_names(names: Sequence[str]) -> str:
    """Says which images the rows of a feature file belong to: sha256 of their names in order."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _hash_lines(text: str, count: int) -> str:
    """`hash_names` of the first lines of images.txt; a million names need no million strings."""
    data = text.encode()
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    ends = np.concatenate([[0], breaks, [len(data)]])  # of the first 0, 1, 2 ... lines
    return hashlib.sha256(data[: ends[min(count, len(ends) - 1)]]).hexdigest()


def features_folder(root: str | Path) -> Path:
    """Returns the folder in which a data root keeps its features."""
    return Path(root) / "features"


def extraction_advice(root: str | Path, layer: str, extractor: str | None = None) -> str:
    """How to make the features of a layer, by the given extractor or a likely one, in words."""
    having = [name for name, layers in LAYERS.items() if layer in layers]
    if not having:
        return f"scripts.extract_features makes no {layer}"
    extractor = extractor or having[0]
    bare = extractor.removesuffix(RANDOM).removesuffix(FLIPPED)
    if bare not in having:
        known = f"{bare} has {', '.join(LAYERS[bare])}" if bare in LAYERS else f"not of {bare}"
        return (
            f"scripts.extract_features makes {layer} of --extractor {', '.join(having)} ({known})"
        )
    weights = " --weights random" if extractor.endswith(RANDOM) else " --weights {PATH,random}"
    if bare in WITHOUT_WEIGHTS:
        weights = ""
    flip = " --random_flip" if FLIPPED in extractor else ""
    return (
        f"make them with python -m scripts.extract_features --data_dir {root} --images DIR "
        f"--extractor {bare} --layer {layer}{flip}{weights}"
    )


def find_features(root: str | Path, layer: str, extractor: str | None = None) -> Path:
    """Finds the feature file of a layer, of the given extractor or of the only one there is.

    Raises:
        UserError: none is there (the message has the command that makes it), or several are.
    """
    folder = features_folder(root)
    found = sorted(p.with_suffix(".npy") for p in folder.glob(f"{extractor or '*'}-{layer}.json"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.stem.removesuffix(f"-{layer}") for path in found)
        raise UserError(
            f"{folder} has {layer} features of several extractors: choose by --extractor ({names})"
        )
    others = ", ".join(sorted(path.stem for path in folder.glob("*.json"))) or "none"
    advice = extraction_advice(root, layer, extractor)
    if extractor and (folder / f"{extractor}{RANDOM}-{layer}.json").exists():
        advice = f"give --extractor {extractor}{RANDOM} for those of the untrained network"
    raise UserError(
        f"no features {extractor or 'EXTRACTOR'}-{layer} in {folder} (there: {others}); {advice}"
    )


def open_features(root: str | Path, layer: str, extractor: str | None = None) -> "FeatureStore":
    """Opens the features of one layer for reading; instant whatever their number.

    Args:
        root: the data root.
        layer: `pool5`, `res5c`, `mixed10` ...
        extractor: `resnet101`, `resnet101_random` ...; None for the only one that is there.

    Raises:
        UserError: missing, ambiguous, damaged, or made for another images.txt.
    """
    store = FeatureStore(find_features(root, layer, extractor))
    if store.metadata["images_sha256"] != _hash_lines(_read_images(root), store.metadata["rows"]):
        check_same_images(store.path, store.metadata, read_image_names(root))  # slower; has words
    return store


def read_metadata(path: Path) -> dict:
    """Reads the JSON beside a feature file.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        metadata = parse_json(path.with_suffix(".json").read_text(encoding="utf-8"))
        metadata = without_checksum(metadata)
        for name in ("extractor", "layer"):
            if not isinstance(metadata[name], str):
                raise ValueError(f"{name} is no text")
        known = {"rows": int(metadata["rows"]), "failed": dict(metadata["failed"])}
        return {"images_sha256": metadata["images_sha256"], **metadata, **known}
    except (OSError, LookupError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(
            f"{path.with_suffix('.json')} cannot be read ({error}); delete {path.stem}.* in "
            f"{path.parent} and extract the features again"
        ) from None


def rows_path(path: Path) -> Path:
    """Returns the side file of a feature file: state and crc32 of each row."""
    return path.with_suffix(".rows.npy")


def check_same_images(path: Path, metadata: dict, names: Sequence[str]) -> None:
    """Refuses features whose rows belong to other images than the rows of images.txt.

    Raises:
        UserError: images.txt was not only appended to since these features were made.
    """
    rows = metadata["rows"]
    if metadata["images_sha256"] not in (None, hash_names(names[:rows])):
        raise UserError(
            f"{path} was made for another images.txt: its first {rows} names are not those of the "
            f"{len(names)} there now; delete {path.stem}.* in {path.parent} and extract again"
        )


class FeatureStore:
    """Features of one extractor and layer, memory-mapped.

    Attributes:
        path: the .npy file.
        metadata: the JSON beside it, as a dictionary.
        extractor, layer: its two names.
        slots, dim: the shape of one image's features.
        state: [rows] uint32, `NOT_DONE`, `DONE` or `FAILED`, as it was when the store was opened.
    """

    def __init__(self, path: Path):
        self.path = path
        self.metadata = read_metadata(path)
        self.extractor: str = self.metadata["extractor"]
        self.layer: str = self.metadata["layer"]
        mapped = _map_array(path, FEATURE_DTYPE, dimensions=3)
        self._file, self._start = mapped.base, mapped.offset
        memory = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE
        self._stays = mapped.nbytes < memory / 2  # the system keeps it once it was read
        self._features = mapped.view(np.ndarray)  # the class np.memmap slows a gather down
        table = np.array(_map_array(rows_path(path), ROW_DTYPE, dimensions=1))
        if len(table) > len(self._features):
            raise UserError(
                f"{path} has {len(self._features)} rows where {rows_path(path).name} has "
                f"{len(table)}; delete both and extract the features again"
            )
        self.state, self._crc32 = table["state"].copy(), table["crc32"].copy()
        self._check_states()
        self.slots, self.dim = self._features.shape[1:]
        self._verified = np.zeros(len(self), bool)

    def __len__(self) -> int:
        """Returns the number of rows, usable or not."""
        return len(self.state)

    @property
    def failed(self) -> dict[str, str]:
        """The images that could not be read: name to reason."""
        return self.metadata["failed"]

    @property
    def images_path(self) -> Path | None:
        """The folder that these features were extracted from, where they say so."""
        path = self.metadata.get("made_with", {}).get("images_path")
        return Path(path) if isinstance(path, str) else None

    def usable(self, image_rows: np.ndarray) -> np.ndarray:
        """Says which of the image rows [...] have features; False also for rows beyond the end."""
        image_rows = np.asarray(image_rows)
        inside = (image_rows >= 0) & (image_rows < len(self))
        done = np.zeros(image_rows.shape, bool)
        done[inside] = self.state[image_rows[inside]] == DONE
        return done

    def gather(self, image_rows: np.ndarray) -> np.ndarray:
        """Reads the features of some images: [B] row numbers to float16 [B, slots, dim].

        Each row's crc32 is checked the first time that this store reads it.

        Raises:
            UserError: a row has no features (`usable` says which have), or its bytes are damaged.
        """
        image_rows = np.asarray(image_rows)
        usable = self.usable(image_rows)
        if not usable.all():
            raise UserError(
                f"{self.path} has no features for image row {image_rows[~usable][0]}; "
                + extraction_advice(self.path.parent.parent, self.layer, self.extractor)
            )
        new = np.flatnonzero(~self._verified[image_rows])
        self._read_ahead(image_rows[new] if self._stays else image_rows)
        features = _empty_for_tensorflow((len(image_rows), self.slots, self.dim), FEATURE_DTYPE)
        # All rows exist, and "clip" writes into `out` where "raise" would go through a copy.
        np.take(self._features, image_rows, axis=0, out=features, mode="clip")
        for row, position in {int(image_rows[i]): i for i in new}.items():
            self._verify(row, features[position])
        return features

    def damaged(self, image_rows: np.ndarray) -> np.ndarray:
        """Reads the rows [N] whatever was read before, and returns those whose crc32 differs."""
        found = [row for row in image_rows if zlib.crc32(self._features[row]) != self._crc32[row]]
        return np.array(found, np.int64)

    def _read_ahead(self, rows: np.ndarray) -> None:
        """Asks the disk for all rows at once.

        Otherwise each waits for the one before, and the system reads far around each of them.
        """
        size = self.slots * self.dim * FEATURE_DTYPE.itemsize
        for row in rows.tolist():
            start = self._start + row * size
            page = start - start % mmap.PAGESIZE
            self._file.madvise(mmap.MADV_WILLNEED, page, start + size - page)

    def _check_states(self) -> None:
        """Only rows that are done have a crc32: a changed state would leave posts out unseen."""
        odd = (self.state > FAILED) | ((self.state != DONE) & (self._crc32 != 0))
        if odd.any():
            raise UserError(
                f"{rows_path(self.path)} is damaged: the state of image row {odd.argmax()} cannot "
                f"be; delete {self.path.stem}.* in {self.path.parent} and extract again"
            )

    def _verify(self, row: int, features: np.ndarray) -> None:
        if zlib.crc32(features) != self._crc32[row]:
            raise UserError(
                f"{self.path}: image row {row} is damaged (its crc32 differs from the one written "
                f"with it); {RECHECK}"
            )
        self._verified[row] = True


def _empty_for_tensorflow(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that TensorFlow takes over as it is; others, where NumPy allots them, it copies."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + TENSOR_ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % TENSOR_ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def _map_array(path: Path, dtype: np.dtype, dimensions: int) -> np.memmap:
    """Maps a .npy file after checking its header and size; reading past the end would be fatal."""
    try:
        array = load_array(path, "r")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); delete {path.name.split('.')[0]}.* in {path.parent} "
            "and extract the features again"
        ) from None
    if array.dtype != dtype or array.ndim != dimensions:
        raise UserError(
            f"{path} holds {array.dtype} {array.shape}, expected {dtype} of {dimensions} "
            "dimensions; delete it and extract the features again"
        )
    return array
