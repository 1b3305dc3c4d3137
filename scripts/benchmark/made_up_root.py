"""A data root of made-up posts on disk: what `load` reads, or what a training step waits for."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from data_loader.feature_writer import FeatureWriter
from data_loader.features import read_image_names
from data_loader.view import write_view
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from model.configs import IMAGE_SLOTS
from scripts.benchmark.made_up import FIRST_WORD, Sizes, image_dim, make_posts

DISTINCT_POSTS, DISTINCT_IMAGES = 400, 64  # made, and then repeated
POSTS_PER_USER = 100
OTHER_POSTS = 7  # of val and of test


def made_up_root(folder: Path, sizes: Sizes, posts: int, images: int | None = None) -> Path:
    """Writes the view `caption-users-others` and features named `made_up` into an empty folder.

    Args:
        folder: becomes the data root.
        sizes: whose words, widths and image layer the posts have.
        posts: of the subset `train`.
        images: rows of features; post i has image i modulo this. By default one for each post.

    Returns:
        `folder`.

    Raises:
        UserError: the disk is full.
    """
    images = min(posts, images or posts)
    words = [f"word{i}" for i in range(sizes.vocabulary - FIRST_WORD)]
    subsets = {"train": posts, "val": OTHER_POSTS, "test": OTHER_POSTS}
    write_view(
        folder,
        "caption",
        "users",
        "others",
        {name: _columns(sizes, size, images) for name, size in subsets.items()},
        Vocabulary([*SPECIAL_WORDS, *words]),
        [f"user{i}" for i in range(posts // POSTS_PER_USER + 1)],
        np.ones(sizes.vocabulary),
    )
    if IMAGE_SLOTS[sizes.model.image_layer]:
        _write_images(folder, sizes.model.image_layer)
    return folder


def _columns(sizes: Sizes, posts: int, images: int) -> dict:
    """Columns of a subset, as `data_loader.view.Subset` describes them."""
    made = make_posts(replace(sizes, batch_size=min(posts, DISTINCT_POSTS)))
    rows = np.arange(posts)
    repeat = rows % len(made["row"])
    return {
        "caption_ids": made["caption"][repeat],
        "caption_length": made["caption_length"][repeat],
        "context_ids": made["context"][repeat],
        "context_length": made["context_length"][repeat],
        "user": (rows // POSTS_PER_USER).astype(np.int32),
        "created_at": rows,
        "post_id": [str(row) for row in rows],
        "reference": [str(row) for row in rows],
        "image": [f"{row}.jpg" for row in rows % images],
    }


def _write_images(root: Path, layer: str) -> None:
    names, slots = read_image_names(root), IMAGE_SLOTS[layer]
    random = np.random.default_rng(0)
    dim = image_dim(layer)
    made = random.random((DISTINCT_IMAGES, slots, dim), np.float32).astype(np.float16)
    description = {"extractor": "made_up", "layer": layer, "slots": slots, "dim": dim}
    with FeatureWriter(root, description, names) as writer:
        for row in range(len(names)):
            writer.write(row, made[row % DISTINCT_IMAGES])
