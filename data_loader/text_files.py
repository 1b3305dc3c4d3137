"""Texts as people have them: one file, a folder of files, or PersonaBank's repository.

PersonaBank (slukin/nlds-PersonaBank) has its stories in `original/*.txt` beside `personaBank.csv`
and folders of annotations, which are not read.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_loader.characters import Form, normalise
from utils.errors import UserError

PERSONA_BANK = "personaBank.csv"
LARGEST_TEXT = 256 * 2**20  # bytes; a text is held in memory, several times while it is normalised
FEWEST_TO_DEAL = 3  # of fewer stories, each is cut into the three subsets


@dataclass(frozen=True)
class Story:
    """One text: the file's path below the input, and what it says, normalised."""

    name: str
    text: str


def read_stories(path: Path, form: Form) -> tuple[list[Story], dict[str, str]]:
    """Reads all texts, in the order of their names.

    Args:
        path: a file of any name, or a folder whose `.txt` files are read, at any depth.
        form: how they are normalised.

    Returns:
        the stories, and name to reason of the files that hold none.

    Raises:
        UserError: nothing is there, or no file has a text.
    """
    folder = path.parent if path.is_file() else path
    stories, skipped = [], {}
    for file in _list_files(path):
        name = str(file.relative_to(folder))
        text, problem = _read(file, form)
        if problem:
            skipped[name] = problem
        else:
            stories.append(Story(name, text))
    if not stories:
        (name, reason), *others = skipped.items()
        more = f" (nor have {len(others)} other files)" if others else ""
        raise UserError(f"--input {path}: {name} has no text{more}: {reason}")
    return stories, skipped


def split_stories(
    stories: Sequence[Story], val_share: float, test_share: float, seed: int
) -> dict[str, list[Story]]:
    """Deals whole stories into train, val and test.

    Of fewer than `FEWEST_TO_DEAL` stories, each is cut: first the training text, then the others.

    Args:
        stories: in any order.
        val_share, test_share: of the number of stories, or of each text's characters.
        seed: decides which stories, together with their number.

    Raises:
        UserError: no training story, or a text too short to be cut.
    """
    if len(stories) < FEWEST_TO_DEAL:
        return _cut(stories, val_share, test_share)
    val, test = (max(1, round(share * len(stories))) for share in (val_share, test_share))
    if val + test >= len(stories):
        raise UserError(f"no training story is left of {len(stories)}: use smaller shares")
    dealt = np.random.default_rng([seed, len(stories)]).permutation(len(stories))
    places = {"train": dealt[val + test :], "val": dealt[:val], "test": dealt[val : val + test]}
    return {name: [stories[i] for i in sorted(rows)] for name, rows in places.items()}


def _cut(stories: Sequence[Story], val_share: float, test_share: float) -> dict[str, list[Story]]:
    parts = {"train": [], "val": [], "test": []}
    for name, text in ((story.name, story.text) for story in stories):
        sizes = [max(1, round(share * len(text))) for share in (val_share, test_share)]
        first = len(text) - sum(sizes)
        if first < 1:
            raise UserError(f"{name} has {len(text)} characters: too few for three subsets")
        second = first + sizes[0]
        for subset, part in zip(
            parts, (text[:first], text[first:second], text[second:]), strict=True
        ):
            parts[subset].append(Story(name, part))
    return parts


def _list_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"--input: there is no text file and no folder {path}")
    if (path / PERSONA_BANK).is_file() and (path / "original").is_dir():
        path = path / "original"
    # `os.walk` follows no links to folders, which may form circles.
    found = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    found = sorted(file for file in found if file.suffix.lower() == ".txt" and _visible(file, path))
    if not found:
        raise UserError(f"--input: the folder {path} has no .txt files")
    return found


def _visible(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _read(file: Path, form: Form) -> tuple[str, str]:
    """A file's text, or "" and why there is none."""
    try:
        if file.stat().st_size > LARGEST_TEXT:
            return "", f"larger than {LARGEST_TEXT // 2**20} MB: divide it"
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return "", f"cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        return "", "not UTF-8"
    if "\0" in text:
        return "", "binary (it has zero bytes)"
    text = normalise(text, form)
    return (text, "") if text.strip() else ("", "empty")
