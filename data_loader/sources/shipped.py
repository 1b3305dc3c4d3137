"""What the two public data sets share: JSON files by user, one per subset of their own split."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from data_loader.posts import BadRecord, Problems, RawPost, json_object, unreadable
from utils.errors import UserError
from utils.json_text import pairs_of, read_json_file

CHUNK_POSTS = 2000


class Chunk(NamedTuple):
    """Posts of one file as (user, post or None, record), and how many bytes they stand for."""

    subset: str
    records: list[tuple[str, str | None, object]]
    position: int


def find_files(path: Path, prefix: str, subsets: tuple[str, ...]) -> list[Path]:
    """The files PREFIX-SUBSET.json of a folder.

    Raises:
        UserError: one is missing; the message names it.
    """
    found = [path / f"{prefix}-{subset}.json" for subset in subsets]
    for file in found:
        if not file.is_file():
            names = ", ".join(file.name for file in found)
            raise UserError(f"no {file}: --input must be the folder that holds {names}")
    return found


def read_chunks(files: list[Path]) -> Iterator[Chunk]:
    """The posts of the files, some thousand at a time."""
    before = 0
    for file in files:
        size = file.stat().st_size
        records = list(_records(_load(file)))
        subset = file.stem.rsplit("-", 1)[1]
        for start in range(0, len(records), CHUNK_POSTS):
            part = records[start : start + CHUNK_POSTS]
            share = (start + len(part)) / len(records)
            yield Chunk(subset, part, before + int(size * share))
        before += size


def parse_records(
    chunk: Chunk, to_post: Callable[[str, str | None, dict, str], RawPost]
) -> tuple[list[RawPost], Problems]:
    """Turns records into posts; what cannot be used is counted.

    Args:
        chunk: some records.
        to_post: makes a post of user, post id, record and the place to name in messages.
    """
    posts, problems = [], Problems()
    for user, post, record in chunk.records:
        place = f"{chunk.subset}: user {user!r}" + (f" post {post!r}" if post else "")
        try:
            made = to_post(user, post, json_object(record), place)
            posts.append(made._replace(subset=chunk.subset))
        except BadRecord as error:
            problems.add(str(error), place)
    return posts, problems


def _load(file: Path) -> dict:
    """One JSON file, which must hold an object."""
    try:
        content = read_json_file(file)
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if not isinstance(content, dict):
        raise UserError(f"{file} holds a {type(content).__name__}, expected an object of users")
    return content


def _records(content: dict) -> Iterator[tuple[str, str | None, object]]:
    """(user, post, record) of posts in an object by post id (InstaPIC) or in a list (YFCC).

    A user or a post that comes twice stays: the filters keep a post's first record, and count.
    """
    for user, posts in pairs_of(content):
        if isinstance(posts, dict):
            yield from ((user, post, record) for post, record in pairs_of(posts))
        elif isinstance(posts, list):
            yield from ((user, None, record) for record in posts)
        else:
            yield user, None, posts
