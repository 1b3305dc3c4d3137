"""Checkpoints: folders of plain arrays under the model's own parameter names.

    RUN/checkpoints/1200/weights/<name>.npy      a '/' in a name makes a folder
                        /optimizer/<name>.npy
                        /state.json              step, epoch, ..., and the sha256 of every array

Old snapshots have no optimizer/, which their state.json says: they are there to be looked at.

A checkpoint appears by one rename, when all of it is on disk, and its `state.json` also says which
step is the best so far. So there is no pointer file that a crash could leave behind the truth:
`last` is the highest step, and `best` is what the last one says.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils import files
from utils.arrays import load_array
from utils.errors import UserError
from utils.hashed_arrays import write_array
from utils.json_text import parse_json

_PARTS = ("weights", "optimizer")
_WEIGHTS_ALONE = "weights_alone"  # in a state: the optimizer's arrays were removed
_REPLACED, _ASIDE = "replaced-", "set-aside-"
# Hashing and writing release the interpreter's lock: some threads keep disk and cores busy.
_THREADS = 4


class Checkpoint(NamedTuple):
    """What was saved. `state` has `step`, `best_step` (or None) and what the caller gave."""

    step: int
    weights: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray]
    state: dict[str, Any]


class DamagedCheckpoint(UserError):
    """A file of a checkpoint is missing, or is not what was written."""


def save(
    run: str | os.PathLike,
    step: int,
    weights: Mapping[str, np.ndarray],
    optimizer: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
    keep: int = 1,
    best: bool = False,
    kept: Collection[int] = (),
) -> Path:
    """Saves one checkpoint, then removes those that are no longer kept; returns its folder.

    Only the process that holds the run folder's lock may save.

    Args:
        run: the run folder.
        step: training steps done. A checkpoint of this step is replaced. Those of later steps are
            set aside: the run fell back to an earlier one, and they are not its future any more.
        weights: arrays by parameter name.
        optimizer: likewise.
        state: JSON values that the run needs to go on (epoch, seeds, global batch, best score).
        keep: how many to keep besides the best and the last one. With 0, a run whose last one is
            its best has nothing to fall back on should that be damaged.
        best: whether this is the best so far.
        kept: steps whose checkpoints stay in any case. Those that no run would go on from (not the
            last, the best, or among the `keep` newest others) stay without the optimizer's arrays,
            two thirds of their size.

    Raises:
        UserError: the disk is full or not writable; the checkpoints that were there stay.
    """
    folder = checkpoints_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    best_step = step if best else _best_until(run, step)
    state = {**state, "step": step, "best_step": best_step}
    temporary = files.temporary_beside(folder / str(step))
    try:
        _write(temporary, {"weights": weights, "optimizer": optimizer}, state)
        _publish(temporary, folder, step)
    except OSError as error:
        raise UserError(
            f"cannot save {folder / str(step)}: {error.strerror or error}; what was saved before"
            " is untouched: make room or grant access, and start the same command again"
        ) from error
    finally:
        files.remove(temporary)
    _set_aside_later(run, step)
    clear(run, keep, kept)
    return folder / str(step)


def clear(run: str | os.PathLike, keep: int = 1, kept: Collection[int] = ()) -> None:
    """Removes what is no longer kept beside the newest checkpoint, which must be sound.

    `save` does so; a resumed run does it again, since a kill may have come in between.

    Args:
        run: the run folder.
        keep, kept: as of `save`.
    """
    step = list_checkpoints(run)[-1]
    best_step = _best_until(run, step)
    _remove_old(run, step, {best_step, *kept}, keep)
    _lighten(run, {step, best_step}, kept, keep)


def load(run: str | os.PathLike, which: str | int = "last", optimizer: bool = True) -> Checkpoint:
    """Loads `last`, `best` or the checkpoint of a step; every byte used is verified first.

    A damaged last checkpoint is reported on stdout, and the one before it is loaded. Nothing takes
    the place of a damaged `best` or step: scores would come from other weights than asked for.

    Args:
        run: the run folder.
        which: `last`, `best`, or a step.
        optimizer: False leaves the optimizer's arrays (two thirds of a checkpoint) unread.

    Raises:
        UserError: there is no such checkpoint, or it is damaged.
    """
    steps = _steps_or_error(run)
    if which == "last":
        return _load_newest_intact(run, steps, optimizer)
    step = _best_step(run, steps) if which == "best" else _parse_step(which)
    if step not in steps:
        raise UserError(
            f"{checkpoints_folder(run)} has no checkpoint {which!r}; use best, last, or one of"
            f" {', '.join(map(str, steps))}"
        )
    try:
        return _read(checkpoints_folder(run) / str(step), optimizer)
    except DamagedCheckpoint as error:
        others = ", ".join(str(other) for other in steps if other != step)
        raise DamagedCheckpoint(
            f"{error}; "
            + (f"give --checkpoint last, or one of {others}" if others else "there is no other")
        ) from error


def list_checkpoints(run: str | os.PathLike) -> list[int]:
    """The steps of a run's checkpoints, in increasing order; empty where there are none."""
    folder = checkpoints_folder(run)
    names = os.listdir(folder) if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdecimal())


def recover(run: str | os.PathLike) -> None:
    """Tidies what a killed process left; call it once at the start, under the run's lock."""
    folder = checkpoints_folder(run)
    if not folder.is_dir():
        return
    files.remove_temporaries(folder)
    for replaced in folder.glob(f"{_REPLACED}*"):
        final = folder / replaced.name.removeprefix(_REPLACED)
        if final.exists():
            files.remove(replaced)
        else:
            replaced.rename(final)


def check_names(found: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> None:
    """Demands exactly the same names, and the same shape under each name.

    Args:
        found: arrays (or variables) by name, as loaded.
        expected: arrays (or variables) by name, as the model has them.
        where: what `found` is, for the message ("the weights of runs/a, step 300").

    Raises:
        UserError: it lists what is missing, what is extra, and which shapes differ.
    """
    problems = [
        _listing("missing", [name for name in expected if name not in found]),
        _listing("not in this model", [name for name in found if name not in expected]),
        _listing("of another shape", _other_shapes(found, expected)),
    ]
    if any(problems):
        raise UserError(
            f"{where} do not fit this model: {'; '.join(filter(None, problems))}."
            " Use the configuration that they were trained with"
        )


def _other_shapes(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    pairs = [
        (name, tuple(found[name].shape), tuple(value.shape))
        for name, value in expected.items()
        if name in found
    ]
    return [f"{name} {have} for {want}" for name, have, want in pairs if have != want]


def _listing(what: str, names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{what}: {', '.join(names[:most])}{more}" if names else ""


def checkpoints_folder(run: str | os.PathLike) -> Path:
    """Where a run keeps them, each in a folder named by its step."""
    return Path(run) / "checkpoints"


def _steps_or_error(run: str | os.PathLike) -> list[int]:
    steps = list_checkpoints(run)
    if not steps:
        raise UserError(
            f"no checkpoint in {checkpoints_folder(run)}:"
            f" `python -m train --run_dir {os.fspath(run)}` makes one"
        )
    return steps


def _parse_step(which: str | int) -> int:
    try:
        return int(which)
    except ValueError as error:
        raise UserError(f"checkpoint {which!r}: expected best, last, or a step's number") from error


def _load_newest_intact(run: str | os.PathLike, steps: list[int], optimizer: bool) -> Checkpoint:
    for step in reversed(steps):
        try:
            return _read(checkpoints_folder(run) / str(step), optimizer)
        except DamagedCheckpoint as error:
            print(f"{error}; trying the checkpoint before it", flush=True)
    raise UserError(
        f"every checkpoint in {checkpoints_folder(run)} is damaged; remove the run and start anew"
    )


def _best_until(run: str | os.PathLike, step: int) -> int | None:
    """The best step as the newest checkpoint up to `step` knows it."""
    for other in reversed([other for other in list_checkpoints(run) if other <= step]):
        try:
            return read_state(checkpoints_folder(run) / str(other))["best_step"]
        except DamagedCheckpoint:
            continue  # `load` reports damage; here an older one knows enough
    return None


def _best_step(run: str | os.PathLike, steps: list[int]) -> int:
    best = _best_until(run, steps[-1])
    if best is None:
        raise UserError(
            f"{os.fspath(run)} has no best checkpoint yet (it has not been validated);"
            " use --checkpoint last"
        )
    return best


def _write(folder: Path, parts: Mapping[str, Mapping[str, np.ndarray]], state: dict) -> None:
    jobs = [
        (folder, f"{part}/{_file_name(name)}", value)
        for part, arrays in parts.items()
        for name, value in arrays.items()
    ]
    for path in {(folder / file).parent for _, file, _ in jobs} | {folder / part for part in parts}:
        path.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = pool.map(write_array, *zip(*jobs, strict=True)) if jobs else []
        hashes = {file: digest for (_, file, _), digest in zip(jobs, digests, strict=True)}
    content = json.loads(json.dumps({**state, "files": hashes}, allow_nan=False))
    files.write_json(folder / "state.json", files.with_checksum(content))
    files.fsync_tree(folder)


def _file_name(name: str) -> str:
    if any(piece in ("", ".", "..") for piece in name.split("/")):
        raise ValueError(f"parameter name {name!r} is no relative path")
    return f"{name}.npy"


def _publish(temporary: Path, folder: Path, step: int) -> None:
    """Renames a complete checkpoint to its final name; see `recover` for a kill in between."""
    final, replaced = folder / str(step), folder / f"{_REPLACED}{step}"
    if final.exists():
        files.remove(replaced)
        final.rename(replaced)
    temporary.rename(final)
    files.fsync_folder(folder)
    files.remove(replaced)


def _set_aside_later(run: str | os.PathLike, step: int) -> None:
    folder = checkpoints_folder(run)
    for later in [other for other in list_checkpoints(run) if other > step]:
        aside = folder / f"{_ASIDE}{later}"
        files.remove(aside)
        (folder / str(later)).rename(aside)


def _remove_old(run: str | os.PathLike, step: int, kept: Collection[int | None], keep: int) -> None:
    folder, steps = checkpoints_folder(run), list_checkpoints(run)
    others = [other for other in steps if other < step and other not in kept]
    for old in others[: max(0, len(others) - keep)]:
        # Renamed first: a half removed folder must not look like a damaged checkpoint.
        gone = files.temporary_beside(folder / str(old))
        (folder / str(old)).rename(gone)
        files.remove(gone)


def _lighten(
    run: str | os.PathLike, needed: Collection[int | None], kept: Collection[int], keep: int
) -> None:
    """Removes the optimizer's arrays of kept checkpoints that no run would go on from."""
    others = [other for other in list_checkpoints(run) if other not in needed]
    for step in others[: max(0, len(others) - keep)]:
        folder = checkpoints_folder(run) / str(step)
        if step in kept and (folder / "optimizer").exists():
            # What does not work now does not matter, and is tried again at the next save.
            with suppress(OSError, DamagedCheckpoint):
                state = read_state(folder)
                left = {name: x for name, x in state["files"].items() if name.startswith("weights")}
                # Said first: the arrays may be there without being listed, but not the reverse.
                state = {**state, "files": left, _WEIGHTS_ALONE: True}
                files.write_json(folder / "state.json", files.with_checksum(state))
                files.remove(folder / "optimizer")


def _read(folder: Path, optimizer: bool) -> Checkpoint:
    state = read_state(folder)
    hashes = state.pop("files")
    if state.pop(_WEIGHTS_ALONE, False) and optimizer:
        raise DamagedCheckpoint(
            f"{folder} has kept its weights alone, and no run can go on from it"
        )
    parts = _PARTS if optimizer else _PARTS[:1]
    read = {part: _read_arrays(folder, part, hashes) for part in parts}
    return Checkpoint(state["step"], read["weights"], read.get("optimizer", {}), state)


def read_state(folder: Path) -> dict[str, Any]:
    """What state.json says of the checkpoint in this folder; `files` has the sha256 of each.

    Raises:
        DamagedCheckpoint: it is missing or changed.
    """
    path = folder / "state.json"
    try:
        state = parse_json(path.read_text(encoding="utf-8"))
        checksum = state.pop("checksum")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedCheckpoint(f"{path} is damaged ({type(error).__name__})") from error
    if files.sha256_of_json(state) != checksum:
        raise DamagedCheckpoint(f"{path} is damaged (it does not match its own checksum)")
    return state


def check_sum(path: Path, digest: str) -> None:
    """Compares a file of a checkpoint with the sha256 of its state.

    Raises:
        DamagedCheckpoint: it is missing or changed.
    """
    try:
        found = files.sha256(path)
    except OSError as error:
        raise DamagedCheckpoint(f"{path} is damaged ({error.strerror or error})") from error
    if found != digest:
        raise DamagedCheckpoint(f"{path} is damaged (its sha256 is not the one in state.json)")


def _read_arrays(folder: Path, part: str, hashes: Mapping[str, str]) -> dict[str, np.ndarray]:
    names = [name for name in hashes if name.startswith(f"{part}/")]
    with ThreadPoolExecutor(_THREADS) as pool:
        arrays = pool.map(lambda name: _read_array(folder / name, hashes[name]), names)
        return dict(zip(_parameter_names(part, names), arrays, strict=True))


def _parameter_names(part: str, names: Iterable[str]) -> list[str]:
    return [name.removeprefix(f"{part}/").removesuffix(".npy") for name in names]


def _read_array(path: Path, digest: str) -> np.ndarray:
    check_sum(path, digest)
    try:
        return load_array(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DamagedCheckpoint(f"{path} is damaged ({reason})") from error
