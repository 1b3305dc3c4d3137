"""Nearest neighbours: whose text is the prediction of 1NN-Im, 1NN-Usr and 1NN-UsrIm (section 5.2).

Nothing is learnt: a query post is answered by a training post, whose text is the prediction. Where
the queries are the training posts themselves, no post answers itself; other posts of the same
picture may.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_array

from model.nearest_images import NONE, Features, nearest_images
from utils.errors import UserError

Nearest = Literal["image", "user", "user_image"]

_BLOCK = 4_000_000  # overlaps at a time, of queries with users: 32 MB in float64


class Subset(Protocol):
    """Columns of posts, such as `data_loader.view.Subset`."""

    name: str
    user: np.ndarray
    image_row: np.ndarray
    context_ids: np.ndarray


class Posts(Protocol):
    """Usable posts of a subset, such as `data_loader.pipeline.Posts`."""

    subset: Subset
    features: Features | None
    rows: np.ndarray
    user_words: int


class UserWords(Protocol):
    """Active words of training users, such as `data_loader.active_words.ActiveWords`."""

    user: np.ndarray
    ids: np.ndarray


def find_neighbours(
    method: Nearest,
    queries: Posts,
    training: Posts,
    user_words: UserWords | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Finds the training post that answers each query post.

    Args:
        method: `image`: the post with the nearest picture. `user`: any post of the training user
            who shares the most active words with the query's user. `user_image`: of this user's
            posts, the one with the nearest picture.
        queries: Q posts. Their users' words are the first `queries.user_words` of each context.
        training: where answers come from. Every post of `training.rows` may be one.
        user_words: of all training users; for `image`, none are needed.
        seed: with the query's row, decides between users who share equally many words (so, where
            nobody shares any, between all), and which of the user's posts it is. The query's own
            user comes before others who share as many. Both person methods choose the same user,
            as long as that user has usable posts in both.

    Returns:
        [Q] int64 rows of `training.subset`, in the order of `queries.rows`. Pictures equally near
        give the first of their posts.

    Raises:
        UserError: no training post is left for some query.
    """
    same = queries.subset.name == training.subset.name
    own = queries.rows if same else np.full(len(queries.rows), -1)
    if method == "image":
        everyone = np.arange(len(own))
        return _answered(_nearest_posts(queries, everyone, training, training.rows, own), training)
    owned = _Owned.of(training, user_words.user)
    users, answers = _posts_of_alike(queries, user_words, owned, own, seed)
    if method == "user_image":
        for user in np.unique(users[users >= 0]):
            part = np.flatnonzero(users == user)
            answers[part] = _nearest_posts(queries, part, training, owned.posts(user), own)
    return _answered(answers, training)


class _Owned(NamedTuple):
    """Which posts each of K users may answer with.

    Attributes:
        rows: [N] posts, user by user.
        start, stop: [K], where each user's rows are.
        only: [K] the post of a user who has no other, or `NONE`.
    """

    rows: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    only: np.ndarray

    @classmethod
    def of(cls, training: Posts, users: np.ndarray) -> "_Owned":
        """Sorts the usable posts of `users` [K]."""
        user = training.subset.user[training.rows]
        order = np.argsort(user, kind="stable")
        start = np.searchsorted(user[order], users, side="left")
        stop = np.searchsorted(user[order], users, side="right")
        rows = training.rows[order].astype(np.int64)
        following = np.append(rows, NONE)[start]
        return cls(rows, start, stop, np.where(stop - start == 1, following, NONE))

    def posts(self, user: int) -> np.ndarray:
        """The posts of the user at place `user`, in canonical order."""
        return self.rows[self.start[user] : self.stop[user]]

    def closed_to(self, post: int) -> np.ndarray:
        """[K] bool, the users with no post besides the query `post` itself."""
        return (self.start == self.stop) | (self.only == post)


def _posts_of_alike(
    queries: Posts, user_words: UserWords, owned: _Owned, own: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of each query the user with most common words, [Q] places or -1, and a post of theirs [Q]."""
    users, answers = np.full(len(own), -1), np.full(len(own), NONE)
    for place, overlap in enumerate(_overlaps(queries, user_words)):
        # Nothing but seed and row decides, whatever the other queries are.
        random = np.random.default_rng([seed, queries.rows[place]])
        draw = random.random(len(overlap))
        overlap[owned.closed_to(own[place])] = -1
        most = overlap.max(initial=-1)
        if most < 0:
            continue
        # A query user with training posts is a training user too, and never less alike than others.
        draw[user_words.user == queries.subset.user[queries.rows[place]]] = 1
        users[place] = np.argmax(np.where(overlap == most, draw, -1))
        posts = owned.posts(users[place])
        answers[place] = random.choice(posts[posts != own[place]])
    return users, answers


def _overlaps(queries: Posts, user_words: UserWords) -> Iterator[np.ndarray]:
    """Yields of each query how many words it shares with each user: [K]."""
    size = 1 + int(user_words.ids.max(initial=0))
    known = _sets(user_words.ids, size).T
    step = max(1, _BLOCK // max(1, len(user_words.user)))
    for start in range(0, len(queries.rows), step):
        rows = queries.rows[start : start + step]
        ids = queries.subset.context_ids[rows, : queries.user_words]
        yield from (_sets(ids, size) @ known).toarray()


def _sets(ids: np.ndarray, size: int) -> csr_array:
    """Sets of words, 0 padded [N, W], as rows of zeros and ones [N, size]; others are left out."""
    row, column = np.nonzero((ids > 0) & (ids < size))
    ones = np.ones(len(row), np.int32)
    sets = csr_array((ones, (row, ids[row, column])), shape=(len(ids), size))
    sets.data[:] = 1  # a word that stands twice in a list is once in its set
    return sets


def _nearest_posts(
    queries: Posts, part: np.ndarray, training: Posts, rows: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Of some queries, [P] places, the posts among `rows` with the nearest image: [P]."""
    return nearest_images(
        queries.features,
        queries.subset.image_row[queries.rows[part]],
        training.features,
        training.subset.image_row[rows],
        rows,
        own[part],
    )


def _answered(answers: np.ndarray, training: Posts) -> np.ndarray:
    """The answers, if every query has one."""
    missing = int((answers == NONE).sum())
    if missing:
        raise UserError(
            f"{missing:,} of {len(answers):,} posts have no other post to be answered by among the "
            f"{len(training.rows):,} usable ones of {training.subset.name}; add training posts, or "
            "finish the features with python -m scripts.extract_features"
        )
    return answers
