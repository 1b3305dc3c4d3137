"""Damaged files that we wrote: checkpoints, views, corpora, features are whole or refused."""

import atexit
import json
import random
import shutil
import zlib
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.corpus import CorpusOptions, build_corpus, open_corpus
from data_loader.features import FEATURE_DTYPE, ROW_DTYPE, FeatureStore
from data_loader.view import View, open_view
from scripts.torture.damage import damage, damage_binary
from utils import checkpoint

PLAIN = (".json", ".txt", ".jsonl")
FEATURES = np.arange(12, dtype=FEATURE_DTYPE).reshape(4, 1, 3)
WEIGHTS = {"W_1": np.arange(6, dtype=np.float32).reshape(2, 3), "b/1": np.ones(2, np.float32)}


def damaged_copy(rng: random.Random, good: Path, folder: Path) -> Path:
    """A copy of a folder in which one file is damaged, cut off or gone."""
    copy = folder / good.name
    shutil.copytree(good, copy)
    path = rng.choice(sorted(path for path in copy.rglob("*") if path.is_file()))
    if rng.random() < 0.1:
        path.unlink()
    elif rng.random() < 0.95:
        way = damage if path.suffix in PLAIN else damage_binary
        path.write_bytes(way(rng, path.read_bytes()))
    return copy


def checkpoint_case(rng: random.Random, folder: Path) -> bool:
    """A run's last checkpoint: the weights of one that was saved, bit for bit, or none."""
    run = damaged_copy(rng, _run(), folder)
    found = checkpoint.load(run, rng.choice(("last", "best", 1, 2)))
    for name, value in WEIGHTS.items():
        assert np.array_equal(found.weights[name], value * found.step), name
    assert found.state["epoch"] == found.step
    return True


def view_case(rng: random.Random, folder: Path) -> bool:
    """A view: the posts that were stored, or a word about what is damaged."""
    view = open_view(damaged_copy(rng, crawled_view().folder.parent, folder), "caption", "posts")
    for name, subset in crawled_view().subsets.items():
        there = view.subsets[name]
        assert np.array_equal(there.caption_ids, subset.caption_ids), name
        rows = range(len(subset))
        said = [view.describe(there, row)["references"] for row in rows]
        assert said == [subset.references(row) for row in rows], name
    assert view.users == crawled_view().users
    assert view.vocabulary.words == crawled_view().vocabulary.words
    return True


def corpus_case(rng: random.Random, folder: Path) -> bool:
    """A corpus of stories: the characters that were stored, or a word about the damage."""
    corpus = open_corpus(damaged_copy(rng, _corpus(), folder))
    for name, text in open_corpus(_corpus()).subsets.items():
        assert np.array_equal(corpus.subsets[name].ids, text.ids), name
    return True


def features_case(rng: random.Random, folder: Path) -> bool:
    """Features: each row that is read has the numbers that were written."""
    path = damaged_copy(rng, _features(), folder) / "pixels-rgb227.npy"
    store = FeatureStore(path)
    rows = np.flatnonzero(store.usable(np.arange(len(FEATURES))))
    if len(rows):
        assert np.array_equal(store.gather(rows), FEATURES[rows])
    return True


@cache
def _kept() -> Path:
    """A folder of this process for good examples."""
    folder = Path(mkdtemp(prefix="torture-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _run() -> Path:
    run = _kept() / "run"
    for step in (1, 2):
        weights = {name: value * step for name, value in WEIGHTS.items()}
        checkpoint.save(run, step, weights, {}, {"epoch": step}, best=True)
    return run


@cache
def crawled_view() -> View:
    """A small view of made-up posts."""
    root = _kept() / "root"
    posts = [
        {"user": "anna", "post": n, "image": f"{n}.jpg", "text": f"so sunny at the sea w{n % 5}"}
        for n in range(40)
    ]
    source = _kept() / "posts.jsonl"
    source.write_text("".join(json.dumps(post) + "\n" for post in posts))
    options = BuildOptions(
        "crawl", source, out=root, min_posts=1, test_posts=5, language="none", jobs=1, split="posts"
    )
    build_view(options, show_progress=False)
    return open_view(root, "caption", "posts")


@cache
def _corpus() -> Path:
    texts = _kept() / "texts"
    texts.mkdir()
    for number in range(4):
        (texts / f"{number}.txt").write_text(f"It was {number} o'clock, and the sea was calm.")
    return build_corpus(CorpusOptions(texts, _kept() / "corpus")).folder


@cache
def _features() -> Path:
    folder = _kept() / "features"
    folder.mkdir()
    np.save(folder / "pixels-rgb227.npy", FEATURES, allow_pickle=False)
    rows = np.array([(1, zlib.crc32(row)) for row in FEATURES], ROW_DTYPE)
    np.save(folder / "pixels-rgb227.rows.npy", rows, allow_pickle=False)
    about = {"extractor": "pixels", "layer": "rgb227", "rows": 4, "failed": {}}
    about["images_sha256"] = None
    (folder / "pixels-rgb227.json").write_text(json.dumps(about))
    return folder
