"""MSR-VTT (2016): video clips with 20 captions each, and a split.

`train_val_videodatainfo.json` and `test_videodatainfo.json` hold `videos` (`video_id`, `split`:
train, validate or test) and `sentences` (`video_id`, `caption`). They are in `--input`, or in the
folder MSR-VTT or MSR_VTT inside it, and the clips beside them: `TrainValVideo/ID.mp4` those of the
first file, `TestVideo/ID.mp4` those of the second.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from data_loader.posts import BadRecord, Problems, RawPost, identifier, json_object, unreadable
from data_loader.sources.caption_sets import Chunk, Image, cut_images, parse_images
from utils.errors import UserError
from utils.json_text import Doubled, read_json_file

USERS = False
ONLY_TASK = "caption"
# Test comes first: of a video that is listed twice, the first is kept.
FOLDERS = {
    "test_videodatainfo.json": "TestVideo",
    "train_val_videodatainfo.json": "TrainValVideo",
}
INSIDE = ("", "MSR-VTT", "MSR_VTT")
NOT_AS_DESCRIBED = (BadRecord, KeyError, TypeError)
SPLITS = {"train": "train", "validate": "val", "test": "test"}


def files(path: Path, task: str) -> list[Path]:
    """The two files, test first; `UserError` names one that is missing."""
    del task  # there are captions only
    folder = path / _folder(path)
    found = [folder / name for name in FOLDERS]
    for file in found:
        if not file.is_file():
            raise UserError(
                f"no {file}: --input must be the folder that holds {' and '.join(FOLDERS)}"
            )
    return found


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The videos with their captions, some hundred at a time."""
    problems, videos, found = Problems(), {}, files(path, task)
    for file in found:
        for video in _videos(file, _folder(path), problems):
            if video.id in videos:
                problems.add("video is listed twice", f"{file.name}: {video.id}")
            videos.setdefault(video.id, video)
    return cut_images(list(videos.values()), problems, sum(f.stat().st_size for f in found))


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """One post per training caption, and one per video of validation and test."""
    del task
    return parse_images(chunk, "msrvtt", noun="video")


def _folder(path: Path) -> str:
    """Where the files are, inside the input."""
    return next((name for name in INSIDE if any((path / name / f).is_file() for f in FOLDERS)), "")


def _videos(file: Path, folder: str, problems: Problems) -> Iterator[Image]:
    """The videos of one file in its order; what cannot be used is counted."""
    content = _load(file)
    captions = defaultdict(list)
    for number, entry in enumerate(content["sentences"]):
        try:
            captions[identifier(json_object(entry), "video_id")].append(entry["caption"])
        except NOT_AS_DESCRIBED:
            problems.add("not a sentence", f"{file.name}: sentence {number}")
    where = f"{folder}/{FOLDERS[file.name]}".removeprefix("/")
    for number, entry in enumerate(content["videos"]):
        try:
            id_, subset = identifier(json_object(entry), "video_id"), SPLITS[entry["split"]]
            yield Image(id_, f"{where}/{id_}.mp4", subset, captions.pop(id_, []))
        except NOT_AS_DESCRIBED:
            problems.add("not a video", f"{file.name}: video {number}")
    for id_, mine in captions.items():
        for _ in mine:
            problems.add("sentence of a video that is not listed", f"{file.name}: {id_}")


def _load(file: Path) -> dict:
    """The file's object.

    Raises:
        UserError: it cannot be read, or has not the two lists.
    """
    try:
        content = read_json_file(file)
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if isinstance(content, Doubled):
        raise UserError(f"{file} has a key twice, so that nobody knows which list is meant")
    for name in ("videos", "sentences"):
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise UserError(f"{file} has no list {name!r}: is it a file of MSR-VTT (2016)?")
    return content
