"""Which posts a step takes, whatever the devices and interruptions, and what is left out."""

import dataclasses
import gc
import shutil
import time
import weakref
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from data_loader.feature_writer import write_features
from data_loader.features import open_features
from data_loader.pipeline import (
    distribute,
    epoch_order,
    make_dataset,
    open_posts,
    replica_part,
    steps_per_epoch,
)
from data_loader.view import open_view, write_view
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from tests.small_world import (
    FAILED_IMAGE,
    IMAGE_DIM,
    IMAGES,
    MOST_WORDS,
    POSTS,
    STORED_WORDS,
    USERS,
    WORDS,
    make_subset,
    make_view,
)
from utils.errors import UserError

BATCH = 7
SIZES = {"user_words": 6, "word_slots": 8}


@pytest.fixture(scope="module")
def view(world):
    return open_view(world)


@pytest.fixture(scope="module")
def posts(view):
    return open_posts(view, "train", **SIZES, training=True)


def context(parts, workers=1, worker=0):
    return tf.distribute.InputContext(workers, worker, parts)


# Which posts


def test_posts_without_features_and_too_long_ones_are_left_out_and_counted(view, posts):
    subset = view.subsets["train"]
    failed = [
        name == f"{FAILED_IMAGE}.jpg" for name in np.array(view.image_names)[subset.image_row]
    ]
    too_long = np.asarray(subset.caption_length) > SIZES["word_slots"] - 1
    assert list(posts.rows) == list(np.flatnonzero(~np.array(failed) & ~too_long))
    assert posts.left_out == {
        "without image features": sum(failed),
        "not of 1 to 7 words": sum(too_long & ~np.array(failed)),
    }
    assert len(posts) < POSTS["train"] and all(posts.left_out.values())


def test_evaluation_keeps_long_posts_and_cuts_what_the_model_reads(view):
    posts = open_posts(view, "test", **SIZES)
    assert posts.left_out == {"without image features": 1}
    row = POSTS["test"] // 2
    batch = posts.gather(np.array([row]))
    assert batch["caption_length"] == 7 and posts.subset.caption_length[row] == MOST_WORDS
    np.testing.assert_array_equal(batch["caption"][0], posts.subset.caption_ids[row, :7])


def test_a_model_without_image_memory_needs_no_features(view):
    posts = open_posts(view, "train", "none", **SIZES, training=True)
    assert posts.features is None and list(posts.left_out) == ["not of 1 to 7 words"]
    assert posts.gather(np.arange(3))["image"].shape == (3, 0, 1)


def test_a_view_without_user_contexts_serves_methods_that_know_no_user(tmp_path, view):
    without = make_subset(6, seed=3) | {
        "context_ids": np.zeros((6, 0), np.int32),
        "context_length": np.zeros(6, np.int32),
    }
    words = Vocabulary([*SPECIAL_WORDS, *WORDS])
    place = (tmp_path / "d", "caption", "shipped", "none")
    write_view(*place, {"train": without}, words, USERS, view.idf)
    opened = open_view(*place)
    batch = open_posts(opened, "train", "none", user_words=0).gather(np.arange(4))
    assert batch["context"].shape == (4, 0) and not batch["context_length"].any()
    with pytest.raises(UserError, match="has no user contexts, and this method reads 5 words"):
        open_posts(opened, "train", "none", user_words=5)


def test_a_batch_has_the_columns_of_its_rows(view, posts):
    rows = posts.rows[[4, 2, 9]]
    batch, subset = posts.gather(rows), posts.subset
    stored = open_features(view.folder.parent, "pool5")
    np.testing.assert_array_equal(batch["image"], stored.gather(subset.image_row[rows]))
    assert batch["image"].shape == (3, 1, IMAGE_DIM) and batch["image"].dtype == np.float32
    np.testing.assert_array_equal(batch["context"], subset.context_ids[rows, :6])
    np.testing.assert_array_equal(
        batch["context_length"], np.minimum(subset.context_length[rows], 6)
    )
    np.testing.assert_array_equal(batch["caption"], subset.caption_ids[rows, :7])
    np.testing.assert_array_equal(batch["caption_length"], subset.caption_length[rows])
    np.testing.assert_array_equal(batch["row"], rows)


def test_captions_narrower_than_the_model_are_padded(view):
    posts = open_posts(view, "train", user_words=6, word_slots=MOST_WORDS + 4, training=True)
    caption = posts.gather(posts.rows[:2])["caption"]
    assert caption.shape == (2, MOST_WORDS + 3) and not caption[:, MOST_WORDS:].any()


def test_more_user_words_than_stored_are_refused(view):
    with pytest.raises(UserError, match=f"stores {STORED_WORDS} words.*--stored_words 11"):
        open_posts(view, "train", user_words=STORED_WORDS + 1)
    assert open_posts(view, "train", user_words=STORED_WORDS).user_words == STORED_WORDS


def test_a_model_without_user_context_gathers_no_words_of_the_user(view):
    batch = open_posts(view, "train", user_words=0).gather(np.arange(3))
    assert batch["context"].shape == (3, 0) and batch["context"].dtype == np.int32
    assert not batch["context_length"].any()


def test_a_missing_subset_lists_those_that_exist(view):
    with pytest.raises(UserError, match="no subset test2; it has train, val, test"):
        open_posts(view, "test2", **SIZES)


def test_nothing_left_says_why(view):
    with pytest.raises(UserError, match=r"all posts are left out \(.* not of 1 to 1 words\)"):
        open_posts(view, "train", user_words=6, word_slots=2, training=True)


# Order


def test_every_post_once_per_epoch(posts):
    for epoch in range(3):
        order = epoch_order(posts, 5, epoch)
        assert sorted(order) == list(posts.rows)


def test_the_order_follows_from_seed_and_epoch(posts):
    orders = {(s, e): tuple(epoch_order(posts, s, e)) for s in range(3) for e in range(3)}
    assert len(set(orders.values())) == len(orders)
    assert orders == {(s, e): tuple(epoch_order(posts, s, e)) for s, e in orders}


def test_the_released_order_shuffles_runs_of_the_length_sorted_posts(posts):
    order = epoch_order(posts, 0, 1, runs_of=5)
    assert sorted(order) == list(posts.rows)
    lengths = np.asarray(posts.subset.caption_length)
    by_length = posts.rows[np.argsort(lengths[posts.rows], kind="stable")]
    whole = len(posts) // 5 * 5
    runs = {tuple(run) for run in by_length[:whole].reshape(-1, 5)}
    assert {tuple(run) for run in order[:whole].reshape(-1, 5)} == runs
    assert list(order[whole:]) == list(by_length[whole:])  # the short run stays last
    assert list(order) != list(by_length)
    assert list(order) != list(epoch_order(posts, 0, 2, runs_of=5))


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
@pytest.mark.parametrize("posts", [0, 1, 6, 7, 8, 37])
def test_parts_tile_each_step_evenly(posts, parts):
    order = np.random.default_rng(posts).permutation(posts)
    seen = []
    for step in range(steps_per_epoch(posts, BATCH)):
        bounds = [replica_part(posts, BATCH, step, part, parts) for part in range(parts)]
        sizes = [end - start for start, end in bounds]
        assert max(sizes) - min(sizes) <= 1
        joined = np.concatenate([order[start:end] for start, end in bounds])
        np.testing.assert_array_equal(joined, order[step * BATCH : (step + 1) * BATCH])
        seen.extend(joined)
    assert seen == list(order)


# Through tf.data


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
@pytest.mark.parametrize("first_step", [0, 2, 5, 6])
def test_data_sets_give_the_same_steps_on_any_number_of_devices(posts, parts, first_step):
    order = epoch_order(posts, 3, 0)
    data = make_dataset(posts, order, BATCH, first_step, context(parts))
    rows = [list(element["row"].numpy()) for element in data]
    steps = steps_per_epoch(len(order), BATCH)
    assert len(rows) == (steps - first_step) * parts  # empty parts too: replicas stay in step
    for step in range(first_step, steps):
        own = rows[(step - first_step) * parts : (step - first_step + 1) * parts]
        assert list(chain(*own)) == list(order[step * BATCH : (step + 1) * BATCH])


def test_workers_share_each_step(posts):
    """Two workers with two replicas each read what one worker with four reads."""
    order = epoch_order(posts, 3, 0)
    whole = [list(e["row"].numpy()) for e in make_dataset(posts, order, BATCH, 1, context(4))]
    for worker in range(2):
        data = make_dataset(posts, order, BATCH, 1, context(4, workers=2, worker=worker))
        own = [list(element["row"].numpy()) for element in data]
        expected = [part for i, part in enumerate(whole) if i % 4 // 2 == worker]
        assert own == expected


def test_a_strategy_gets_whole_steps_in_order(posts):
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    order = epoch_order(posts, 3, 0)
    batches = distribute(strategy, posts, order, BATCH, 3)
    rows = [row for batch in batches for row in batch["row"].numpy()]
    assert rows == list(order[3 * BATCH :])
    expected = posts.gather(order[:2])
    for name, spec in batches.element_spec.items():
        assert spec.dtype == expected[name].dtype
        assert spec.shape.as_list() == [None, *expected[name].shape[1:]]


def test_every_feature_arrives_as_it_is_stored(tmp_path):
    """Widening is TensorFlow's: subnormal numbers, infinities and signs of zero too."""
    dim = -(-(2**16) // IMAGES)
    stored = np.resize(np.arange(2**16, dtype=np.uint16), (IMAGES, 1, dim)).view(np.float16)
    make_view(tmp_path)
    write_features(tmp_path, "all-pool5", stored)
    posts = open_posts(open_view(tmp_path), "train", **SIZES)
    assert set(posts.subset.image_row) == set(range(IMAGES))
    for batch in make_dataset(posts, posts.rows, BATCH):
        image, expected = batch["image"].numpy(), posts.gather(batch["row"].numpy())["image"]
        assert image.dtype == expected.dtype == np.float32
        np.testing.assert_array_equal(image, expected)
        np.testing.assert_array_equal(np.signbit(image), np.signbit(expected))


def test_few_batches_wait(posts):
    """One of res5c has 40 MB: two that are being read, one that waits, and nobody adds to them."""
    posts, asked = dataclasses.replace(posts), []
    reader = posts.reader
    read = reader.read
    reader.read = lambda rows: asked.append(len(rows)) or read(rows)
    data = make_dataset(posts, posts.rows, 2)
    assert not data.options().autotune.enabled
    batches = iter(data)
    next(batches)
    time.sleep(0.3)
    assert 2 <= len(asked) <= 4 and set(asked) == {2}


@pytest.mark.parametrize(
    ("devices", "replicas", "plain"),
    [
        (["/replica:0/task:0/device:CPU:0"], 1, True),
        (["/replica:0/task:0/device:GPU:0"], 1, False),
        (["/device:CPU:0", "/device:CPU:1"], 2, False),
        (["/job:worker/replica:0/task:1/device:CPU:0"], 2, False),
    ],
)
def test_only_one_cpu_reads_without_a_queue_for_each_device(posts, devices, replicas, plain):
    made = []
    strategy = SimpleNamespace(
        num_replicas_in_sync=replicas,
        extended=SimpleNamespace(worker_devices=devices),
        distribute_datasets_from_function=lambda make: made.append(make(context(2))) or made[0],
    )
    batches = distribute(strategy, posts, posts.rows, BATCH)
    assert len(made) == (not plain)
    assert [row for batch in batches for row in batch["row"].numpy()] == list(posts.rows)


def test_a_damaged_row_reaches_the_reader_as_one_line(world, tmp_path):
    root = shutil.copytree(world, tmp_path / "data")
    path = root / "features/toy-pool5.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    posts = open_posts(open_view(root), "train", **SIZES)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    with pytest.raises(UserError, match="image row 22 is damaged"):
        list(distribute(strategy, posts, posts.rows, BATCH))


def test_an_epochs_order_is_not_kept_after_it(posts):
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    order = epoch_order(posts, 0, 0)
    reference = weakref.ref(order)
    for _ in distribute(strategy, posts, order, BATCH):
        pass
    del order, _
    gc.collect()
    assert reference() is None


def test_the_fingerprint_tells_other_posts(view, posts, tmp_path):
    assert posts.fingerprint() == open_posts(view, "train", **SIZES, training=True).fingerprint()
    fewer = dataclasses.replace(posts, rows=posts.rows[1:])
    moved = dataclasses.replace(posts, rows=posts.rows[::-1])
    make_view(tmp_path, train=POSTS["train"] + 1)
    other = open_posts(open_view(tmp_path), "train", "none", **SIZES, training=True)
    found = {p.fingerprint() for p in (posts, fewer, moved, other)}
    assert len(found) == 4
