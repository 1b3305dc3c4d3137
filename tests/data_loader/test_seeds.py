import numpy as np
import pytest

from data_loader.characters import Characters
from data_loader.seeds import Seeds, seed_ids
from utils.errors import UserError


@pytest.mark.parametrize(
    ("hashtag", "form", "text"),
    [
        ("friend", "raw", "friend"),
        ("#New_York ", "raw", "New York"),
        ("#New_York2", "cleaned", "new york"),
    ],
)
def test_a_hashtag_becomes_the_beginning_of_a_text(hashtag, form, text):
    characters = Characters(list("friendNwYok"), form)
    if form == "cleaned":
        characters = Characters(list("newyork "), form)
    elif " " in text:
        characters = Characters(list("NewYork "), form)
    assert characters.decode(seed_ids(hashtag, characters).tolist()) == text


@pytest.mark.parametrize(
    ("hashtag", "form", "message"),
    [
        ("ééa", "raw", "has never seen: é$"),
        ("한국a", "raw", "has never seen: 한 국$"),
        ("#", "raw", "no character that a story could begin with"),
        ("100", "cleaned", "no character that a story could begin with"),
    ],
)
def test_what_no_story_can_begin_with_is_named(hashtag, form, message):
    with pytest.raises(UserError, match=message):
        seed_ids(hashtag, Characters(["a", "b"], form))


def test_each_beginning_comes_several_times_in_batches():
    seeds = Seeds([np.array([5, 6, 7]), np.array([4])], count=3, batch_size=4)
    batches = list(seeds)
    assert [len(batch["row"]) for batch in batches] == [4, 2]
    rows = np.concatenate([batch["row"] for batch in batches])
    prefix = np.concatenate([batch["prefix"] for batch in batches])
    np.testing.assert_array_equal(rows, np.arange(6))
    np.testing.assert_array_equal(prefix, [[5, 6, 7]] * 3 + [[4, 0, 0]] * 3)
    assert {n: spec.shape.as_list()[1:] for n, spec in seeds.element_spec.items()}["prefix"] == [3]
