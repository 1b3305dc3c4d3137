"""What an Instagram crawler wrote, by the rules of DIYA's cleaning script.

Every `*.json` of `--input` is a list of `{"key", "img_url", "description"}`. A record is out when
its key came before, when it has no description, when that has a word of advertisers, or when no
hashtag of it is in Hangul; of a mixed tag, the part up to the first other sign is the tag.

It is an importer and no filter of `--source crawl`, for its records name no user, on whom all
filters and contexts of a crawl rest. Beyond the script, which kept the tags alone: keys are looked
for in all files together, the text is kept, and the image is named: by the last part of `img_url`,
the name under which a download tool saves it, to be put into `--input` or a folder of its own.
Nobody drew a split: the posts are divided 7:2:1, as the authors' 11,000 were.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from data_loader.posts import BadRecord, Problems, RawPost, clean_text, identifier, image_name
from data_loader.sources.record_lists import Chunk, ListFile, parse_lists, read_lists
from utils.errors import UserError

USERS = False
ADVERTS = ("광고", "문의", "연락", "상담")  # advert, inquiry, contact, consultation
HANGUL_TAG = re.compile("#([ㄱ-ㅣ가-힣]+)")
CLEANED = "preprocess.json"  # what the script wrote, without descriptions


def files(path: Path, task: str) -> list[Path]:
    """The JSON files of the folder, or the one file that is given.

    Raises:
        UserError: there is none.
    """
    del task  # the same records serve both
    found = [path] if path.is_file() else sorted(path.glob("*.json"))
    found = [file for file in found if file.name != CLEANED]
    if not found:
        raise UserError(f"no *.json in {path}: --input must be the folder of a crawler's files")
    return found


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The records of the files, some thousand at a time."""
    return read_lists([ListFile(file, "", file.name) for file in files(path, task)])


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """The posts of some records; which posts there are does not depend on the task."""

    def to_post(record: dict, place: str) -> RawPost:
        text = clean_text(record.get("description") or "", "description")
        if not text.strip():
            raise BadRecord("no description")
        if any(word in text for word in ADVERTS):
            raise BadRecord(f"an advert ({', '.join(ADVERTS)})")
        tags = HANGUL_TAG.findall(text)
        if not tags:
            raise BadRecord("no hashtag in Hangul")
        return RawPost(
            user="diya_crawl",
            post=_key(record),
            image=_image(record.get("img_url")),
            created_at=None,
            texts=(text,),
            tags=tags if task == "hashtag" else None,
            place=place,
        )

    return parse_lists(chunk, to_post)


def _key(record: dict) -> str:
    """The last part of an address, or a name as it is."""
    key = identifier(record, "key").rstrip("/").rpartition("/")[2]
    if not key:
        raise BadRecord("no key")
    return key


def _image(address: object) -> str:
    """The last part of an address, without its query."""
    if not isinstance(address, str):
        raise BadRecord("no img_url")
    try:
        name = urlsplit(address).path.rpartition("/")[2]
    except ValueError:
        name = ""
    if not name:
        raise BadRecord("no file name in img_url")
    return image_name(name)
