"""Which posts go to which subset; every choice follows from a seed.

Sizes are the paper's (section 5.1): 90% of the posts for training, 5,000 for test, the rest for
validation. Posts come in canonical order, so that the same posts are split alike wherever they came
from.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.errors import UserError

BENCHMARK_TEST = 5000  # images that the benchmark of HARRISON draws for test
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


def split_by_shares(posts: int, shares: tuple[float, float, float], seed: int) -> Split:
    """Training, validation and test by their shares; what does not come out even grows the later.

    This is the arithmetic of scikit-learn's `train_test_split`, called twice.

    >>> [len(rows) for rows in split_by_shares(54_182, (0.8, 0.1, 0.1), 0).values()]
    [43345, 5418, 5419]

    Raises:
        UserError: fewer than three posts, one for each subset.
    """
    if posts < 3:
        raise UserError(f"{posts} posts cannot be split into training, validation and test")
    held_out = min(math.ceil(round(posts * (1 - shares[0]), 6)), posts - 1)
    held_out = max(held_out, 2)
    test = math.ceil(round(held_out * shares[2] / (shares[1] + shares[2]), 6))
    test = min(test, held_out - 1)
    return split_by_posts(posts, Sizes(posts - held_out, held_out - test, test, ""), seed)


def split_benchmark(posts: int, val_posts: int, seed: int) -> tuple[Split, str]:
    """HARRISON's: 5,000 posts drawn for test; validation is taken from the others.

    Args:
        posts: how many there are; of fewer than 50,000, a tenth is for test.
        val_posts, seed: as for `split_shipped`.
    """
    test = min(BENCHMARK_TEST, posts // 10)
    drawn = np.random.default_rng(seed).permutation(posts)[:test]
    subsets = np.full(posts, "train")
    subsets[drawn] = "test"
    split, note = split_shipped(subsets, val_posts, seed)
    if test < BENCHMARK_TEST:
        note = f"{posts:,} images are few: {test:,} of them are for test. {note}".strip()
    return split, note


def _with_validation(names: np.ndarray, seed: int) -> tuple[Split, str]:
    """A shipped split that has validation posts."""
    split = {name: np.flatnonzero(names == name) for name in ("train", "val", "test")}
    split |= {str(name): np.flatnonzero(names == name) for name in np.unique(names)}
    if len(split["test"]):
        return split, ""
    drawn = np.random.default_rng(seed).permutation(split["val"])
    half = len(drawn) // 2
    split |= {"val": np.sort(drawn[half:]), "test": np.sort(drawn[:half])}
    note = f"no test posts were published: {half:,} of {len(drawn):,} validation posts are for test"
    return split, note


def split_shipped(subsets: Sequence[str], val_posts: int, seed: int) -> tuple[Split, str]:
    """The split that a data set came with, and validation posts taken from its training posts.

    Args:
        subsets: [N] the shipped subset of each post; some are for training.
        val_posts: how many training posts become validation posts, at most a tenth of them.
        seed: of the choice.

    Returns:
        The split, and a sentence where `val_posts` was too many ("" otherwise), or where validation
        was shipped and test was not: its posts are halved then.
    """
    names = np.array(subsets)
    train = np.flatnonzero(names == "train")
    if "val" in names:
        return _with_validation(names, seed)
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
