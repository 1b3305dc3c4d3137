"""The file of attention: one JSON object per post, what `scripts.explain` writes and figures read.

{"id", "user", "image", "prediction", "references" ...,  as in predictions
 "words": [...],                                         one per step, "EOS" where it ended
 "slots": {"user": ["beach", ...], ...},                 what each slot of a memory holds
 "attention": {"user": [[0.25, ...], ...], ...}}         [steps][slots], shares of one

crossed.jsonl, one line per image and user: predictions with `user`, their words (`context`), and
whose the image is (`image_user`, `image_post`); the references are those of the image's own post.
"""

from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import UserError
from utils.predictions import read_predictions

ATTENTION, CROSSED = "attention.jsonl", "crossed.jsonl"
END, BEGIN = "EOS", "GO"
DIGITS = 4


def round_shares(weights: np.ndarray, digits: int = DIGITS) -> np.ndarray:
    """Rounds shares so that each row keeps its sum: the largest remainders are rounded up.

    Args:
        weights: [steps, slots], no value negative.
        digits: decimals.

    >>> round_shares(np.array([[1, 1, 1]]) / 3, 2).tolist()
    [[0.34, 0.33, 0.33]]
    """
    scaled = weights.astype(np.float64) * 10**digits
    floor = np.floor(scaled)
    missing = np.rint(scaled.sum(1)) - floor.sum(1)
    rank = np.argsort(np.argsort(floor - scaled, axis=1, kind="stable"), axis=1)
    return (floor + (rank < missing[:, np.newaxis])) / 10**digits


def read_attention(path: str | Path) -> list[dict[str, Any]]:
    """Reads what `python -m scripts.explain` has written.

    Raises:
        UserError: no such file, or a row whose weights do not fit its words and slots.
    """
    rows = read_predictions(path)
    for row in rows:
        problem = _problem(row)
        if problem:
            raise UserError(
                f"{path}, id {row['id']!r}: {problem}; write it again: python -m scripts.explain "
                f"--run_dir {Path(path).parent}"
            )
    return rows


def _problem(row: dict[str, Any]) -> str:
    """Says what is wrong with a row; "" where nothing is."""
    words, slots, attention = (row.get(name) for name in ("words", "slots", "attention"))
    if not _are_texts(words):
        return '"words" is no list of strings'
    if not isinstance(slots, dict) or not all(map(_are_texts, slots.values())):
        return '"slots" does not give a list of strings for each memory'
    if not isinstance(attention, dict) or attention.keys() != slots.keys():
        return '"attention" and "slots" do not name the same memories'
    for name, labels in slots.items():
        try:
            shape = np.asarray(attention[name], np.float64).shape
        except (TypeError, ValueError):
            return f'"attention" of {name} is no table of numbers'
        if words and shape != (len(words), len(labels)):
            return f'"attention" of {name} has the shape {shape}, not {len(words)}, {len(labels)}'
    return ""


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
