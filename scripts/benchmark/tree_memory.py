"""The memory of a process and all that it started (Linux)."""

import re
from pathlib import Path

PROCESSES = Path("/proc")


def tree_memory_gb(process: int) -> float:
    """Memory of a process and its descendants now, in GB; what they share counts once.

    A process that ends while we look counts as nothing.

    Args:
        process: its number.
    """
    return sum(_own_kib(number) for number in _tree(process)) * 1024 / 1e9


def _tree(process: int) -> list[int]:
    found = [process]
    for number in found:  # grows while we go through it
        for children in PROCESSES.glob(f"{number}/task/*/children"):
            found += map(int, _read(children).split())
    return found


def _own_kib(process: int) -> int:
    """The proportional set size: a page that n processes share is 1/n of a page in each."""
    found = re.search(r"^Pss:\s+(\d+) kB$", _read(PROCESSES / f"{process}/smaps_rollup"), re.M)
    return int(found[1]) if found else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
