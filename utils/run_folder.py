"""A run folder: everything that one training run writes, and the lock that keeps it to one process.

configuration.json   what the run was asked to do, resolved; eval reads it back
environment.json     one entry per start: command, commit, package versions, hardware, time
changes-*.diff       what differed from that commit
log.jsonl            one JSON object per report; each has a `step`
checkpoints/         see utils/checkpoint.py
tensorboard/         the log's numbers once more, for TensorBoard, and samples of each epoch
predictions.jsonl  metrics.json   written by eval
evaluation.json      likewise, its entry of environment.json
lock                 process and host that train here now
"""

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from utils import checkpoint, files
from utils.environment import environment
from utils.errors import UserError
from utils.json_text import parse_json
from utils.locks import release_lock, take_lock

CONFIGURATION, ENVIRONMENT = "configuration.json", "environment.json"
_LOCK, _LOG = "lock", "log.jsonl"
_ABSENT = "(absent)"
EVALUATIONS = "evaluation*.json"


class RunFolder:
    """One run; a path-like object, so that it can stand where a path is asked for.

    `create_or_resume` makes or continues it under its lock; `open` reads one without locking.
    `resumed` says whether the run has a checkpoint to go on from.
    """

    def __init__(self, path: Path, configuration: dict, lock: int | None, resumed: bool):
        self.path, self.configuration, self.resumed = path, configuration, resumed
        self._lock = lock
        self.log = path / _LOG
        self.tensorboard = path / "tensorboard"
        self.predictions = path / "predictions.jsonl"
        self.metrics = path / "metrics.json"

    @classmethod
    def create_or_resume(
        cls,
        path: str | os.PathLike,
        configuration: Mapping[str, Any],
        may_change: Collection[str] = (),
    ) -> Self:
        """Locks the folder, and starts a run there or continues the one that is there.

        A run without a checkpoint has learnt nothing yet, so that its start may be repeated in
        another way: with a mistake in the command mended, for instance.

        Args:
            path: the folder; made where it is missing.
            configuration: JSON values, nested at will.
            may_change: fields in which a resumed run may differ from before (`epochs`, or
                `model.user_words` for a nested one); the new values are saved.

        Raises:
            UserError: another process trains here, the folder holds something else, or the
                configuration differs from the run's in other fields.
        """
        path = Path(path)
        _make_folder(path)
        lock = take_lock(path / _LOCK)
        try:
            configuration = json.loads(json.dumps(configuration, allow_nan=False))
            _tidy(path)
            resumed = bool(checkpoint.list_checkpoints(path))
            if resumed:
                _check_same(path, read_json(path / CONFIGURATION), configuration, may_change)
            else:
                files.remove(path / _LOG)
            files.write_json(path / CONFIGURATION, configuration)
            _add_environment(path / ENVIRONMENT)
        except BaseException:
            release_lock(lock)
            raise
        return cls(path, configuration, lock, resumed)

    @classmethod
    def open(cls, path: str | os.PathLike) -> Self:
        """Opens a run to read it, also while it trains.

        Raises:
            UserError: there is no run.
        """
        path = Path(path)
        if not (path / CONFIGURATION).is_file():
            raise UserError(
                f"{path} is no run folder (it has no {CONFIGURATION}): `python -m train"
                f" --run_dir {path}` makes one"
            )
        return cls(path, read_json(path / CONFIGURATION), None, resumed=True)

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds one line to the log. A NaN is written as null: JSON has none."""
        line = json.dumps(_without_nan(record), ensure_ascii=False, allow_nan=False)
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def records(self) -> list[dict[str, Any]]:
        """The log's records; a line that a kill has cut short is left out."""
        return [record for _, record in self._lines()]

    def truncate_log(self, step: int) -> int:
        """Drops what was logged after `step`, which a resumed run does and logs once more.

        Returns the number of lines dropped, a half-written one included.
        """
        lines = self._lines()
        kept = [line for line, record in lines if record.get("step", 0) <= step]
        before = self.log.read_bytes().splitlines() if self.log.exists() else []
        if len(kept) < len(before):
            files.write_bytes(self.log, b"".join(line + b"\n" for line in kept))
        return len(before) - len(kept)

    def close(self) -> None:
        """Gives the lock back."""
        if self._lock is not None:
            release_lock(self._lock)
        self._lock = None

    def _lines(self) -> list[tuple[bytes, dict[str, Any]]]:
        raw = self.log.read_bytes().split(b"\n") if self.log.exists() else []
        parsed = ((line, _parse(line)) for line in raw)
        return [(line, record) for line, record in parsed if record is not None]

    def __fspath__(self) -> str:
        return str(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def newest_run(runs: str | os.PathLike = "runs") -> Path:
    """The run that was written to last, among the folders of `runs`.

    Raises:
        UserError: there is none.
    """
    found = [path.parent for path in Path(runs).glob(f"*/{CONFIGURATION}")]
    if not found:
        raise UserError(
            f"no run in {Path(runs)}/: name one by --run_dir, or make one by `python -m train`"
        )
    return max(found, key=lambda run: (_last_written(run), run.name))


def _last_written(run: Path) -> int:
    paths = (run / CONFIGURATION, run / _LOG)
    return max(path.stat().st_mtime_ns for path in paths if path.exists())


@contextlib.contextmanager
def locked_folder(path: str | os.PathLike, flag: str) -> Iterator[None]:
    """Makes the folder that `flag` names, and keeps other processes out that ask for its lock.

    Raises:
        UserError: another process works there, or it cannot be written.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot use {flag} {path} as a folder: {error.strerror}") from error
    lock = take_lock(path / _LOCK, flag)
    try:
        yield
    finally:
        release_lock(lock)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        names = {name for name in os.listdir(path) if not files.is_temporary(path / name)}
    except OSError as error:
        raise UserError(f"cannot use {path} as run folder: {error.strerror}") from error
    if names - {_LOCK} and CONFIGURATION not in names:
        raise UserError(
            f"{path} is not empty and is no run folder (it has {', '.join(sorted(names)[:3])}):"
            " give --run_dir a new name"
        )


def _tidy(path: Path) -> None:
    files.remove_temporaries(path)
    checkpoint.recover(path)


def _check_same(path: Path, before: dict, now: dict, may_change: Collection[str]) -> None:
    old, new = _flatten(before), _flatten(now)
    differing = [
        f"{name} is {old.get(name, _ABSENT)!r} there and {new.get(name, _ABSENT)!r} now"
        for name in sorted(old.keys() | new.keys())
        if old.get(name, _ABSENT) != new.get(name, _ABSENT) and name not in may_change
    ]
    if differing:
        raise UserError(
            f"{path} holds a run with another configuration: {'; '.join(differing)}."
            " Give the same values to resume it, or another --run_dir to start a new run"
        )


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            flat |= _flatten(inner, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = inner
    return flat


def read_json(path: Path, kind: type = dict) -> Any:
    """What a file of a run folder says.

    Args:
        path: the file.
        kind: of the value in it: dict or list.

    Raises:
        UserError: it is missing, is no JSON, or holds something else.
    """
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(found, kind):
        raise UserError(f"{path} holds a {type(found).__name__}, expected a {kind.__name__}")
    return found


def _add_environment(path: Path) -> None:
    try:
        starts = read_json(path, list) if path.exists() else []
    except UserError as error:  # it decides nothing, so that the run goes on without
        path.rename(path.with_suffix(".damaged"))
        print(f"{error}; set aside as {path.stem}.damaged")
        starts = []
    files.write_json(path, [*starts, environment(path.parent)])


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = parse_json(line)
    except ValueError:
        return None
    numbered = isinstance(record, dict) and isinstance(record.get("step", 0), int | float)
    return record if numbered else None


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
