"""Flickr30k Entities: hand-made files of its layout, whole and broken."""

import numpy as np
import pytest

from tests.entities import annotation, boxed, write_entities
from utils.entities import EntitiesError, Piece, list_entities, parse_sentence, read_entities
from utils.errors import UserError

SENTENCE = (
    "[/EN#7/people Two young men] wash [/EN#9/animals/other a dog] in [/EN#0/notvisual it] .\n"
)
DOG = boxed("9", 11, 21, 30, 60)
BOTH = boxed("7 9", 1, 1, 1, 2)
SCENE = "<object><name>12</name><scene>1</scene><nobndbox>1</nobndbox></object>"


def test_a_caption_in_pieces():
    assert parse_sentence(SENTENCE.strip()) == [
        Piece("Two young men", "7", ("people",)),
        Piece("wash"),
        Piece("a dog", "9", ("animals", "other")),
        Piece("in"),
        Piece("it", "0", ("notvisual",)),
        Piece("."),
    ]
    assert parse_sentence("nothing named") == [Piece("nothing named")]
    assert parse_sentence(" ") == []


@pytest.mark.parametrize(
    "line",
    [
        "[/EN#7/people Two men wash",
        "Two men] wash",
        "[/EN#7/people ] wash",
        "[/EN#x/people Two men] wash",
        "[/EN#7 Two men] wash",
        "[/EN#7/people two [/EN#8/other old] men]",
        "see [sic]",
    ],
)
def test_brackets_that_are_no_phrase(line):
    with pytest.raises(EntitiesError, match="brackets that are no phrase"):
        parse_sentence(line)


def test_boxes_count_from_one_and_include_their_last_pixel(tmp_path):
    """A box from 1 to 1 is the first pixel: it goes from 0 to 1."""
    write_entities(tmp_path, "5", SENTENCE, annotation(50, 70, DOG, BOTH, SCENE))
    found = read_entities(tmp_path, "5")
    assert (found.width, found.height, found.broken) == (50, 70, [])
    assert sorted(found.boxes) == ["7", "9"]
    np.testing.assert_array_equal(found.boxes["7"], [[0, 0, 1, 2]])
    np.testing.assert_array_equal(found.boxes["9"], [[10, 20, 30, 60], [0, 0, 1, 2]])


def test_a_broken_caption_costs_no_other(tmp_path):
    lines = "\ufeffone\r\n\n[/EN#7/people two\n[/EN#9/animals three] four"
    write_entities(tmp_path, "5", lines, annotation(50, 70, DOG))
    found = read_entities(tmp_path, "5")
    assert found.sentences == [
        [Piece("one")],
        [Piece("three", "9", ("animals",)), Piece("four")],
    ]
    assert found.broken == ["line 3: brackets that are no phrase: '[/EN#7/people two'"]


BOMB = '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><annotation>&d;</annotation>'


@pytest.mark.parametrize(
    "sentences, xml, message",
    [
        (None, annotation(50, 70), "5.txt: No such file"),
        ("", annotation(50, 70), r"5.txt has no caption \(empty"),
        ("a ]", annotation(50, 70), r"5.txt has no caption \(line 1: brackets"),
        (b"\xff\xfe\x00", annotation(50, 70), "5.txt is not UTF-8"),
        ("one", None, "5.xml: No such file"),
        ("one", "", "5.xml is no XML"),
        ("one", "<annotation><size>", "5.xml is no XML"),
        ("one", BOMB, "a document type"),
        ("one", BOMB.encode("utf-16"), "a document type"),
        ("one", '<?xml version="1.0" encoding="nobody"?><a/>', "5.xml is no XML"),
        ("one", "<annotation/>", "width is missing"),
        ("one", annotation(0, 70), "a picture of 0 x 70 pixels"),
        ("one", annotation("nan", 70), "width is 'nan'"),
        ("one", annotation("wide", 70), "width is 'wide'"),
    ],
)
def test_broken_files_have_a_reason(tmp_path, sentences, xml, message):
    write_entities(tmp_path, "5", sentences, xml)
    with pytest.raises(EntitiesError, match=message):
        read_entities(tmp_path, "5")


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ("<object><name>9</name><bndbox/></object>", "xmin is missing"),
        (boxed("9 4", 9, 1, 8, 5), "a box from 9, 1 to 8, 5 in a picture of 50 x 70"),
        (boxed("9", 51, 1, 60, 5), "a box from 51, 1 to 60, 5 in"),
    ],
)
def test_a_broken_box_costs_no_other(tmp_path, box, reason):
    write_entities(tmp_path, "5", "one", annotation(50, 70, SCENE, box, DOG))
    found = read_entities(tmp_path, "5")
    assert {chain: edges.tolist() for chain, edges in found.boxes.items()} == {
        "9": [[10, 20, 30, 60]]
    }
    (broken,) = found.broken_boxes
    assert broken.startswith(f"object 2: {reason}")


def test_a_box_is_cut_to_its_picture(tmp_path):
    write_entities(tmp_path, "5", "a", annotation(50, 70, boxed("3", 0, 3, 51, 71)))
    np.testing.assert_array_equal(read_entities(tmp_path, "5").boxes["3"], [[0, 2, 50, 70]])


def test_the_folder_is_listed(tmp_path):
    with pytest.raises(UserError, match=r"no folder .*Sentences: expected"):
        list_entities(tmp_path)
    write_entities(tmp_path, "5", None, None)
    with pytest.raises(UserError, match=r"has no \.txt files"):
        list_entities(tmp_path)
    for name in ("12", "5"):
        write_entities(tmp_path, name, "one", None)
    assert list_entities(tmp_path) == ["12", "5"]
