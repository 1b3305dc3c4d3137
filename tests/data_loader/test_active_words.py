"""Active words against scikit-learn, user by user."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from data_loader.active_words import active_words
from data_loader.contexts import fit_idf
from data_loader.pipeline import open_posts
from data_loader.view import UNKNOWN_TIME, open_view
from data_loader.vocabulary import UNK

POSTS, USERS, V, WIDTH, K = 83, 9, 41, 6, 5
SILENT, ABSENT = 4, 6  # a user whose posts have no words, and one without training posts


@pytest.fixture
def view():
    """What `active_words` reads of a view; the test posts share users with the training posts."""
    return SimpleNamespace(subsets={"train": posts(0), "test": posts(1)}, idf=idf(posts(0)))


def posts(seed):
    random = np.random.default_rng(seed)
    ids = np.minimum(random.geometric(0.08, (POSTS, WIDTH)) + 2, V - 1).astype(np.int32)
    user = random.integers(0, USERS, POSTS).astype(np.int32)
    user[user == ABSENT] = 0
    ids[(np.arange(WIDTH) >= random.integers(0, WIDTH + 1, POSTS)[:, None])] = 0
    ids[user == SILENT] = 0
    created_at = random.integers(0, 30, POSTS)
    created_at[::3] = UNKNOWN_TIME
    return SimpleNamespace(caption_ids=ids, user=user, created_at=created_at)


def idf(train):
    return fit_idf(train.caption_ids, train.user, V)


def documents(train):
    """Counts [users, V] of all words that a user wrote."""
    return np.array(
        [
            np.bincount(train.caption_ids[train.user == user].ravel(), minlength=V)
            * (np.arange(V) > 0)
            for user in np.unique(train.user)
        ]
    )


@pytest.mark.parametrize("k", [1, K, 60])
def test_are_scikit_learns_heaviest_words_of_all_training_posts(view, k):
    counts = documents(view.subsets["train"])
    weights = TfidfTransformer().fit_transform(counts).toarray()
    users, ids, length = active_words(view, k)
    assert ids.shape == (len(users), k) and ids.dtype == length.dtype == np.int32
    for row, n, weight in zip(ids, length, weights, strict=True):
        order = np.argsort(-weight, kind="stable")
        expected = [int(i) for i in order if weight[i] > 0 and i != UNK][:k]
        assert row[:n].tolist() == expected and not row[n:].any()
    assert counts[:, UNK].any()


def test_every_training_user_has_a_row(view):
    users, _, length = active_words(view, K)
    assert users.tolist() == [user for user in range(USERS) if user != ABSENT]
    assert length[users.tolist().index(SILENT)] == 0 and (length > 0).sum() == len(users) - 1


def test_posts_that_a_model_leaves_out_count(world):
    view = open_view(world)
    train = view.subsets["train"]
    usable = open_posts(view, "train", user_words=6, word_slots=8, training=True)
    assert len(usable) < len(train)
    words = active_words(view, 60)
    for user, ids, length in zip(*words, strict=True):
        written = set(train.caption_ids[train.user == user].ravel().tolist()) - {0, UNK}
        assert set(ids[:length].tolist()) == written
