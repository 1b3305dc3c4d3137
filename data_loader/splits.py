"""Which posts go to which subset; every choice follows from a seed.

Sizes are the paper's (section 5.1): 90% of the posts for training, 5,000 for test, the rest for
validation. Posts come in canonical order, so that the same posts are split alike wherever they came
from.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.errors import UserError

Split = dict[str, np.ndarray]  # subset name -> ascending row numbers, int64


class Sizes(NamedTuple):
    """Posts per subset, and a sentence where they are not the ones asked for ("" otherwise)."""

    train: int
    val: int
    test: int
    note: str


def plan_sizes(posts: int, train_share: float, test_posts: int) -> Sizes:
    """Posts per subset.

    Where the test posts asked for do not fit into what training leaves, test and validation share
    it half and half: neither is ever empty without a word.

    >>> plan_sizes(100_000, 0.9, 5000)[:3]
    (90000, 5000, 5000)

    Raises:
        UserError: fewer than three posts, one for each subset.
    """
    if posts < 3:
        raise UserError(f"{posts} posts cannot be split into training, validation and test")
    rest = min(max(posts - round(train_share * posts), 2), posts - 1)
    if test_posts < rest:
        return Sizes(posts - rest, rest - test_posts, test_posts, "")
    test = rest // 2
    note = (
        f"--test_posts {test_posts:,} leaves nothing for validation of the {rest:,} posts that "
        f"--train_share {train_share:g} keeps from training: test gets about {test:,}, validation "
        f"about {rest - test:,}"
    )
    return Sizes(posts - rest, rest - test, test, note)


def split_by_posts(posts: int, sizes: Sizes, seed: int) -> Split:
    """Any post can go anywhere: users have posts in several subsets.

    Args:
        posts: how many there are.
        sizes: from `plan_sizes`.
        seed: of the permutation.
    """
    order = np.random.default_rng(seed).permutation(posts)
    test, val = sizes.test, sizes.test + sizes.val
    return {
        "train": np.sort(order[val:]),
        "val": np.sort(order[test:val]),
        "test": np.sort(order[:test]),
    }


def split_by_users(users: Sequence[int] | np.ndarray, sizes: Sizes, seed: int) -> Split:
    """Whole users go to test, then to validation, until the sizes are met; training has the rest.

    Args:
        users: [N] int, the user of each post.
        sizes: from `plan_sizes`.
        seed: of the order in which users are drawn.

    Raises:
        UserError: fewer than three users.
    """
    users = np.asarray(users)
    names, counts = np.unique(users, return_counts=True)
    if len(names) < 3:
        raise UserError(
            f"--split users needs at least three users, one per subset; {len(names)} are left: "
            "use --split posts"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    test = _draw(order, counts, sizes.test, leave=2)
    val = _draw(order[len(test) :], counts, sizes.val, leave=1)
    train = order[len(test) + len(val) :]
    return {
        name: np.flatnonzero(np.isin(users, names[chosen]))
        for name, chosen in (("train", train), ("val", val), ("test", test))
    }


def _draw(order: np.ndarray, counts: np.ndarray, posts: int, leave: int) -> np.ndarray:
    """The first users of `order` that together have `posts` posts; at least `leave` users stay."""
    needed = int(np.searchsorted(np.cumsum(counts[order]), posts)) + 1
    return order[: min(needed, len(order) - leave)]


def split_shipped(subsets: Sequence[str], val_posts: int, seed: int) -> tuple[Split, str]:
    """The split that a data set came with, and validation posts taken from its training posts.

    Args:
        subsets: [N] the shipped subset of each post.
        val_posts: how many training posts become validation posts, at most a tenth of them.
        seed: of the choice.

    Returns:
        The split, and a sentence where `val_posts` was too many ("" otherwise).
    """
    names = np.array(subsets)
    train = np.flatnonzero(names == "train")
    if not len(train):
        raise UserError("no training posts are left")
    taken = min(val_posts, len(train) // 10)
    note = ""
    if taken < val_posts:
        note = (
            f"--val_posts {val_posts:,} is more than a tenth of {len(train):,} training posts: "
            f"validation gets {taken:,}"
        )
    val = np.sort(np.random.default_rng(seed).permutation(train)[:taken])
    split = {"train": np.setdiff1d(train, val)}
    if val_posts:
        split["val"] = val
    split |= {
        str(name): np.flatnonzero(names == name) for name in np.unique(names[names != "train"])
    }
    return split, note
