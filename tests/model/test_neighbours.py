"""Which post answers: users by overlap, seeded ties and draws, own posts, posts of both splits."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from data_loader.active_words import active_words
from data_loader.pipeline import open_posts
from data_loader.view import open_view
from model import neighbours as module
from model.neighbours import find_neighbours
from tests.small_world import FAILED_IMAGE
from utils.errors import UserError

Q, N, USERS, IMAGES, DIM, WORDS, STORED, V = 29, 67, 7, 37, 5, 6, 9, 23
NO_WORDS = [3, 11]  # queries without context
METHODS = ["image", "user", "user_image"]


class Store:
    """Features in memory; some images have none."""

    def __init__(self, features: np.ndarray, failed: tuple[int, ...] = ()):
        self.features, self.failed = features.astype(np.float16)[:, np.newaxis], failed

    def gather(self, image_rows: np.ndarray) -> np.ndarray:
        assert not np.isin(image_rows, self.failed).any(), "an image without features was read"
        return self.features[image_rows]


@dataclass
class Subset:
    """The columns that are read."""

    name: str
    user: np.ndarray
    image_row: np.ndarray
    context_ids: np.ndarray


@dataclass
class Posts:
    """Usable posts."""

    subset: Subset
    features: Store
    rows: np.ndarray
    user_words: int = WORDS

    def of(self, rows) -> "Posts":
        return replace(self, rows=np.asarray(rows))


@dataclass
class Words:
    """Active words; user numbers have gaps."""

    user: np.ndarray
    ids: np.ndarray


def word_lists(random, count, width):
    ids = np.array([random.permutation(np.arange(4, V))[:width] for _ in range(count)], np.int32)
    ids[np.arange(width) >= random.integers(2, width + 1, count)[:, np.newaxis]] = 0
    return ids


def make_posts(name, count, seed, users, failed=()) -> Posts:
    random = np.random.default_rng(seed)
    ids = word_lists(random, count, STORED)
    images = random.integers(0, IMAGES, count)
    subset = Subset(name, np.sort(random.choice(users, count)), images, ids)
    features = Store(np.random.default_rng(5).normal(size=(IMAGES, DIM)), failed)
    return Posts(subset, features, np.flatnonzero(~np.isin(images, failed)))


@pytest.fixture
def words():
    users = np.arange(USERS) * 2 + 1
    return Words(users, word_lists(np.random.default_rng(0), USERS, WORDS))


@pytest.fixture
def training(words):
    return make_posts("train", N, 1, words.user)


@pytest.fixture
def queries():
    posts = make_posts("test", Q, 2, np.arange(100, 110))
    posts.subset.context_ids[NO_WORDS] = 0
    return posts


def closest_users(queries, words) -> list[set[int]]:
    """Users with the most common words of each query, by sets."""
    known = [set(ids[ids > 0].tolist()) for ids in words.ids]
    found = []
    for row in queries.rows:
        mine = set(queries.subset.context_ids[row, :WORDS].tolist())
        overlap = np.array([len(mine & theirs) for theirs in known])
        found.append(set(words.user[overlap == overlap.max()].tolist()))
    return found


def nearest(queries, training, row, rows) -> int:
    """The first of `rows` with the smallest distance."""
    vector = queries.features.gather(queries.subset.image_row[[row]]).astype(np.float64)
    images = training.features.gather(training.subset.image_row[rows]).astype(np.float64)
    return rows[np.square(images - vector).sum((1, 2)).argmin()]


# Users


@pytest.mark.parametrize("block", [4_000_000, 3 * USERS])
def test_the_user_shares_the_most_words(queries, training, words, block, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", block)
    closest = closest_users(queries, words)
    chosen = training.subset.user[find_neighbours("user", queries, training, words)]
    assert all(user in users for user, users in zip(chosen.tolist(), closest, strict=True))
    assert sum(len(users) == 1 for users in closest) > 5


def test_ties_between_users_and_posts_of_a_user_follow_the_seed(queries, training, words):
    closest = closest_users(queries, words)
    found = [find_neighbours("user", queries, training, words, seed) for seed in range(150)]
    chosen = training.subset.user[np.array(found)]  # [seeds, Q]
    for place, users in enumerate(closest):
        assert set(chosen[:, place].tolist()) == users
    assert any(1 < len(users) < USERS for users in closest)
    sure = next(place for place, users in enumerate(closest) if len(users) == 1)
    mine = np.flatnonzero(training.subset.user == chosen[0, sure])
    assert {answers[sure] for answers in found} == set(mine) and len(mine) > 2


def test_without_words_any_training_user_answers(queries, training, words):
    few = queries.of(NO_WORDS)
    seen = [find_neighbours("user", few, training, words, seed) for seed in range(150)]
    chosen = training.subset.user[np.array(seen)].T
    for users in chosen:
        assert set(users.tolist()) == set(words.user.tolist())
    assert (chosen[0] != chosen[1]).any()  # queries of one run do not all get the same user


@pytest.mark.parametrize("method", METHODS)
def test_a_query_is_answered_alike_in_any_company(queries, training, words, method):
    together = find_neighbours(method, queries, training, words, 4)
    order = np.random.default_rng(0).permutation(Q)
    shuffled = find_neighbours(method, queries.of(order), training, words, 4)
    alone = [find_neighbours(method, queries.of([row]), training, words, 4)[0] for row in range(Q)]
    assert shuffled.tolist() == together[order].tolist()
    assert together.tolist() == alone


def test_only_the_first_words_of_a_context_and_each_once_count(queries, training):
    words = Words(np.array([1, 3, 5]), np.array([[7, 8, 9], [5, 6, 4], [10, 11, 0]]))
    nobodys = V + 3
    queries.subset.context_ids[0] = [5, 5, 5, 7, nobodys, 8, 4, 6, 10]
    for seed in range(9):
        (found,) = find_neighbours("user", queries.of([0]), training, words, seed)
        assert training.subset.user[found] == 1


# Images


def test_the_nearest_image_of_all(queries, training):
    found = find_neighbours("image", queries, training)
    expected = [nearest(queries, training, row, training.rows) for row in queries.rows]
    assert found.tolist() == expected and found.dtype == np.int64


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_image_of_the_same_user(queries, training, words, seed):
    user_of = training.subset.user
    drawn = find_neighbours("user", queries, training, words, seed)
    found = find_neighbours("user_image", queries, training, words, seed)
    for row, post, answer in zip(queries.rows, drawn, found, strict=True):
        owned = np.flatnonzero(user_of == user_of[post])
        assert answer == nearest(queries, training, row, owned)
    assert (drawn != found).any()


def test_pictures_without_features_are_not_read(queries, words):
    failed = (2, 5, 8)
    queries = queries.of(np.flatnonzero(~np.isin(queries.subset.image_row, failed)))
    training = make_posts("train", N, 1, words.user, failed)
    queries.features.failed = failed
    for method in METHODS:
        found = find_neighbours(method, queries, training, words)
        assert np.isin(found, training.rows).all() and len(training.rows) < N


def test_a_user_without_usable_posts_is_passed_over_and_others_stay(queries, training, words):
    before = training.subset.user[find_neighbours("user", queries, training, words)]
    gone = np.bincount(before).argmax()
    fewer = training.of(np.flatnonzero(training.subset.user != gone))
    for method in ("user", "user_image"):
        after = training.subset.user[find_neighbours(method, queries, fewer, words)]
        assert (after != gone).all()
        assert (after == before)[before != gone].all()


# Splits and subsets


def test_a_query_user_with_training_posts_finds_themselves(training, words):
    posts = make_posts("test", Q, 3, words.user)
    place = np.searchsorted(words.user, posts.subset.user)
    posts.subset.context_ids[:] = 0
    posts.subset.context_ids[:, :1] = words.ids[place, :1]
    found = find_neighbours("user", posts, training, words)
    themselves = training.subset.user[found] == posts.subset.user
    assert any(len(users) > 1 for users in closest_users(posts, words))  # others share as many
    assert themselves.all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_no_training_post_answers_itself(training, words, method, seed):
    single = words.user[2]  # has one post, which therefore cannot be answered by its user
    rows = np.flatnonzero(training.subset.user == single)[1:]
    training = training.of(np.setdiff1d(training.rows, rows))
    mine = np.flatnonzero(training.subset.user == single)[0]
    training.subset.context_ids[mine, :WORDS] = words.ids[2]
    found = find_neighbours(method, training, training, words, seed)
    assert (found != training.rows).all() and len(found) == len(training.rows)
    other = replace(training, subset=replace(training.subset, name="test"))
    assert (find_neighbours(method, other, training, words, seed) == training.rows).any()


def test_other_posts_of_the_own_user_and_picture_may_answer(training):
    training.subset.image_row[[4, 9, 30]] = 36
    found = find_neighbours("image", training, training)
    assert found[[4, 9, 30]].tolist() == [min(others(training, 4)), *[min(others(training, 9))] * 2]


def others(training, row):
    same = np.flatnonzero(training.subset.image_row == training.subset.image_row[row])
    return same[same != row]


@pytest.mark.parametrize("method", METHODS)
def test_a_post_that_nothing_can_answer_is_an_error(training, words, method):
    alone = training.of([12])
    with pytest.raises(UserError, match=r"1 of 1 posts have no other post .* of train"):
        find_neighbours(method, alone, alone, words)


def test_a_view_as_it_is_on_the_disk(world):
    view = open_view(world)
    sizes = {"user_words": 6, "word_slots": 8}
    training = open_posts(view, "train", **sizes, training=True)
    failed = view.image_names.index(f"{FAILED_IMAGE}.jpg")
    for name in ("test", "train"):
        queries = open_posts(view, name, **sizes)
        for method in METHODS:
            found = find_neighbours(method, queries, training, active_words(view, 6), 3)
            assert found.shape == queries.rows.shape and np.isin(found, training.rows).all()
            assert (training.subset.image_row[found] != failed).all()
