"""The search against brute force: near ties, equal images, own posts, and what it holds at once."""

import tracemalloc

import numpy as np
import pytest

from model import nearest_images as module
from model.nearest_images import NONE, Images, nearest_images
from utils.errors import UserError

Q, N, IMAGES, DIM = 13, 57, 31, 7


class Store:
    """Features in memory; remembers how many rows were asked for at a time."""

    def __init__(self, features: np.ndarray):
        self.features, self.asked = features.astype(np.float16)[:, np.newaxis], []

    def gather(self, image_rows: np.ndarray) -> np.ndarray:
        self.asked.append(len(image_rows))
        return self.features[image_rows]


@pytest.fixture(params=[(8192, 1024, 1024), (4, 5, 3), (6, 1, 2)], ids=["whole", "cut", "single"])
def _chunks(monkeypatch, request):
    for name, size in zip(("_QUERIES", "_IMAGES", "_PAIRS"), request.param, strict=True):
        monkeypatch.setattr(module, name, size)


def normal(random, *shape):
    return random.normal(size=shape)


def one_ulp_apart(random, *shape):
    """Around 1,000, where neighbouring float16 are 0.5 apart: every sum below is exact."""
    return 1000 + random.integers(0, 2, shape) / 2


def beyond_products(random, *shape):
    """Around 2^-11 beside one 65,504: distances differ by less than |t|^2 is rounded by."""
    values = random.integers(0, 3, shape) * 2.0**-11
    values[..., 0] = 65504
    return values


def brute_force(queries, features, images, rows, own):
    """For each query, the first of the posts at the smallest distance."""
    answers = []
    for query, mine in zip(queries.features.astype(np.float64), own, strict=True):
        distance = np.square(query - features.features.astype(np.float64)).sum((1, 2))[images]
        distance[rows == mine] = np.inf
        tied = rows[(distance == distance.min()) & (distance < np.inf)]
        answers.append(tied.min(initial=NONE))
    return answers


def make_world(values, seed=0):
    """Queries and posts in any order; many posts share an image, some images are equal."""
    random = np.random.default_rng(seed)
    queries, features = Store(values(random, Q, DIM)), Store(values(random, IMAGES, DIM))
    features.features[:3] = queries.features[:3]
    features.features[9:12] = features.features[20]
    queries.features[7] = features.features[20]
    rows = random.permutation(3 * N)[:N]
    return queries, features, random.integers(0, IMAGES, N), rows


@pytest.mark.usefixtures("_chunks")
@pytest.mark.parametrize("values", [normal, one_ulp_apart, beyond_products])
@pytest.mark.parametrize("seed", range(3))
def test_is_brute_force(values, seed):
    queries, features, images, rows = make_world(values, seed)
    own = np.full(Q, -1)
    found = nearest_images(queries, np.arange(Q), features, images, rows, own)
    assert found.dtype == np.int64
    assert found.tolist() == brute_force(queries, features, images, rows, own)


@pytest.mark.usefixtures("_chunks")
@pytest.mark.parametrize("values", [normal, one_ulp_apart, beyond_products])
@pytest.mark.parametrize("seed", range(3))
def test_no_post_answers_itself(values, seed):
    _, features, images, rows = make_world(values, seed)
    found = nearest_images(features, images, features, images, rows, rows)
    queries = Store(features.features[images][:, 0])
    assert found.tolist() == brute_force(queries, features, images, rows, rows)
    assert (found != rows).all()
    shared = np.array([(images == image).sum() > 1 for image in images])
    assert shared.any() and not shared.all()  # a picture posted twice answers; a single one cannot


@pytest.mark.usefixtures("_chunks")
def test_of_equal_pictures_the_first_post_answers():
    features = Store(np.ones([IMAGES, DIM]))
    rows = np.random.default_rng(1).permutation(IMAGES) + 2
    own = np.arange(Q)  # query 2 is the first post, whose answer is the second
    found = nearest_images(features, np.arange(Q), features, np.arange(IMAGES), rows, own)
    assert found.tolist() == [2, 2, 3] + [2] * (Q - 3)


def test_nothing_left_is_said():
    features = Store(np.ones([2, DIM]))
    own = np.array([5, -1])
    found = nearest_images(features, np.array([0, 1]), features, np.array([1]), np.array([5]), own)
    assert found.tolist() == [NONE, 5]
    nothing = np.empty(0, np.int64)
    found = nearest_images(features, np.arange(2), features, nothing, nothing, own)
    assert found.tolist() == [NONE, NONE]
    two = np.arange(2)
    assert nearest_images(features, nothing, features, two, two, nothing).size == 0


def test_images_are_grouped_by_their_posts():
    found = Images.of(np.array([4, 9, 4, 2, 4]), np.array([31, 7, 12, 5, 20]))
    assert found.image.tolist() == [2, 4, 9]
    assert found.first.tolist() == [5, 12, 7]
    assert found.second.tolist() == [NONE, 20, NONE]


def test_each_image_is_read_once_per_block_of_queries_in_chunks(monkeypatch):
    monkeypatch.setattr(module, "_QUERIES", 6)
    monkeypatch.setattr(module, "_IMAGES", 11)
    queries, features, _, rows = make_world(normal)
    images = np.arange(N) % IMAGES
    nearest_images(queries, np.arange(Q), features, images, rows, np.full(Q, -1))
    assert queries.asked == [6, 6, 1]
    assert features.asked == [11, 11, 9] * 3


def test_large_arrays_are_those_of_a_chunk(monkeypatch):
    """Thousands of equal pictures tie with every query and still are measured a few at a time."""
    sizes = {"_QUERIES": 40, "_IMAGES": 50, "_PAIRS": 60}
    for name, size in sizes.items():
        monkeypatch.setattr(module, name, size)
    width, images = 300, 900
    queries, features = Store(np.ones([90, width])), Store(np.ones([images, width]))
    arguments = (queries, np.arange(90), features, np.arange(images), np.arange(images))
    peak = peak_bytes(lambda: nearest_images(*arguments, np.full(90, -1)))
    chunk = 8 * width * (sizes["_QUERIES"] + sizes["_IMAGES"] + 3 * sizes["_PAIRS"])
    pairs = sizes["_QUERIES"] * sizes["_IMAGES"]
    assert peak < chunk + 120 * pairs + 8 * 4 * images  # a pair: score, indices, answer, sorting
    assert peak < 8 * width * images / 2


def peak_bytes(call) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_features_that_are_no_numbers_are_refused():
    features = Store(np.ones([4, DIM]))
    features.features[2, 0, 3] = np.nan
    with pytest.raises(UserError, match=r"image row 2 .* no finite numbers"):
        nearest_images(
            features, np.array([0]), features, np.arange(4), np.arange(4), np.array([-1])
        )
