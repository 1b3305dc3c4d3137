"""Whether two products are the same to the last bit, but for what tells the time."""

import json
from pathlib import Path

from scripts.torture.outcome import TortureError
from utils.files import sha256, sha256_of_json

OF_THE_CLOCK = ("time", "posts_per_second")  # fields of a run's log
OF_THE_PLACE = ("made_with", "checksum")  # of a description of features: it says where pictures are


def expect_same(expected: Path, found: Path) -> None:
    """Compares two data roots, or the checkpoints and logs of two runs.

    Raises:
        TortureError: it names the first file that differs, or what a kill has left lying about.
    """
    one, other = digests(expected), digests(found)
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            state = (
                "is missing" if name not in other else "is new" if name not in one else "differs"
            )
            raise TortureError(f"{found / name} {state}")


def digests(product: Path) -> dict[str, str]:
    """The sha256 of every file by its name; of a run, of its checkpoints, with its log.

    Raises:
        TortureError: a temporary file is left.
    """
    left = [path for path in product.rglob("*") if ".tmp-" in path.name]
    if left:
        raise TortureError(f"{left[0]} is left over")
    files = [path for path in product.rglob("*") if path.is_file() and not _is_lock(path)]
    if not (product / "checkpoints").is_dir():
        return {str(path.relative_to(product)): _digest(path) for path in files}
    found = {
        str(path.relative_to(product)): sha256(path)
        for path in files
        if "checkpoints" in path.relative_to(product).parts
    }
    return found | {"log.jsonl": json.dumps(_log(product / "log.jsonl"))}


def _digest(path: Path) -> str:
    if path.parent.name != "features" or path.suffix != ".json":
        return sha256(path)
    described = json.loads(path.read_text(encoding="utf-8"))
    return sha256_of_json({n: v for n, v in described.items() if n not in OF_THE_PLACE})


def _is_lock(path: Path) -> bool:
    return path.suffix == ".lock" or path.name in ("lock", ".lock")


def _log(path: Path) -> list[dict]:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [{n: v for n, v in record.items() if n not in OF_THE_CLOCK} for record in records]
