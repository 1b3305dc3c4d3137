"""Scores of captions (coco-caption's pipeline and METEOR) and of hashtags (set F1).

    >>> score(["a dog runs"], [["a dog runs", "the dog is running"]])["Bleu_1"]
    >>> score_hashtags([["sun", "sea"]], [["#Sea", "sand"]])["F1"]

`score_details` and `hashtag_details` also give every row's own scores and notes on reading them;
`score_rows` is one or the other, for rows of predictions.jsonl.
"""

from utils.metrics.caption import METRICS, TOKENIZERS, score, score_details
from utils.metrics.hashtag import HASHTAG_METRICS, hashtag_details, score_hashtags
from utils.metrics.scores import Scores
from utils.metrics.tasks import score_rows

__all__ = [
    "HASHTAG_METRICS",
    "METRICS",
    "TOKENIZERS",
    "Scores",
    "hashtag_details",
    "score",
    "score_details",
    "score_hashtags",
    "score_rows",
]
