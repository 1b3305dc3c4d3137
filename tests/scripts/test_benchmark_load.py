"""The benchmark of loading: a made-up root that is a real one, read through the real path."""

import json

import numpy as np
import pytest

from data_loader.pipeline import open_posts
from data_loader.view import open_view
from model.configs import IMAGE_SLOTS
from scripts.benchmark import load
from scripts.benchmark.made_up import choose_sizes
from scripts.benchmark.made_up_root import DISTINCT_POSTS, made_up_root
from utils.errors import UserError


@pytest.mark.parametrize("layer", ["pool5", "res5c"])
def test_everything_is_measured_and_nothing_stays(tmp_path, layer):
    options = load.Load(
        layer=layer, posts=23, images=7, batch_size=5, epochs=2, folder=tmp_path, json=None
    )
    options.check()
    numbers = load.measure(options)
    assert not list(tmp_path.iterdir())
    assert (numbers["posts"], numbers["images"]) == (23, 7)
    rows = IMAGE_SLOTS[layer] * 2048 * 2 / 1e9  # GB
    assert numbers["gather_gb_per_second"] == pytest.approx(numbers["posts_per_second"] * rows)
    rates = ("posts_per_second_first_epoch", "open_seconds", "memcpy_gb_per_second")
    assert all(numbers[name] > 0 for name in rates)
    assert json.dumps(numbers)  # plain numbers, not NumPy's


@pytest.mark.parametrize("images", [None, 7])
def test_a_made_up_root_opens_like_any_other(tmp_path, images):
    sizes = choose_sizes("csmn-p5", "small", 5)
    posts = DISTINCT_POSTS + 13  # the last ones repeat the first
    root = made_up_root(tmp_path, sizes, posts, images)
    model = sizes.model
    made = open_posts(open_view(root), "train", "pool5", model.user_words, model.word_slots, True)
    assert len(made) == posts and not made.left_out
    assert len(made.features) == (images or posts)
    np.testing.assert_array_equal(made.subset.image_row, np.arange(posts) % len(made.features))
    batch = made.gather(np.array([2, DISTINCT_POSTS + 2]))
    for name in ("caption", "context", "caption_length"):
        np.testing.assert_array_equal(*batch[name])
    assert batch["context_length"].tolist() == [model.user_words] * 2


def test_the_first_reading_takes_every_image_once(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(load, "_read", lambda *args: read.append(sorted(args[-1])) or (1.0, 2.0))
    load.measure(load.Load(posts=23, images=7, batch_size=5, epochs=2, folder=tmp_path))
    assert read[1:] == [list(range(7)), list(range(23)), list(range(23))]


@pytest.mark.parametrize("flag", ["posts", "images", "batch_size", "epochs"])
def test_nothing_cannot_be_timed(flag):
    with pytest.raises(UserError, match=f"--{flag} is 0; expected at least 1"):
        load.Load(**{flag: 0}).check()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--folder .*none is not a folder"):
        load.Load(folder=tmp_path / "none").check()
