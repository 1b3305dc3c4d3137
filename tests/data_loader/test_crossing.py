"""Images crossed with users: whose picture, whose words, and never the answer among them."""

import numpy as np
import pytest

from data_loader.crossing import Pairs, choose_rows, cross
from data_loader.pipeline import open_posts
from data_loader.view import open_view
from tests.small_world import make_subset, make_world


@pytest.fixture(scope="module")
def posts(tmp_path_factory):
    view = open_view(make_world(tmp_path_factory.mktemp("world") / "data"))
    return open_posts(view, "test", user_words=6, word_slots=8)


def owner(posts, rows):
    return np.asarray(posts.subset.user)[rows]


def test_a_pair_has_the_image_of_one_and_the_words_of_the_other(posts):
    images, users = posts.rows[[4, 0, 2]], posts.rows[[1, 1, 3]]
    first, second = Pairs(posts, images, users, batch_size=2)
    seen, read = posts.gather(images), posts.gather(users)
    np.testing.assert_array_equal(np.concatenate([first["image"], second["image"]]), seen["image"])
    for name in ("context", "context_length"):
        np.testing.assert_array_equal(np.concatenate([first[name], second[name]]), read[name])
    assert first["row"].tolist() == [0, 1] and second["row"].tolist() == [2]
    spec = Pairs(posts, images, users).element_spec
    assert {name: kind.dtype for name, kind in spec.items()} == {
        n: a.dtype for n, a in first.items()
    }


def test_every_image_meets_every_user_and_its_own(posts):
    images = choose_rows(posts, 3, seed=1, distinct="user")
    image_rows, user_rows = cross(posts, images, 4, seed=5)
    users = owner(posts, user_rows).reshape(3, 4)
    assert image_rows.tolist() == np.repeat(images, 4).tolist()
    assert all(len(set(row)) == 4 and row.tolist() == users[0].tolist() for row in users)
    own = owner(posts, image_rows) == owner(posts, user_rows)
    assert own.sum() == 3
    # The own user reads with the context of the post itself: another post's holds its words.
    assert (user_rows[own] == image_rows[own]).all()
    assert set(user_rows) <= set(posts.rows)


def test_crossing_depends_on_its_seed_alone(posts):
    images = posts.rows[[2, 5]]
    found = [np.stack(cross(posts, images, 3, seed)).tolist() for seed in range(9)]
    assert found[4] == np.stack(cross(posts, images, 3, 4)).tolist()
    assert len({str(one) for one in found}) > 1


def test_users_are_as_many_as_there_are(posts):
    _, user_rows = cross(posts, posts.rows[:1], 99, seed=0)
    assert len(user_rows) == len(set(owner(posts, posts.rows)))


def test_new_users_come_first(posts):
    everybody = len(set(owner(posts, posts.rows)))
    for seed in range(5):
        rows = choose_rows(posts, 99, seed, distinct="user")
        assert sorted(rows) == posts.rows.tolist()
        assert len(set(owner(posts, rows[:everybody]))) == everybody
    assert make_subset(11, 2)["user"].tolist() == np.asarray(posts.subset.user).tolist()
