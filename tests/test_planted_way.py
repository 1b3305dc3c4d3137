"""The documents' ways from pictures and clips with planted things to where their words are."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from tests.shared_data import REPOSITORY

WAY = ("make_planted_set", "build_dataset", "extract_features", "train")


def commands_about(folder):
    """The arguments of the README's and docs/saliency.md's commands, in their order."""
    pages = [REPOSITORY / "README.md", REPOSITORY / "docs/saliency.md"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages).replace("\\\n", " ")
    lines = re.findall(rf"^python -m (.*{folder}.*)$", text, flags=re.MULTILINE)
    return [shlex.split(line) for line in lines]


def go(folder, last, tmp_path):
    """Runs the commands about a folder up to `last`; gives what it reports."""
    way = (*WAY, last)
    commands = commands_about(folder)[: len(way)]
    assert tuple(command[0].removeprefix("scripts.") for command in commands) == way
    for module, *arguments in commands:
        there = [argument.replace("toy/", f"{tmp_path}/toy/") for argument in arguments]
        command = [sys.executable, "-m", module, *there]
        output = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert output.returncode == 0, output.stderr
    return json.loads((tmp_path / f"{folder}-run/{last}.json").read_text())


@pytest.mark.slow
def test_maps_of_words_lie_on_what_they_name(tmp_path):
    scores = go("toy/planted", "pointing_game", tmp_path)
    assert scores["hit_rate"] > 0.9 and 0.2 < scores["centre_hit_rate"] < 0.4


@pytest.mark.long
def test_words_of_clips_point_to_the_frames_and_places_of_what_they_name(tmp_path):
    scores = go("toy/clips", "point_in_clips", tmp_path)
    assert scores["time"] > 0.9 and scores["place"] > 0.9
    assert scores["random_time"] == 0.5 and scores["random_place"] < 0.15
