"""NumPy's files of one array, read without pickle and with one exception for all damage."""

from pathlib import Path
from typing import Literal

import numpy as np

LATER = (b"\x93NUMPY\x02", b"\x93NUMPY\x03")  # forms whose headers have four bytes for their length


def load_array(path: Path, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """The array of a `.npy` file.

    Args:
        path: the file.
        mmap_mode: "r" maps it into memory.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or holds something else.
    """
    with open(path, "rb") as file:
        start = file.read(12)
    # NumPy asks for the memory of a header before it sees that the file has none so long.
    if start.startswith(LATER) and int.from_bytes(start[8:], "little") > path.stat().st_size:
        raise ValueError("no .npy file, or damaged (its header is longer than the file)")
    try:
        found = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except OSError:
        raise
    except (
        Exception
    ) as error:  # Python's own tokenizer reads the header, and raises almost anything
        raise ValueError(f"no .npy file, or damaged ({type(error).__name__})") from error
    if not isinstance(found, np.ndarray):
        found.close()
        raise ValueError("an archive of arrays, expected one array")
    return found
