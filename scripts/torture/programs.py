"""The programs that are tortured, at a size that takes seconds, and how they are started."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_loader.feature_writer import write_features
from data_loader.features import read_image_names
from data_loader.toy_world import WorldOptions, make_world
from scripts.torture.outcome import TortureError

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT = 300.0  # seconds; a program that takes longer hangs
WORLD = WorldOptions(users=9, heavy_posts=0, few_users=2, spam_users=1)
DIM = 20  # of the made-up features of the training


class Program(NamedTuple):
    """A command, run in a folder that has `world` and, where it is needed, `data`.

    Attributes:
        module: after `python -m`.
        flags: as they are typed.
        product: the folder that it makes or changes.
    """

    module: str
    flags: str
    product: str

    @property
    def arguments(self) -> list[str]:
        """The flags, one by one."""
        return shlex.split(self.flags)


BUILD = Program(
    "scripts.build_dataset",
    "--source crawl --input world --task caption --out data --min_posts 10 --test_posts 12 "
    "--train_share 0.6 --language none --jobs 2",
    "data",
)
EXTRACT = Program(
    "scripts.extract_features",
    "--data_dir data --images world/images --extractor patches --jobs 2",
    "data",
)
TRAIN = Program(
    "train",
    "--preset show-tell --data_dir data --extractor made --run_dir run --num_gpus 0 "
    "--hidden_dim 24 --word_dim 16 --batch_size 25 --epochs 3 "
    "--checkpoint_every 3 --report_every 2 --keep_checkpoints 2",
    "run",
)


class Ended(NamedTuple):
    """How a process ended: its exit status (negative: the signal) and what it printed."""

    status: int
    output: str
    errors: str

    @property
    def was_killed(self) -> bool:
        """Whether by SIGKILL."""
        return self.status == -signal.SIGKILL

    @property
    def message(self) -> str:
        """The last line of what went wrong."""
        lines = [line for line in self.errors.splitlines() if line.strip()]
        return lines[-1] if lines else ""


class Workshop:
    """A folder with what the programs need, each part made once.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def world(self) -> Path:
        """A raw crawl with pictures."""
        make_world(self.folder / "world", WORLD)
        return self.folder / "world"

    @cached_property
    def root(self) -> Path:
        """A data root with made-up features, `made-pool5`, as the training reads it."""
        place = self.place("root")
        expect_success(run(BUILD, place))
        rows = len(read_image_names(place / "data"))
        features = np.random.default_rng(0).normal(size=(rows, 1, DIM))
        write_features(place / "data", "made-pool5", features)
        return place / "data"

    def place(self, name: str) -> Path:
        """A new folder for a program to run in; it sees the world."""
        place = self.folder / name
        place.mkdir()
        (place / "world").symlink_to(self.world)
        return place


def start(
    module: str, arguments: Iterable[str], folder: Path, **environment: str
) -> subprocess.Popen:
    """Starts `python -m module` in a folder, as the head of a group of processes of its own."""
    ours = {"PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=os.environ | ours | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen, timeout: float = TIMEOUT) -> Ended:
    """Waits for the end of a process, and that nothing it started outlives it.

    Raises:
        TortureError: it hangs, or something of it stays.
    """
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise TortureError(f"{process.args[2]} hangs for {timeout:.0f} s") from None
    finally:
        left = _wait_for_group(process.pid)
        _end_group(process)
    if left:
        raise TortureError(f"{process.args[2]} left processes behind: {left}")
    return Ended(process.returncode, output, errors)


def run(program: Program, folder: Path, *more: str) -> Ended:
    """Runs a program to its end."""
    return finish(start(program.module, (*program.arguments, *more), folder))


def expect_success(ended: Ended) -> Ended:
    """The same; raises `TortureError` with the program's last words where it failed."""
    if ended.status:
        raise TortureError(f"exit status {ended.status}: {ended.message}")
    return ended


def expect_one_line(ended: Ended, *words: str) -> None:
    """Demands exit status 2 and an error of one line that has these words.

    Raises:
        TortureError: what came instead.
    """
    lines = [line for line in ended.errors.splitlines() if line.startswith("error: ")]
    traced = "Traceback" in ended.errors
    if ended.status != 2 or len(lines) != 1 or traced:
        tail = ended.errors[-300:].replace("\n", " | ")
        raise TortureError(f"exit status {ended.status}, expected 2 and one line: {tail}")
    missing = [word for word in words if word not in lines[0]]
    if missing:
        raise TortureError(f"the error does not say {missing}: {lines[0]}")


def _wait_for_group(group: int, patience: float = 20.0) -> list[int]:
    """The processes of a group that still run after a while."""
    until = time.monotonic() + patience
    while (members := _members(group)) and time.monotonic() < until:
        time.sleep(0.02)
    return members


def _members(group: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def _end_group(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    process.communicate()
