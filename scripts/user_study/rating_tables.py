"""The results of the form `relevance`: shares of pictures whose majority said yes.

A picture counts where more than half of its answers are yes, as on the slides. The interval of the
share is a binomial one over pictures: seven answers on one picture are not independent.
"""

import math
from collections.abc import Sequence
from typing import Any

from scripts.reproduction.tables import read_reported
from scripts.user_study.votes import Pair, agreement, wilson
from utils.tables import Style, format_table

HEADER = [
    "question",
    "majority yes",
    "%",
    "95%",
    "answers yes",
    "%",
    "agreement",
    "kappa",
    "reported by the authors",
]


def majority(pair: Pair) -> tuple[int, int]:
    """Pictures of which more than half of the answers are yes, and pictures with an answer.

    Args:
        pair: one question; its votes for ours are yes.
    """
    yes, even, no = pair.posts()
    return yes, yes + even + no


def reported(pair: Pair) -> float:
    """The share that the authors report for this question."""
    return read_reported("hashtag_story")["user_study"][pair.baseline_preset]


def render(pairs: Sequence[Pair], style: Style) -> str:
    """One row per question; percentages."""
    return format_table(HEADER, [_cells(pair) for pair in pairs], style)


def _cells(pair: Pair) -> list[str]:
    values = {name: value for name, value in row_of(pair).items() if value is not None}
    low, high = (values.get(f"majority_{end}") for end in ("low", "high"))
    return [
        f"{pair.ours}: {pair.baseline}",
        f"{values['majority']:,}/{values['pictures']:,}",
        _percent(values.get("share")),
        "-" if low is None else f"{100 * low:.1f}-{100 * high:.1f}",
        f"{values['yes']:,}/{values['answers']:,}",
        _percent(values.get("yes_share")),
        f"{values['agreement']:.2f}" if "agreement" in values else "-",
        f"{values['kappa']:z.2f}" if "kappa" in values else "-",
        _percent(values["reported"], 0),
    ]


def _percent(share: float | None, digits: int = 1) -> str:
    return "-" if share is None else f"{100 * share:.{digits}f}"


def row_of(pair: Pair) -> dict[str, Any]:
    """All numbers of a question, unrounded; None where there is none."""
    yes, pictures = majority(pair)
    low, high = wilson(yes, pictures)
    equal, kappa = agreement(pair.counts)
    values = {
        "predictions": pair.ours,
        "question": pair.baseline,
        "majority": yes,
        "pictures": pictures,
        "share": yes / pictures if pictures else math.nan,
        "majority_low": low,
        "majority_high": high,
        "yes": pair.for_ours,
        "answers": pair.votes,
        "missing_answers": pair.missing,
        "yes_share": pair.share,
        "agreement": equal,
        "kappa": kappa,
        "reported": reported(pair),
    }
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def notes(pairs: Sequence[Pair]) -> list[str]:
    """What a reader of the table should know of all answers together."""
    missing = sum(pair.missing for pair in pairs)
    wanted = sum(pair.wanted * len(pair.counts) for pair in pairs)
    study = read_reported("hashtag_story")["user_study"]
    return [
        "majority: more than half of a picture's answers; its interval is Wilson's over pictures",
        f"reported: {study['people']} people, {study['images']} pictures",
        f"{missing:,} of {wanted:,} answers are missing",
    ]


def to_csv(pairs: Sequence[Pair]) -> str:
    """The same numbers, unrounded, one row per question; empty where there is none."""
    rows = [row_of(pair) for pair in pairs]
    cells = [["" if value is None else str(value) for value in row.values()] for row in rows]
    return format_table(list(rows[0]), cells, "csv") + "\n"
