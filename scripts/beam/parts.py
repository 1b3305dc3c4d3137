"""Parts: all posts of the users between two names, filtered; and which subset each post goes to.

A part is to Beam what all posts are to the local builder: every filter looks at one user's posts
alone, and user contexts do. What looks at all users, the split, sees counts.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np

from data_loader.build import caption_width, divide_rows, filter_posts
from data_loader.build_options import BuildOptions
from data_loader.filters import Account, Post, order_posts
from data_loader.posts import Problems
from scripts.beam.reading import Place

KEPT, FACTS, BORDERS = "kept", "facts", "borders"


class Facts(NamedTuple):
    """What the split has to know of a part.

    `steps` are the filters' accounts; `per_user` [U] counts the posts of each user, users in their
    order; `subsets` are the posts' shipped splits, empty for a crawl; `longest` is in words.
    """

    part: int
    steps: list[dict]
    per_user: np.ndarray
    subsets: list[str]
    longest: int


class Plan(NamedTuple):
    """How posts are divided.

    `names` are the subsets; `numbers` says of each part which of them each of its posts goes to,
    [N] uint8; `first_user` is the row of each part's first user; `width` is the word slots of a
    post.
    """

    names: list[str]
    numbers: dict[int, np.ndarray]
    first_user: dict[int, int]
    width: int
    note: str
    steps: list[dict]


class MakeParts(beam.PTransform):
    """From read posts to parts: `kept`, (number, posts in canonical order), and their `facts`.

    Gives `borders` too, the name that each part begins with, in one list.

    Args:
        options: the flags, complete.
        parts: about how many; where users have very many posts, there are fewer.
    """

    def __init__(self, options: BuildOptions, parts: int):
        super().__init__()
        self._options, self._parts = options, parts

    def expand(self, posts):
        """Builds the transform."""
        borders = (
            posts
            | "Users" >> beam.Map(_user)
            | "Borders" >> beam.ApproximateQuantiles.Globally(self._parts + 1)
            | "Distinct" >> beam.Map(_distinct)
        )
        parts = (
            posts
            | "To parts" >> beam.Map(_with_part, beam.pvalue.AsSingleton(borders))
            | "Group" >> beam.GroupByKey()
            | "Filter" >> beam.ParDo(FilterPart(self._options)).with_outputs(FACTS, main=KEPT)
        )
        return {KEPT: parts[KEPT], FACTS: parts[FACTS], BORDERS: borders}


def _user(element: tuple[Place, tuple]) -> str:
    return Post._make(element[1]).user


def _distinct(quantiles: list[str]) -> list[str]:
    """The first user of each part; the last quantile is the last user, who begins none."""
    return sorted(set(quantiles[:-1]))


def _with_part(element: tuple[Place, tuple], borders: list[str]) -> tuple[int, tuple]:
    """Part 0 also has the users before its border: every user is in a part."""
    return max(bisect_right(borders, _user(element)) - 1, 0), element


class FilterPart(beam.DoFn):
    """Filters and orders the posts of a part, which come in any order."""

    def __init__(self, options: BuildOptions):
        self._options = options

    def process(self, element: tuple[int, Iterable]) -> Iterator:
        """Gives the posts that stay, and facts of them."""
        part, read = element
        # In the order of the input: of posts that come twice, the first stays.
        posts = [Post._make(fields) for _, fields in sorted(read, key=lambda pair: pair[0])]
        account = Account(users=self._options.has_users)
        kept = order_posts(filter_posts(posts, account, self._options))
        per_user = list(Counter(post.user for post in kept).values())
        yield beam.pvalue.TaggedOutput(
            FACTS,
            Facts(
                part,
                account.steps,
                np.array(per_user, np.int64),
                [post.subset for post in kept] if self._options.shipped else [],
                max((post.length for post in kept), default=0),
            ),
        )
        yield part, [tuple(post) for post in kept]


def make_plan(facts: Iterable[Facts], problems: Problems, options: BuildOptions) -> Plan:
    """Divides the posts of all parts.

    Args:
        facts: of all parts, in any order.
        problems: records that could not be used, for the words of an error.
        options: the flags, complete.

    Raises:
        UserError: no posts are left, or too few to split.
    """
    facts = sorted(facts, key=lambda one: one.part)
    account = Account(_add_up([one.steps for one in facts]), options.has_users)
    posts = sum(int(one.per_user.sum()) for one in facts)
    subsets = [subset for one in facts for subset in one.subsets]
    account.require_posts(range(posts), problems.counts)
    if options.shipped:
        training = range(sum(subset in ("train", "") for subset in subsets))
        account.require_posts(training, problems.counts, "training posts")
    per_user = np.concatenate([one.per_user for one in facts])
    rows, note = divide_rows(np.repeat(np.arange(len(per_user)), per_user), subsets, options)
    return Plan(
        names=list(rows),
        numbers=_numbers(rows, facts),
        first_user=_first_users(facts),
        width=caption_width(max(one.longest for one in facts), options),
        note=note,
        steps=account.steps,
    )


def _add_up(accounts: list[list[dict]]) -> list[dict]:
    """The filters' accounts of all parts in one; no user is in two parts."""
    total = []
    for steps in zip(*accounts, strict=True):
        counted = [name for name in steps[0] if name != "filter"]
        sums = {name: sum(step[name] for step in steps) for name in counted}
        total.append({"filter": steps[0]["filter"]} | sums)
    return total


def _numbers(rows: dict[str, np.ndarray], facts: list[Facts]) -> dict[int, np.ndarray]:
    """The subset's number of each post, by part."""
    sizes = [int(one.per_user.sum()) for one in facts]
    numbers = np.zeros(sum(sizes), np.uint8)
    for number, chosen in enumerate(rows.values()):
        numbers[chosen] = number
    pieces = np.split(numbers, np.cumsum(sizes)[:-1])
    return {one.part: piece for one, piece in zip(facts, pieces, strict=True)}


def _first_users(facts: list[Facts]) -> dict[int, int]:
    first = np.cumsum([0, *(len(one.per_user) for one in facts)]).tolist()
    return {one.part: row for one, row in zip(facts, first, strict=False)}


def divide_part(element: tuple[int, list[tuple]], plan: Plan) -> tuple[int, dict[str, list[Post]]]:
    """The posts of a part by subset, in canonical order; every subset is there."""
    part, fields = element
    posts = [Post._make(one) for one in fields]
    split = {name: [] for name in plan.names}
    for post, number in zip(posts, plan.numbers[part].tolist(), strict=True):
        split[plan.names[number]].append(post)
    return part, split
