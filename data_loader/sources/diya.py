"""The layout of DIYA's Instagram captioning: one JSON file per split.

`train.json`, `val.json` and `test.json` hold lists of `{"image_path", "hashtag": [...], "text"}`;
`image_path` is relative to the folder of the file, which is `--input`. Other keys are ignored, and
so is `total.json`.
"""

from collections.abc import Iterator
from pathlib import Path

from data_loader.posts import BadRecord, Problems, RawPost, image_name
from data_loader.sources.kts import tags_of
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


def files(path: Path, task: str) -> list[Path]:
    """The files of the splits, test first; `UserError` names one that is missing."""
    del task  # the same records serve both
    return [file.path for file in _find(path)]


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The records of the files, some thousand at a time."""
    del task
    return read_lists(_find(path))


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """The posts of some records; one without the field of the task is no post."""

    def to_post(record: dict, place: str) -> RawPost:
        if not record.get("image_path"):
            raise BadRecord("no image_path")
        image = image_name(record["image_path"]).removeprefix("./")
        return RawPost(
            user="diya",
            post=image,
            image=image,
            created_at=None,
            texts=wanted_text(record, "text", task),
            tags=tags_of(record) if task == "hashtag" else None,
            place=place,
        )

    return parse_lists(chunk, to_post)


def _find(path: Path) -> list[ListFile]:
    found = [
        ListFile(path / f"{name}.json", subset, f"{name}.json")
        for name, subset in SUBSETS.items()
        if (path / f"{name}.json").is_file()
    ]
    missing = {"train", "test"} - {file.subset for file in found}
    if missing:
        raise UserError(
            f"no {' and no '.join(f'{name}.json' for name in sorted(missing))} in {path}: --input "
            "must be the folder that holds train.json, val.json and test.json"
        )
    return in_order(found)
