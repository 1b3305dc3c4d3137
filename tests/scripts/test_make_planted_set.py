"""The planted set: what it writes is where it says, and reads as Flickr30k Entities."""

import json
import sys
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from data_loader.clips import open_clip
from scripts import make_planted_set
from scripts.make_planted_set import CELLS, FRAMES, GREY, PIXELS, THINGS
from utils.entities import list_entities, read_entities
from utils.errors import UserError


def run(out, *more):
    flags = ["--out", str(out), "--train", "5", "--val", "2", "--test", "3", *more]
    with mock.patch.object(sys, "argv", ["make_planted_set", *flags]):
        make_planted_set.main()
    rows = [json.loads(line) for line in (out / "planted.jsonl").open()]
    return rows


def colours_of(pixels):
    """The mean of each cell, [8, 8, 3]."""
    return pixels.reshape(CELLS, PIXELS, CELLS, PIXELS, 3).mean((1, 3))


def assert_seen(colours, things):
    """Each thing has its colour in all of its cells, and everything else is grey."""
    expected = np.full([CELLS, CELLS, 3], GREY)
    for thing in things:
        rows = slice(thing["top"], thing["top"] + thing["height"])
        columns = slice(thing["left"], thing["left"] + thing["width"])
        expected[rows, columns] = THINGS[thing["word"]][0]
    assert np.abs(colours - expected).max() < 12


def test_things_are_where_they_are_said_to_be(tmp_path):
    rows = run(tmp_path / "set")
    assert [row["subset"] for row in rows] == ["train"] * 5 + ["val"] * 2 + ["test"] * 3
    for row in rows:
        pixels = np.asarray(Image.open(tmp_path / "set" / row["file"]), np.float64)
        assert pixels.shape == (128, 128, 3)
        assert_seen(colours_of(pixels), row["things"])
        words = row["caption"].split()
        assert all(thing["word"] in words for thing in row["things"])
    lines = (tmp_path / "set" / "captions.tsv").read_text().splitlines()
    expected = [f"{row['file']}\t{row['caption']}\t{row['subset']}" for row in rows]
    assert lines == expected


def test_boxes_are_those_of_the_words(tmp_path):
    rows = {row["file"].split("/")[1][:-4]: row for row in run(tmp_path / "set")}
    assert list_entities(tmp_path / "set") == sorted(rows)
    for name, row in rows.items():
        found = read_entities(tmp_path / "set", name)
        assert (found.width, found.height, found.broken) == (128, 128, [])
        [pieces] = found.sentences
        assert " ".join(piece.text for piece in pieces) == row["caption"]
        named = {piece.text: piece for piece in pieces if piece.chain}
        for thing in row["things"]:
            piece = named.pop(thing["word"])
            left, top = thing["left"] * PIXELS, thing["top"] * PIXELS
            right, bottom = left + thing["width"] * PIXELS, top + thing["height"] * PIXELS
            assert found.boxes[piece.chain].tolist() == [[left, top, right, bottom]]
            assert piece.kinds == (THINGS[thing["word"]][1],)
        assert not named


def test_a_clip_shows_one_thing_after_the_other(tmp_path):
    for row in run(tmp_path / "set", "--clips"):
        frames = list(open_clip(tmp_path / "set" / row["file"]).frames(None))
        assert len(frames) == FRAMES
        for number, frame in enumerate(frames):
            seen = [t for t in row["things"] if t["frames"][0] <= number < t["frames"][1]]
            assert len(seen) == 1
            middles = frame[PIXELS // 2 :: PIXELS, PIXELS // 2 :: PIXELS].astype(float)
            thing = seen[0]
            row_, column = thing["top"] + 1, thing["left"] + 1
            assert np.abs(middles[row_, column] - THINGS[thing["word"]][0]).max() < 60


def test_a_centre_guess_hits_three_of_ten():
    options = make_planted_set.Options(out=None, train=500, val=1, test=1)
    things = [thing for scene in make_planted_set.plant(options) for thing in scene.things]
    assert np.mean([make_planted_set.in_centre(t) for t in things]) == pytest.approx(0.3, abs=0.04)
    assert {thing.word for thing in things} == set(THINGS)


def test_a_smaller_set_is_part_of_a_larger_one_and_seeds_differ(tmp_path):
    small, large = run(tmp_path / "small"), run(tmp_path / "large", "--train", "9")
    assert [row for row in large if row["subset"] != "train"] == small[5:]
    assert large[:5] == small[:5]
    assert run(tmp_path / "other", "--seed", "1") != small


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not empty: give a new folder"):
        run(tmp_path)
    with pytest.raises(UserError, match="not empty"):
        run(tmp_path / "file")
    with pytest.raises(UserError, match="--train is 0"):
        run(tmp_path / "new", "--train", "0")
    assert not (tmp_path / "new").exists()
