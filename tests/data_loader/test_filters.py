"""Every filter, with the limits themselves on both sides."""

from collections import Counter

import pytest

from data_loader.filters import (
    Account,
    Post,
    drop_duplicates,
    filter_crawl,
    filter_shipped,
    latest_per_user,
    order_posts,
    users_with_many_bad_posts,
)
from data_loader.view import UNKNOWN_TIME
from utils.errors import UserError

LIMITS = {
    "max_bad_posts": 2,
    "max_bad_share": 0.25,
    "min_words": 3,
    "max_words": 5,
    "min_posts": 4,
    "max_posts": 6,
}


def post(user="u", number=0, length=4, **fields):
    return Post(user, f"p{number:02}", "i.jpg", number, "w " * length, length, **fields)


def posts(user, count, **fields):
    return [post(user, number, **fields) for number in range(count)]


def removed(account):
    return {
        step["filter"]: (step["posts_removed"], step["users_removed"]) for step in account.steps
    }


def test_a_duplicate_id_goes_and_the_first_stays():
    first, second = post(length=3), post(length=5)
    assert drop_duplicates([first, second, post("other")]) == [first, post("other")]


@pytest.mark.parametrize(
    ("bad", "good", "out"),
    [(2, 0, False), (3, 0, True), (3, 9, False), (3, 8, True), (4, 12, False), (5, 14, True)],
)
def test_users_with_more_bad_posts_than_the_larger_limit_are_out(bad, good, out):
    mine = posts("u", bad, foreign=True) + posts("u", good)
    assert users_with_many_bad_posts(mine, 2, 0.25) == ({"u"} if out else set())


def test_a_share_of_one_keeps_everybody():
    assert users_with_many_bad_posts(posts("u", 30, linked=True), 0, 1) == set()


def test_a_post_that_is_foreign_and_linked_counts_once():
    mine = [post("u", n, foreign=True, linked=True) for n in range(2)]
    assert users_with_many_bad_posts(mine, 1, 0) == {"u"}
    assert users_with_many_bad_posts(mine, 2, 0) == set()


def test_the_latest_posts_are_kept():
    mine = [post("u", number) for number in (3, 1, 2, 0)]
    assert [p.created_at for p in latest_per_user(mine, 2)] == [2, 3]


def test_a_post_without_date_is_older_than_any_other():
    undated = post("u", 5)._replace(created_at=UNKNOWN_TIME)
    assert latest_per_user([undated, post("u", 1), post("u", 2)], 2) == [post("u", 1), post("u", 2)]


def test_canonical_order_is_user_time_id():
    expected = [post("a", 2), post("b", 1), post("b", 1)._replace(post="p99"), post("b", 2)]
    assert order_posts(reversed(expected)) == expected


def test_all_filters_in_the_papers_order_with_exact_counts():
    crawl = [
        *posts("good", 4),
        post("good", 0),  # again
        post("good", 10, foreign=True),
        post("good", 11, linked=True),
        post("good", 12, length=2),
        post("good", 13, length=6),
        *posts("many", 8, length=3),
        *posts("few", 3, length=5),
        *posts("spam", 3, linked=True),
        *[post("spam", 20 + n) for n in range(5)],
    ]
    account = Account()
    kept = filter_crawl(crawl, account, **LIMITS)
    assert removed(account) == {
        "duplicate ids": (1, 0),
        "not in the language": (1, 0),
        "with hyperlinks": (4, 0),
        "users with too many such posts": (5, 1),
        "shorter than 3 words": (1, 0),
        "longer than 5 words": (1, 0),
        "users with fewer than 4 posts": (3, 1),
        "beyond the latest 6 posts of a user": (2, 0),
    }
    assert Counter(p.user for p in kept) == {"good": 4, "many": 6}
    assert account.steps[-1]["posts_left"] == 10 and account.steps[-1]["users_left"] == 2


def test_shipped_test_posts_keep_any_length():
    lengths = {"train": (0, 2, 3, 5, 6), "test1": (0, 1, 9)}
    shipped = [post("u", n, n, subset="train") for n in lengths["train"]]
    shipped += [post("v", n, n, subset="test1") for n in lengths["test1"]]
    account = Account()
    kept = filter_shipped(shipped, account, min_words=3, max_words=5)
    assert [(p.subset, p.length) for p in kept] == [
        ("train", 3),
        ("train", 5),
        ("test1", 1),
        ("test1", 9),
    ]
    assert [step["posts_removed"] for step in account.steps] == [0, 2, 2]


def test_nothing_left_names_the_filter_that_took_the_most():
    account = Account()
    kept = filter_crawl([*posts("a", 9, length=1), *posts("b", 3)], account, **LIMITS)
    with pytest.raises(UserError, match=r"shorter than 3 words \(9 posts\), then users with fewer"):
        account.require_posts(kept, Counter())
    with pytest.raises(UserError, match=r"records: not JSON \(12 posts\), then"):
        account.require_posts(kept, Counter({"not JSON": 12}))
    with pytest.raises(UserError, match="the input holds no posts"):
        Account().require_posts([], Counter())
