"""The YFCC100M split that came with the paper's code: Flickr photos with title, description, tags.

`yfcc-caption-{train,test}.json` and `yfcc-hashtag-{train,test1,test2}.json` hold `{user: [{"title",
"description", "user tags", "page url", ...}]}`. Values are URL-quoted UTF-8 with `+` for a space.
The post id is the second-to-last part of `page url`, the image of a post is `{user}_{post}`.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus

from data_loader.posts import BadRecord, Problems, RawPost, clean_text, identifier, image_name
from data_loader.sources.shipped import Chunk, find_files, parse_records, read_chunks

# Test posts come first: of a post that is shipped twice, the first is kept.
SUBSETS = {"caption": ("test", "train"), "hashtag": ("test1", "test2", "train")}


def files(path: Path, task: str) -> list[Path]:
    """The files of a task; `UserError` names one that is missing."""
    return find_files(path, f"yfcc-{task}", SUBSETS[task])


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The posts of the task's files, some thousand at a time."""
    return read_chunks(files(path, task))


def parse(chunk: Chunk, task: str, quoted: bool = False) -> tuple[list[RawPost], Problems]:
    """The posts of some records.

    Args:
        chunk: the records.
        task: caption or hashtag.
        quoted: leave title, description and tags URL-quoted, as the released tokenizers want them
            (they decode the bytes as Latin-1); `tags` is then one text, the whole field.
    """

    def text(record: dict, name: str) -> str:
        value = clean_text(record.get(name, ""), name)
        return value if quoted else clean_text(unquote_plus(value), name)

    def to_post(user: str, post: str | None, record: dict, place: str) -> RawPost:
        post = _post_id(record)
        return RawPost(
            user=identifier({"user": user}, "user"),
            post=post,
            image=image_name(f"{user}_{post}"),
            created_at=None,
            texts=(text(record, "title"), text(record, "description")),
            tags=_tags(text(record, "user tags"), quoted) if task == "hashtag" else None,
            place=place,
        )

    return parse_records(chunk, to_post)


def _post_id(record: dict) -> str:
    """The post id in `http://www.flickr.com/photos/USER/POST/`."""
    parts = clean_text(record.get("page url", ""), "page url").split("/")
    if len(parts) < 2 or not parts[-2]:
        raise BadRecord("no post id in page url")
    return identifier({"post": parts[-2]}, "post")


def _tags(field: str, quoted: bool) -> list[str]:
    """Tags between commas: one word stays, two words are joined by `_`, longer ones are dropped.

    >>> _tags("sea,sun set,new york city", quoted=False)
    ['sea', 'sun_set']
    """
    if quoted:
        return [field]
    words = [tag.split() for tag in field.split(",")]
    return ["_".join(tag) for tag in words if 1 <= len(tag) <= 2]
