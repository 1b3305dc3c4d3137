"""Scores of captions (coco-caption's pipeline and METEOR), of hashtags, of single sentences.

    >>> score(["a dog runs"], [["a dog runs", "the dog is running"]])["Bleu_1"]
    >>> score_hashtags([["sun", "sea"]], [["#Sea", "sand"]])["F1"]

`score_details` and `hashtag_details` also give every row's own scores and notes on reading them;
`sentence_details` averages over sentences what no English pipeline is needed for; `score_rows` is
what fits rows of predictions.jsonl.
"""

from utils.metrics.caption import METRICS, TOKENIZERS, score, score_details
from utils.metrics.hashtag import HASHTAG_METRICS, hashtag_details, score_hashtags
from utils.metrics.scores import Scores
from utils.metrics.sentence import SENTENCE_METRICS, sentence_details
from utils.metrics.tasks import fitting_tokenizer, score_rows

__all__ = [
    "HASHTAG_METRICS",
    "METRICS",
    "SENTENCE_METRICS",
    "TOKENIZERS",
    "Scores",
    "fitting_tokenizer",
    "hashtag_details",
    "score",
    "score_details",
    "score_hashtags",
    "score_rows",
    "sentence_details",
]
