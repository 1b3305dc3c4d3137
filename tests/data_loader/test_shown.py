"""Posts and stories that a run shows: fixed ones, with their texts, pictures and shares."""

import numpy as np
import pytest
from PIL import Image

from data_loader.corpus import CorpusOptions, build_corpus, open_corpus
from data_loader.pipeline import open_posts
from data_loader.shown import LARGEST, ShownPosts, ShownStories, Sight, image_maps, shrunk
from data_loader.view import open_view
from data_loader.vocabulary import EOS
from tests.small_world import IMAGES, USERS

SIGHT = Sight(lambda height, width: (width / 4, 0.0, height, height))


@pytest.fixture(scope="module")
def view(world):
    return open_view(world, "caption", "users", "others")


@pytest.fixture(scope="module")
def posts(view):
    return open_posts(view, "val", "pool5", 6, 8)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(IMAGES):
        Image.new("RGB", (60, 30), (number, 2, 3)).save(folder / f"{number}.png")
        (folder / f"{number}.png").rename(folder / f"{number}.jpg")
    return folder


def test_the_same_posts_of_different_users(view, posts):
    one, other = ShownPosts(view, posts, 3), ShownPosts(view, posts, 3)
    np.testing.assert_array_equal(one.batch["row"], other.batch["row"])
    users = view.subsets["val"].user[one.batch["row"]]
    assert len(set(users.tolist())) == min(3, len(USERS))
    assert len(ShownPosts(view, posts, 100).batch["row"]) == len(posts)


def test_a_sample_has_texts_words_picture_maps_and_shares(view, posts, pictures):
    shown = ShownPosts(view, posts, 2, pictures, SIGHT)
    ids = np.array([[4, 5, EOS, 0], [6, 0, 0, 0]], np.int32)
    random = np.random.default_rng(0)
    attention = {"image": random.random([2, 4, 4]), "user": random.random([2, 4, 6])}
    first, second = shown.samples(ids, attention)
    row = int(shown.batch["row"][0])
    told = view.describe(view.subsets["val"], row)
    assert (first.id, first.truth) == (told["id"], told["references"][0])
    words = view.vocabulary.words
    assert first.prediction == f"{words[4]} {words[5]}" and second.prediction == words[6]
    assert list(first.words) == [words[4], words[5], "EOS"] and list(second.words) == [words[6]]
    assert first.picture.shape == (30, 60, 3)
    assert first.picture[0, 0, 0] == int(told["image"].split(".")[0])
    assert tuple(first.window) == (15.0, 0.0, 30.0, 30.0)
    np.testing.assert_allclose(first.maps, attention["image"][0, :3].reshape(3, 2, 2), rtol=1e-6)
    image, user = first.blocks
    np.testing.assert_allclose(image.weights[:, 0], attention["image"][0, :3].sum(1))
    assert user.labels == posts.context_words(view.vocabulary, row)


def test_a_mirrored_picture_has_mirrored_maps(view, posts, pictures):
    sight = SIGHT._replace(mirrored=lambda name: True)
    shown = ShownPosts(view, posts, 1, pictures, sight)
    weights = np.arange(8.0).reshape(1, 2, 4)
    (sample,) = shown.samples(np.array([[4, EOS]], np.int32), {"image": weights})
    np.testing.assert_array_equal(sample.maps[0], [[1, 0], [3, 2]])
    assert sample.blocks == []  # the picture's shares alone say nothing that its maps do not


def test_what_cannot_be_shown_has_a_reason(view, posts, pictures, tmp_path):
    shown = ShownPosts(view, posts, 2, tmp_path, SIGHT)
    assert list(shown.missing.values()) == ["missing", "missing"]
    assert [s.picture for s in shown.samples(np.array([[4], [EOS]], np.int32), {})] == [None, None]


def test_maps_are_of_squares_of_cells():
    assert image_maps({}, 2) is None
    assert image_maps({"image": np.ones([5, 1])}, 2) is None
    assert image_maps({"image": np.ones([5, 26])}, 2) is None
    assert image_maps({"image": np.ones([5, 9])}, 2).shape == (2, 3, 3)


def test_large_pictures_are_shrunk_with_their_window():
    small = shrunk(np.zeros([1000, 2 * LARGEST, 3], np.uint8), SIGHT.window)
    assert small.pixels.shape == (500, LARGEST, 3)
    assert tuple(small.window) == (LARGEST / 4, 0, 500, 500)


def test_stories_go_on_from_their_beginnings(tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text("abc"[number % 3 :] * (10 + 40 * number))
    out = tmp_path / "corpus"
    build_corpus(CorpusOptions(tmp_path, out, min_count=1, val_share=0.4, test_share=0.2))
    corpus = open_corpus(out)
    shown = ShownStories(corpus, "val", 4)
    text = corpus.subsets["val"]
    stories = len(text.starts) - 1
    assert len(shown.batch["row"]) == min(4, stories) > 1
    ids = np.full([stories, 200], EOS, np.int32)
    ids[:, :100] = corpus.vocabulary.encode("a")[0]
    for place, sample in enumerate(shown.samples(ids, {})):
        story = corpus.vocabulary.decode(text.story(place).tolist())
        given = min(60, len(story) // 2)
        assert sample.truth == f"{story[:given]} ‖ {story[given : given + 300]}"
        assert sample.prediction == f"{'a' * given} ‖ {'a' * (100 - given)}"
        beginning = shown.batch["prefix"][place]
        assert corpus.vocabulary.decode(beginning[beginning > 0].tolist()) == story[:given]
