"""Disks that fill up: a small file system in memory, filled to the brim while programs write."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from data_loader.verification import verify_root
from scripts.torture.compare import digests, expect_same
from scripts.torture.outcome import NotHereError, Outcome, attempt, demand
from scripts.torture.programs import (
    BUILD,
    EXTRACT,
    TRAIN,
    Workshop,
    expect_one_line,
    expect_success,
    run,
)

MEGABYTE = 1 << 20
SIZE = 64  # megabytes of the small disk; the programs need fewer
FULL = ("space",)  # what the error must speak of


def fill_disks(workshop: Workshop) -> list[Outcome]:
    """A full disk while each program writes, and when there is room again."""
    return [
        attempt("disk", "disk full while building", partial(fill_building, workshop)),
        attempt("disk", "disk full in extraction", partial(fill_extraction, workshop)),
        attempt("disk", "disk full in training", partial(fill_training, workshop)),
    ]


@contextmanager
def small_disk(folder: Path, megabytes: int = SIZE) -> Iterator[Path]:
    """A file system of its own, of a limited size; it is gone afterwards.

    Raises:
        NotHereError: this process may not mount one.
    """
    folder.mkdir()
    options = f"size={megabytes}m"
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise NotHereError(f"there is no mount ({error.strerror})") from error
    if done.returncode:
        raise NotHereError(f"a small tmpfs cannot be mounted ({done.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path, left: int) -> Iterator[None]:
    """Fills the file system of a folder but for so many bytes; it has room again afterwards."""
    ballast = folder / "ballast"
    room = os.statvfs(folder)
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_frsize - left))
    try:
        yield
    finally:
        ballast.unlink()


def fill_building(workshop: Workshop) -> int:
    """A view is built whole or not at all, and later as if there had always been room."""
    size = sum(path.stat().st_size for path in workshop.root.glob("caption-*/**/*.npy"))
    shares = (0.1, 0.5, 0.9)
    with small_disk(workshop.folder / "disk-building") as disk:
        for share in shares:
            place = _place(workshop, disk)
            with filled(disk, int(share * size)):
                expect_one_line(run(BUILD, place), *FULL)
            demand(not list(place.glob("data/caption-*")), "a view is there that was not finished")
            expect_success(run(BUILD, place))
            _expect_same_view(workshop.root, place / "data")
            shutil.rmtree(place)
    return len(shares)


def fill_extraction(workshop: Workshop) -> int:
    """Before the first row there is room for all, or an error; finished shards stay as they are."""
    with small_disk(workshop.folder / "disk-extraction") as disk:
        place = _place(workshop, disk)
        shutil.copytree(workshop.root, place / "data")
        before = digests(place / "data")
        with filled(disk, 2 * MEGABYTE):
            expect_one_line(run(EXTRACT, place), *FULL)
        kept = {name: digest for name, digest in digests(place / "data").items() if name in before}
        demand(kept == before, "what was there before was changed")
        expect_success(run(EXTRACT, place, "--shard", "0/2"))
        with filled(disk, 0):
            ended = run(EXTRACT, place, "--shard", "1/2")
            if ended.status:
                expect_one_line(ended, *FULL)
        bad = [finding for finding in verify_root(place / "data") if finding.problem]
        demand(not bad, f"a finished shard was damaged: {bad[:1]}")
        expect_success(run(EXTRACT, place, "--shard", "1/2"))
        expect_success(run(EXTRACT, _whole(workshop)))
        expect_same(workshop.folder / "disk-whole" / "data", place / "data")
    return 2


def fill_training(workshop: Workshop) -> int:
    """The checkpoints before stay sound, and the run goes on to the weights of one with room."""
    with small_disk(workshop.folder / "disk-training") as disk:
        place = _place(workshop, disk)
        (place / "data").symlink_to(workshop.root)
        expect_success(run(TRAIN, place, "--epochs", "1"))
        before = digests(place / "run")
        lefts = (0, _size(place / "run" / "checkpoints") // 4)
        for left in lefts:
            with filled(disk, left):
                expect_one_line(run(TRAIN, place), *FULL)
            kept = digests(place / "run")
            lost = [name for name in before if "/" in name and name not in kept]
            demand(not lost, f"{lost[:1]} is gone")
        expect_success(run(TRAIN, place))
        whole = workshop.place("disk-training-whole")
        (whole / "data").symlink_to(workshop.root)
        expect_success(run(TRAIN, whole))
        expect_same(whole / "run", place / "run")
    return len(lefts)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.npy"))


def _place(workshop: Workshop, disk: Path) -> Path:
    place = disk / "place"
    place.mkdir()
    (place / "world").symlink_to(workshop.world)
    return place


def _whole(workshop: Workshop) -> Path:
    place = workshop.place("disk-whole")
    shutil.copytree(workshop.root, place / "data")
    return place


def _expect_same_view(expected: Path, found: Path) -> None:
    [view] = expected.glob("caption-*")
    expect_same(view, found / view.name)
