"""What a run is trained on, in few digits: it must find the same when it resumes."""

import hashlib
from collections.abc import Mapping

import numpy as np

from data_loader.features import NOT_COMPARED
from data_loader.pipeline import Posts
from data_loader.windows import Windows
from utils.files import sha256_of_json

_ROWS = 65536  # hashed at a time, so that memory does not grow with the data


def features_identity(posts: Posts) -> str | None:
    """Which network and preprocessing made the image features; None for a model without images."""
    return None if posts.features is None else metadata_identity(posts.features.metadata)


def metadata_identity(metadata: Mapping) -> str:
    """`features_identity` of what is stored beside features."""
    described = {k: v for k, v in metadata.items() if k not in NOT_COMPARED}
    return sha256_of_json(described)[:16]


def training_identity(training: Posts | Windows) -> dict[str, int | str]:
    """Which posts, or which text."""
    return training.identity() if isinstance(training, Windows) else posts_identity(training)


def posts_identity(posts: Posts) -> dict[str, int | str]:
    """Which posts, what they say, and which words their users bring (those that a model sees)."""
    subset, words = posts.subset, posts.user_words
    return {
        "number": len(posts),
        "fingerprint": posts.fingerprint(),
        "captions": _hash_rows(subset.caption_ids, posts.rows, posts.caption_width),
        "contexts": _hash_rows(subset.context_ids, posts.rows, words),
    }


def _hash_rows(column: np.ndarray, rows: np.ndarray, width: int) -> str:
    """Of a zero-padded column [N, any width] int32: zeros at the end change nothing."""
    digest = hashlib.sha256()
    for start in range(0, len(rows), _ROWS):
        part = column[rows[start : start + _ROWS]][:, :width]
        missing = width - part.shape[1]
        digest.update(np.pad(part, [(0, 0), (0, missing)]).astype("<i4").tobytes())
    return digest.hexdigest()[:16]
