"""Votes by pair: shares, intervals, agreement.

Three votes on one post are not independent: a post where ours is plainly better gets three. The
interval by votes (Wilson) takes them for independent; the one by posts draws whole posts again and
again (bootstrap), and is the honest one where workers agree.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.user_study.answers import Answers
from scripts.user_study.key import Key
from scripts.user_study.ratings import RELEVANCE

Z = 1.959964  # of a two-sided 95% interval
DRAWS = 10_000
MOST_CELLS = 1 << 22  # of one piece of the bootstrap


@dataclass(frozen=True)
class Pair:
    """The votes on ours against one baseline.

    Attributes:
        task: caption or hashtag.
        ours, ours_preset: our method's name and preset.
        baseline, baseline_preset: the other's.
        counts: [N, 2] int, votes for ours and for the baseline, for each post that was asked about.
        wanted: votes that were asked for, per post.
        first: votes for the text that stood first, whosever it was.
    """

    task: str
    ours: str
    ours_preset: str
    baseline: str
    baseline_preset: str
    counts: np.ndarray
    wanted: int
    first: int

    @property
    def for_ours(self) -> int:
        """Votes for ours."""
        return int(self.counts[:, 0].sum())

    @property
    def votes(self) -> int:
        """Votes in all."""
        return int(self.counts.sum())

    @property
    def share(self) -> float:
        """The share of the votes that is for ours; NaN without votes."""
        return self.for_ours / self.votes if self.votes else math.nan

    @property
    def missing(self) -> int:
        """Votes that were asked for and did not come."""
        return int(np.maximum(self.wanted - self.counts.sum(1), 0).sum())

    def posts(self) -> tuple[int, int, int]:
        """Posts with more votes for ours, as many for both, more for the baseline."""
        ahead = (self.counts[:, 0] - self.counts[:, 1])[self.counts.sum(1) > 0]
        return int((ahead > 0).sum()), int((ahead == 0).sum()), int((ahead < 0).sum())


def count_votes(key: Key, answers: Answers) -> list[Pair]:
    """Counts the answers to one study, one entry per baseline."""
    rows = {post: row for row, post in enumerate(key.posts)}
    counts = np.zeros((len(key.baselines), len(rows), 2), int)
    first: dict[int, int] = defaultdict(int)
    for (question, _), choice in answers.given.items():
        if question in key.items:
            asked = key.items[question]
            counts[asked.pair, rows[asked.post], int(choice != asked.ours)] += 1
            first[asked.pair] += choice == 1
    return [
        Pair(
            task=key.task,
            ours=key.ours["name"],
            ours_preset=key.ours["preset"],
            baseline=baseline["name"],
            baseline_preset=baseline["preset"],
            counts=counts[pair],
            wanted=key.workers,
            first=first[pair],
        )
        for pair, baseline in enumerate(key.baselines)
    ]


def count_again(key: Key, answers: Answers) -> int:
    """Answers by workers who had judged the same post already, in another batch of the study.

    The questions by yes or no on one post are asked of the same worker; only the same one counts.
    """
    items = [(worker, key.items[q]) for q, worker in answers.given if q in key.items]
    asked = [(who, item.post, item.pair if key.task == RELEVANCE else None) for who, item in items]
    return len(asked) - len(set(asked))


def wilson(hits: float, total: int) -> tuple[float, float]:
    """The 95% interval of a share, as Wilson (1927) has it; it never leaves 0 to 1.

    >>> [round(end, 4) for end in wilson(201, 300)]
    [0.6149, 0.7208]
    """
    if not total:
        return math.nan, math.nan
    share = hits / total
    middle = share + Z * Z / (2 * total)
    half = Z * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    return max(0.0, (middle - half) / (1 + Z * Z / total)), min(
        1.0, (middle + half) / (1 + Z * Z / total)
    )


def by_posts(counts: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The 95% interval of the share of votes when posts, and not votes, are drawn anew.

    Args:
        counts: [N, 2], votes for ours and for the baseline per post; posts without votes do not
            count.
        seed: of the bootstrap (10,000 draws; the 2.5% and 97.5% quantiles). Where all posts have
            the same share there is nothing to draw from: the Wilson interval of one vote per post.
    """
    counts = counts[counts.sum(1) > 0]  # [N, 2]
    if not len(counts):
        return math.nan, math.nan
    shares = counts[:, 0] / counts.sum(1)  # [N]
    if np.ptp(shares) == 0:
        return wilson(shares[0] * len(shares), len(shares))
    rng = np.random.default_rng(seed)
    at_once = max(1, MOST_CELLS // len(counts))
    drawn = [
        _drawn_shares(counts, min(at_once, DRAWS - start), rng)
        for start in range(0, DRAWS, at_once)
    ]
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    return float(low), float(high)


def _drawn_shares(counts: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """[draws] shares of ours, each over as many posts as there are, drawn with replacement."""
    votes = counts[rng.integers(len(counts), size=(draws, len(counts)))].sum(1)  # [draws, 2]
    return votes[:, 0] / votes.sum(1)


def agreement(counts: np.ndarray) -> tuple[float, float]:
    """How far workers agree: the share of pairs of votes on a post that are equal, and kappa.

    Fleiss (1971), where a post may have any number of votes from two on: kappa is the share of
    equal pairs, averaged over posts, beyond what the shares of the categories alone would give.
    NaN where no post has two votes; kappa also where all votes are for one category.

    Args:
        counts: [N, categories], votes per post.
    """
    counts = np.asarray(counts, float)
    votes = counts.sum(1)  # [N]
    counts, votes = counts[votes >= 2], votes[votes >= 2]
    if not len(counts):
        return math.nan, math.nan
    equal = ((counts * (counts - 1)).sum(1) / (votes * (votes - 1))).mean()
    chance = ((counts.sum(0) / votes.sum()) ** 2).sum()
    return float(equal), float((equal - chance) / (1 - chance)) if chance < 1 else math.nan


def total_first(pairs: Sequence[Pair]) -> float:
    """The share of votes for the text that stood first: 0.5 where workers read both."""
    votes = sum(pair.votes for pair in pairs)
    return sum(pair.first for pair in pairs) / votes if votes else math.nan
