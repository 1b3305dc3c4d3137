"""Writes pictures with bright things in known cells, to see whether saliency finds them.

    python -m scripts.make_planted_set --out toy/planted
    python -m scripts.build_dataset --source folder --input toy/planted --out toy/planted-data
    python -m scripts.extract_features --images toy/planted --data_dir toy/planted-data \\
        --extractor patches
    python -m train --data_dir toy/planted-data --run_dir toy/planted-run \\
        --preset saliency-image --cells cells8 --extractor patches \\
        --hidden_dim 96 --word_dim 24 --batch_size 50 --learning_rate 0.004
    python -m scripts.pointing_game --run_dir toy/planted-run --entities toy/planted

Every picture is 8 x 8 cells of 16 pixels, grey but for two things of several cells; each thing has
a colour of its own, and the caption names both. Beside pictures and captions there are the things'
boxes, as Flickr30k Entities writes them, so that the pointing game can be played. With `--clips`,
there are clips instead: one thing is seen in the first half, the other in the second.
"""

import json
import xml.etree.ElementTree as ET  # nosec B405  # writes XML and reads none
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from utils.checks import check_range
from utils.command_line import parse
from utils.errors import UserError, run_command

CELLS, PIXELS = 8, 16  # cells of a side, pixels of a cell's
SIZES = ((3, 3), (3, 4), (4, 3), (4, 4))  # of things, in cells: wide and high
ON_CENTRE = 0.6  # share of pictures with a thing in their middle: a centre guess hits half as many
PLANTED = "planted.jsonl"
FRAMES, RATE = 24, 12  # of a clip; per second
GRAIN, GRAIN_SIZE = 6.0, 2  # deviation of the noise over everything, pixels of its grains
GREY = 128  # of everything else: in the middle, so that features in [-1, 1] are about 0 there
# Word to its colour and its kind in Flickr30k Entities.
THINGS = {
    "ball": ((230, 40, 40), "other"),
    "frog": ((40, 200, 60), "animals"),
    "fish": ((50, 90, 240), "animals"),
    "lemon": ((240, 220, 40), "other"),
    "plum": ((170, 50, 200), "other"),
    "swan": ((240, 240, 240), "animals"),
    "drum": ((60, 210, 220), "instruments"),
    "coat": ((240, 130, 30), "clothing"),
}
SENTENCES = ("a {} and a {}", "there is a {} near a {}", "we see a {} with a {}")


@dataclass(frozen=True)
class Options:
    """Writes pictures, or clips, with bright things in known cells, captions and boxes."""

    out: Path
    """The folder to write; it must not exist, or be empty."""
    train: int = 2000
    """Pictures to learn from."""
    val: int = 100
    """Pictures to validate on."""
    test: int = 200
    """Pictures to test on."""
    clips: bool = False
    """Clips of 24 frames instead of pictures; each thing is seen in one half."""
    seed: int = 0
    """Other numbers, other pictures."""


class Thing(NamedTuple):
    """A thing and its cells: the first column and row, how many columns and rows."""

    word: str
    left: int
    top: int
    width: int
    height: int

    @property
    def covered(self) -> tuple[slice, slice]:
        """Rows and columns of cells."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class Scene(NamedTuple):
    """What one picture shows, and what is said of it."""

    name: str
    subset: str
    things: tuple[Thing, Thing]  # in the order of the caption
    sentence: str  # with two places for words


def main() -> None:
    """Writes the set and says what is in it."""
    options = parse(Options)
    for name in ("train", "val", "test"):
        check_range(name, getattr(options, name), 1)
    check_range("seed", options.seed, 0)
    scenes = list(plant(options))
    write(options, scenes)
    hits = np.mean([in_centre(thing) for scene in scenes for thing in scene.things])
    kind = "clips" if options.clips else "pictures"
    print(f"{len(scenes):,} {kind} in {options.out}; their centre hits {hits:.3f} of the things")


def plant(options: Options) -> Iterator[Scene]:
    """The scenes, subset by subset; the first of a larger set are those of a smaller one."""
    for place, subset in enumerate(("train", "val", "test")):
        random = np.random.default_rng([options.seed, place])
        for number in range(getattr(options, subset)):
            sentence = SENTENCES[random.integers(len(SENTENCES))]
            yield Scene(f"{subset}-{number:05}", subset, _things(random), sentence)


def in_centre(thing: Thing) -> bool:
    """Whether the picture's middle pixel is inside: that right of and below the middle."""
    return all(side.start <= CELLS // 2 < side.stop for side in thing.covered)


def write(options: Options, scenes: list[Scene]) -> None:
    """All files of the set; see the module.

    Raises:
        UserError: the folder is in use, or cannot be written.
    """
    out, folder = options.out, "clips" if options.clips else "images"
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"--out {out} is not empty: give a new folder")
        for part in (folder, "Sentences", "Annotations"):
            (out / part).mkdir(parents=True, exist_ok=True)
        files = [f"{folder}/{s.name}.{'mp4' if options.clips else 'png'}" for s in scenes]
        for number, (file, scene) in enumerate(zip(files, scenes, strict=True)):
            _write_scene(out, file, scene, np.random.default_rng([options.seed, 3, number]))
        lines = [f"{f}\t{caption(s)}\t{s.subset}\n" for f, s in zip(files, scenes, strict=True)]
        (out / "captions.tsv").write_text("".join(lines), encoding="utf-8")
        rows = [json.dumps(truth(f, s)) + "\n" for f, s in zip(files, scenes, strict=True)]
        (out / PLANTED).write_text("".join(rows), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error


def caption(scene: Scene) -> str:
    """What is said, in plain words."""
    return scene.sentence.format(*(thing.word for thing in scene.things))


def truth(file: str, scene: Scene) -> dict:
    """A line of planted.jsonl: where and when each word is seen."""
    clip = file.endswith(".mp4")
    frames = [[0, FRAMES // 2], [FRAMES // 2, FRAMES]] if clip else [[0, 1]] * 2
    pairs = zip(scene.things, frames, strict=True)
    seen = [{**thing._asdict(), "frames": when} for thing, when in pairs]
    return {"file": file, "caption": caption(scene), "subset": scene.subset, "things": seen}


def draw(things: tuple[Thing, ...], random: np.random.Generator) -> np.ndarray:
    """A picture [128, 128, 3] uint8 of these things, with noise all over."""
    colours = np.full([CELLS, CELLS, 3], GREY, np.float64)
    for thing in things:
        colours[thing.covered] = THINGS[thing.word][0]
    pixels = _enlarged(colours, PIXELS // GRAIN_SIZE)
    pixels += random.normal(0, GRAIN, pixels.shape)
    return _enlarged(pixels.clip(0, 255).astype(np.uint8), GRAIN_SIZE)


def sentence(scene: Scene) -> str:
    """The caption as Flickr30k Entities writes it: which word names which box."""
    named = [
        f"[/EN#{chain}/{THINGS[thing.word][1]} {thing.word}]"
        for chain, thing in enumerate(scene.things, 1)
    ]
    return scene.sentence.format(*named)


def annotation(scene: Scene) -> str:
    """The boxes as Flickr30k Entities writes them: pixels count from 1, the last is inside."""
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = f"{scene.name}.png"
    _numbers(root, "size", width=CELLS * PIXELS, height=CELLS * PIXELS, depth=3)
    for chain, thing in enumerate(scene.things, 1):
        found = ET.SubElement(root, "object")
        ET.SubElement(found, "name").text = str(chain)
        rows, columns = thing.covered
        first = {"xmin": columns.start * PIXELS + 1, "ymin": rows.start * PIXELS + 1}
        _numbers(found, "bndbox", **first, xmax=columns.stop * PIXELS, ymax=rows.stop * PIXELS)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    """Each pixel becomes a square."""
    return picture.repeat(times, 0).repeat(times, 1)


def _things(random: np.random.Generator) -> tuple[Thing, Thing]:
    """Two different things, neither behind the other."""
    words = [str(word) for word in random.choice(list(THINGS), 2, replace=False)]
    on_centre = random.random() < ON_CENTRE
    while True:
        first, second = (_placed(word, random) for word in words)
        taken = np.zeros([CELLS, CELLS], bool)
        taken[first.covered] = True
        free = not taken[second.covered].any()
        if free and on_centre == (in_centre(first) or in_centre(second)):
            return first, second


def _placed(word: str, random: np.random.Generator) -> Thing:
    width, height = SIZES[random.integers(len(SIZES))]
    left, top = (int(random.integers(CELLS - side + 1)) for side in (width, height))
    return Thing(word, left, top, width, height)


def _write_scene(out: Path, file: str, scene: Scene, random: np.random.Generator) -> None:
    if file.endswith(".mp4"):
        _write_clip(out / file, scene, random)
    else:
        Image.fromarray(draw(scene.things, random)).save(out / file)
    texts = {
        "Sentences": (".txt", sentence(scene) + "\n"),
        "Annotations": (".xml", annotation(scene)),
    }
    for folder, (ending, text) in texts.items():
        (out / folder / f"{scene.name}{ending}").write_text(text, encoding="utf-8")


def _write_clip(path: Path, scene: Scene, random: np.random.Generator) -> None:
    from utils.film import write_film

    first, second = scene.things
    halves = ((first,) if 2 * frame < FRAMES else (second,) for frame in range(FRAMES))
    frames = ((k / RATE, draw(things, random)) for k, things in enumerate(halves))
    write_film(path, frames, RATE, 1 / RATE)


def _numbers(parent: ET.Element, name: str, **values: int) -> None:
    """An element with a number in each child."""
    element = ET.SubElement(parent, name)
    for child, value in values.items():
        ET.SubElement(element, child).text = str(value)


if __name__ == "__main__":
    run_command(main)
