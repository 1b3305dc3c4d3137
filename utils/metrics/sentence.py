"""Scores of single sentences, averaged over sentences, on words as they are given.

For languages that coco-caption's English pipeline does not read, and for tables whose authors
average over sentences. The names say which variant a number is, since papers do not.
"""

from collections.abc import Sequence

import numpy as np

from utils.metrics.meteor_exact import meteor_exact
from utils.metrics.scores import Scores, count_note
from utils.metrics.sentence_bleu import sentence_bleu
from utils.metrics.sentence_rouge import Overlap, f_measure, rouge_l, rouge_n

SENTENCE_METRICS = (
    *(f"Bleu_{n}_sentence" for n in (1, 2, 3, 4)),
    *(f"ROUGE_{n}_{part}" for n in ("1", "2", "L") for part in ("precision", "recall", "F1")),
    "ROUGE_L_beta8",
    "ROUGE_L_betaPR",
    "METEOR_exact",
)


def sentence_details(
    predictions: Sequence[Sequence[str]],
    references: Sequence[Sequence[Sequence[str]]],
    metrics: Sequence[str] = SENTENCE_METRICS,
) -> Scores:
    """Scores sentences by themselves; the corpus's scores are means over sentences.

    A prediction without words scores 0. A row whose references have no words is left out of the
    means, and counted. Of several references, each number is that of the best one, BLEU's of all
    together with the brevity penalty of the closest length.

    `ROUGE_L_beta8` weighs recall 64 times; `ROUGE_L_betaPR` has beta = precision / recall, the
    released `rouge` package's before version 1; coco-caption's own `ROUGE_L` has 1.2.

    Args:
        predictions: [N] lists of words.
        references: [N] lists of at least one list of words.
        metrics: which of `SENTENCE_METRICS`.
    """
    values = [_score(*row) for row in zip(predictions, references, strict=True)]
    rows = {name: np.array([row[name] for row in values], np.float64) for name in metrics}
    scored = np.array([any(texts) for texts in references], bool)  # [N]
    corpus = {name: _mean(numbers[scored]) for name, numbers in rows.items()}
    what = "have references without words and are left out of the means over sentences"
    return Scores(corpus, rows, count_note(~scored, what))


def _score(words: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    single = [_score_one(words, reference) for reference in references]
    best = {name: max(one[name] for one in single) for name in single[0]}
    bleu = sentence_bleu(words, references, 4)
    return {f"Bleu_{n}_sentence": number for n, number in enumerate(bleu, 1)} | best


def _score_one(words: Sequence[str], reference: Sequence[str]) -> dict[str, float]:
    """The scores that are defined against one reference."""
    longest = rouge_l(words, reference)
    overlaps = {"1": rouge_n(words, reference, 1), "2": rouge_n(words, reference, 2), "L": longest}
    numbers = {f"ROUGE_{n}_{k}": v for n, one in overlaps.items() for k, v in _parts(one).items()}
    numbers["ROUGE_L_beta8"] = f_measure(*longest, beta=8)
    numbers["ROUGE_L_betaPR"] = f_measure(*longest, beta=_ratio(*longest))
    return numbers | {"METEOR_exact": meteor_exact(words, reference)}


def _parts(overlap: Overlap) -> dict[str, float]:
    return {"precision": overlap.precision, "recall": overlap.recall, "F1": overlap.f1}


def _ratio(precision: float, recall: float) -> float:
    return precision / recall if recall else 0.0


def _mean(numbers: np.ndarray) -> float:
    return float(numbers.mean()) if len(numbers) else 0.0
