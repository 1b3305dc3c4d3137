"""Hashtag scores: F1 of tag sets, averaged over posts as in the paper, and micro averages."""

import unicodedata

import numpy as np

from utils.errors import UserError
from utils.metrics.scores import Scores, count_note
from utils.metrics.unknown import UNKNOWN

HASHTAG_METRICS = (
    "F1",
    "macro_precision",
    "macro_recall",
    "micro_precision",
    "micro_recall",
    "micro_F1",
)


def score_hashtags(predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
    """Scores predicted hashtags; see `hashtag_details`, whose notes become warnings here.

    Returns:
        The corpus's `HASHTAG_METRICS`.
    """
    return hashtag_details(predictions, references).warn()


def hashtag_details(predictions: list[list[str]], references: list[list[str]]) -> Scores:
    """Scores predicted hashtags as sets, with every row's own scores and notes.

    `F1` is the mean over posts of the F1 of a post's tags (0 where either side is empty); the
    `macro_` values are means over posts too. The `micro_` values add up the counts of all posts
    first. Tags are compared in lower case, in Unicode's composed form, without leading `#`; a tag
    given twice counts once. `_UNK` counts as a tag but never as a hit. Tags outside a model's
    vocabulary belong to the truth: give the original tags.

        >>> hashtag_details([["sun", "sea"]], [["#Sea", "sand", "fun"]]).corpus["F1"]
        0.4

    Args:
        predictions: [N] lists of tags.
        references: [N] lists of tags.

    Raises:
        UserError: nothing to score, or sides that do not fit together.
    """
    check_hashtags(predictions, references)
    counts = [_count(*row) for row in zip(predictions, references, strict=True)]
    hits, guessed, true = np.array(counts, np.float64).T  # [N] each
    rows = {
        "F1": _ratio(2 * hits, guessed + true),
        "macro_precision": _ratio(hits, guessed),
        "macro_recall": _ratio(hits, true),
    }
    corpus = {name: float(values.mean()) for name, values in rows.items()}
    corpus |= {
        "micro_precision": float(_ratio(hits.sum(), guessed.sum())),
        "micro_recall": float(_ratio(hits.sum(), true.sum())),
        "micro_F1": float(_ratio(2 * hits.sum(), guessed.sum() + true.sum())),
    }
    notes = count_note(guessed == 0, "have no predicted tag and score 0")
    notes += count_note(true == 0, "have no true tag and score 0")
    return Scores(corpus, rows, notes)


def check_hashtags(predictions: list[list[str]], references: list[list[str]]) -> None:
    """Raises `UserError` unless both sides are N >= 1 lists of strings."""
    if len(predictions) != len(references):
        raise UserError(
            f"{len(predictions):,} predictions but {len(references):,} references; "
            "give one list of tags on each side for each post"
        )
    if not len(predictions):
        raise UserError("there is nothing to score: no predictions; give at least one row")
    for side, lists in (("prediction", predictions), ("reference", references)):
        for row, tags in enumerate(lists):
            strings = isinstance(tags, list | tuple) and all(isinstance(tag, str) for tag in tags)
            if not strings:
                raise UserError(f"{side} {row} is {tags!r:.80}, expected a list of tags")


def normalise_tag(tag: str) -> str:
    """The form in which tags are compared: `#Café` and `café` are the same tag."""
    bare = tag.strip().lstrip("#＃")
    return bare if bare == UNKNOWN else unicodedata.normalize("NFC", bare.lower())


def _count(prediction: list[str], reference: list[str]) -> tuple[int, int, int]:
    guessed = {normalise_tag(tag) for tag in prediction} - {""}
    true = {normalise_tag(tag) for tag in reference} - {""}
    return len((guessed & true) - {UNKNOWN}), len(guessed), len(true)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divides; 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=np.asarray(whole) > 0)
