"""KTS, the Korean Tourist Spot data set of Dongguk University, as it is published.

`{train,valid,test}/COARSE/CLASS/CLASS.json` hold lists of `{"img_name", "label", "likes", "text",
"hashtag"}` in UTF-16; the image of a record is `images/IMG_NAME.jpg` beside its file. `--input` is
the folder of the three, or the one above, where they stand in `kts`. Names are taken in any case,
and as `val` or `validation`; `total`, which holds every record again, is not read.
"""

from collections.abc import Iterator
from pathlib import Path

from data_loader.posts import BadRecord, Problems, RawPost, clean_tags, identifier, image_name
from data_loader.sources.record_lists import (
    SUBSETS,
    Chunk,
    ListFile,
    in_order,
    parse_lists,
    read_lists,
    wanted_text,
)
from utils.errors import UserError

USERS = False
FORM = "{train,valid,test}/COARSE/CLASS/CLASS.json"


def files(path: Path, task: str) -> list[Path]:
    """The JSON files, test files first.

    Raises:
        UserError: there are none for training, or none for test.
    """
    del task  # the same records serve both
    return [file.path for file in _find(path)]


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The records of the files, one class at a time."""
    del task
    return read_lists(_find(path))


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """The posts of some records; one without the field of the task is no post."""
    folder = chunk.file.name.rpartition("/")[0]
    class_name = folder.rpartition("/")[2].lower()
    pictures = _images_folder(chunk.file)

    def to_post(record: dict, place: str) -> RawPost:
        name = identifier(record, "img_name").removesuffix(".jpg")
        return RawPost(
            user="kts",
            # Names are numbers that begin again in every class, and go on from split to split.
            post=f"{class_name}/{name}",
            image=image_name(f"{folder}/{pictures}/{name}.jpg".removeprefix("/")),
            created_at=None,
            texts=wanted_text(record, "text", task),
            tags=tags_of(record) if task == "hashtag" else None,
            place=place,
        )

    return parse_lists(chunk, to_post)


def tags_of(record: dict) -> list[str]:
    """The field `hashtag`: a list, or one text with blanks or commas between the tags.

    Raises:
        BadRecord: it is missing, or neither of the two.
    """
    tags = record.get("hashtag")
    if tags is None:
        raise BadRecord("no hashtag")
    return clean_tags(tags.replace(",", " ").split() if isinstance(tags, str) else tags, "hashtag")


def _find(path: Path) -> list[ListFile]:
    """The files under the folders of the splits, in the input or in its folder `kts`."""
    bases = [path, *(f for f in _folders(path) if f.name.lower() == "kts")]
    splits = [
        folder for base in bases for folder in _folders(base) if folder.name.lower() in SUBSETS
    ]
    found = [
        ListFile(file, SUBSETS[split.name.lower()], file.relative_to(path).as_posix())
        for split in splits
        for file in split.rglob("*.json")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    missing = {"train", "test"} - {file.subset for file in found}
    if missing:
        raise UserError(
            f"no {' and no '.join(sorted(missing))} files in {path}: --input must be the folder "
            f"that holds {FORM}, or the one above that"
        )
    return in_order(found)


def _folders(path: Path) -> list[Path]:
    """The folders in a folder, sorted; none where it is no folder."""
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _images_folder(file: ListFile) -> str:
    """How the folder of the images beside a file is called, `images` where there is none."""
    beside = (folder.name for folder in _folders(file.path.parent))
    return next((name for name in beside if name.lower() == "images"), "images")
