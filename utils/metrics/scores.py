"""What a metric returns: the corpus's scores, every row's, and notes on how to read them."""

import warnings
from typing import NamedTuple

import numpy as np


class Scores(NamedTuple):
    """Scores of N rows.

    corpus: one number per metric, the ones to print. Not always the mean over rows: BLEU and METEOR
        add up counts over the corpus first.
    rows: [N] float64 per metric, for standard errors and for galleries.
    notes: sentences that a reader of the numbers should see; often empty.
    """

    corpus: dict[str, float]
    rows: dict[str, np.ndarray]
    notes: list[str]

    def warn(self) -> dict[str, float]:
        """Returns the corpus's scores; the notes become Python warnings."""
        for note in self.notes:
            warnings.warn(note, stacklevel=3)
        return self.corpus

    def joined(self, other: "Scores") -> "Scores":
        """These and other scores of the same rows."""
        notes = [*self.notes, *other.notes]
        return Scores(self.corpus | other.corpus, self.rows | other.rows, notes)


def count_note(wanted: np.ndarray | list[bool], what: str) -> list[str]:
    """A note that counts the rows that are marked, or no note where none is.

    Args:
        wanted: [N] bool.
        what: the rest of the sentence, such as "have an empty prediction".
    """
    count = int(np.sum(wanted))
    return [f"{count:,} of {len(wanted):,} rows {what}"] if count else []
