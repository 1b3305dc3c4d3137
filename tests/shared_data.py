"""Finds larger reference material that is not part of the repository, or skips the test."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def shared(path: str) -> Path:
    """Returns the file or folder `path` below the shared folder; skips the test where it is absent.

    The shared folder is named by the variable ATTEND_SHARED; without it, it is the folder `shared`
    beside the repository.

    Args:
        path: relative to the shared folder, such as "data/metrics/coco_fakecap".
    """
    root = Path(os.environ.get("ATTEND_SHARED") or REPOSITORY.parent / "shared")
    found = root / path
    if not found.exists():
        pytest.skip(f"needs {path} in the shared folder, which is not at {root} (ATTEND_SHARED)")
    return found
