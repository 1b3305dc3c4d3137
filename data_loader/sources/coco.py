"""COCO captions: Karpathy's `dataset_coco.json`, or the `captions_*.json` of COCO itself.

The former has a split of its own (113,287 images for training, `restval` among them, and 5,000 each
for validation and test). Of the latter, `captions_train*.json` and `captions_val*.json` are needed;
where no `captions_test*.json` is (COCO keeps those captions to itself), the validation images are
halved between validation and test. Pictures are in `train2014`, `val2014` ... inside `--input`.
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
KARPATHY = "dataset_coco.json"
SPLITS = {"train": "train", "restval": "train", "val": "val", "test": "test"}
SUBSETS = ("test", "val", "train")
NOT_AS_DESCRIBED = (BadRecord, KeyError, TypeError)
FORM = f"{KARPATHY}, or captions_train*.json and captions_val*.json"


def files(path: Path, task: str) -> list[Path]:
    """Karpathy's file, or COCO's own, the test captions first; `UserError` if there are none."""
    del task  # there are captions only
    if (path / KARPATHY).is_file():
        return [path / KARPATHY]
    found = {name: sorted(path.glob(f"captions_{name}*.json")) for name in SUBSETS}
    if not found["train"] or not found["val"]:
        raise UserError(f"no captions in {path}: --input must be the folder that holds {FORM}")
    return [file for name in SUBSETS for file in found[name]]


def chunks(path: Path, task: str) -> Iterator[Chunk]:
    """The images with their captions, some hundred at a time."""
    problems, images = Problems(), []
    found = files(path, task)
    for file in found:
        content = _load(file)
        images += (_karpathy if file.name == KARPATHY else _official)(content, file, problems)
    return cut_images(images, problems, sum(file.stat().st_size for file in found))


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """One post per training caption, and one per image of validation and test."""
    del task
    return parse_images(chunk, "coco")


def _karpathy(content: dict, file: Path, problems: Problems) -> Iterator[Image]:
    """Objects of `images`: `filepath`, `filename`, `split`, `cocoid`, `sentences` with `raw`."""
    for number, entry in enumerate(_entries(content, "images", file)):
        try:
            captions = [_raw(sentence) for sentence in json_object(entry)["sentences"]]
            name = f"{identifier(entry, 'filepath')}/{identifier(entry, 'filename')}"
            yield Image(identifier(entry, "cocoid"), name, SPLITS[entry["split"]], captions)
        except NOT_AS_DESCRIBED:
            problems.add("not an image of the split file", f"{file.name}: image {number}")


def _raw(sentence: object) -> object:
    """What one person wrote; None, which is counted as no caption, where that cannot be told."""
    clear = isinstance(sentence, dict) and not isinstance(sentence, Doubled)
    return sentence.get("raw") if clear else None


def _official(content: dict, file: Path, problems: Problems) -> Iterator[Image]:
    """Objects of `images` (`id`, `file_name`) and `annotations` (`image_id`, `caption`)."""
    folder = file.stem.removeprefix("captions_")
    subset = next(name for name in SUBSETS if folder.startswith(name))
    captions = defaultdict(list)
    for number, entry in enumerate(_entries(content, "annotations", file)):
        try:
            captions[identifier(json_object(entry), "image_id")].append(entry["caption"])
        except NOT_AS_DESCRIBED:
            problems.add("not an annotation", f"{file.name}: annotation {number}")
    for number, entry in enumerate(_entries(content, "images", file)):
        try:
            id_ = identifier(json_object(entry), "id")
            name = f"{folder}/{identifier(entry, 'file_name')}"
            yield Image(id_, name, subset, captions.pop(id_, []))
        except NOT_AS_DESCRIBED:
            problems.add("not an image", f"{file.name}: image {number}")
    for id_, mine in captions.items():
        for _ in mine:
            problems.add("caption of an image that is not listed", f"{file.name}: image {id_}")


def _entries(content: dict, name: str, file: Path) -> list:
    """A list of a file.

    Raises:
        UserError: the file has none of this name.
    """
    if not isinstance(content, dict) or not isinstance(content.get(name), list):
        raise UserError(f"{file} has no list {name!r}: expected {FORM}")
    return content[name]


def _load(file: Path) -> dict:
    try:
        content = read_json_file(file)
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if isinstance(content, Doubled):
        raise UserError(f"{file} has a key twice, so that nobody knows which list is meant")
    return content
