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


class _Best(NamedTuple):
    """The nearest so far of each query: squared distance [Q] float64, post [Q] int64."""

    distance: np.ndarray
    row: np.ndarray

    def improve(self, query: np.ndarray, distance: np.ndarray, row: np.ndarray) -> None:
        """Takes what is nearer, or as near and an earlier post, of P pairs."""
        order = np.lexsort((row, distance, query))
        query, nearest = np.unique(query[order], return_index=True)
        distance, row = distance[order][nearest], row[order][nearest]
        tied = (distance == self.distance[query]) & (row < self.row[query])
        better = tied | (distance < self.distance[query])
        self.distance[query[better]], self.row[query[better]] = distance[better], row[better]


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
    answers = [
        _search(_read(query_features, query_images[part]), own[part], features, found)
        for part in _slices(len(query_images), _QUERIES)
    ]
    return np.concatenate([np.empty(0, np.int64), *answers])


def _search(queries: np.ndarray, own: np.ndarray, features: Features, images: Images) -> np.ndarray:
    """Answers [Q] of queries [Q, D], chunk by chunk of the images."""
    best = _Best(np.full(len(queries), np.inf), np.full(len(queries), NONE))
    # A bar is for data sets, not for the pictures of one user.
    hidden = True if len(images.image) <= _IMAGES else None
    parts = list(_slices(len(images.image), _IMAGES))
    for part in tqdm(parts, desc="nearest images", unit="chunk", leave=False, disable=hidden):
        chunk = Images(*(column[part] for column in images))
        candidates = _read(features, chunk.image)  # [I, D]
        query, place = _screen(queries, candidates, best, _forbidden(chunk, own))
        row = chunk.answers(place, own[query])
        best.improve(query, _distances(queries, candidates, query, place), row)
    return best.row


def _forbidden(images: Images, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (query, image) where the query itself is the only post with the image."""
    order = np.argsort(images.first)
    place = np.searchsorted(images.first, own, sorter=order)
    query = np.flatnonzero(place < len(order))
    place = order[place[query]]
    hit = (images.first[place] == own[query]) & (images.second[place] == NONE)
    return query[hit], place[hit]


def _screen(
    queries: np.ndarray,
    candidates: np.ndarray,
    best: _Best,
    forbidden: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (query, candidate) of which one may be nearer than, or as near as, the best so far.

    The score of a pair, and half its measured distance less |q|^2 / 2, each differ from the true
    value by less than `rounding`, n eps (|q|^2 + |t|^2) where n is the length of the sums. Twice
    for the nearest, twice for what it is compared with: beyond the slack nothing can be nearer.
    """
    squares = np.square(queries).sum(1)  # [Q]
    norms = np.square(candidates).sum(1)  # [I]
    scores = queries @ candidates.T  # [Q, I]
    np.subtract(norms / 2, scores, out=scores)
    scores[forbidden] = np.inf
    terms = queries.shape[1] + 4
    rounding = terms * np.finfo(np.float64).eps * (squares + norms.max())  # [Q]
    limit = np.minimum(scores.min(1), (best.distance - squares) / 2) + 4 * rounding
    return np.nonzero((scores <= limit[:, np.newaxis]) & (scores < np.inf))


def _distances(
    queries: np.ndarray, candidates: np.ndarray, query: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """Squared distances [P] of pairs, from differences."""
    distance = np.empty(len(query))
    for part in _slices(len(query), _PAIRS):
        distance[part] = np.square(queries[query[part]] - candidates[place[part]]).sum(1)
    return distance


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
