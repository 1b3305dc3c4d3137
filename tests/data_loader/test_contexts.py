"""Contexts against scikit-learn, computed post by post, and against the released files."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from data_loader import contexts
from data_loader.contexts import ContextBuilder, Posts, build_contexts, fit_idf
from data_loader.view import UNKNOWN_TIME
from data_loader.vocabulary import UNK, Vocabulary

N, USERS, V, W, K = 90, 7, 41, 6, 9


def make_posts(seed: int, users: list[int] | range = range(USERS), n: int = N) -> Posts:
    rng = np.random.default_rng(seed)
    ids = np.minimum(rng.geometric(0.08, (n, W)) + 2, V - 1)  # UNK is the most frequent
    ids[np.arange(W) >= rng.integers(0, W + 1, n)[:, None]] = 0
    return Posts(ids.astype(np.int32), rng.choice(list(users), n), rng.integers(0, 30, n))


def document(posts: Posts, rows: np.ndarray) -> np.ndarray:
    return np.bincount(posts.caption_ids[rows].ravel(), minlength=V) * (np.arange(V) > 0)


def by_scikit_learn(transformer: TfidfTransformer, counts: np.ndarray, k: int) -> list[int]:
    weights = transformer.transform(counts[None]).toarray()[0]
    order = [int(i) for i in np.argsort(-weights, kind="stable") if weights[i] > 0 and i != UNK]
    return order[:k]


def fitted(posts: Posts) -> TfidfTransformer:
    users = np.unique(posts.user)
    return TfidfTransformer().fit([document(posts, posts.user == user) for user in users])


def filled(result: tuple[np.ndarray, np.ndarray]) -> list[list[int]]:
    ids, length = result
    assert ids.dtype == length.dtype == np.int32
    for row, n in zip(ids, length, strict=True):
        assert (row[:n] > 0).all() and not row[n:].any()
    return [row[:n].tolist() for row, n in zip(ids, length, strict=True)]


def earlier_or_other(source: Posts, posts: Posts, i: int, mode: str) -> np.ndarray:
    mine = source.user == posts.user[i]
    if mode == "previous":
        return mine & (source.created_at < posts.created_at[i])
    return mine & ~((np.arange(len(mine)) == i) & (source is posts))


@pytest.fixture(params=[4_000_000, 150])
def _small_blocks(monkeypatch, request):
    monkeypatch.setattr(contexts, "_BLOCK", request.param)


def test_no_context_is_a_column_without_width():
    posts = make_posts(1)
    ids, length = build_contexts(posts, np.ones(V), "none", K, history=make_posts(2))
    assert ids.shape == (N, 0) and ids.dtype == np.int32
    assert length.tolist() == [0] * N and length.dtype == np.int32


def test_idf_is_scikit_learns():
    posts = make_posts(0)
    np.testing.assert_allclose(
        fit_idf(posts.caption_ids, posts.user, V)[1:], fitted(posts).idf_[1:], rtol=1e-12
    )


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("mode", ["others", "previous"])
@pytest.mark.parametrize("k", [2, K, 50])
def test_equals_scikit_learn_post_by_post(mode, k):
    train, posts = make_posts(0), make_posts(1)
    transformer = fitted(train)
    idf = fit_idf(train.caption_ids, train.user, V)
    expected = [
        by_scikit_learn(transformer, document(posts, earlier_or_other(posts, posts, i, mode)), k)
        for i in range(N)
    ]
    assert filled(build_contexts(posts, idf, mode, k)) == expected


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("mode", ["others", "previous"])
def test_users_with_training_posts_get_those_alone(mode):
    train, posts = make_posts(0, users=range(4)), make_posts(1)
    transformer, idf = fitted(train), fit_idf(train.caption_ids, train.user, V)
    expected = []
    for i in range(N):
        source = train if posts.user[i] in train.user else posts
        counts = document(source, earlier_or_other(source, posts, i, mode))
        expected.append(by_scikit_learn(transformer, counts, K))
    assert filled(build_contexts(posts, idf, mode, K, history=train)) == expected


def test_all_ignores_history_and_unknown_word_takes_a_place():
    posts = make_posts(1)
    posts.caption_ids[:, 0] = UNK
    idf = fit_idf(posts.caption_ids, posts.user, V)
    result = filled(build_contexts(posts, idf, "all", K, history=make_posts(0)))
    for i in range(N):
        counts = document(posts, posts.user == posts.user[i])
        weights = counts * idf
        kth = np.sort(weights)[::-1][K - 1]
        assert len(result[i]) == K - 1
        assert min(weights[result[i]]) >= kth and UNK not in result[i]


@pytest.mark.parametrize(("mode", "leaks"), [("others", 0), ("previous", 0), ("all", 1)])
def test_a_word_of_the_predicted_post_alone(mode, leaks):
    posts = make_posts(2)
    for i in (0, 40, N - 1):
        marked = posts._replace(caption_ids=posts.caption_ids.copy())
        marked.caption_ids[marked.caption_ids == V - 1] = 0
        marked.caption_ids[i, 2] = V - 1
        idf = fit_idf(marked.caption_ids, marked.user, V)
        result = filled(build_contexts(marked, idf, mode, 50))
        assert ((V - 1) in result[i]) == leaks
        others = [j for j in range(N) if posts.user[j] == posts.user[i] and j != i]
        assert mode == "previous" or all((V - 1) in result[j] for j in others)


def test_posts_of_one_moment_do_not_see_each_other():
    posts = make_posts(3)._replace(created_at=np.full(N, 5))
    idf = fit_idf(posts.caption_ids, posts.user, V)
    assert not any(filled(build_contexts(posts, idf, "previous", K)))


def test_posts_of_unknown_time_are_in_nobodys_past():
    posts = make_posts(3, users=[0])
    posts.created_at[:] = UNKNOWN_TIME
    posts.created_at[5] = 7
    idf = fit_idf(posts.caption_ids, posts.user, V)
    assert not any(filled(build_contexts(posts, idf, "previous", K)))


def test_equal_weights_follow_the_vocabulary():
    posts = Posts(np.array([[9, 5, 7], [5, 9, 7]], np.int32), np.zeros(2, int), np.arange(2))
    idf = np.ones(V)
    assert filled(build_contexts(posts, idf, "others", K)) == [[5, 7, 9], [5, 7, 9]]


def test_no_posts():
    empty = make_posts(0, n=0)
    idf = fit_idf(empty.caption_ids, empty.user, V)
    assert build_contexts(empty, idf, "others", K)[0].shape == (0, K)


def test_unknown_mode_is_an_error():
    with pytest.raises(ValueError, match="others, previous, all"):
        build_contexts(make_posts(0), np.ones(V), "future", K)


def test_a_new_history_is_ranked_like_a_stored_one():
    words = [f"w{i:02}" for i in range(4, V)]
    vocabulary = Vocabulary(["_PAD", "_GO", "_EOS", "_UNK", *words])
    train = make_posts(0)
    counts = document(train, train.user == 3)
    by_word = {vocabulary.words[i]: int(counts[i]) for i in np.argsort(-counts) if counts[i]}
    builder = ContextBuilder(vocabulary, fit_idf(train.caption_ids, train.user, V))
    top = builder.top_words({**by_word, "never-seen": 99}, K)
    assert top.dtype == np.int32
    assert top.tolist() == by_scikit_learn(fitted(train), counts, K)
    assert builder.top_words({}, K).tolist() == []


def test_idf_of_another_vocabulary_is_an_error():
    with pytest.raises(ValueError, match=r"expected \(5,\)"):
        ContextBuilder(Vocabulary(["_PAD", "_GO", "_EOS", "_UNK", "a"]), np.ones(6))
