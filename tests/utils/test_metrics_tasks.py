"""The score that chooses checkpoints is one that eval prints, however posts are divided."""

import pytest

from utils.metrics.sentence import sentence_details
from utils.metrics.tasks import count_row_scores, score_rows

ROWS = [
    ("sun sea sun", ["Sea sand sun", "the sea"]),
    ("", ["fog"]),
    ("_UNK cat", ["_UNK cat dog"]),
    ("sea", [""]),
    ("바다 좋다", ["바다"]),
]
ROWS = [{"prediction": said, "references": texts} for said, texts in ROWS]


def divided(task):
    """Counted in three parts, of which one is empty."""
    parts = [count_row_scores(rows, task) for rows in (ROWS[:2], [], ROWS[2:])]
    part, whole = (sum(column) for column in zip(*parts, strict=True))
    return part / whole


def test_hashtags_are_chosen_by_micro_f1():
    assert divided("hashtag") == pytest.approx(score_rows(ROWS, "hashtag").corpus["micro_F1"])
    # Hits: sun and sea; none; cat; none; one. Sides: 2 + 4, 1, 2 + 3, 1, 2 + 1.
    assert divided("hashtag") == pytest.approx(2 * 4 / 16)


def test_captions_are_chosen_by_bleu_1_of_sentences():
    said = [row["prediction"].replace("_UNK", "x").split() for row in ROWS]
    true = [[text.replace("_UNK", "y").split() for text in row["references"]] for row in ROWS]
    expected = sentence_details(said, true).corpus["Bleu_1_sentence"]
    assert divided("caption") == pytest.approx(expected)
    # The first has one hit twice over, and `Sea` is no `sea`; a row without references is no row.
    assert divided("caption") == pytest.approx((2 / 3 + 0 + 1 / 2 * 2.718281828**-0.5 + 1 / 2) / 4)


def test_no_rows_count_nothing():
    assert count_row_scores([], "caption") == count_row_scores([], "hashtag") == (0, 0)
