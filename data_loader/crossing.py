"""Batches that pair the image of one post with the user of another."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from data_loader.pipeline import Posts

if TYPE_CHECKING:
    import tensorflow as tf


class Pairs:
    """Pairs as batches of `model/captioner.py`'s form; a pair's place among them is its `row`.

    Args:
        posts: where rows are gathered from.
        image_rows: [N] rows of the posts whose images are captioned.
        user_rows: [N] rows of the posts whose context words are the user's; the same row as the
            image's gives the post as it is.
        batch_size: B, the most pairs in a batch.
    """

    def __init__(
        self, posts: Posts, image_rows: np.ndarray, user_rows: np.ndarray, batch_size: int = 100
    ):
        self.posts, self.batch_size = posts, batch_size
        self.image_rows, self.user_rows = np.asarray(image_rows), np.asarray(user_rows)

    def __len__(self) -> int:
        return len(self.image_rows)

    @property
    def element_spec(self) -> "dict[str, tf.TensorSpec]":
        """Shapes and types of a batch, for the graph that reads it."""
        return self.posts.reader.signature

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        for first in range(0, len(self), self.batch_size):
            yield self._batch(np.arange(len(self))[first : first + self.batch_size])

    def _batch(self, pairs: np.ndarray) -> dict[str, np.ndarray]:
        images = self.posts.gather(self.image_rows[pairs])
        users = replace(self.posts, features=None).gather(self.user_rows[pairs])
        words = {name: users[name] for name in ("context", "context_length")}
        return {**images, **words, "row": pairs.astype(np.int32)}


def cross(posts: Posts, images: np.ndarray, users: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Every one of the images with every one of several users, the images' own among them.

    A user's words are those of one of their posts, drawn at random; for their own image, of that
    post: its context is the one that does not contain it.

    Args:
        posts: of one subset.
        images: [K] rows of posts whose images are taken.
        users: M; fewer where the subset has fewer, and never fewer than the images' own.
        seed: draws the other users and the posts.

    Returns:
        image_rows and user_rows, [K * M] each: all users of the first image, then of the second;
        users stand in the same order each time.
    """
    random = np.random.default_rng(seed)
    owner = np.asarray(posts.subset.user)
    own = list(dict.fromkeys(owner[images].tolist()))
    others = np.setdiff1d(owner[posts.rows], own)
    chosen = [*own, *random.permutation(others)[: max(0, users - len(own))].tolist()]
    one_post = [random.choice(posts.rows[owner[posts.rows] == user]) for user in chosen]
    image_rows = np.repeat(images, len(chosen))
    user_rows = np.tile(one_post, len(images))
    return image_rows, np.where(owner[image_rows] == owner[user_rows], image_rows, user_rows)


def choose_rows(posts: Posts, count: int, seed: int, distinct: str | None = None) -> np.ndarray:
    """Draws posts at random.

    Args:
        posts: of one subset.
        count: how many at most.
        seed: the same seed draws the same posts.
        distinct: a column (`user`) of which posts with a new value come first.

    Returns:
        Rows, in the order that they were drawn.
    """
    rows = np.random.default_rng(seed).permutation(posts.rows)
    if distinct:
        _, first = np.unique(getattr(posts.subset, distinct)[rows], return_index=True)
        repeats = ~np.isin(np.arange(len(rows)), first)
        rows = rows[np.argsort(repeats, kind="stable")]
    return rows[:count]
