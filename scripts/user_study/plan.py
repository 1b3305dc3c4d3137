"""Who judges what: each worker sees each post once, and ours stands first as often as second.

Were one worker asked about the same post for two baselines, the text that comes twice would be
ours. So the baselines rotate over the posts: post j stands on sheet s with baseline
`(j + s) mod baselines`, and every (post, baseline) is on as many sheets as it needs judges.
"""

import random
from dataclasses import dataclass

ID_BITS = 48


@dataclass(frozen=True)
class Item:
    """One question on one sheet.

    Attributes:
        id: says nothing, and is of this sheet alone.
        post: place of the post among the drawn ones.
        pair: place of the baseline.
        ours: where our text stands, 1 or 2.
    """

    id: str
    post: int
    pair: int
    ours: int


def plan_sheets(posts: int, pairs: int, judges: int, rng: random.Random) -> list[list[Item]]:
    """Lays out sheets on which every post stands once, in an order of their own.

    Args:
        posts: how many were drawn.
        pairs: baselines that ours is compared with.
        judges: how many sheets each (post, baseline) is on.
        rng: decides sides, order and ids.

    Returns:
        [pairs * judges][posts] items. On a sheet, the times that ours stands first and second in a
        pair differ by at most one, and so they do over all sheets.
    """
    ids = iter(_distinct_ids(posts * pairs * judges, rng))
    extra = [rng.randrange(2) for _ in range(pairs)]  # whose turn it is where the number is odd
    sheets = []
    for sheet in range(pairs * judges):
        items = []
        for pair in range(pairs):
            places = [post for post in range(posts) if (post + sheet) % pairs == pair]
            for post, ours in zip(places, _sides(len(places), pair, extra, rng), strict=True):
                items.append(Item(next(ids), post, pair, ours))
        rng.shuffle(items)
        sheets.append(items)
    return sheets


def plan_ratings(posts: int, asks: int, judges: int, rng: random.Random) -> list[list[Item]]:
    """Lays out sheets of questions by yes (1) or no (2): all on one post follow one another.

    Args:
        posts: how many were drawn.
        asks: questions on each of them, in their order.
        judges: how many sheets there are.
        rng: decides the order of posts, and ids.

    Returns:
        [judges][posts * asks] items whose `pair` is the place of the question.
    """
    ids = iter(_distinct_ids(posts * asks * judges, rng))
    sheets = []
    for _ in range(judges):
        order = rng.sample(range(posts), posts)
        sheets.append([Item(next(ids), post, ask, 1) for post in order for ask in range(asks)])
    return sheets


def _sides(count: int, pair: int, extra: list[int], rng: random.Random) -> list[int]:
    """Places of our text, 1 or 2, shuffled; an odd number's surplus goes to each in turn."""
    sides = [1, 2] * (count // 2)
    if count % 2:
        sides.append(1 + extra[pair])
        extra[pair] = 1 - extra[pair]
    rng.shuffle(sides)
    return sides


def _distinct_ids(count: int, rng: random.Random) -> list[str]:
    ids: dict[str, None] = {}
    while len(ids) < count:
        # The letter keeps spreadsheets from taking digits, or digits around an e, for a number.
        ids[f"q{rng.getrandbits(ID_BITS):0{ID_BITS // 4}x}"] = None
    return list(ids)
