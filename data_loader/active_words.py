"""The words that a training user writes most characteristically, by which users are compared."""

from typing import NamedTuple

import numpy as np

from data_loader.contexts import Posts, build_contexts
from data_loader.view import UNKNOWN_TIME, View


class ActiveWords(NamedTuple):
    """Active words of K users.

    Attributes:
        user: [K] int32, rows of `View.users`, ascending.
        ids: [K, W] int32 word ids by decreasing TF-IDF, 0 padded.
        length: [K] int32, words in `ids`.
    """

    user: np.ndarray
    ids: np.ndarray
    length: np.ndarray


def active_words(view: View, k: int = 60) -> ActiveWords:
    """The `k` heaviest words of every user with training posts, from all these posts (section 5.2).

    Weights, ties and the unknown word are those of `data_loader.contexts`. Every training post
    counts, also one that a model leaves out, and the kind of context of the view plays no part.
    """
    train = view.subsets["train"]
    users = np.unique(train.user)
    # To `build_contexts`, a new post of somebody with a history: all of the history is its context.
    new = Posts(np.zeros([len(users), 1], np.int32), users, np.full(len(users), UNKNOWN_TIME))
    written = Posts(train.caption_ids, train.user, train.created_at)
    return ActiveWords(users, *build_contexts(new, view.idf, "others", k, history=written))
