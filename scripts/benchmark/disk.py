"""What a training step costs more when its batches come from disk, through the page cache."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scripts.benchmark.made_up import Sizes
from scripts.benchmark.made_up_root import made_up_root
from scripts.benchmark.rates import seconds_of

if TYPE_CHECKING:
    import tensorflow as tf

# Steps in a row, of each kind. The first ones of a block do not count: batches that were read
# during the other kind's block wait for them, or reading ahead still goes on beside them.
BLOCK, DROPPED, BLOCKS = 8, 4, 3


def ratio_from_disk(
    strategy: "tf.distribute.Strategy", sizes: Sizes, step: Callable[[dict], float]
) -> float:
    """Times blocks of steps by turns: batches from the page cache over the same ones in memory.

    All blocks have the same `BLOCK` batches in the same order, so that their work is the same.

    Args:
        strategy: of one device.
        sizes: of the posts.
        step: one step on the given batch; returns when it is done.
    """
    from data_loader.pipeline import distribute, epoch_order, open_posts
    from data_loader.view import open_view

    model, disk, memory = sizes.model, [], []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        view = open_view(made_up_root(Path(folder), sizes, sizes.batch_size * BLOCK))
        posts = open_posts(
            view, "train", model.image_layer, model.context_words, model.word_slots, training=True
        )
        order = np.tile(epoch_order(posts, 0, 0), 1 + BLOCKS)
        batches = iter(distribute(strategy, posts, order, sizes.batch_size))
        held = list(islice(batches, BLOCK))
        for _ in range(BLOCKS):
            memory.append(_seconds(step, iter(held)))
            disk.append(_seconds(step, batches))
    return sum(disk) / sum(memory)


def _seconds(step: Callable[[dict], float], batches: Iterator[dict]) -> float:
    """One block: what its counted steps take, each with the wait for its batch."""
    return sum([seconds_of(lambda: step(next(batches))) for _ in range(BLOCK)][DROPPED:])
