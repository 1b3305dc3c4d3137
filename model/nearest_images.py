"""Exact nearest neighbours among image features that are too many for memory.

Matrix products screen and differences decide. `|t|^2 / 2 - q.t` orders the candidates t of a query
q as their distances do, but for rounding, whose bound is known: what the bound cannot rule out is
measured as `sum((q - t)^2)`. The answer is that of brute force in float64, whatever the order in
which a matrix product adds, and equal pictures are equally far.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

from utils.errors import UserError

NONE = np.iinfo(np.int64).max  # no such row

# At a time; with 2,048 numbers per image, 134 + 17 + 67 MB of float64, and 34 MB of differences.
_QUERIES = 8192
_IMAGES = 1024
_PAIRS = 1024


class Features(Protocol):
    """Image features, such as `data_loader.features.FeatureStore`."""

    def gather(self, image_rows: np.ndarray) -> np.ndarray:
        """[B] image rows to float16 [B, slots, dim]."""


class Images(NamedTuple):
    """Different images, and the posts that show them.

    Attributes:
        image: [I] image rows, ascending, as they lie on the disk.
        first: [I] int64, the first post with this image.
        second: [I] int64, the next one, or `NONE`.
    """

    image: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray, rows: np.ndarray) -> "Images":
        """Groups posts `rows` [N] that show `image` [N]."""
        order = np.lexsort((rows, image))
        image, rows = image[order], rows[order].astype(np.int64)
        starts = np.flatnonzero(np.diff(image, prepend=-1))
        following = np.append(rows, NONE)[starts + 1]
        alone = np.diff(starts, append=len(image)) == 1
        return cls(image[starts], rows[starts], np.where(alone, NONE, following))

    def answers(self, place: np.ndarray, own: np.ndarray) -> np.ndarray:
        """The post that each image `place` [P] gives to a query that is itself post `own` [P]."""
        return np.where(self.first[place] == own, self.second[place], self.first[place])


def nearest_images(
    query_features: Features,
    query_images: np.ndarray,
    features: Features,
    images: np.ndarray,
    rows: np.ndarray,
    own: np.ndarray,
) -> np.ndarray:
    """Finds the post whose image is nearest in l2; exact, in bounded memory.

    Args:
        query_features: has the queries' images.
        query_images: [Q] their image rows.
        features: has the posts' images.
        images: [N] image rows of the posts to search; an image of several posts is read once.
        rows: [N] numbers of these posts, 0 or more.
        own: [Q] the post that a query is itself, which cannot answer it; -1 where it is none.

    Returns:
        [Q] int64, one of `rows` each: the smallest of the nearest. `NONE` where none is left.

    Raises:
        UserError: features that are no finite numbers, or as `gather`.
    """
    found = Images.of(images, rows)
    answers = np.empty(len(query_images), np.int64)
    for part in _slices(len(answers), _QUERIES):
        search = _Search(_read(query_features, query_images[part]), own[part])
        answers[part] = search.through(features, found)
    return answers


class _Search:
    """The nearest so far of some queries.

    Attributes:
        queries: [Q, D] float64; squares: [Q], their squared lengths.
        own: [Q] the post that each of them is, or -1.
        distance: [Q] squared, to the nearest; row: [Q] its post.
    """

    def __init__(self, queries: np.ndarray, own: np.ndarray):
        self.queries, self.own = queries, own
        self.squares = _squared_lengths(queries)
        self.distance = np.full(len(queries), np.inf)
        self.row = np.full(len(queries), NONE)

    def through(self, features: Features, images: Images) -> np.ndarray:
        """Looks at all images, chunk by chunk, and returns the nearest posts [Q]."""
        parts = list(_slices(len(images.image), _IMAGES))
        # A bar is for data sets, not for the pictures of one user.
        hidden = True if len(parts) < 2 else None
        for part in tqdm(parts, desc="nearest images", unit="chunk", leave=False, disable=hidden):
            chunk = Images(*(column[part] for column in images))
            candidates = _read(features, chunk.image)  # [I, D]
            query, place = self._screen(candidates, self._forbidden(chunk))
            distance = self._measure(candidates, query, place)
            self._improve(query, distance, chunk.answers(place, self.own[query]))
        return self.row

    def _forbidden(self, images: Images) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (query, image) where the query itself is the only post with the image."""
        order = np.argsort(images.first)
        place = np.searchsorted(images.first, self.own, sorter=order)
        query = np.flatnonzero(place < len(order))
        place = order[place[query]]
        alone = (images.first[place] == self.own[query]) & (images.second[place] == NONE)
        return query[alone], place[alone]

    def _screen(
        self, candidates: np.ndarray, forbidden: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (query, candidate) that may be nearer than the best so far, or as near.

        The score of a pair, and half its measured distance less |q|^2 / 2, each differ from the
        true value by less than `rounding`: n eps (|q|^2 + |t|^2), n the length of the sums. Twice
        for a candidate, twice for what it is compared with: beyond that nothing can be nearer.
        """
        norms = _squared_lengths(candidates)  # [I]
        scores = self.queries @ candidates.T  # [Q, I]
        np.subtract(norms / 2, scores, out=scores)
        scores[forbidden] = np.inf
        terms = candidates.shape[1] + 4
        rounding = terms * np.finfo(np.float64).eps * (self.squares + norms.max())  # [Q]
        limit = np.minimum(scores.min(1), (self.distance - self.squares) / 2) + 4 * rounding
        return np.nonzero((scores <= limit[:, np.newaxis]) & (scores < np.inf))

    def _measure(self, candidates: np.ndarray, query: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Squared distances [P] of pairs, from differences."""
        distance = np.empty(len(query))
        for part in _slices(len(query), _PAIRS):
            difference = self.queries[query[part]] - candidates[place[part]]
            distance[part] = np.square(difference, out=difference).sum(1)
        return distance

    def _improve(self, query: np.ndarray, distance: np.ndarray, row: np.ndarray) -> None:
        """Takes of P pairs what is nearer, or as near and an earlier post."""
        order = np.lexsort((row, distance, query))
        query, nearest = np.unique(query[order], return_index=True)
        distance, row = distance[order][nearest], row[order][nearest]
        tied = (distance == self.distance[query]) & (row < self.row[query])
        better = tied | (distance < self.distance[query])
        self.distance[query[better]], self.row[query[better]] = distance[better], row[better]


def _squared_lengths(vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", vectors, vectors)


def _read(features: Features, image_rows: np.ndarray) -> np.ndarray:
    """Features [B, D] in float64, in which every float16 is exact."""
    vectors = features.gather(image_rows)
    vectors = vectors.reshape(len(vectors), -1).astype(np.float64)
    finite = np.isfinite(vectors).all(1)
    if not finite.all():
        raise UserError(
            f"image row {image_rows[~finite][0]} has features that are no finite numbers; extract "
            "them again with python -m scripts.extract_features"
        )
    return vectors


def _slices(size: int, step: int) -> Iterator[slice]:
    """Cuts `size` things into slices of at most `step`."""
    for start in range(0, size, step):
        yield slice(start, min(size, start + step))
