"""A data root whose pictures decide their hashtags, with features for the three predictors."""

from functools import partial
from pathlib import Path

import numpy as np

from data_loader.feature_writer import write_features
from data_loader.view import write_view
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary

SCENES = [("sea", "wave"), ("cat", "paw"), ("tea", "cup"), ("red", "rose"), ("fog", "hill")]
ALWAYS = "love"  # in some posts of every scene
TAGS = [ALWAYS, *(tag for scene in SCENES for tag in scene)]
POSTS = {"train": 120, "val": 15, "test": 30}
FEATURE_DIM = 8
LAYERS = {"show-tell-cnn": "pool5", "soft-attention": "mixed10", "alexnet": "rgb227"}
GRID = {"mixed10": 64, "res4": 196}  # cells
SIDE = 227


def make_root(root: Path, layers: tuple[str, ...] = tuple(LAYERS.values())) -> Path:
    """Writes the view `hashtag-shipped-none` and the features of extractor `toy`."""
    random = np.random.default_rng(0)
    scene = {name: random.integers(0, len(SCENES), count) for name, count in POSTS.items()}
    subsets = {name: _subset(name, numbers, random) for name, numbers in scene.items()}
    vocabulary = Vocabulary([*SPECIAL_WORDS, *TAGS])
    idf = np.ones(len(vocabulary))
    write_view(root, "hashtag", "shipped", "none", subsets, vocabulary, ["nobody"], idf)
    scenes = np.concatenate(list(scene.values()))
    for layer in layers:
        make = {"pool5": _pooled, "rgb227": _pixels}.get(layer) or partial(_cells, GRID[layer])
        features = make(scenes, random)
        write_features(root, f"toy-{layer}", features.astype(np.float16))
    return root


def _subset(name: str, scenes: np.ndarray, random: np.random.Generator) -> dict:
    posts = [list(SCENES[scene]) + [ALWAYS] * (random.random() < 0.4) for scene in scenes]
    ids = np.zeros([len(posts), 3], np.int32)
    for row, tags in zip(ids, posts, strict=True):
        row[: len(tags)] = [len(SPECIAL_WORDS) + TAGS.index(tag) for tag in tags]
    names = [f"{name}{row:03}" for row in range(len(posts))]
    return {
        "caption_ids": ids,
        "caption_length": np.array([len(tags) for tags in posts], np.int32),
        "context_ids": np.zeros([len(posts), 0], np.int32),
        "context_length": np.zeros(len(posts), np.int32),
        "user": np.zeros(len(posts), np.int32),
        "created_at": np.arange(len(posts)),
        "post_id": names,
        "reference": [" ".join(tags) for tags in posts],
        "image": [f"{name}.jpg" for name in names],
    }


def _pooled(scenes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return 3 * np.eye(FEATURE_DIM)[scenes][:, np.newaxis] + random.random([len(scenes), 1, 8])


def _cells(count: int, scenes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One of the cells shows the scene."""
    cells = random.random([len(scenes), count, FEATURE_DIM])
    cells[np.arange(len(scenes)), random.integers(0, count, len(scenes)), scenes] += 5
    return cells


def _pixels(scenes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The scene is the picture's colour, under noise in squares."""
    palette = np.array([[30, 60, 200], [200, 140, 60], [90, 160, 40], [220, 30, 60], [150] * 3])
    noise = random.integers(-25, 26, [len(scenes), 12, 12, 3]).repeat(19, 1).repeat(19, 2)
    pixels = palette[scenes][:, np.newaxis, np.newaxis] + noise[:, :SIDE, :SIDE]
    return np.clip(pixels, 0, 255).reshape(len(scenes), SIDE * SIDE, 3)
