"""From posts on disk to batches: which rows a step takes, and `tf.data` pipelines that gather them.

The order of an epoch is a function of (seed, epoch) alone, and step t takes rows
`order[t * G : (t + 1) * G]`, split evenly over replicas: neither the number of devices nor an
interruption changes which posts share a step. Nothing is dropped; a part may be empty.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data_loader.features import FeatureStore, open_features
from data_loader.view import Subset, View
from data_loader.vocabulary import Vocabulary
from utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Posts:
    """The usable posts of one subset, with their features.

    Attributes:
        subset: columns of all posts, usable or not.
        features: image features, or None for a model without an image memory.
        rows: [N] int64, the usable posts: rows of `subset` in canonical order.
        left_out: reason to number of posts that are not usable.
        user_words: context words per post (U); 0 for a model without user context.
        caption_width: target words per post (L - 1).
    """

    subset: Subset
    features: FeatureStore | None
    rows: np.ndarray
    left_out: dict[str, int]
    user_words: int
    caption_width: int
    unit = "posts"

    def __len__(self) -> int:
        return len(self.rows)

    def fingerprint(self) -> str:
        """Which posts these are, in few digits: `(seed, epoch)` order others differently."""
        digest = hashlib.sha256(self.rows.astype("<i8").tobytes())
        for column in (self.subset.caption_length, self.subset.image_row):
            digest.update(column[self.rows].astype("<i4").tobytes())
        return digest.hexdigest()[:16]

    def gather(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """One batch of the given subset rows [B]; `model/captioner.py` has the schema.

        Longer captions than the model has slots for are cut: only evaluation meets them, and its
        references are texts.
        """
        batch = self.read(rows)
        return {**batch, "image": batch["image"].astype(np.float32)}

    def read(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """As `gather`, with the image features as they are stored, in float16."""
        subset, rows = self.subset, np.asarray(rows)
        caption = np.zeros([len(rows), self.caption_width], np.int32)
        words = subset.caption_ids[rows][:, : self.caption_width]
        caption[:, : words.shape[1]] = words
        return {
            "image": self._images(rows),
            "context": subset.context_ids[rows][:, : self.user_words],
            "context_length": np.minimum(subset.context_length[rows], self.user_words),
            "caption": caption,
            "caption_length": np.minimum(subset.caption_length[rows], self.caption_width),
            "row": rows.astype(np.int32),
        }

    def context_words(self, vocabulary: Vocabulary, row: int) -> list[str]:
        """The user's words that the model reads with a post, best first."""
        length = min(int(self.subset.context_length[row]), self.user_words)
        return [vocabulary.words[i] for i in self.subset.context_ids[row][:length].tolist()]

    @cached_property
    def reader(self) -> "Reader":
        """What `tf.data` calls; one for all data sets of these posts."""
        return Reader(self)

    def order(self, seed: int, epoch: int, runs_of: int | None = None) -> np.ndarray:
        """The order of one epoch; see `epoch_order`."""
        return epoch_order(self, seed, epoch, runs_of)

    def _images(self, rows: np.ndarray) -> np.ndarray:
        if self.features is None:
            return np.zeros([len(rows), 0, 1], np.float16)
        return self.features.gather(self.subset.image_row[rows])


class Reader:
    """`Posts.read` as TensorFlow calls it: rows in, a list of arrays out.

    TensorFlow keeps every Python function that a data set has used as long as the process lives,
    with all that it refers to: a function per epoch would keep the order of each.

    Attributes:
        signature: name to `tf.TensorSpec` of a batch.
        kinds: types of the arrays, in the order of `signature`.
        error: what `read` raised; TensorFlow makes an error of its own from it, with a traceback
            for a message.
    """

    def __init__(self, posts: Posts):
        self.posts = posts
        self.error: Exception | None = None
        self.signature = {name: _spec(a) for name, a in posts.gather(posts.rows[:0]).items()}
        self.kinds = [array.dtype for array in self.read(posts.rows[:0])]

    def read(self, rows: np.ndarray) -> list[np.ndarray]:
        """The batch's arrays in the order of `signature`."""
        try:
            batch = self.posts.read(rows)
        except Exception as error:
            self.error = error
            raise
        # As bits: TensorFlow complains of float16 where the processor has no arithmetic for it.
        return [batch.pop("image").view(np.uint16), *batch.values()]


def open_posts(
    view: View,
    subset: str,
    image_layer: str = "pool5",
    user_words: int = 60,
    word_slots: int = 16,
    training: bool = False,
    extractor: str | None = None,
) -> Posts:
    """Opens a subset for a model, leaving out posts that it cannot use.

    Args:
        view: from `open_view`.
        subset: its name.
        image_layer: of the features, or `none`.
        user_words: U, 0 for a model without user context, whatever the view stores.
        word_slots: L.
        training: leave out captions that do not fit the model's slots, or are empty.
        extractor: see `open_features`.

    Raises:
        UserError: no such subset or features, fewer stored user words than asked for, none at all
            (`--context none`), or no post is left.
    """
    if subset not in view.subsets:
        raise UserError(f"{view.folder} has no subset {subset}; it has {', '.join(view.subsets)}")
    columns = view.subsets[subset]
    stored = columns.context_ids.shape[1]
    if user_words and view.settings["context"] == "none":
        other = ", or build a view with users" if view.has_users else ""
        raise UserError(
            f"{view.folder} has no user contexts, and this method reads {user_words} words of each "
            f"user: take a method that knows no user, such as show-tell{other}"
        )
    if user_words > stored:
        raise UserError(
            f"--user_words {user_words}, but {view.folder} stores {stored} words per user: use "
            f"fewer, or build it again with --stored_words {user_words}"
        )
    features = None
    if image_layer != "none":
        features = open_features(view.folder.parent, image_layer, extractor)
    rows, left_out = _usable(columns, features, word_slots - 1 if training else None)
    if len(columns) and not len(rows):
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise UserError(
            f"{view.folder.name}/{subset}: all posts are left out ({reasons}); finish the features "
            "with python -m scripts.extract_features, or build the view with other filters"
        )
    return Posts(columns, features, rows, left_out, user_words, word_slots - 1)


def _usable(
    subset: Subset, features: FeatureStore | None, longest: int | None
) -> tuple[np.ndarray, dict[str, int]]:
    """Rows that a model can use, and how many are left out for which reason."""
    keep, left_out = np.ones(len(subset), bool), {}
    if features is not None:
        keep = features.usable(subset.image_row)
        left_out["without image features"] = int((~keep).sum())
    if longest is not None:
        length = np.asarray(subset.caption_length)
        fits = (length > 0) & (length <= longest)
        left_out[f"not of 1 to {longest} words"] = int((keep & ~fits).sum())
        keep = keep & fits
    return np.flatnonzero(keep), {reason: n for reason, n in left_out.items() if n}


def epoch_order(posts: Posts, seed: int, epoch: int, runs_of: int | None = None) -> np.ndarray:
    """The order of one epoch: subset rows, shuffled by (seed, epoch).

    Args:
        posts: what to order.
        seed, epoch: decide the order.
        runs_of: the released batches: runs of this many posts of the length-sorted file, shuffled
            as runs. The shorter run at the end stays last, so that steps and runs coincide.
    """
    generator = np.random.default_rng([seed, epoch])
    if runs_of is None:
        return generator.permutation(posts.rows)
    length = np.asarray(posts.subset.caption_length)[posts.rows]
    by_length = posts.rows[np.argsort(length, kind="stable")]
    whole = len(by_length) // runs_of * runs_of
    runs = generator.permutation(by_length[:whole].reshape(-1, runs_of))
    return np.concatenate([runs.reshape(-1), by_length[whole:]])


def steps_per_epoch(posts: int, global_batch: int) -> int:
    """Steps that see every post once; the last may be smaller."""
    return math.ceil(posts / global_batch)


def replica_part(
    posts: int, global_batch: int, step: int, part: int, parts: int
) -> tuple[int, int]:
    """Where one replica's posts of a step begin and end in the epoch's order.

    The parts of a step are even and follow one another; the first ones have one more where it does
    not divide.

    >>> [replica_part(37, 7, 1, part, 3) for part in range(3)]
    [(7, 10), (10, 12), (12, 14)]
    """
    first = step * global_batch
    size, longer = divmod(min(global_batch, posts - first), parts)
    start = first + part * size + min(part, longer)
    return start, start + size + (part < longer)


def make_dataset(
    posts: Posts,
    order: np.ndarray,
    global_batch: int,
    first_step: int = 0,
    context: "tf.distribute.InputContext | None" = None,
) -> "tf.data.Dataset":
    """Batches of the steps from `first_step` on, one element per step and replica of this worker.

    Args:
        posts: where rows are gathered from.
        order: [N] subset rows.
        global_batch: G, posts per step over all replicas.
        first_step: where an interrupted epoch goes on.
        context: of `strategy.distribute_datasets_from_function`; None for a single device.
    """
    import tensorflow as tf

    parts = context.num_replicas_in_sync if context else 1
    own = parts // (context.num_input_pipelines if context else 1)
    offset = own * (context.input_pipeline_id if context else 0)
    bounds = [
        replica_part(len(order), global_batch, step, part, parts)
        for step in range(first_step, steps_per_epoch(len(order), global_batch))
        for part in range(offset, offset + own)
    ]
    reader, order = posts.reader, tf.constant(order, tf.int64)

    def read(bound: tf.Tensor) -> list[tf.Tensor]:
        """Gathers the posts from `bound[0]` to `bound[1]` of the order, features as bits."""
        rows = order[bound[0] : bound[1]]
        # A pure function of the rows: without `stateful=False` every run would seed it anew.
        return tf.numpy_function(reader.read, [rows], reader.kinds, stateful=False)

    def widen(bits: tf.Tensor, *arrays: tf.Tensor) -> dict[str, tf.Tensor]:
        """The batch by name, its features [B, slots, dim] in float32."""
        image = tf.cast(tf.bitcast(bits, tf.float16), tf.float32)
        return {
            name: tf.ensure_shape(array, spec.shape)
            for array, (name, spec) in zip((image, *arrays), reader.signature.items(), strict=True)
        }

    elements = tf.data.Dataset.from_tensor_slices(np.reshape(bounds, [-1, 2]).astype(np.int64))
    # Parallel calls keep their order (deterministic). What waits is narrow: a batch of res5c has
    # 40 MB in float16. TensorFlow widens it six times faster than NumPy does.
    waiting = elements.map(read, num_parallel_calls=2, deterministic=True).prefetch(own)
    options = tf.data.Options()
    options.autotune.enabled = False
    return waiting.map(widen).with_options(options)


class Batches:
    """`make_dataset` for every replica of a strategy; one element is one step.

    Errors of `Posts.read`, such as that of a damaged feature row, arrive as they were raised.

    Attributes:
        element_spec: of one step's batch.
    """

    def __init__(
        self, dataset: "tf.data.Dataset | tf.distribute.DistributedDataset", reader: Reader
    ):
        self._dataset, self._reader = dataset, reader
        self.element_spec = dataset.element_spec

    def __iter__(self) -> Iterator[dict]:
        import tensorflow as tf

        try:
            yield from self._dataset
        except tf.errors.OpError:
            if self._reader.error is None:
                raise
            raise self._reader.error from None


def distribute(
    strategy: "tf.distribute.Strategy",
    posts: Posts,
    order: np.ndarray,
    global_batch: int,
    first_step: int = 0,
) -> Batches:
    """Batches of an epoch for all replicas; see `make_dataset`."""
    if _is_one_cpu(strategy):
        # What would follow, a queue for each device, takes longer than reading a batch.
        return Batches(make_dataset(posts, order, global_batch, first_step), posts.reader)
    dataset = strategy.distribute_datasets_from_function(
        lambda context: make_dataset(posts, order, global_batch, first_step, context)
    )
    return Batches(dataset, posts.reader)


def _is_one_cpu(strategy: "tf.distribute.Strategy") -> bool:
    import tensorflow as tf

    kinds = [tf.DeviceSpec.from_string(d).device_type for d in strategy.extended.worker_devices]
    return strategy.num_replicas_in_sync == 1 and kinds == ["CPU"]


def _spec(array: np.ndarray) -> "tf.TensorSpec":
    import tensorflow as tf

    return tf.TensorSpec([None, *array.shape[1:]], array.dtype)
