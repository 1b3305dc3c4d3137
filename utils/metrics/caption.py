"""Caption scores: BLEU, METEOR, ROUGE-L and CIDEr, number for number those of coco-caption."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from utils.errors import UserError
from utils.metrics.emoji_spelling import spell_emoji
from utils.metrics.java import TIMEOUT
from utils.metrics.meteor import meteor_scores
from utils.metrics.ptb_tokenizer import tokenize_ptb
from utils.metrics.scores import Scores, count_note
from utils.metrics.unknown import IN_PREDICTION, IN_REFERENCE, disguise_unknown

Tokenizer = Literal["ptb_emoji", "ptb", "none"]
TOKENIZERS: tuple[str, ...] = get_args(Tokenizer)
METRICS = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr")


def score(
    predictions: list[str],
    references: list[list[str]],
    tokenizer: Tokenizer = "ptb_emoji",
    timeout: float = TIMEOUT,
) -> dict[str, float]:
    """Scores captions; see `score_details`, whose notes become warnings here.

    Returns:
        The corpus's `METRICS`.
    """
    return score_details(predictions, references, tokenizer, timeout).warn()


def score_details(
    predictions: list[str],
    references: list[list[str]],
    tokenizer: Tokenizer = "ptb_emoji",
    timeout: float = TIMEOUT,
) -> Scores:
    """Scores captions as coco-caption does, with every row's own scores and notes.

    `_UNK` counts as a word but never as a hit, also where both sides have it.

    Args:
        predictions: [N] captions; an empty one is allowed.
        references: [N] lists of at least one reference each.
        tokenizer: "ptb" is coco-caption's, which drops most emoji; "ptb_emoji" spells emoji as
            words first, so that they count; "none" takes what stands between blanks.
        timeout: seconds without a sign of life after which Java counts as hung.

    Raises:
        UserError: nothing to score, sides that do not fit together, no Java or one that fails.
    """
    check_captions(predictions, references)
    predictions, references = tokenize_sides(predictions, references, tokenizer, timeout)
    corpus: dict[str, float] = {}
    rows: dict[str, np.ndarray] = {}
    truth = dict(enumerate(references))
    guess = {row: [prediction] for row, prediction in enumerate(predictions)}
    bleu, bleu_rows = Bleu(4).compute_score(truth, guess, verbose=0)
    for n in range(4):
        corpus[METRICS[n]], rows[METRICS[n]] = float(bleu[n]), np.array(bleu_rows[n])
    corpus["METEOR"], rows["METEOR"] = meteor_scores(predictions, references, timeout)
    rouge, rows["ROUGE_L"] = Rouge().compute_score(truth, guess)
    corpus["ROUGE_L"] = float(rouge)
    corpus["CIDEr"], rows["CIDEr"] = _cider(truth, guess)
    return Scores(corpus, rows, _notes(predictions, references))


def check_captions(predictions: list[str], references: list[list[str]]) -> None:
    """Raises `UserError` unless there are N >= 1 predictions and N lists of references."""
    if len(predictions) != len(references):
        raise UserError(
            f"{len(predictions):,} predictions but {len(references):,} lists of references; "
            "give one list of references for each prediction"
        )
    if not len(predictions):
        raise UserError("there is nothing to score: no predictions; give at least one row")
    for row, (prediction, texts) in enumerate(zip(predictions, references, strict=True)):
        if not isinstance(prediction, str):
            raise UserError(f"prediction {row} is {prediction!r:.80}, expected a string")
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise UserError(f"references {row} are {texts!r:.80}, expected a list of strings")
        if not texts:
            raise UserError(f"row {row} has no references, expected at least one")


def tokenize_sides(
    predictions: list[str], references: list[list[str]], tokenizer: Tokenizer, timeout: float
) -> tuple[list[str], list[list[str]]]:
    """Tokenizes both sides, each in one call, and gives the references their rows back."""
    tokenize = _tokenizer(tokenizer, timeout)
    flat = [disguise_unknown(text, IN_REFERENCE) for texts in references for text in texts]
    tokens = iter(tokenize(flat))
    grouped = [[next(tokens) for _ in texts] for texts in references]
    return tokenize([disguise_unknown(text, IN_PREDICTION) for text in predictions]), grouped


def _tokenizer(name: str, timeout: float) -> Callable[[list[str]], list[str]]:
    if name == "ptb_emoji":
        return lambda texts: tokenize_ptb([spell_emoji(text) for text in texts], timeout)
    if name == "ptb":
        return lambda texts: tokenize_ptb(texts, timeout)
    if name == "none":
        return lambda texts: [" ".join(text.split()) for text in texts]
    raise UserError(f"unknown tokenizer {name!r}, expected one of {', '.join(TOKENIZERS)}")


def _cider(truth: dict[int, list[str]], guess: dict[int, list[str]]) -> tuple[float, np.ndarray]:
    if not any(text.split() for texts in truth.values() for text in texts):
        return 0.0, np.zeros(len(truth))  # pycocoevalcap raises
    corpus, rows = Cider().compute_score(truth, guess)
    return float(corpus), rows


def _notes(predictions: list[str], references: list[list[str]]) -> list[str]:
    """Says where a number does not mean what it seems to."""
    silent = np.array([not prediction.split() for prediction in predictions])
    empty = np.array([not any(text.split() for text in texts) for texts in references])
    notes = count_note(silent, "have a prediction without words")
    notes += count_note(empty, "have references without words")
    notes += count_note(
        silent & [any(not text.split() for text in texts) for texts in references],
        "have a prediction and a reference without words: ROUGE_L counts these as hits",
    )
    if len(predictions) == 1:
        notes.append(
            "CIDEr of a single row is 0 by definition (words are weighted by how few rows have "
            "them): score more rows together"
        )
    elif empty.all():
        notes.append("CIDEr is not defined without reference words, 0 stands in its place")
    return notes
