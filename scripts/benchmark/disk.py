"""What a training step costs more when its batches come from disk."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from scripts.benchmark.made_up import Sizes
from scripts.benchmark.made_up_root import made_up_root
from scripts.benchmark.rates import seconds_of

if TYPE_CHECKING:
    import tensorflow as tf

# Steps in a row, of each kind: more than the batches that wait, so that reading cannot hide in the
# other kind's steps.
BLOCK, BLOCKS = 4, 3


def ratio_from_disk(
    strategy: "tf.distribute.Strategy",
    sizes: Sizes,
    advance: Callable[[], float],
    step: Callable[[dict], float],
) -> float:
    """Times blocks of steps by turns: from disk over from memory.

    Args:
        strategy: of one device.
        sizes: of the posts.
        advance: one step on a batch in memory.
        step: one step on the given batch.
    """
    from data_loader.pipeline import distribute, epoch_order, open_posts
    from data_loader.view import open_view

    model = sizes.model
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        made_up_root(Path(folder), sizes, sizes.batch_size * (1 + BLOCK * BLOCKS))
        view = open_view(Path(folder))
        posts = open_posts(
            view, "train", model.image_layer, model.context_words, model.word_slots, training=True
        )
        batches = iter(distribute(strategy, posts, epoch_order(posts, 0, 0), sizes.batch_size))
        step(next(batches))  # may trace
        disk, memory = [], []
        for _ in range(BLOCKS):
            memory += [seconds_of(advance) for _ in range(BLOCK)]
            disk += [seconds_of(lambda: step(next(batches))) for _ in range(BLOCK)]
    return median(disk) / median(memory)
