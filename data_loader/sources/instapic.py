"""InstaPIC, the paper's Instagram data set, in the layout its authors published.

`insta-{caption,hashtag}-{train,test1,test2}.json` hold `{user: {post: {"caption": str, "tags":
[str]}}}`; the image of a post is `{user}_@_{post}`. The users of `test1` are unseen in training,
those of `test2` are known and their posts unseen.
"""

from collections.abc import Iterator
from pathlib import Path

from data_loader.posts import (
    Problems,
    RawPost,
    clean_tags,
    clean_text,
    identifier,
    image_name,
)
from data_loader.sources.shipped import Chunk, find_files, parse_records, read_chunks

# Test posts come first: of a post that is shipped twice, the first is kept.
SUBSETS = ("test1", "test2", "train")


def files(path: Path, task: str) -> list[Path]:
    """The three files of a task; `UserError` names one that is missing."""
    return find_files(path, f"insta-{task}", SUBSETS)


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The posts of the task's files, some thousand at a time."""
    return read_chunks(files(path, task))


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """The posts of some records."""

    def to_post(user: str, post: str | None, record: dict, place: str) -> RawPost:
        ids = {"user": user, "post": post}
        return RawPost(
            user=identifier(ids, "user"),
            post=identifier(ids, "post"),
            image=image_name(f"{user}_@_{post}"),
            created_at=None,
            texts=(clean_text(record.get("caption", ""), "caption"),),
            tags=clean_tags(record.get("tags"), "tags") if task == "hashtag" else None,
            place=place,
        )

    return parse_records(chunk, to_post)
