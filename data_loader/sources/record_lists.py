"""What the Korean data sets share: JSON files that are lists of records.

The encoding is found by the first bytes, as JSON allows: UTF-8, UTF-16 or UTF-32, with a byte-order
mark or without. A file that cannot be read is counted like a record that cannot be used, and the
other files are read.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data_loader.posts import BadRecord, Problems, RawPost, clean_text, json_object
from utils.json_text import LARGEST_FILE, read_json_file

CHUNK_RECORDS = 2000
# How the folders and files of a split are called, in lower case.
SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
ORDER = ("test", "val", "train")  # of a post that comes twice, the first is kept


class ListFile(NamedTuple):
    """One file: its subset ("" where it has none) and its path relative to the input."""

    path: Path
    subset: str
    name: str


class Chunk(NamedTuple):
    """Records of one file from number `first` (from 1) on, or the `problem` of the whole file."""

    file: ListFile
    first: int
    records: list[object]
    position: int
    problem: str = ""


def in_order(found: Sequence[ListFile]) -> list[ListFile]:
    """Test files first, then by name: the same on every machine."""
    return sorted(found, key=lambda file: (ORDER.index(file.subset), file.name))


def read_lists(files: Sequence[ListFile]) -> Iterator[Chunk]:
    """The records of the files, some thousand at a time."""
    before = 0
    for file in files:
        size = file.path.stat().st_size
        records, problem = _load(file.path)
        if problem:
            yield Chunk(file, 1, [], before + size, problem)
        for start in range(0, len(records), CHUNK_RECORDS):
            part = records[start : start + CHUNK_RECORDS]
            share = (start + len(part)) / len(records)
            yield Chunk(file, start + 1, part, before + int(size * share))
        before += size


def _load(path: Path) -> tuple[list, str]:
    """The records of a file, or what is wrong with it."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return [], f"file is larger than {LARGEST_FILE // 2**20} MB: divide it"
        content = read_json_file(path)
    except OSError as error:
        return [], f"file cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        return [], "file is neither UTF-8 nor UTF-16"
    except ValueError:
        return [], "file is not JSON"
    if not isinstance(content, list):
        return [], "file holds no list of records"
    return content, ""


def parse_lists(
    chunk: Chunk, to_post: Callable[[dict, str], RawPost]
) -> tuple[list[RawPost], Problems]:
    """Turns records into posts; what cannot be used is counted.

    Args:
        chunk: some records of a file.
        to_post: makes a post of a record and the place to name in messages.
    """
    posts, problems = [], Problems()
    if chunk.problem:
        problems.add(chunk.problem, chunk.file.name)
    for number, record in enumerate(chunk.records, chunk.first):
        place = f"{chunk.file.name}: record {number}"
        try:
            posts.append(to_post(json_object(record), place)._replace(subset=chunk.file.subset))
        except BadRecord as error:
            problems.add(str(error), place)
    return posts, problems


def wanted_text(record: dict, name: str, task: str) -> tuple[str, ...]:
    """The text of a record, which captions need and hashtags do not.

    Raises:
        BadRecord: it is missing, or no text.
    """
    if task != "caption":
        return ("",)
    if record.get(name) is None:
        raise BadRecord(f"no {name}")
    return (clean_text(record[name], name),)
