"""Times reading batches from disk: posts per second, time to open, memory, beside a plain copy."""

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from scripts.benchmark.made_up import choose_sizes
from scripts.benchmark.made_up_root import made_up_root
from scripts.benchmark.rates import private_memory_gb, seconds_of
from utils.checks import check_range
from utils.devices import make_strategy, quiet_tensorflow
from utils.errors import UserError

if TYPE_CHECKING:
    from data_loader.pipeline import Posts

PRESETS = {"pool5": "csmn-p5", "res5c": "csmn-r5c"}
POSTS = {"pool5": 100_000, "res5c": 20_000}
IMAGES = {"pool5": None, "res5c": 2_000}  # 0.4 GB
MEMORY_EVERY = 20  # steps; asking takes as long as reading a few posts


@dataclass(frozen=True)
class Load:
    """Times reading shuffled batches of made-up posts from the page cache."""

    layer: Literal["pool5", "res5c"] = "pool5"
    """Of the image features."""
    posts: int | None = None
    """How many are written and read; by default 100,000 with pool5 and 20,000 with res5c."""
    images: int | None = None
    """Different images; by default one for each post, but at most 2,000 of res5c."""
    batch_size: int = 200
    """Posts per step."""
    epochs: int = 5
    """Times that all posts are read, after the first time, which compares checksums."""
    folder: Path | None = None
    """Where the data are written for the time being; by default the system's temporary folder."""
    json: Path | None = None
    """Also write the numbers to this file."""

    def check(self) -> None:
        """Refuses what cannot be timed.

        Raises:
            UserError: names the flag.
        """
        for name in ("posts", "images", "batch_size", "epochs"):
            check_range(name, getattr(self, name), 1)
        if self.folder is not None and not self.folder.is_dir():
            raise UserError(f"--folder {self.folder} is not a folder; make it or name another")


def measure(options: Load) -> dict[str, float | int]:
    """Writes a data root, opens it and reads it; numbers by name."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as folder:
        root = _write(Path(folder), options)
        quiet_tensorflow()
        import data_loader.pipeline  # noqa: F401 - its memory is not that of the data

        return _measure(root, options, private_memory_gb())


def _write(folder: Path, options: Load) -> Path:
    """Makes the data root in a process of its own, whose memory does not count."""
    sizes = choose_sizes(PRESETS[options.layer], "paper", options.batch_size)
    posts = options.posts or POSTS[options.layer]
    images = options.images or IMAGES[options.layer]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(made_up_root, folder, sizes, posts, images).result()


def _measure(root: Path, options: Load, bare: float) -> dict[str, float | int]:
    """Opens and reads a root; `bare` is the private memory in GB before that."""
    from data_loader.pipeline import epoch_order

    strategy = make_strategy(0)
    began = time.perf_counter()
    posts = _open(root, options.layer)
    opened = time.perf_counter() - began
    read = partial(_read, strategy, posts, options.batch_size)
    features = np.load(posts.features.path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    order = epoch_order(posts, 0, 0)
    order = order[order < len(features)]  # each image once, so that every checksum is compared
    _warm_up(strategy, root, options, order)
    first, memory = read(order)
    turns = []
    for epoch in range(1, options.epochs + 1):
        seconds, held = read(epoch_order(posts, 0, epoch))
        turns.append((seconds, seconds_of(lambda: _copy(features, options.batch_size))))
        memory = max(memory, held)
    reading, copying = np.median(turns, axis=0)
    return {
        "posts": len(posts),
        "images": len(features),
        "posts_per_second": len(posts) / reading,
        "posts_per_second_first_epoch": len(order) / first,
        "open_seconds": opened,
        "private_memory_gb": memory - bare,
        "gather_gb_per_second": len(posts) * features[0].nbytes / 1e9 / reading,
        "memcpy_gb_per_second": features.nbytes / 1e9 / copying,
    }


def _open(root: Path, layer: str) -> "Posts":
    from data_loader.pipeline import open_posts
    from data_loader.view import open_view

    return open_posts(open_view(root), "train", layer, training=True)


def _warm_up(strategy, root: Path, options: Load, order: np.ndarray) -> None:
    """Lets TensorFlow start, on posts of which nothing is kept."""
    _read(strategy, _open(root, options.layer), options.batch_size, order[: 5 * options.batch_size])


def _read(strategy, posts: "Posts", batch_size: int, order: np.ndarray) -> tuple[float, float]:
    """Takes all batches of an epoch, as training does -> seconds, most private memory in GB."""
    from data_loader.pipeline import distribute

    memory, began = 0.0, time.perf_counter()
    for step, _ in enumerate(distribute(strategy, posts, order, batch_size)):
        if step % MEMORY_EVERY == 0:
            memory = max(memory, private_memory_gb())
    return time.perf_counter() - began, memory


def _copy(features: np.ndarray, batch_size: int) -> None:
    """Copies all features, rows one after the other, in pieces as large as a batch."""
    buffer = np.empty_like(features[:batch_size])
    for start in range(0, len(features), batch_size):
        piece = features[start : start + batch_size]
        np.copyto(buffer[: len(piece)], piece)
