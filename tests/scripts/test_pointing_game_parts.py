"""Parts of the pointing game by hand: queries, maps of phrases, a whole game with made-up maps."""

import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from scripts.pointing_game.__main__ import read_meteor
from scripts.pointing_game.game import Game, Picture, choose_pictures
from scripts.pointing_game.queries import Language, Phrase, make_query, phrase_maps
from scripts.pointing_game.scores import kinds_of, score
from scripts.pointing_game.tables import reported_grid, write_tables
from tests.entities import annotation, boxed, write_entities
from utils.entities import parse_sentence
from utils.errors import UserError
from utils.metrics.pointing import Played

WORDS = ["a", "dog", "man", "and", "red"]  # ids 4 ...
SENTENCE = (
    "[/EN#1/people A very old man] and [/EN#2/animals/other a red dog] , [/EN#0/notvisual a] "
    "[/EN#3/scene red] [/EN#4/other dog] [/EN#2/animals zebras] and [/EN#2/animals dog dog]"
)


def language(longest=12):
    vocabulary = Vocabulary([*SPECIAL_WORDS, *WORDS])
    return Language(lambda text: text.lower().replace(",", " ").split(), vocabulary, longest)


def ask(text, longest=12):
    skipped = Counter()
    boxes, seen = {"1", "2", "4"}, {"1", "2"}
    return make_query(parse_sentence(text), language(longest), boxes, seen, skipped), skipped


def test_words_know_their_phrase_and_unknown_ones_are_left_out():
    query, skipped = ask(SENTENCE)
    #                          a  man and  a red dog  a red dog and dog dog
    assert query.ids.tolist() == [4, 6, 7, 4, 8, 5, 4, 8, 5, 7, 5, 5]
    assert query.phrases == [
        Phrase("1", ("people",), [0, 1]),
        Phrase("2", ("animals", "other"), [3, 4, 5]),
        Phrase("2", ("animals",), [10, 11]),
    ]
    assert skipped == {"not_visual": 1, "no_box": 1, "not_seen": 1, "unknown": 1}


def test_a_sentence_ends_where_the_model_does():
    query, skipped = ask(SENTENCE, longest=5)
    assert query.ids.tolist() == [4, 6, 7, 4, 8]
    assert [phrase.places for phrase in query.phrases] == [[0, 1], [3, 4]]
    assert skipped["too_long"] == 1


def test_a_phrases_map_is_the_mean_or_the_largest_of_its_words():
    maps = np.array([[0, 4, 1], [2, 0, 1], [9, 9, 9]])
    phrases = [Phrase("1", (), [0, 1]), Phrase("2", (), [2])]
    np.testing.assert_array_equal(phrase_maps(maps, phrases, "mean"), [[1, 2, 1], [9, 9, 9]])
    np.testing.assert_array_equal(phrase_maps(maps, phrases, "max"), [[2, 4, 1], [9, 9, 9]])


def test_means_are_over_phrases_and_a_phrase_counts_in_each_of_its_kinds():
    hit, miss = Played(True, 0.5, 0.2, False), Played(False, 0.1, 0.4, True)
    phrases = [(("other", "people"), hit), (("people",), miss), (("ufo",), miss)]
    numbers = score(phrases)
    assert kinds_of(phrases) == ["people", "other", "ufo"]
    assert numbers["phrases"] == 3 and numbers["phrases_people"] == 2
    assert numbers["hit_rate"] == pytest.approx(1 / 3)
    assert (numbers["hit_rate_people"], numbers["hit_rate_other"]) == (0.5, 1)
    assert numbers["random_hit_rate_people"] == numbers["uniform_correctness_people"]
    assert numbers["random_hit_rate_people"] == pytest.approx(0.3)
    assert numbers["centre_hit_rate"] == pytest.approx(2 / 3)
    assert numbers["correctness_people"] == pytest.approx(0.3)


# ------------------------------------------------------------------ a game of three pictures

CELLS = 4  # 2 x 2


class MadeUpFeatures:
    """Row r says with its number where the maps are to point."""

    def __init__(self):
        self.asked = []

    def gather(self, rows):
        self.asked.append(rows.tolist())
        features = np.zeros([len(rows), CELLS, 3], np.float16)
        features[np.arange(len(rows)), rows % CELLS, 0] = 1
        return features


def point_there(features, pictures, sentences):
    """Each word's map is the first feature of its picture's cells."""
    assert features.dtype == np.float32
    return [
        np.tile(features[p, :, 0], (len(ids), 1))
        for p, ids in zip(pictures, sentences, strict=True)
    ]


def square(height, width):
    """The square in the middle."""
    side = min(height, width)
    return ((width - side) / 2, (height - side) / 2, side, side)


@pytest.fixture
def folder(tmp_path):
    """Two pictures of 200 x 100 pixels, of which 50 to 150 are seen, and broken ones."""
    upper_left, beside = boxed("1", 51, 1, 100, 50), boxed("2", 1, 1, 50, 100)
    xml = annotation(200, 100, boxed("1", 9, 9, 8, 30), upper_left, beside)
    write_entities(tmp_path, "one", "[/EN#1/people a man] and [/EN#2/animals a dog]\n[/EN#1", xml)
    write_entities(tmp_path, "two", "[/EN#1/people a man]\nred [/EN#1/other man]\na dog", xml)
    write_entities(tmp_path, "broken", "a man", "<annotation>")
    write_entities(tmp_path, "nothing", "a man", xml)
    return tmp_path


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_game(folder, batch):
    features = MadeUpFeatures()
    game = Game(features, square, language(), point_there, batch=batch)
    names = {"one": 4, "broken": 1, "two": 7, "nothing": 2}
    outcome = game.run(folder, [Picture(name, row) for name, row in names.items()])
    # Row 4 points to the first cell, where the box is; row 7 to the last. Its mass is not all in
    # the cell, since bicubic maps are smooth.
    assert [(kinds, one.hit) for kinds, one in outcome.phrases] == [
        (("people",), True),
        (("people",), False),
        (("other",), False),
    ]
    assert {one.random for _, one in outcome.phrases} == {0.25}
    assert not any(one.centre for _, one in outcome.phrases)
    hit, miss, _ = (one.correctness for _, one in outcome.phrases)
    assert hit > 0.7 and miss < 0.1
    assert (outcome.pictures, outcome.sentences) == (2, 3)
    assert outcome.skipped == {"not_seen": 1}
    assert outcome.problems.examples == {
        "broken boxes": [
            f"{name}, object 1: a box from 9, 9 to 8, 30 in a picture of 200 x 100"
            for name in ("one", "two", "nothing")
        ],
        "captions with broken brackets": ["one, line 2: brackets that are no phrase: '[/EN#1'"],
        "pictures with broken files": [
            "broken: broken.xml is no XML: no element found: line 1, column 12"
        ],
    }
    assert features.asked == ([[4], [7]] if batch == 1 else [[4, 7]])


def test_pictures_are_taken_once_in_their_order(folder):
    view = SimpleNamespace(image_names=["x/two.jpg", "x/three.jpg", "x/one.jpg", "x/two.jpg"])
    subset = SimpleNamespace(name="test", image_row=np.array([2, 2, 1, 0, 3]))
    posts = SimpleNamespace(subset=subset, rows=np.array([0, 1, 2, 3]))
    assert choose_pictures(view, posts, folder, None) == [Picture("one", 2), Picture("two", 0)]
    assert choose_pictures(view, posts, folder, 1) == [Picture("one", 2)]
    posts.rows = np.array([2])
    with pytest.raises(UserError, match=r"none of the 1 pictures of test \(such as three\) has"):
        choose_pictures(view, posts, folder, None)


def test_tables_show_the_reported_numbers_apart(tmp_path):
    numbers = score([(("scene",), Played(True, 0.5, 0.25, False))])
    text = write_tables(tmp_path, numbers, ["scene"], "saliency-image", ["measured: here"])
    lines = [line.split() for line in text.splitlines()]
    assert ["scene", "1", "1.000", "0.250", "0.000", "0.500", "0.250"] in lines
    assert ["hit", "rate:", "saliency-image", "1.000", "0.501", "medium"] in lines
    assert ["correctness:", "soft", "attention", "-", "0.387", "medium"] in lines
    assert text.index("measured: here") < text.index("reported: Ramanishka")
    assert "not measured by this project" in text
    for ending in ("txt", "md", "tex", "csv"):
        assert "scene" in (tmp_path / f"pointing_game.{ending}").read_text()
    theirs = {row[0]: row[2] for row in reported_grid(numbers, "x").rows}
    assert theirs["hit rate: random point"] == "0.268" and theirs["hit rate: centre"] == "0.492"


@pytest.mark.parametrize(
    ("written", "shown"),
    [(None, "-"), ({"step": 7}, "0.171"), ({"step": 8}, "-"), ({"subset": "val"}, "-")],
)
def test_meteor_stands_beside_the_reported_one_if_eval_has_measured_it(tmp_path, written, shown):
    run = SimpleNamespace(metrics=tmp_path / "metrics.json")
    if written:
        found = {"METEOR": 0.171, "step": 7, "subset": "test", **written}
        run.metrics.write_text(json.dumps(found))
    meteor = read_meteor(run, {"step": 7, "subset": "test"})
    numbers = score([(("scene",), Played(True, 0.5, 0.25, False))]) | meteor
    (row,) = (row for row in reported_grid(numbers, "x").rows if row[0].endswith("by eval: x"))
    assert row[1:] == [shown, "0.183", "low"]
