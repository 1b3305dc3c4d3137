"""Splits: sizes, seeds, and users that never stand on both sides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_loader.splits import plan_sizes, split_by_posts, split_by_users, split_shipped
from utils.errors import UserError


@pytest.mark.parametrize(
    ("posts", "share", "test_posts", "sizes"),
    [
        (721_176, 0.9, 5000, (649_058, 67_118, 5000)),  # the paper's captions
        (2290, 0.9, 200, (2061, 29, 200)),
        (1000, 0.9, 5000, (900, 50, 50)),
        (1000, 0.9, 100, (900, 50, 50)),
        (1000, 0.9, 99, (900, 1, 99)),
        (10, 0.99, 5000, (8, 1, 1)),
        (3, 0.9, 1, (1, 1, 1)),
    ],
)
def test_sizes(posts, share, test_posts, sizes):
    plan = plan_sizes(posts, share, test_posts)
    assert plan[:3] == sizes
    assert bool(plan.note) == (plan.test != test_posts)


def test_too_few_posts_to_split():
    with pytest.raises(UserError, match="2 posts cannot be split"):
        plan_sizes(2, 0.9, 1)


@given(st.integers(3, 5000), st.floats(0.01, 0.99), st.integers(1, 6000))
def test_no_subset_is_ever_empty(posts, share, test_posts):
    plan = plan_sizes(posts, share, test_posts)
    assert min(plan[:3]) >= 1 and sum(plan[:3]) == posts


def is_partition(split, posts):
    rows = np.concatenate(list(split.values()))
    return sorted(rows.tolist()) == list(range(posts))


def test_split_by_posts_has_the_planned_sizes():
    sizes = plan_sizes(100, 0.8, 7)
    split = split_by_posts(100, sizes, seed=3)
    assert {name: len(rows) for name, rows in split.items()} == {"train": 80, "val": 13, "test": 7}
    assert is_partition(split, 100) and all((np.diff(rows) > 0).all() for rows in split.values())


def test_a_seed_decides_the_split():
    sizes = plan_sizes(60, 0.8, 5)
    users = np.arange(60) // 4
    for make in (lambda s: split_by_posts(60, sizes, s), lambda s: split_by_users(users, sizes, s)):
        assert make(1)["test"].tolist() == make(1)["test"].tolist()
        assert make(1)["test"].tolist() != make(2)["test"].tolist()


@given(st.lists(st.integers(1, 40), min_size=3, max_size=30), st.integers(0, 9), st.integers(1, 50))
def test_users_are_never_on_both_sides(counts, seed, test_posts):
    users = np.repeat(np.arange(len(counts)), counts)
    sizes = plan_sizes(len(users), 0.8, test_posts)
    split = split_by_users(users, sizes, seed)
    sides = [set(users[rows].tolist()) for rows in split.values()]
    assert is_partition(split, len(users)) and all(sides)
    assert sum(map(len, sides)) == len(set().union(*sides))


def test_whole_users_are_drawn_until_the_posts_suffice():
    users = np.repeat(np.arange(50), 10)
    split = split_by_users(users, plan_sizes(500, 0.8, 21), seed=0)
    assert {name: len(rows) for name, rows in split.items()} == {
        "train": 390,
        "val": 80,
        "test": 30,
    }
    split = split_by_users(users, plan_sizes(500, 0.8, 20), seed=0)
    assert {name: len(rows) for name, rows in split.items()} == {
        "train": 400,
        "val": 80,
        "test": 20,
    }


def test_two_users_cannot_be_split():
    with pytest.raises(UserError, match="2 are left: use --split posts"):
        split_by_users([0, 0, 1, 1], plan_sizes(4, 0.5, 1), 0)


def test_a_shipped_split_gives_up_validation_posts_only_from_training():
    subsets = ["train"] * 50 + ["test1"] * 6 + ["test2"] * 7
    split, note = split_shipped(subsets, 4, seed=1)
    assert {name: len(rows) for name, rows in split.items()} == {
        "train": 46,
        "val": 4,
        "test1": 6,
        "test2": 7,
    }
    assert is_partition(split, 63) and split["val"].max() < 50 and not note
    assert split_shipped(subsets, 4, seed=2)[0]["val"].tolist() != split["val"].tolist()


def test_too_many_validation_posts_are_said_and_cut_to_a_tenth():
    split, note = split_shipped(["train"] * 50, 6, seed=1)
    assert len(split["val"]) == 5 and "gets 5" in note


def test_no_validation_posts_no_validation_subset():
    split, note = split_shipped(["train"] * 50 + ["test"] * 3, 0, seed=1)
    assert list(split) == ["train", "test"] and not note
