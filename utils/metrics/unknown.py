"""The word that a vocabulary writes for all others: it never counts as a hit."""

import re

UNKNOWN = "_UNK"
_UNKNOWN = re.compile(rf"(?<!\w){UNKNOWN}(?!\w)")
# Words that no text has, that no stemmer shortens, and that every tokenizer leaves whole. `_UNK`
# itself would become `_ unk`, and would match where both sides have it.
IN_PREDICTION = "unknownpredictionx"
IN_REFERENCE = "unknownreferencex"


def disguise_unknown(text: str, side: str) -> str:
    """Writes `_UNK` as a word that the other side never has, so that it still counts as a word.

    Args:
        text: a caption.
        side: `IN_PREDICTION` or `IN_REFERENCE`.
    """
    return _UNKNOWN.sub(side, text)
