"""NumPy's files of one array, read without pickle and with one exception for all damage."""

from pathlib import Path
from typing import Literal

import numpy as np


def load_array(path: Path, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """The array of a `.npy` file.

    Args:
        path: the file.
        mmap_mode: "r" maps it into memory.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or holds something else.
    """
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
