"""Hashtag scores: of sets (F1 as in the paper, micro averages), of ranks, of sequences."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from utils.errors import UserError
from utils.metrics.scores import Scores, count_note
from utils.metrics.sentence import sentence_details
from utils.metrics.unknown import IN_PREDICTION, IN_REFERENCE, UNKNOWN

SET_METRICS = (
    "F1",
    "macro_precision",
    "macro_recall",
    "micro_precision",
    "micro_recall",
    "micro_F1",
)
RANK_METRICS = ("precision_at_1", "recall_at_5", "accuracy_at_5")
SEQUENCE_METRICS = (
    "Bleu_1_sentence",
    "Bleu_2_sentence",
    "ROUGE_1_precision",
    "ROUGE_1_recall",
    "ROUGE_1_F1",
    "ROUGE_L_precision",
    "ROUGE_L_recall",
    "ROUGE_L_F1",
    "ROUGE_L_betaPR",
)
HASHTAG_METRICS = (
    *SET_METRICS,
    *RANK_METRICS,
    "hit_rate",
    "predicted_tags",
    *SEQUENCE_METRICS,
)
RANKED = 5  # tags that HARRISON's scores look at


def score_hashtags(predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
    """Scores predicted hashtags; see `hashtag_details`, whose notes become warnings here.

    Returns:
        The corpus's `HASHTAG_METRICS`.
    """
    return hashtag_details(predictions, references).warn()


def hashtag_details(
    predictions: list[list[str]],
    references: list[list[str]],
    rankings: list[list[str]] | None = None,
) -> Scores:
    """Scores predicted hashtags, with every row's own scores and notes.

    As sets: `F1` is the mean over posts of the F1 of a post's tags (0 where either side is empty);
    the `macro_` values are means over posts too, and so is `hit_rate`, of posts with any hit. The
    `micro_` values add up the counts of all posts first. `predicted_tags` is their mean number.

    As ranks (the HARRISON benchmark, Park et al. 2016; means over posts): `precision_at_1`, whether
    the first tag is right; `recall_at_5`, the share of the true tags among the first five;
    `accuracy_at_5`, whether any of these is right.

    As sequences: the scores of `sentence_details`, in the order in which the tags are given.

    Tags are compared in lower case, in Unicode's composed form, without leading `#`; a tag given
    twice counts once. `_UNK` counts as a tag but never as a hit. Tags outside a model's vocabulary
    belong to the truth: give the original tags.

        >>> hashtag_details([["sun", "sea"]], [["#Sea", "sand", "fun"]]).corpus["F1"]
        0.4

    Args:
        predictions: [N] lists of tags, the surest first.
        references: [N] lists of tags.
        rankings: [N] lists of at least five tags, for a method that ranks all tags and predicts
            fewer or more than five; by default the predictions themselves.

    Raises:
        UserError: nothing to score, or sides that do not fit together.
    """
    rankings = predictions if rankings is None else rankings
    for side in (predictions, rankings):
        check_hashtags(side, references)
    guesses = [_distinct(tags, IN_PREDICTION) for tags in predictions]
    truths = [_distinct(tags, IN_REFERENCE) for tags in references]
    sets = _set_scores(guesses, truths)
    ranks = _rank_rows([_distinct(tags, IN_PREDICTION) for tags in rankings], truths)
    sequences = sentence_details(guesses, [[tags] for tags in truths], SEQUENCE_METRICS)
    means = {name: float(values.mean()) for name, values in ranks.items()}
    corpus = sets.corpus | means | sequences.corpus
    return Scores(
        {name: corpus[name] for name in HASHTAG_METRICS},
        sets.rows | ranks | sequences.rows,
        sets.notes + sequences.notes,
    )


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


def _distinct(tags: Sequence[str], unknown: str) -> list[str]:
    """Normalised tags, each once, in their order; `_UNK` as the other side never writes it."""
    named = dict.fromkeys(normalise_tag(tag) for tag in tags)
    return [unknown if tag == UNKNOWN else tag for tag in named if tag]


def count_tags(
    predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> np.ndarray:
    """[N, 3]: hits, predicted tags and true tags of each post, from which `micro_F1` is made."""
    guesses = [_distinct(tags, IN_PREDICTION) for tags in predictions]
    return _counts(guesses, [_distinct(tags, IN_REFERENCE) for tags in references])


def _counts(guesses: Sequence[Sequence[str]], truths: Sequence[Sequence[str]]) -> np.ndarray:
    pairs = zip(guesses, truths, strict=True)
    counts = [(_hits(*pair), len(pair[0]), len(pair[1])) for pair in pairs]
    return np.reshape(np.array(counts, np.float64), [-1, 3])


def _set_scores(guesses: Sequence[Sequence[str]], truths: Sequence[Sequence[str]]) -> Scores:
    hits, guessed, true = _counts(guesses, truths).T  # [N] each
    rows = {
        "F1": _ratio(2 * hits, guessed + true),
        "macro_precision": _ratio(hits, guessed),
        "macro_recall": _ratio(hits, true),
        "hit_rate": (hits > 0).astype(np.float64),
        "predicted_tags": guessed,
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


def _rank_rows(
    rankings: Sequence[Sequence[str]], truths: Sequence[Sequence[str]]
) -> dict[str, np.ndarray]:
    pairs = list(zip(rankings, truths, strict=True))
    first = np.array([_hits(tags[:1], true) for tags, true in pairs], np.float64)  # [N]
    hits = np.array([_hits(tags[:RANKED], true) for tags, true in pairs], np.float64)  # [N]
    true = np.array([len(true) for _, true in pairs], np.float64)  # [N]
    values = (first, _ratio(hits, true), (hits > 0).astype(np.float64))
    return dict(zip(RANK_METRICS, values, strict=True))


def _hits(tags: Sequence[str], true: Sequence[str]) -> int:
    return len(set(tags) & set(true))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divides; 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=np.asarray(whole) > 0)
