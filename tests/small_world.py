"""A data root of a few dozen posts with made-up features, and the flags of a model to match.

Sizes are small and all different, so that a swapped axis shows.
"""

from pathlib import Path

import numpy as np

from data_loader.feature_writer import write_features
from data_loader.view import write_view
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary

WORDS = ["sea", "sun", "cat", "dog", "tea", "joy", "red", "fog", "ice"]
USERS = ["anna", "ben", "cleo", "dora", "emil"]
POSTS = {"train": 40, "val": 7, "test": 11}
IMAGES, IMAGE_DIM = 23, 6
FAILED_IMAGE = 3  # its posts are left out
STORED_WORDS = 10  # context words per user in the view
MOST_WORDS = 9  # longest post in the view; the model below takes at most 7

MODEL = {"user_words": 6, "word_slots": 8, "word_dim": 5, "memory_dim": 12, "channels": 4}
TRAINING = {"num_gpus": 0, "learning_rate": 0.01, "batch_size": 7, "report_every": 4}


def flags(**values: object) -> list[str]:
    """The command line of these settings."""
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def make_world(root: Path) -> Path:
    """Writes both tasks' views and pool5 features."""
    for task in ("caption", "hashtag"):
        make_view(root, task)
    random = np.random.default_rng(7)
    features = random.normal(size=(IMAGES, 1, IMAGE_DIM)).astype(np.float16)
    write_features(root, "toy-pool5", features, failed={FAILED_IMAGE: "broken"})
    return root


def make_view(root: Path, task: str = "caption", words: list[str] = WORDS, **posts: int) -> Path:
    """Writes one view; `posts` changes how many posts a subset has."""
    sizes = POSTS | posts
    subsets = {name: make_subset(size, seed) for seed, (name, size) in enumerate(sizes.items())}
    vocabulary = Vocabulary([*SPECIAL_WORDS, *words])
    idf = np.linspace(1, 2, len(vocabulary))
    return write_view(root, task, "users", "others", subsets, vocabulary, USERS, idf)


def make_subset(posts: int, seed: int) -> dict:
    """Columns of posts in canonical order; every fifth has a word outside the vocabulary."""
    random = np.random.default_rng(seed)
    length = random.integers(2, 8, posts).astype(np.int32)
    length[posts // 2] = MOST_WORDS  # too long for the model
    ids = random.integers(4, 4 + len(WORDS), (posts, MOST_WORDS)).astype(np.int32)
    ids[::5, 0] = 3
    ids[np.arange(MOST_WORDS) >= length[:, np.newaxis]] = 0
    user = np.sort(random.integers(0, len(USERS), posts)).astype(np.int32)
    context = random.integers(4, 4 + len(WORDS), (posts, STORED_WORDS)).astype(np.int32)
    context_length = random.integers(3, STORED_WORDS + 1, posts).astype(np.int32)
    context[np.arange(STORED_WORDS) >= context_length[:, np.newaxis]] = 0
    image = random.integers(0, IMAGES, posts)
    image[0] = FAILED_IMAGE
    return {
        "caption_ids": ids,
        "caption_length": length,
        "context_ids": context,
        "context_length": context_length,
        "user": user,
        "created_at": np.arange(posts, dtype=np.int64),
        "post_id": [f"p{row}" for row in range(posts)],
        "reference": [reference(row) for row in ids],
        "image": image_names(image) if seed else image_names(image, every=True),
    }


def reference(ids: np.ndarray) -> str:
    """The words of a post before the vocabulary: what it does not have is `zebra`."""
    return " ".join("zebra" if i == 3 else WORDS[i - 4] for i in ids if i)


def image_names(rows: np.ndarray, every: bool = False) -> list[str]:
    """File names; `every` image is named at least once, in the order of the feature rows."""
    rows = np.concatenate([np.arange(IMAGES), rows[IMAGES:]]) if every else rows
    return [f"{row}.jpg" for row in rows]
