"""Flickr30k: `results_20130124.token` and a list of images for each subset.

A line of the first is `ID.jpg#K<TAB>CAPTION`, K from 0 to 4; the lists are `imgs_train.txt`,
`imgs_val.txt` and `imgs_test.txt`, a file name per line, in `--input` or in `--splits`. (Those of
caption-guided saliency have 29,000, 1,014 and 1,000 images; the splits of Flickr30k Entities are
others.) Pictures are looked for in `flickr30k-images` inside `--input`.
"""

from collections.abc import Iterator
from pathlib import Path

from data_loader.posts import Problems, RawPost
from data_loader.sources.caption_sets import Chunk, Image, cut_images, numbered_lines, parse_images
from utils.errors import UserError

USERS = False
ONLY_TASK = "caption"
TOKENS = "results_20130124.token"
LISTS = {"test": "imgs_test.txt", "val": "imgs_val.txt", "train": "imgs_train.txt"}
MOST_DIGITS = 9  # of a caption's number
PICTURES = ("flickr30k-images", "flickr30k_images", "images")


def files(path: Path, task: str, splits: Path | None = None) -> list[Path]:
    """The captions and the three lists; `UserError` names one that is missing."""
    del task  # there are captions only
    folder = splits or path
    found = [path / TOKENS, *(folder / name for name in LISTS.values())]
    for file in found:
        if not file.is_file():
            raise UserError(
                f"no {file}: --input must hold {TOKENS}, and --input or --splits "
                f"{', '.join(LISTS.values())}"
            )
    return found


def chunks(path: Path, task: str, splits: Path | None = None) -> Iterator[Chunk]:
    """The images of the lists with their captions, some hundred at a time."""
    tokens, *lists = files(path, task, splits)
    problems = Problems()
    subsets = _subsets(dict(zip(LISTS, lists, strict=True)), problems)
    captions = _captions(tokens, problems)
    for name in captions.keys() - subsets.keys():
        problems.add("image in none of the lists", f"image {name}")
    folder = next((name for name in PICTURES if (path / name).is_dir()), PICTURES[0])
    images = [
        Image(name.removesuffix(".jpg"), f"{folder}/{name}", subset, captions.get(name, []))
        for name, subset in subsets.items()
    ]
    return cut_images(images, problems, sum(file.stat().st_size for file in [tokens, *lists]))


def parse(chunk: Chunk, task: str) -> tuple[list[RawPost], Problems]:
    """One post per training caption, and one per image of validation and test."""
    del task
    return parse_images(chunk, "flickr30k")


def _subsets(lists: dict[str, Path], problems: Problems) -> dict[str, str]:
    """The subset of each image; an image of two lists goes to test rather than to training."""
    subsets: dict[str, str] = {}
    for subset, path in lists.items():
        for number, line in numbered_lines(path, problems):
            name = line.strip()
            if name in subsets:
                problems.add("image in two places of the lists", f"{path.name}, line {number}")
            subsets.setdefault(name, subset)
    return subsets


def _captions(path: Path, problems: Problems) -> dict[str, list[str]]:
    """The captions of each image by their numbers; a line of another form is counted."""
    numbered: dict[str, dict[str, str]] = {}
    for number, line in numbered_lines(path, problems):
        label, tab, caption = line.strip().partition("\t")
        name, sign, which = label.rpartition("#")
        if not (tab and sign and name and which.isdecimal() and len(which) <= MOST_DIGITS):
            problems.add("line is not IMAGE#NUMBER, a tab, a caption", f"line {number}")
        elif which in numbered.setdefault(name, {}):
            problems.add("caption number comes twice", f"line {number}")
        else:
            numbered[name][which] = caption
    return {name: [mine[n] for n in sorted(mine, key=int)] for name, mine in numbered.items()}
