"""A folder of pictures or clips, and their captions in `captions.tsv` or `captions.jsonl`.

A line of the first is FILE<TAB>CAPTION, or FILE<TAB>CAPTION<TAB>SUBSET; one of the second is an
object with `file`, `caption` and, if need be, `split`. A file has as many lines as captions.
Subsets are train, val and test; without them, `--split posts` divides the files. All captions of a
file belong to one subset, lest a model be asked about a picture that it has learnt.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data_loader.posts import BadRecord, Problems, RawPost, image_name, json_object
from data_loader.sources.caption_sets import Chunk, Image, cut_images, numbered_lines, parse_images
from data_loader.sources.record_lists import ORDER, SUBSETS
from data_loader.splits import plan_sizes, split_by_posts
from utils.errors import UserError
from utils.json_text import parse_json

USERS = False
ONLY_TASK = "caption"
TABLE, LINES = "captions.tsv", "captions.jsonl"


class Division(NamedTuple):
    """How files without subsets are divided: the flags of `scripts.build_dataset`."""

    train_share: float
    test_posts: int
    seed: int


class Line(NamedTuple):
    """A caption of a file, and the subset that stands beside it, "" for none."""

    file: str
    caption: str
    subset: str


def files(path: Path, task: str, division: Division | None = None) -> list[Path]:
    """The captions; `UserError` where there are none, or two files of them."""
    del task, division  # there are captions only
    found = [path / name for name in (TABLE, LINES) if (path / name).is_file()]
    if len(found) != 1:
        what = "both" if found else "no"
        raise UserError(
            f"{path} has {what} {TABLE} {'and' if found else 'or'} {LINES}: --input must be a "
            "folder of pictures or clips with one of them"
        )
    return found


def chunks(path: Path, task: str, division: Division | None = None) -> Iterator[Chunk]:
    """The files with their captions, some hundred at a time."""
    (source,) = files(path, task)
    problems = Problems()
    lines = _lines_of_table if source.name == TABLE else _lines_of_objects
    captions, subsets = _by_file(lines(source, problems), source.name, problems)
    _check_there(path, source, captions, problems)
    if division:
        subsets = _divided(sorted(captions), division)
    _check_subsets(source, subsets)
    images = []
    for name, subset in subsets.items():
        if subset:
            images.append(Image(name, name, subset, captions[name]))
        else:
            problems.add("file without a subset", name)
    return cut_images(images, problems, source.stat().st_size)


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """One post per training caption, and one per file of validation and test."""
    del task
    return parse_images(chunk, "folder", noun="file")


def _lines_of_table(path: Path, problems: Problems) -> Iterator[tuple[str, Line]]:
    """Place and content of each line; a first line that names the columns is none."""
    for number, text in numbered_lines(path, problems):
        cells = [cell.strip() for cell in text.split("\t")]
        if number == 1 and [cell.lower() for cell in cells[:2]] == ["file", "caption"]:
            continue
        if len(cells) in (2, 3):
            yield f"line {number}", Line(*cells, *[""] * (3 - len(cells)))
        else:
            problems.add("line is not FILE, a tab, a caption", f"line {number}")


def _lines_of_objects(path: Path, problems: Problems) -> Iterator[tuple[str, Line]]:
    for number, text in numbered_lines(path, problems):
        try:
            record = json_object(parse_json(text))
            line = Line(record["file"], record["caption"], record.get("split") or "")
        except (ValueError, KeyError, BadRecord):
            line = None
        if line and all(isinstance(value, str) for value in line):
            yield f"line {number}", line
        else:
            problems.add("line is not an object with file and caption", f"line {number}")


def _by_file(
    lines: Iterator[tuple[str, Line]], source: str, problems: Problems
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Captions and subset of each file, in the order of the lines.

    A file of two subsets goes to test rather than to training.
    """
    captions: dict[str, list[str]] = {}
    subsets: dict[str, str] = {}
    for place, line in lines:
        try:
            name = image_name(os.path.normpath(line.file) if line.file else "")
        except BadRecord as error:
            problems.add(str(error), f"{source}, {place}")
            continue
        subset = SUBSETS.get(line.subset.strip().lower(), "")
        if line.subset and not subset:
            problems.add("subset is not train, val or test", f"{source}, {place}")
        before = subsets.setdefault(name, subset)
        if subset and before and subset != before:
            problems.add("file in two subsets", f"{source}, {place}")
        subsets[name] = min({before, subset} - {""}, key=ORDER.index, default="")
        captions.setdefault(name, []).append(line.caption)
    return captions, subsets


def _divided(names: Sequence[str], division: Division) -> dict[str, str]:
    """The subset of each file."""
    sizes = plan_sizes(len(names), division.train_share, division.test_posts)
    rows = split_by_posts(len(names), sizes, division.seed)
    return {names[row]: subset for subset, chosen in rows.items() for row in chosen}


def _check_there(
    folder: Path, source: Path, captions: dict[str, list[str]], problems: Problems
) -> None:
    """Counts captions whose file is not there: it may come before its features are made.

    Raises:
        UserError: no file is there: names that are relative to another folder.
    """
    missing = [name for name in captions if not os.path.isfile(folder / name)]
    if captions and len(missing) == len(captions):
        raise UserError(f"none of the {len(captions):,} files of {source} is in {folder}")
    for name in missing:
        problems.add("file is not in the folder (its captions stay)", name)


def _check_subsets(source: Path, subsets: dict[str, str]) -> None:
    """Refuses captions without a subset for training, or for validation."""
    for needed in ("train", "val"):
        if subsets and needed not in subsets.values():
            raise UserError(
                f"{source} says {needed} of no file: say train, val or test in its third column "
                f"({LINES}: as split), or give --split posts"
            )
