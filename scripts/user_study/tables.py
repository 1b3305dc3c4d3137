"""The results of studies in the form of the paper's Table 4, beside the authors' numbers."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.user_study.votes import Pair, agreement, by_posts, total_first, wilson
from utils.tables import Style, format_table

REPORTED = Path(__file__).parent.parent / "reported" / "table4.json"
HEADER = [
    "ours over baseline",
    "votes",
    "%",
    "95% by votes",
    "95% by posts",
    "posts won/even/lost",
    "agreement",
    "kappa",
    "reported by the authors",
]


def reported(pair: Pair) -> tuple[int, int] | None:
    """The votes for ours and in all that Table 4 has for this pair of presets, if it has them."""
    table = json.loads(REPORTED.read_text(encoding="utf-8"))
    if pair.ours_preset != table["ours"]:
        return None
    votes = table["votes_for_ours"][pair.task].get(pair.baseline_preset)
    return tuple(votes) if votes else None


def render(pairs: Sequence[Pair], style: Style) -> str:
    """One row per task and pair; percentages."""
    return format_table(HEADER, [_cells(pair) for pair in pairs], style)


def _cells(pair: Pair) -> list[str]:
    equal, kappa = agreement(pair.counts)
    return [
        f"{pair.task}: {pair.ours} over {pair.baseline}",
        f"{pair.for_ours:,}/{pair.votes:,}",
        _number(100 * pair.share, 1),
        _interval(wilson(pair.for_ours, pair.votes)),
        _interval(by_posts(pair.counts)),
        "/".join(map(str, pair.posts())),
        _number(equal, 2),
        _number(kappa, 2),
        _reported_cell(reported(pair)),
    ]


def _reported_cell(votes: tuple[int, int] | None) -> str:
    return f"{100 * votes[0] / votes[1]:.1f} ({votes[0]}/{votes[1]})" if votes else "-"


def _interval(ends: tuple[float, float]) -> str:
    return "-" if math.isnan(ends[0]) else f"{100 * ends[0]:.1f}-{100 * ends[1]:.1f}"


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def notes(pairs: Sequence[Pair]) -> list[str]:
    """What a reader of the table should know of all votes together."""
    missing = sum(pair.missing for pair in pairs)
    wanted = sum(pair.wanted * len(pair.counts) for pair in pairs)
    first = f"{100 * total_first(pairs):.1f}% of the votes are for the text that stood first"
    return [
        "by votes: Wilson interval; by posts: bootstrap that draws whole posts, since the votes on "
        "one post are not independent",
        f"{missing:,} of {wanted:,} votes are missing",
        *([first] if sum(pair.votes for pair in pairs) else []),
    ]


def to_csv(pairs: Sequence[Pair]) -> str:
    """The same numbers, unrounded, one row per task and pair; empty where there is none."""
    rows = [_values(pair) for pair in pairs]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _values(pair: Pair) -> dict[str, Any]:
    won, even, lost = pair.posts()
    votes_low, votes_high = wilson(pair.for_ours, pair.votes)
    posts_low, posts_high = by_posts(pair.counts)
    equal, kappa = agreement(pair.counts)
    theirs = reported(pair) or (None, None)
    values = {
        "task": pair.task,
        "ours": pair.ours,
        "baseline": pair.baseline,
        "votes_for_ours": pair.for_ours,
        "votes": pair.votes,
        "missing_votes": pair.missing,
        "share": pair.share,
        "by_votes_low": votes_low,
        "by_votes_high": votes_high,
        "by_posts_low": posts_low,
        "by_posts_high": posts_high,
        "posts_won": won,
        "posts_even": even,
        "posts_lost": lost,
        "agreement": equal,
        "kappa": kappa,
        "first_chosen": pair.first,
        "reported_votes_for_ours": theirs[0],
        "reported_votes": theirs[1],
    }
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}
