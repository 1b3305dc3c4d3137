"""What words written for the posts of a view are worth, beside their reference texts."""

import numpy as np

from data_loader.view import Subset, View
from utils.metrics.tasks import count_row_scores
from utils.predictions import join_words


def count_written(
    view: View, subset: Subset, rows: np.ndarray, ids: np.ndarray
) -> tuple[float, float]:
    """A part and a whole that add up over posts; see `count_row_scores`.

    Args:
        view, subset: whose posts these are.
        rows: [N], rows of the subset.
        ids: [N, L], the words written for each, 0 after the end.
    """
    task = view.settings["task"]
    written = []
    for row, said in zip(rows.tolist(), ids.tolist(), strict=True):
        words = view.vocabulary.decode(said)
        prediction = {"prediction": join_words(words, task)}
        written.append(prediction | {"references": subset.references(row)})
    return count_row_scores(written, task)
