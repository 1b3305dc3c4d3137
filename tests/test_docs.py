"""The pages of how to add something: their code works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from data_loader.view import open_view
from tests.shared_data import REPOSITORY
from tests.small_world import IMAGES, make_world

PAGES = ("add_data_source", "add_captioner", "add_encoder", "add_metric")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"`([\w/]+\.py)`")
CODE = ("data_loader", "model", "scripts", "utils")


class Block(NamedTuple):
    """`language` of a block, its text, and the file that was named last before it."""

    language: str
    text: str
    place: str


def blocks_of(page: str) -> list[Block]:
    text = (REPOSITORY / "docs" / f"{page}.md").read_text()
    found, end, place = [], 0, ""
    for match in BLOCK.finditer(text):
        named = [
            name
            for line in text[end : match.start()].splitlines()
            if line.endswith(":")
            for name in PLACE.findall(line)[:1]
        ]
        place, end = named[-1] if named else place, match.end()
        found.append(Block(match[1], match[2], place))
    return found


def copy_code(folder: Path) -> Path:
    """The project as it is, for a page to change."""
    leave = shutil.ignore_patterns("__pycache__")
    for name in CODE:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=leave)
    for path in REPOSITORY.glob("*.py"):
        shutil.copy(path, folder)
    return folder


def follow(page: str, folder: Path) -> list[str]:
    """Makes the page's files and changes; returns its commands."""
    for block in blocks_of(page):
        path = folder / block.place
        if block.language == "python":
            assert not path.exists(), f"{block.place} is there already"
            path.write_text(block.text)
        elif block.language == "diff":
            change(path, block.text)
    return [block.text for block in blocks_of(page) if block.language == "bash"]


def change(path: Path, diff: str) -> None:
    """Applies a change whose lines must stand in the file, in one place."""
    before = "".join(line[1:] for line in diff.splitlines(True) if line[0] in " -")
    after = "".join(line[1:] for line in diff.splitlines(True) if line[0] in " +")
    text = path.read_text()
    assert text.count(before) == 1, f"{path.name} has {text.count(before)} places of\n{before}"
    path.write_text(text.replace(before, after))


def run(command: str, folder: Path) -> str:
    """Runs the lines as a person does; returns what they print."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_each_page_fits_and_is_well_formed(page, tmp_path):
    commands = follow(page, copy_code(tmp_path))
    assert commands
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for arguments in (["check"], ["format", "--check"]):
        found = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", tmp_path],
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_the_new_source_builds_a_view(tmp_path):
    (command,) = follow("add_data_source", copy_code(tmp_path))
    run(command, tmp_path)
    view = open_view(tmp_path / "meals" / "data", "caption", "shipped", "none")
    assert {name: len(posts) for name, posts in view.subsets.items()} == {
        "train": 3,
        "val": 1,
        "test": 1,
    }
    assert view.describe(view.subsets["test"], 0)["references"] == [
        "a slice of cake",
        "cake on a plate",
    ]
    assert "line 8" in (view.folder / "report.json").read_text()


@pytest.mark.slow
def test_the_new_captioner_learns_and_writes(tmp_path):
    (command,) = follow("add_captioner", copy_code(tmp_path))
    make_world(tmp_path / "toy" / "data")
    printed = run(command, tmp_path)
    assert "preset: bigram" in printed and "Bleu_1" in printed
    assert (tmp_path / "toy" / "runs" / "bigram" / "predictions-beam3.jsonl").stat().st_size
    assert (tmp_path / "toy/runs/bigram/checkpoints").is_dir()


@pytest.mark.slow
def test_the_new_encoder_extracts_and_is_trained_on(tmp_path):
    (command,) = follow("add_encoder", copy_code(tmp_path))
    make_world(tmp_path / "toy" / "data")
    pictures = tmp_path / "toy" / "world" / "images"
    pictures.mkdir(parents=True)
    for number in range(IMAGES):
        colour = (10 * number, 255 - 10 * number, 99)
        Image.new("RGB", (64, 48), colour).save(pictures / f"{number}.jpg")
    printed = run(command, tmp_path)
    assert f"{IMAGES} images of shard 0/1 have features" in printed
    assert (tmp_path / "toy/data/features/densenet121_random-pool5.npy").is_file()
    assert "trained to step" in printed


@pytest.mark.slow
def test_the_new_metric_is_printed(tmp_path):
    (command,) = follow("add_metric", copy_code(tmp_path))
    assert re.search(r"^Distinct_2 +0\.7500$", run(command, tmp_path), re.MULTILINE)
