"""What the cards of posts say, in the contact sheet and in the gallery."""

from collections.abc import Iterable, Mapping
from typing import Any

from data_loader.korean import place_korean
from data_loader.sources import WITHOUT_USERS
from utils import figures

Row = Mapping[str, Any]


def marked_prediction(row: Row, sign: str = "") -> str:
    """The prediction of a row as HTML; what a reference has is marked.

    Where words are in pieces (Korean morphemes), these are compared, as the scores do, and marked
    inside of the sentence that they make.

    Args:
        row: of predictions.jsonl.
        sign: what stands before each word.
    """
    words = row["prediction"].split()
    flags = figures.hits(words, [text.split() for text in row["references"]])
    if "text" not in row:
        return figures.marked(words, flags, sign)
    text, places = place_korean(words)
    hits = [place for place, flag in zip(places, flags, strict=True) if flag]
    return figures.marked_parts(text, hits)


def name_users(rows: Iterable[Row]) -> bool:
    """Whether users are worth a word: not where all posts are of the one that a source makes up."""
    users = {row["user"] for row in rows}
    return len(users) > 1 or not users <= set(WITHOUT_USERS)
