"""A crawl: posts.jsonl, one JSON object per line.

    {"user": "anna", "post": "17", "created_at": "2020-03-11T10:45:17Z", "image": "17.jpg",
     "text": "a day at the #sea", "hashtags": ["sea"]}

`user` and `post` are texts or whole numbers; `image` is relative to the images folder; `created_at`
is optional (`data_loader.posts.parse_time`). Captions need `text`. Hashtags come from `hashtags`,
or from the #tags of the text where that field is absent.
"""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from data_loader.posts import (
    BadRecord,
    Problems,
    RawPost,
    clean_tags,
    clean_text,
    identifier,
    image_name,
    json_object,
    parse_time,
    unreadable,
)
from utils.errors import UserError
from utils.json_text import parse_json
from utils.lines import TOO_LONG, bounded_lines, pass_over

NAMES = ("posts.jsonl", "posts.jsonl.gz")
CHUNK_LINES = 2000
CHUNK_BYTES = 16 * 2**20


class Chunk(NamedTuple):
    """Consecutive lines of the file: the number of the first (from 0), and how far we have read.

    A line that is too long to be held is None.
    """

    first: int
    lines: list[bytes | None]
    position: int


def files(path: Path, task: str) -> list[Path]:
    """The input file: `path` itself, or the posts.jsonl or posts.jsonl.gz in it.

    Raises:
        UserError: there is no such file.
    """
    del task  # the same posts serve both
    if path.is_dir():
        found = [path / name for name in NAMES if (path / name).is_file()]
        if not found:
            raise UserError(f"no {' or '.join(NAMES)} in {path}")
        return found[:1]
    if not path.is_file():
        raise UserError(f"no posts at {path}: give a posts.jsonl, a posts.jsonl.gz or its folder")
    return [path]


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The lines of the input, some thousand at a time."""
    (source,) = files(path, task)
    try:
        with open(source, "rb") as raw:
            packed = _is_packed(raw)
            file = gzip.GzipFile(fileobj=raw) if packed else raw
            yield from _pieces(bounded_lines(file), raw)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(source, error) from error


class Range(NamedTuple):
    """A part of a file: the lines that begin at `start` or later, and before `stop`, in bytes."""

    file: Path
    start: int
    stop: int


def cut(file: Path, size: int) -> list[Range] | None:
    """Cuts a file into ranges of `size` bytes; None for a packed one, read only from its start.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with open(file, "rb") as raw:
            if _is_packed(raw):
                return None
        end = file.stat().st_size
    except OSError as error:
        raise unreadable(file, error) from error
    return [Range(file, start, min(start + size, end)) for start in range(0, end, size)]


def count_lines(file: Path, start: int, stop: int) -> int:
    """How many lines begin in a range; see `Range`."""
    with open(file, "rb") as raw:
        end = raw.seek(0, os.SEEK_END)
        raw.seek(max(start - 1, 0))
        left = min(stop, end) - 1 - raw.tell()  # the line after the range's last byte is not its
        lines = int(start == 0 and end > 0)
        while left > 0 and (piece := raw.read(min(left, CHUNK_BYTES))):
            lines += piece.count(b"\n")
            left -= len(piece)
        return lines


def read_range(file: Path, start: int, stop: int, first: int) -> Iterator[Chunk]:
    """The lines of a range, some thousand at a time; `first` is the number of the first (from 0).

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open(file, "rb") as raw:
            if start:
                raw.seek(start - 1)
                pass_over(raw)  # the rest of a line that began before
            yield from _pieces(_lines_before(raw, start, stop), raw, first)
    except OSError as error:
        raise unreadable(file, error) from error


def _lines_before(raw: BinaryIO, start: int, stop: int) -> Iterator[bytes | None]:
    if raw.tell() >= stop:
        return
    for line in bounded_lines(raw, begun=start > 0):
        yield line
        if raw.tell() >= stop:
            return


def _is_packed(raw: BinaryIO) -> bool:
    """Whether a file is one of gzip; leaves it at its beginning."""
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return packed


def _pieces(lines: Iterable[bytes | None], raw: BinaryIO, first: int = 0) -> Iterator[Chunk]:
    """Puts lines together; `raw` is the file below, whose position drives the progress bar."""
    piece, size = [], 0
    for line in lines:
        piece.append(line)
        size += len(line or b"")
        if len(piece) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield Chunk(first, piece, raw.tell())
            first, piece, size = first + len(piece), [], 0
    if piece:
        yield Chunk(first, piece, raw.tell())


def parse(chunk: Chunk, task: str, images: list[str]) -> tuple[list[RawPost], Problems]:
    """The posts of some lines.

    Args:
        chunk: the lines.
        task: caption (posts must have a text) or hashtag.
        images: names lent to posts without an image, line i (from 0) gets
            `images[i % len(images)]`; may be empty.
    """
    posts, problems = [], Problems()
    for number, line in enumerate(chunk.lines, chunk.first):
        if line is not None and not line.strip():
            continue
        place = f"line {number + 1}"
        try:
            record = _decode(line)
            if images and record.get("image") in (None, ""):
                record["image"] = images[number % len(images)]
            posts.append(_post(record, task, place))
        except BadRecord as error:
            problems.add(str(error), place)
    return posts, problems


def _decode(line: bytes | None) -> dict:
    """One line as a JSON object."""
    if line is None:
        raise BadRecord(TOO_LONG)
    try:
        record = parse_json(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRecord("not UTF-8") from None
    except ValueError:
        raise BadRecord("not JSON") from None
    return json_object(record)


def _post(record: dict, task: str, place: str) -> RawPost:
    """A record with its fields checked."""
    text, tags = record.get("text"), record.get("hashtags")
    if text is None and (task == "caption" or tags is None):
        raise BadRecord("no text" if task == "caption" else "neither hashtags nor text")
    return RawPost(
        user=identifier(record, "user"),
        post=identifier(record, "post"),
        image=image_name(record.get("image")),
        created_at=parse_time(record.get("created_at")),
        texts=("" if text is None else clean_text(text, "text"),),
        tags=None if task == "caption" or tags is None else clean_tags(tags, "hashtags"),
        place=place,
    )
