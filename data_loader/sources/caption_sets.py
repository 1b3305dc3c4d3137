"""What Flickr30k, COCO, MSR-VTT and folders share: images or clips with several captions each.

A training image is one post per caption. An image of another subset is one post: its target under
teacher forcing is its first caption, its references are all of them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data_loader.posts import (
    BadRecord,
    Problems,
    RawPost,
    clean_text,
    image_name,
    unreadable,
)
from utils.lines import TOO_LONG, bounded_lines

CHUNK_IMAGES = 500


class Image(NamedTuple):
    """An image of a subset, and its captions as they were published."""

    id: str
    file: str
    subset: str
    captions: list[object]


class Chunk(NamedTuple):
    """Some images, and what could not be used of the files while they were read."""

    images: list[Image]
    position: int
    problems: Problems


def cut_images(images: Sequence[Image], problems: Problems, size: int) -> Iterator[Chunk]:
    """Pieces of work; the first brings the problems of reading.

    Args:
        images: in the order of the input.
        problems: of the files.
        size: bytes of the files.
    """
    for start in range(0, max(1, len(images)), CHUNK_IMAGES):
        part = list(images[start : start + CHUNK_IMAGES])
        position = int(size * (start + len(part)) / max(1, len(images)))
        yield Chunk(part, position, problems if start == 0 else Problems())


def parse_images(chunk: Chunk, user: str, noun: str = "image") -> tuple[list[RawPost], Problems]:
    """The posts of some images; captions that cannot be used are counted.

    Args:
        chunk: the images.
        user: who all posts are said to be of.
        noun: what images are called in the account.
    """
    posts, problems = [], Problems()
    problems.merge(chunk.problems)
    for image in chunk.images:
        try:
            posts += _posts(image, _texts(image, problems, noun), user, noun)
        except BadRecord as error:
            problems.add(str(error), f"{noun} {image.id}")
    return posts, problems


def _texts(image: Image, problems: Problems, noun: str) -> list[str]:
    """The captions that say something."""
    texts = []
    for number, caption in enumerate(image.captions):
        text = clean_text(caption, "caption").strip() if isinstance(caption, str) else ""
        if text:
            texts.append(text)
        else:
            problems.add("caption without words", f"{noun} {image.id}, caption {number}")
    if not texts:
        raise BadRecord(f"{noun} without captions")
    return texts


def _posts(image: Image, texts: list[str], user: str, noun: str) -> list[RawPost]:
    post = RawPost(
        user=user,
        post=image.id,
        image=image_name(image.file),
        created_at=None,
        texts=(texts[0],),
        tags=None,
        subset=image.subset,
        place=f"{noun} {image.id}",
    )
    if image.subset != "train":
        return [post._replace(references=tuple(texts))]
    return [
        post._replace(post=f"{image.id}#{number}", texts=(text,))
        for number, text in enumerate(texts)
    ]


def numbered_lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """The lines with something on them, numbered from 1; what is not UTF-8 is replaced.

    Lines that are too long to be held are counted.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(bounded_lines(file), 1):
                if line is None:
                    problems.add(TOO_LONG, f"{path.name}, line {number}")
                    continue
                text = line.decode("utf-8", "replace").removesuffix("\n").rstrip("\r")
                if text.strip():
                    yield number, text
    except OSError as error:
        raise unreadable(path, error) from error
