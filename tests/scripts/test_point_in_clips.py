"""Where words of clips point, by hand; `tests/test_planted_way.py` has the whole way."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from scripts.make_planted_set import PLANTED
from scripts.point_in_clips import Pointed, point, read_planted, table
from utils.errors import UserError

FRAMES, SIDE = 6, 8
BALL = {"word": "ball", "left": 1, "top": 2, "width": 3, "height": 2, "frames": [3, 5]}


def maps(frame, cell):
    """The second word's strongest frame, and the strongest cell (row, column) in it."""
    values = np.zeros([FRAMES, 2, SIDE, SIDE], np.float32)
    values[frame, 1][cell] = 1
    values[:, 0] = 2
    values[0, 1, 7, 7] = 3  # stronger, but in a frame that is not asked about
    frames = np.eye(FRAMES)[:, [0, frame]]
    return SimpleNamespace(words=["a", "ball"], values=values, frame_values=frames)


@pytest.mark.parametrize(
    ("frame", "cell", "time", "place"),
    [
        (3, (2, 1), True, True),
        (4, (3, 3), True, True),
        (4, (3, 4), True, False),
        (3, (4, 3), True, False),
        (5, (2, 1), False, False),
        (2, (2, 1), False, False),
    ],
)
def test_a_word_points_to_its_thing_in_time_and_place(frame, cell, time, place):
    assert point(maps(frame, cell), BALL) == Pointed(time, place, 2 / 6, 2 * 6 / (6 * 64))


def test_the_table_has_both_shares_and_those_of_a_guess():
    text = table({"time": 1.0, "place": 0.97, "random_time": 0.5, "random_place": 0.091})
    assert [line.split()[-2:] for line in text.splitlines()[2:]] == [
        ["1.000", "0.500"],
        ["0.970", "0.091"],
    ]


def test_only_planted_clips_are_taken(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*planted.jsonl .*make_planted_set --clips"):
        read_planted(tmp_path, "test")
    rows = [
        {"file": f"clips/{name}.mp4", "caption": "a ball", "subset": name, "things": [BALL]}
        for name in ("train", "test")
    ]
    write(tmp_path, *map(json.dumps, rows))
    assert read_planted(tmp_path, "test") == rows[1:]
    with pytest.raises(UserError, match="--subset dev has no clips"):
        read_planted(tmp_path, "dev")
    write(tmp_path, json.dumps(rows[0] | {"file": "images/train.png"}))
    with pytest.raises(UserError, match=r"has pictures: .*pointing_game"):
        read_planted(tmp_path, "train")
    for broken in ("{", "[]", '{"subset": "test"}', '"x"'):
        write(tmp_path, broken)
        with pytest.raises(UserError, match="is not as make_planted_set writes it"):
            read_planted(tmp_path, "test")


def write(folder, *lines):
    (folder / PLANTED).write_text("\n".join(lines) + "\n")
