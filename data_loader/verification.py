"""Compares every file of a data root, or of a corpus, with the checksums that were written with it.

Commands check what they use before they use it; this reads all of it, also what nobody has used.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from data_loader.columns import CONTENTS, check_sum, read_contents
from data_loader.corpus import CHARACTERS, open_corpus
from data_loader.corpus import DESCRIPTION as CORPUS
from data_loader.features import (
    DONE,
    FAILED,
    NOT_DONE,
    RECHECK,
    FeatureStore,
    check_same_images,
    features_folder,
    read_image_names,
    read_metadata,
    rows_path,
)
from data_loader.root import IMAGES
from data_loader.view import (
    DESCRIPTION,
    REPORT,
    VOCABULARY,
    View,
    list_views,
    open_view,
    read_description,
    rebuild,
)
from utils.errors import UserError
from utils.files import sha256
from utils.findings import Finding, examine

ROWS_NAMED = 5


def is_data_root(folder: Path) -> bool:
    """Whether this folder holds views."""
    return (folder / IMAGES).is_file() or bool(list_views(folder))


def is_corpus(folder: Path) -> bool:
    """Whether this folder is what `scripts.build_corpus` writes."""
    return (folder / CORPUS).is_file()


def verify_root(root: Path) -> Iterator[Finding]:
    """Looks at the list of images, all views and all features; yields a finding for each file."""
    yield examine(root / IMAGES, partial(_check_images, root))
    for name in _view_folders(root):
        yield from _verify_view(root / name)
    for path in sorted(features_folder(root).glob("*.json")):
        yield from _verify_features(path.with_suffix(".npy"))


def verify_corpus(folder: Path) -> Iterator[Finding]:
    """Looks at the description, the characters and the columns; a finding for each file."""
    finding = examine(folder / CORPUS, partial(open_corpus, folder))
    yield finding
    remedy = (
        f"build it again: python -m scripts.build_corpus --out {folder} --overwrite --input ..."
    )
    for path in sorted(folder.glob(f"*/{CONTENTS}")):
        yield from _verify_columns(path.parent, remedy)
    if finding.problem is None:
        yield Finding(folder / CHARACTERS)  # opening compares it


def _view_folders(root: Path) -> list[str]:
    """Views, and what is left of them where view.json is gone."""
    left = {path.parent.name for path in root.glob(f"[!.]*/{CONTENTS}")}
    return sorted(left | set(list_views(root)))


def _check_images(root: Path) -> None:
    """Holds images.txt to what views and features were made with."""
    names = read_image_names(root)
    for name in list_views(root):
        try:
            view = _open(root / name)
        except UserError:
            continue  # has a line of its own
        _ = view.image_names
    for path in features_folder(root).glob("*.json"):
        try:
            metadata = read_metadata(path)
        except UserError:
            continue
        check_same_images(path.with_suffix(".npy"), metadata, names)


def _open(folder: Path) -> View:
    parts = folder.name.split("-")
    if len(parts) != 3:
        raise UserError(f"{folder} has view.json, but no name of a view (TASK-SPLIT-CONTEXT)")
    return open_view(folder.parent, *parts)


def _verify_view(folder: Path) -> Iterator[Finding]:
    finding = examine(folder / DESCRIPTION, partial(read_description, folder))
    yield finding
    described = {} if finding.problem else read_description(folder)
    remedy = rebuild(described.get("settings", {}))
    subsets = described.get("subsets") or sorted(p.parent.name for p in folder.glob("*/*.json"))
    sound = finding.problem is None
    for part in (folder, *(folder / name for name in subsets)):
        for finding in _verify_columns(part, remedy):
            sound &= finding.problem is None
            yield finding
    for name, key in ((VOCABULARY, "vocabulary_sha256"), (REPORT, "report_sha256")):
        finding = examine(folder / name, partial(_compare, folder / name, described.get(key)))
        sound &= finding.problem is None
        yield (
            finding
            if finding.problem is None
            else Finding(folder / name, f"{finding.problem}; {remedy}")
        )
    if sound:  # each file is what was written: do they fit together?
        opened = examine(folder, partial(_open, folder))
        if opened.problem:
            yield opened


def _verify_columns(folder: Path, remedy: str) -> Iterator[Finding]:
    contents = examine(folder / CONTENTS, partial(read_contents, folder, remedy))
    yield contents
    files = {} if contents.problem else read_contents(folder)[0]
    for name, expected in files.items():
        yield examine(folder / name, partial(check_sum, folder / name, expected, remedy))


def _compare(path: Path, expected: str | None) -> str:
    """Compares a file's sum with the one that was noted; says so where none was."""
    try:
        found = sha256(path)
    except OSError as error:
        raise UserError(f"cannot open {path} ({error.strerror})") from error
    if expected is None:
        return "no checksum was noted for it"
    if found != expected:
        raise UserError(f"{path} is damaged: its sha256 is not the one in {DESCRIPTION}")
    return ""


def _verify_features(path: Path) -> Iterator[Finding]:
    described = examine(path.with_suffix(".json"), partial(read_metadata, path))
    yield described
    if described.problem:
        return
    metadata = read_metadata(path)
    calibration = metadata.get("encoder") or {}
    if "calibration_sha256" in calibration:
        name = f"{path.stem.removesuffix(metadata['layer']).removesuffix('-')}.npz"
        yield examine(
            path.with_name(name),
            partial(_compare_calibration, path.with_name(name), calibration["calibration_sha256"]),
        )
    opened = examine(rows_path(path), partial(FeatureStore, path))
    yield opened
    if opened.problem is None:
        yield examine(path, partial(_check_rows, FeatureStore(path)))


def _compare_calibration(path: Path, expected: str) -> None:
    if not path.is_file() or sha256(path) != expected:
        raise UserError(
            f"{path} is missing or damaged: new pictures cannot be encoded as the features were; "
            f"put a copy back, or delete it and the features of this network in {path.parent} and "
            "extract them again"
        )


def _check_rows(store: FeatureStore) -> str:
    """Compares every row that is done with its crc32; says how many are not done."""
    damaged = store.damaged(np.flatnonzero(store.state == DONE)).tolist()
    if damaged:
        named = ", ".join(map(str, damaged[:ROWS_NAMED]))
        more = f" and {len(damaged) - ROWS_NAMED} more" if len(damaged) > ROWS_NAMED else ""
        raise UserError(
            f"{store.path} (or {rows_path(store.path)}) is damaged: image rows {named}{more} "
            f"do not have their crc32; {RECHECK}"
        )
    counts = {"not done": NOT_DONE, "failed": FAILED}
    counts = {what: int((store.state == state).sum()) for what, state in counts.items()}
    return ", ".join(f"{count:,} images {what}" for what, count in counts.items() if count)
