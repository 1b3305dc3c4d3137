"""Scores of prediction rows by what they are: captions or hashtags."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from utils.metrics.caption import Tokenizer, score_details, tokenize_sides
from utils.metrics.hashtag import count_tags, hashtag_details
from utils.metrics.java import TIMEOUT
from utils.metrics.scores import Scores
from utils.metrics.sentence import sentence_details
from utils.metrics.sentence_bleu import sentence_bleu

# How posts were cut into words that coco-caption's English tokenizer would cut once more.
ALREADY_WORDS = ("korean", "whitespace")


# Metrics besides those of the papers, by task: (predictions [N], references [N][...]) as texts to
# Scores. `docs/add_metric.md` adds one.
OTHERS: dict[str, tuple[Callable[[list[str], list[list[str]]], Scores], ...]] = {
    "caption": (),
    "hashtag": (),
}


def fitting_tokenizer(words_by: str | None) -> Tokenizer:
    """The tokenizer for scores of posts whose words were made by a view's tokenizer."""
    return "none" if words_by in ALREADY_WORDS else "ptb_emoji"


def score_rows(
    rows: Sequence[Mapping[str, Any]],
    task: Literal["caption", "hashtag"],
    tokenizer: Tokenizer = "ptb_emoji",
    timeout: float = TIMEOUT,
) -> Scores:
    """Scores rows of predictions.jsonl; the references of a post's hashtags are joined.

    Captions whose words are taken as they are (`none`) get `sentence_details` too: the scores for
    languages other than English, where METEOR's stemmer and synonyms reach nothing. A row of
    hashtags may have a `ranking`, for the scores of ranks.

    Args:
        rows: as `utils.predictions.read_predictions` returns them.
        task: what the predictions are.
        tokenizer, timeout: of captions, see `score_details`.
    """
    predictions = [row["prediction"] for row in rows]
    references = [row["references"] for row in rows]
    if task == "hashtag":
        rankings = [row.get("ranking", row["prediction"]).split() for row in rows]
        truth = [" ".join(texts).split() for texts in references]
        scores = hashtag_details([text.split() for text in predictions], truth, rankings)
    else:
        scores = score_details(predictions, references, tokenizer, timeout)
        if tokenizer == "none":
            scores = scores.joined(_by_sentence(predictions, references))
    for details in OTHERS[task]:
        scores = scores.joined(details(predictions, references))
    return scores


def count_row_scores(
    rows: Sequence[Mapping[str, Any]], task: Literal["caption", "hashtag"]
) -> tuple[float, float]:
    """A part and a whole that add up over rows, wherever these are: their score is part / whole.

    It is the score by which the Korean system chooses its checkpoints: `Bleu_1_sentence` of
    captions, `micro_F1` of hashtags, as `score_rows` has them (tokenizer `none`).

    Args:
        rows, task: as in `score_rows`; there may be no rows.
    """
    predictions = [row["prediction"] for row in rows]
    references = [row["references"] for row in rows]
    if task == "hashtag":
        truth = [" ".join(texts).split() for texts in references]
        hits, guessed, true = count_tags([text.split() for text in predictions], truth).sum(0)
        return 2 * hits, guessed + true
    sides = zip(*_words_of_sides(predictions, references), strict=True)
    scores = [sentence_bleu(*row, 1)[0] for row in sides if any(row[1])]
    return float(np.sum(scores)), float(len(scores))


def _by_sentence(predictions: list[str], references: list[list[str]]) -> Scores:
    return sentence_details(*_words_of_sides(predictions, references))


def _words_of_sides(
    predictions: list[str], references: list[list[str]]
) -> tuple[list[list[str]], list[list[list[str]]]]:
    """What stands between blanks, on both sides."""
    guesses, truths = tokenize_sides(predictions, references, "none", TIMEOUT)
    words = [[text.split() for text in texts] for texts in truths]
    return [text.split() for text in guesses], words
