"""Files that rot: every file of a data root and of a run, one changed bit and one missing end."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from data_loader.verification import verify_root
from scripts.torture.outcome import Outcome, TortureError, attempt, demand
from scripts.torture.programs import TRAIN, Workshop, expect_one_line, expect_success, run
from scripts.verify import verify_run
from utils import checkpoint

TOLD = ("configuration.json", "environment.json", "log.jsonl")  # without a checksum
NOT_CHECKED = ("lock", ".lock", "tensorboard")


def damage_files(workshop: Workshop, seed: int) -> list[Outcome]:
    """Damages each file once or twice; whether it is found and named, and what programs do."""
    return [
        attempt("damage", "a file of a data root", lambda: damage_root(workshop, seed)),
        attempt("damage", "a file of a checkpoint", lambda: damage_run(workshop, seed)),
        attempt("damage", "training on a damaged column", lambda: train_on_damage(workshop)),
    ]


def damage_root(workshop: Workshop, seed: int) -> int:
    """`scripts.verify` names every file of a root that is not as it was written."""
    root = shutil.copytree(workshop.root, workshop.folder / "rotten-root")
    return _damage_each(root, lambda: verify_root(root), random.Random(seed))


def damage_run(workshop: Workshop, seed: int) -> int:
    """Likewise of a run; and the checkpoint before a damaged one is what training goes on from."""
    place = _trained(workshop)
    times = _damage_each(place / "run", lambda: verify_run(place / "run"), random.Random(seed))
    last = checkpoint.list_checkpoints(place / "run")[-1]
    weights = next((place / "run" / "checkpoints" / str(last) / "weights").rglob("*.npy"))
    _flip(weights, random.Random(seed))
    ended = expect_success(run(TRAIN, place))
    demand(str(weights) in ended.output.replace("run/", f"{place}/run/"), "not named in training")
    demand(f"trained to step {last}" in ended.output, "training did not come to its end")
    return times + 1


def train_on_damage(workshop: Workshop) -> int:
    """One line names the column and the command that builds it again."""
    place = workshop.place("rotten-training")
    shutil.copytree(workshop.root, place / "data")
    [column] = place.glob("data/caption-*/train/caption_ids.npy")
    _flip(column, random.Random(0))
    expect_one_line(run(TRAIN, place), "caption_ids.npy", "scripts.build_dataset", "--overwrite")
    return 1


def _trained(workshop: Workshop) -> Path:
    place = workshop.place("rotten-run")
    (place / "data").symlink_to(workshop.root)
    expect_success(run(TRAIN, place))
    return place


def _damage_each(folder: Path, verify: Callable[[], Iterator], generator: random.Random) -> int:
    """Changes a bit of each file, then cuts it in half; each must be found and named."""
    demand(not any(one.problem for one in verify()), "a sound folder is called damaged")
    times = 0
    for path in sorted(folder.rglob("*")):
        names = {*path.relative_to(folder).parts, path.suffix}
        told = names & {*TOLD, *NOT_CHECKED}
        if not path.is_file() or told or not path.stat().st_size:
            continue
        data = path.read_bytes()
        for spoil in (_flip, _cut):
            spoil(path, generator)
            if not any(str(path) in (one.problem or "") for one in verify()):
                raise TortureError(f"{path} {spoil.__name__}: not found")
            times += 1
        path.write_bytes(data)
    return times


def _flip(path: Path, generator: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[generator.randrange(len(data) // 2, len(data))] ^= 1 << generator.randrange(3)
    path.write_bytes(data)


def _cut(path: Path, generator: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: generator.randrange(len(data) // 2)])
