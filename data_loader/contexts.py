"""A user's own words: TF-IDF over one document per user, the most characteristic words first.

Weights are those of scikit-learn's `TfidfTransformer` (count times smooth idf). Its l2 norm scales
all words of a user alike, cannot change their order, and is therefore not computed.

Three kinds of document (`mode`):

* `others`: all other posts of the user in the same subset. The post itself is subtracted.
* `previous`: posts of the user strictly earlier than the post.
* `all`: all posts of the user in the subset, *the post itself included*. This is what the released
  scripts do: the answer leaks into the input. Also as released, the unknown word competes for a
  place and is dropped afterwards, so that a list is often one word shorter than asked for, and
  equal weights come in the order that NumPy's quicksort left them in.

A fourth kind, `none`, has no document at all: for data sets without users, and for methods that
take no notice of them.

Otherwise words are ordered by decreasing weight, then by their place in the vocabulary, which means
by count in the training posts and then by the alphabet. The unknown word is never in a context.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from data_loader.view import UNKNOWN_TIME
from data_loader.vocabulary import EOS, PAD, UNK, Vocabulary

MODES = ("others", "previous", "all", "none")

_BLOCK = 4_000_000  # numbers in the largest temporary array: 32 MB in float64


class Posts(NamedTuple):
    """Columns of posts, row by row.

    `caption_ids` [N, W] int32 word ids, 0 padded; `user` [N] int32; `created_at` [N] int64, seconds
    (only `previous` reads it; a post of `UNKNOWN_TIME` is in nobody's past and has none).
    """

    caption_ids: np.ndarray
    user: np.ndarray
    created_at: np.ndarray


def fit_idf(caption_ids: np.ndarray, user: np.ndarray, vocab_size: int) -> np.ndarray:
    """Smooth inverse document frequencies, one document per training user.

    Args:
        caption_ids: [N, W] word ids of the training posts, 0 padded.
        user: [N] the user of each post.
        vocab_size: V.

    Returns:
        [V] float64: ln((1 + users) / (1 + users who write the word)) + 1.
    """
    return idf_of(*count_users_of_words(caption_ids, user, vocab_size))


def count_users_of_words(
    caption_ids: np.ndarray, user: np.ndarray, vocab_size: int
) -> tuple[int, np.ndarray]:
    """How many users there are, and how many write each word [V] int64; as `fit_idf` takes them.

    The counts of parts of the posts add up where no user is in two parts.
    """
    _, document = np.unique(user, return_inverse=True)
    keys = (document[:, None] * np.int64(vocab_size) + caption_ids)[caption_ids != PAD]
    users_of_word = np.bincount(np.unique(keys) % vocab_size, minlength=vocab_size)
    return int(document.max(initial=-1)) + 1, users_of_word


def idf_of(users: int, users_of_word: np.ndarray) -> np.ndarray:
    """Smooth inverse document frequencies [V] float64, from `count_users_of_words`."""
    return np.log((1 + users) / (1 + users_of_word)) + 1


class ContextBuilder:
    """Contexts for histories that are not in a data set, such as a new person's posts.

    Args:
        vocabulary: the view's words.
        idf: [V] float64, from `fit_idf`, stored in the view.
    """

    def __init__(self, vocabulary: Vocabulary, idf: np.ndarray):
        self._vocabulary = vocabulary
        self._idf = np.asarray(idf, np.float64)
        if self._idf.shape != (len(vocabulary),):
            raise ValueError(f"idf has shape {self._idf.shape}, expected ({len(vocabulary)},)")

    def top_words(self, counts: Mapping[str, int], k: int) -> np.ndarray:
        """The at most `k` heaviest words of a document.

        Args:
            counts: word -> occurrences in the person's posts; other words are ignored.
            k: the largest number of words.

        Returns:
            [<= k] int32 word ids in decreasing weight.
        """
        ids = np.array(self._vocabulary.encode(counts), np.int64)
        order = np.argsort(ids)
        document = np.fromiter(counts.values(), np.float64, len(counts))[order]
        context, length = _heaviest(document[None], ids[order], self._idf, k)
        return context[0, : length[0]]


def build_contexts(
    posts: Posts,
    idf: np.ndarray,
    mode: str = "others",
    k: int = 100,
    history: Posts | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The context of every post of a subset.

    Args:
        posts: the subset, N posts.
        idf: [V] float64, from `fit_idf`.
        mode: one of `MODES`, see the head of this file.
        k: words per context.
        history: training posts. A user who has some gets documents made of them alone (under
            `previous`, of the earlier ones among them). `all` ignores them, as the release does.

    Returns:
        context_ids [N, k] int32, 0 padded ([N, 0] under `none`), and context_length [N] int32.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, expected one of {', '.join(MODES)}")
    if mode == "none":
        return np.zeros((len(posts.user), 0), np.int32), np.zeros(len(posts.user), np.int32)
    context_ids = np.zeros((len(posts.user), k), np.int32)
    context_length = np.zeros(len(posts.user), np.int32)
    history_rows = {} if history is None or mode == "all" else dict(_rows_by_user(history.user))
    for user, rows in _rows_by_user(posts.user):
        mine = Posts(*(column[rows] for column in posts))
        if user in history_rows:
            past = Posts(*(column[history_rows[user]] for column in history))
            parts = _from_history(mine, past, idf, mode, k)
        else:
            parts = _from_subset(mine, idf, mode, k)
        for start, ids, length in parts:
            part = rows[start : start + len(ids)]
            context_ids[part], context_length[part] = ids, length
    return context_ids, context_length


def _rows_by_user(user: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yields each user with the numbers of that user's rows, ascending."""
    order = np.argsort(user, kind="stable")
    users, starts = np.unique(user[order], return_index=True)
    stops = [*starts[1:], len(user)]
    for number, start, stop in zip(users.tolist(), starts, stops[: len(starts)], strict=True):
        yield number, order[start:stop]


def _from_subset(posts: Posts, idf: np.ndarray, mode: str, k: int):
    """Contexts of one user's posts from the same posts; yields (first row, ids, lengths)."""
    if mode == "all":
        ids, length = _released_context(posts, idf, k)
        yield 0, np.repeat(ids, len(posts.user), axis=0), np.repeat(length, len(posts.user))
    elif mode == "others":
        yield from _from_others(posts, idf, k)
    else:
        yield from _from_previous(posts, posts, idf, k)


def _from_history(posts: Posts, past: Posts, idf: np.ndarray, mode: str, k: int):
    """Contexts of one user's posts from that user's training posts."""
    if mode == "others":
        ids, length = _heaviest(*_document(past), idf, k)
        yield 0, np.repeat(ids, len(posts.user), axis=0), np.repeat(length, len(posts.user))
    else:
        yield from _from_previous(posts, past, idf, k)


def _document(posts: Posts) -> tuple[np.ndarray, np.ndarray]:
    """All posts as one document: counts [1, W], and the word ids [W] ascending, `UNK` included."""
    words, counts = np.unique(posts.caption_ids[posts.caption_ids > EOS], return_counts=True)
    return counts[None].astype(np.float64), words


def _released_context(posts: Posts, idf: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k heaviest words as the released scripts found them, without the unknown word.

    They sorted a row of the whole vocabulary with NumPy's quicksort, which leaves equal weights in
    an order of its own, and thereby chose which of many equal words still fit. For float64 that
    order now depends on the processor; the long double loop is still the old quicksort.
    """
    counts, words = _document(posts)
    negative = np.zeros(len(idf), np.longdouble)
    negative[words] = -counts[0] * idf[words]
    order = np.argsort(negative, kind="quicksort")[:k]
    ids = order[(negative[order] < 0) & (order != UNK)].astype(np.int32)
    return np.pad(ids, (0, k - len(ids)))[None], np.array([len(ids)], np.int32)


def _from_others(posts: Posts, idf: np.ndarray, k: int):
    """Leave one out: the document of a post is the user's document less that post.

    Taking a post away makes its own words lighter and leaves the rest alone. A word behind k + W
    others of the whole document therefore cannot come among the first k, and is left out at once.
    """
    counts, words = _document(posts)
    candidates, length = _heaviest(counts, words, idf, k + posts.caption_ids.shape[1])
    columns = np.isin(words, candidates[0, : length[0]], assume_unique=True)
    counts, words = counts[:, columns], words[columns]
    for rows in _blocks(len(posts.user), len(words)):
        own = _count_matrix(posts.caption_ids[rows], words)
        yield rows.start, *_heaviest(counts - own, words, idf, k)


def _from_previous(posts: Posts, past: Posts, idf: np.ndarray, k: int):
    """The document of a post is what the user wrote strictly before it."""
    past = Posts(*(column[past.created_at != UNKNOWN_TIME] for column in past))
    _, words = _document(past)
    times = np.sort(past.created_at)
    in_time = past.caption_ids[np.argsort(past.created_at, kind="stable")]
    order = np.argsort(posts.created_at, kind="stable")
    earlier = np.searchsorted(times, posts.created_at[order], side="left")
    ids = np.zeros((len(order), k), np.int32)
    length = np.zeros(len(order), np.int32)
    written, done = np.zeros((1, len(words))), 0
    for rows in _blocks(len(order), len(words)):
        document = np.empty((rows.stop - rows.start, len(words)))
        for i, stop in enumerate(earlier[rows]):
            if stop > done:
                written = written + _count_matrix(in_time[done:stop], words).sum(0)
                done = stop
            document[i] = written
        ids[order[rows]], length[order[rows]] = _heaviest(document, words, idf, k)
    yield 0, ids, length


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Cuts `rows` so that a block has at most `_BLOCK` numbers."""
    size = max(1, _BLOCK // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


def _count_matrix(caption_ids: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Occurrences [N, W'] of each of `words` (ascending) in each caption; other ids are skipped."""
    row, _ = np.nonzero(caption_ids > EOS)
    ids = caption_ids[caption_ids > EOS]
    column = np.searchsorted(words, ids)
    known = column < len(words)
    known[known] = words[column[known]] == ids[known]
    shape = (len(caption_ids), len(words))
    keys = row[known] * shape[1] + column[known]
    return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape)


def _heaviest(
    counts: np.ndarray, words: np.ndarray, idf: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k words of the largest count * idf in each row; the unknown word is left out.

    Args:
        counts: [N, W] occurrences; words: [W] their ids, ascending, so that a stable sort leaves
            equal weights in the order of the vocabulary.
        idf: [V].
        k: at most so many words.

    Returns:
        ids [N, k] int32, 0 padded; length [N] int32.
    """
    counts, words = counts[:, words != UNK], words[words != UNK]
    weights = counts * idf[words]
    order = np.argsort(-weights, axis=1, kind="stable")[:, :k]
    length = np.minimum((weights > 0).sum(1), k).astype(np.int32)
    ids = np.where(np.arange(order.shape[1]) < length[:, None], words[order], PAD)
    return np.pad(ids, ((0, 0), (0, k - order.shape[1]))).astype(np.int32), length
