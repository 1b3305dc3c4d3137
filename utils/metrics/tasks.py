"""Scores of prediction rows by what they are: captions or hashtags."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from utils.metrics.caption import Tokenizer, score_details
from utils.metrics.hashtag import hashtag_details
from utils.metrics.java import TIMEOUT
from utils.metrics.scores import Scores


def score_rows(
    rows: Sequence[Mapping[str, Any]],
    task: Literal["caption", "hashtag"],
    tokenizer: Tokenizer = "ptb_emoji",
    timeout: float = TIMEOUT,
) -> Scores:
    """Scores rows of predictions.jsonl; the references of a post's hashtags are joined.

    Args:
        rows: as `utils.predictions.read_predictions` returns them.
        task: what the predictions are.
        tokenizer, timeout: of captions, see `score_details`.
    """
    predictions = [row["prediction"] for row in rows]
    references = [row["references"] for row in rows]
    if task == "hashtag":
        truth = [" ".join(texts).split() for texts in references]
        return hashtag_details([text.split() for text in predictions], truth)
    return score_details(predictions, references, tokenizer, timeout)
