"""A data root with pictures, their features by a small network, and runs that never learnt."""

import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from configuration import Config, DataConfig, TrainConfig
from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.features import open_features
from data_loader.identity import metadata_identity
from data_loader.view import VOCABULARY, open_view
from model import encoders
from model.build import build_captioner
from model.configs import CSMNConfig
from scripts import extract_features
from tests.data_loader.crawls import record, write_crawl
from utils import checkpoint
from utils.files import sha256
from utils.run_folder import RunFolder

USERS, POSTS, BATCH = ("ann", "ben", "eve", "kim"), 6, 3
WORDS = ("boat", "cloud", "hill", "lake", "road", "tree", "wave")
MODEL = CSMNConfig(user_words=8, word_slots=7, word_dim=11, memory_dim=10, channels=6)
IMAGE_DIM = 2048


def tiny_network(recipe, folder=None):
    """Takes the place of `model.encoders.build_network`."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input([224, 224, 3])
    return keras.Model(inputs, keras.layers.Conv2D(IMAGE_DIM, 32, strides=32)(inputs))


def draw(path: Path, number: int) -> None:
    """A picture of random pixels."""
    pixels = np.random.default_rng(number).integers(0, 255, (9 + number, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((90, 70)).save(path)


def make_world(folder: Path) -> Path:
    """Views of both tasks, pictures, and their features by a small network."""
    (folder / "images").mkdir()
    records = []
    for i, user in enumerate(USERS):
        for n in range(POSTS):
            text = f"{WORDS[(n + i) % 7]} and {WORDS[n]} {user}"
            records.append(record(user, f"p{n}", text, hashtags=[user, WORDS[n], "sea"]))
            draw(folder / "images" / f"{user}-p{n}.jpg", POSTS * i + n)
    posts = write_crawl(folder / "posts.jsonl", records)
    for task in ("caption", "hashtag"):
        sizes = {"train_share": 0.6, "test_posts": 5, "min_posts": 3, "split": "posts"}
        options = BuildOptions(
            "crawl", posts, task, folder / "data", language="none", jobs=1, **sizes
        )
        build_view(options, show_progress=False)
    (folder / "weights.h5").write_bytes(b"weights")
    extract(folder)
    return folder


def extract(folder: Path, layer: str = "pool5") -> None:
    """`python -m scripts.extract_features` by the small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "build_network", tiny_network)
        flags = {"--data_dir": "data", "--images": "images", "--weights": "weights.h5"}
        words = [word for flag, name in flags.items() for word in (flag, str(folder / name))]
        words += ["--layer", layer, "--batch_size", str(BATCH)]
        patch.setattr(sys, "argv", ["extract_features", *words])
        extract_features.main()


def make_run(
    world: Path, path: Path, task="caption", precision="float32", model=MODEL, preset="csmn-p5"
) -> SimpleNamespace:
    """A run that was never trained: its path, view, captioner and model settings."""
    data = DataConfig(world / "data", task, "posts", extractor="resnet101")
    view = open_view(world / "data", task, "posts")
    train = TrainConfig(precision=precision)
    config = Config(preset=preset, run_dir=path, data=data, model=model, train=train)
    saved = {**config.to_dict(), "vocabulary_sha256": sha256(view.folder / VOCABULARY)}
    if model.image_layer != "none":
        features = open_features(world / "data", model.image_layer)
        saved["features"] = metadata_identity(features.metadata)
    sizes = {"vocab_size": len(view.vocabulary), "image_dim": IMAGE_DIM}
    captioner = build_captioner(model, **sizes, seed=5, precision=precision)
    with RunFolder.create_or_resume(path, saved):
        weights = captioner.parameters.values()
        checkpoint.save(path, 9, weights, {}, {"sizes": sizes}, best=True)
    return SimpleNamespace(path=path, view=view, captioner=captioner, model=model)
