"""HARRISON: `data_list.txt`, one image per line, and `tag_list.txt`, its hashtags on the same line.

An image is `instagram_dataset/QUERY/image_N.jpg`, and QUERY, what the authors searched for, is one
of its tags for nine images in ten. The path is kept only to find the file: posts are numbered by
their lines, so that nothing else of a view tells the query.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_loader.posts import BadRecord, Problems, RawPost, clean_text, image_name, unreadable
from utils.errors import UserError
from utils.lines import TOO_LONG, bounded_lines

USERS = False
ONLY_TASK = "hashtag"
LISTS = ("data_list.txt", "tag_list.txt")
CORRUPT = ("sun/image_9.jpg", "family/image_2411.jpg")  # files that no decoder reads
CHUNK_LINES = 2000


class Chunk(NamedTuple):
    """Images and their tags from line `first` (from 0) on."""

    first: int
    lines: list[tuple[str, str]]
    position: int


def files(path: Path, task: str) -> list[Path]:
    """The two lists; `UserError` names one that is missing."""
    del task  # there are hashtags only
    for name in LISTS:
        if not (path / name).is_file():
            raise UserError(f"no {name} in {path}: --input must hold {' and '.join(LISTS)}")
    return [path / name for name in LISTS]


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The lines of both lists, some thousand at a time.

    Raises:
        UserError: the lists differ in length: from the missing line on, every image would get the
            tags of another.
    """
    sources = files(path, task)
    images, tags = map(_lines, sources)
    if len(images) != len(tags):
        raise UserError(
            f"{sources[0]} has {len(images):,} lines and {sources[1]} {len(tags):,}: line by line "
            "they must belong together; get both again"
        )
    size = sum(file.stat().st_size for file in sources)
    pairs = list(zip(images, tags, strict=True))
    for first in range(0, len(pairs), CHUNK_LINES):
        part = pairs[first : first + CHUNK_LINES]
        yield Chunk(first, part, int(size * (first + len(part)) / len(pairs)))


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """The posts of some lines, without the two images that are known to be corrupt."""
    del task
    posts, problems = [], Problems()
    for number, (image, tags) in enumerate(chunk.lines, chunk.first):
        place = f"line {number + 1}"
        try:
            posts.append(_post(number, image, tags, place))
        except BadRecord as error:
            problems.add(str(error), place)
    return posts, problems


def folder_of(image: str) -> str:
    """The query of an image: the folder that it is in."""
    return image.rpartition("/")[0].rpartition("/")[2]


def _post(number: int, image: str, tags: str, place: str) -> RawPost:
    if not image:
        raise BadRecord("no image")
    if image.endswith(tuple(f"/{name}" for name in CORRUPT)) or image in CORRUPT:
        raise BadRecord("image known to be corrupt")
    if not tags:
        raise BadRecord("no tags")
    return RawPost(
        user="harrison",
        post=f"{number:06}",
        image=image_name(image),
        created_at=None,
        texts=("",),
        tags=clean_text(tags, "tags").split(),
        place=place,
    )


def _lines(path: Path) -> list[str]:
    """The lines of a list, without blanks around them and without empty lines at the end."""
    lines = []
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(bounded_lines(file), 1):
                if line is None:
                    raise UserError(f"{path}, line {number}: {TOO_LONG}; get the lists again")
                lines.append(line.decode("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    while lines and not lines[-1]:
        lines.pop()
    return lines
