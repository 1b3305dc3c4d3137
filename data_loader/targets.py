"""What is predicted of each post: the vocabulary, the posts whose words it has, and their ids."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from data_loader.filters import Account, Post
from data_loader.vocabulary import UNK, Vocabulary

Split = dict[str, list[Post]]


def count_words(split: Split) -> Counter[str]:
    """Occurrences of each word in the training posts."""
    counter = Counter()
    for post in split["train"]:
        counter.update(post.words.split())
    return counter


def filter_known(
    split: Split, account: Account, vocabulary: Vocabulary, *, min_words: int, max_words: int
) -> Split:
    """Posts with enough words of the vocabulary, and not too many, in every subset.

    The population that is evaluated thereby depends on the vocabulary, as DIYA's does: a post of
    unknown words alone has no target.

    Args:
        split: subset name to posts.
        account: notes what is removed.
        vocabulary: of the training posts.
        min_words, max_words: limits of the number of known words.
    """

    def known(post: Post) -> int:
        return sum(word in vocabulary for word in post.words.split())

    limits = [("without a word of the vocabulary", 1, np.inf)]
    if min_words > 1:
        limits.append((f"with fewer than {min_words} words of the vocabulary", min_words, np.inf))
    limits.append((f"with more than {max_words} words of the vocabulary", 0, max_words))
    for name, low, high in limits:
        kept = {
            subset: [post for post in posts if low <= known(post) <= high]
            for subset, posts in split.items()
        }
        account.apply(name, _all_posts(split), _all_posts(kept))
        split = kept
    return split


def _all_posts(split: Split) -> list[Post]:
    return [post for posts in split.values() for post in posts]


def coverage(
    counter: Counter[str],
    vocabulary: Vocabulary,
    distinct: int | None = None,
    total: int | None = None,
) -> dict:
    """What report.json says of the vocabulary.

    Args:
        counter: occurrences of training words, at least of those of the vocabulary.
        vocabulary: the words that were chosen.
        distinct, total: how many words there are, and occurrences, where the counter lacks some.
    """
    distinct = len(counter) if distinct is None else distinct
    total = counter.total() if total is None else total
    covered = sum(count for word, count in counter.items() if word in vocabulary)
    return {
        "size": len(vocabulary),
        "distinct_training_words": distinct,
        "training_coverage": covered / total if total else 0.0,
    }


def make_columns(
    split: Mapping[str, list[Post]],
    vocabulary: Vocabulary,
    users: list[str],
    width: int,
    known_only: bool = False,
) -> dict[str, dict]:
    """The columns of every subset, less contexts; see `data_loader.view.Subset`.

    Args:
        split: subset name to N posts.
        vocabulary: gives the ids.
        users: all user names, in the order that the column `user` counts in.
        width: word slots per post (W).
        known_only: leave unknown words out of the targets (references keep them): of hashtags,
            nobody wants one that cannot be named, and their order carries no sentence.
    """
    user_rows = {user: row for row, user in enumerate(users)}
    columns = {}
    for name, posts in split.items():
        caption_ids = np.zeros((len(posts), width), np.int32)
        caption_length = np.zeros(len(posts), np.int32)
        for row, post in enumerate(posts):
            ids = vocabulary.encode(post.words.split())
            ids = [i for i in ids if i != UNK][:width] if known_only else ids[:width]
            caption_ids[row, : len(ids)] = ids
            caption_length[row] = len(ids)
        columns[name] = {
            "caption_ids": caption_ids,
            "caption_length": caption_length,
            "user": np.array([user_rows[post.user] for post in posts], np.int32),
            "created_at": np.array([post.created_at for post in posts], np.int64),
            "post_id": [post.post for post in posts],
            "reference": [post.references or post.words for post in posts],
            "image": [post.image for post in posts],
        }
    return columns
