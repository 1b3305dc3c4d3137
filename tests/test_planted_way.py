"""The README's way from pictures with planted things to where their words are."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from tests.shared_data import REPOSITORY

WAY = ("make_planted_set", "build_dataset", "extract_features", "train", "pointing_game")


def readme_commands():
    """The arguments of the commands about toy/planted, in their order."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^python -m (.*toy/planted.*)$", text, flags=re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.slow
def test_maps_of_words_lie_on_what_they_name(tmp_path):
    commands = readme_commands()[: len(WAY)]
    assert tuple(command[0].removeprefix("scripts.") for command in commands) == WAY
    for module, *arguments in commands:
        there = [argument.replace("toy/", f"{tmp_path}/toy/") for argument in arguments]
        command = [sys.executable, "-m", module, *there]
        output = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert output.returncode == 0, output.stderr
    scores = json.loads((tmp_path / "toy/planted-run/pointing_game.json").read_text())
    assert scores["hit_rate"] > 0.9 and 0.2 < scores["centre_hit_rate"] < 0.4
