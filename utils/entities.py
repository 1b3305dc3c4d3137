"""Flickr30k Entities (Plummer et al., ICCV 2015): which words of a caption name which boxes.

    FOLDER/Sentences/ID.txt      [/EN#7/people Two men] wash [/EN#9/animals/other a dog] .
    FOLDER/Annotations/ID.xml    <annotation><size>...</size>
                                   <object><name>7</name><bndbox>...</bndbox></object> ...

A caption per line; a phrase in brackets has the number of what it names (its chain, shared by all
captions of the picture; 0 for nothing visible) and one or more kinds. An object has the numbers of
the chains that it belongs to and a box, in pixels counted from 1, the last one included, or flags
(`scene`, `nobndbox`) that say why it has none.
"""

import re
import xml.etree.ElementTree as ET  # nosec B405  # files with a document type are refused
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.errors import UserError

SENTENCES, ANNOTATIONS = "Sentences", "Annotations"
NOT_VISUAL = "0"
# The kinds of the published files, in the order of their tables.
KINDS = (
    "people",
    "clothing",
    "bodyparts",
    "animals",
    "vehicles",
    "instruments",
    "scene",
    "other",
)
_PHRASE = re.compile(
    r"\[/EN#(?P<chain>\d+)/(?P<kinds>[^\s\[\]]+)\s+(?P<words>[^\[\]]*[^\[\]\s])\s*\]"
)
_EDGES = ("xmin", "ymin", "xmax", "ymax")


class EntitiesError(ValueError):
    """Files of a picture that cannot be used; the message is the reason, in a few words."""


class Piece(NamedTuple):
    """A phrase, or the words between two phrases.

    Attributes:
        text: as it was written.
        chain: the number of what it names; "" between phrases, `NOT_VISUAL` where nothing is seen.
        kinds: people, clothing ...; empty between phrases.
    """

    text: str
    chain: str = ""
    kinds: tuple[str, ...] = ()


class Entities(NamedTuple):
    """What is known of one picture.

    Attributes:
        width, height: of the picture, in pixels.
        sentences: its captions, in pieces.
        boxes: chain to [n, 4] float64: left, top, right and bottom edge in pixels of the picture,
            where its first pixel goes from 0 to 1. A chain without a box is not there.
        broken: captions that could not be read, as `line 3: why`.
        broken_boxes: boxes that could not be, as `object 3: why`.
    """

    width: int
    height: int
    sentences: list[list[Piece]]
    boxes: dict[str, np.ndarray]
    broken: list[str]
    broken_boxes: list[str]


def list_entities(folder: Path) -> list[str]:
    """The pictures that have sentences, by their ids, sorted.

    Raises:
        UserError: this is no folder of Flickr30k Entities.
    """
    for part in (SENTENCES, ANNOTATIONS):
        if not (folder / part).is_dir():
            raise UserError(
                f"no folder {folder / part}: expected {SENTENCES}/ID.txt and {ANNOTATIONS}/ID.xml, "
                "as in annotations.zip of Flickr30k Entities"
            )
    found = sorted(path.stem for path in (folder / SENTENCES).glob("*.txt"))
    if not found:
        raise UserError(f"{folder / SENTENCES} has no .txt files, one for each picture")
    return found


def read_entities(folder: Path, name: str) -> Entities:
    """Reads both files of a picture.

    Raises:
        EntitiesError: one is missing or broken, or no caption can be read.
    """
    sentences, broken = _read_sentences(folder / SENTENCES / f"{name}.txt")
    root = _read_xml(folder / ANNOTATIONS / f"{name}.xml")
    width, height = (_number(root.find("size"), edge) for edge in ("width", "height"))
    if not (width >= 1 and height >= 1):
        raise EntitiesError(f"a picture of {width:g} x {height:g} pixels")
    boxes, broken_boxes = _read_boxes(root, width, height)
    return Entities(int(width), int(height), sentences, boxes, broken, broken_boxes)


def parse_sentence(line: str) -> list[Piece]:
    """Cuts a caption into phrases and what is between them.

    >>> [piece.text for piece in parse_sentence("[/EN#7/people Two men] wash [/EN#9/animals it] .")]
    ['Two men', 'wash', 'it', '.']

    Raises:
        EntitiesError: brackets that are not such phrases.
    """
    pieces, end = [], 0
    for phrase in _PHRASE.finditer(line):
        pieces += _between(line[end : phrase.start()])
        kinds = tuple(kind for kind in phrase["kinds"].split("/") if kind)
        pieces.append(Piece(phrase["words"], phrase["chain"], kinds))
        end = phrase.end()
    return pieces + _between(line[end:])


def _between(text: str) -> list[Piece]:
    if "[" in text or "]" in text:
        raise EntitiesError(f"brackets that are no phrase: {text.strip()[:40]!r}")
    return [Piece(text.strip())] if text.strip() else []


def _read_sentences(path: Path) -> tuple[list[list[Piece]], list[str]]:
    """The captions, and why others are left out."""
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EntitiesError(f"{path.name} is not UTF-8 text") from None
    sentences, broken = [], []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            pieces = parse_sentence(line)
        except EntitiesError as error:
            broken.append(f"line {number}: {error}")
            continue
        sentences += [pieces] if pieces else []
    if not sentences:
        raise EntitiesError(f"{path.name} has no caption ({', '.join(broken[:1]) or 'empty'})")
    return sentences, broken


class _WithoutDoctype(ET.TreeBuilder):
    """Refuses what could define entities: a few of them can expand to all of the memory."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise EntitiesError("a document type, which these files do not have")


def _read_xml(path: Path) -> ET.Element:
    data = _read(path)
    try:
        parser = ET.XMLParser(target=_WithoutDoctype())  # nosec B314  # see `_WithoutDoctype`
        return ET.fromstring(data, parser)  # nosec B314  # likewise
    except (ET.ParseError, LookupError, ValueError) as error:  # also an encoding nobody knows
        raise EntitiesError(f"{path.name} is no XML: {error}") from None


def _read_boxes(
    root: ET.Element, width: float, height: float
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The boxes of each chain, and why others are left out."""
    boxes, broken = {}, []
    for number, thing in enumerate(root.iter("object"), 1):
        box = thing.find("bndbox")
        if box is None:
            continue
        try:
            edges = _edges(box, width, height)
        except EntitiesError as error:
            broken.append(f"object {number}: {error}")
            continue
        for chain in thing.findall("name"):
            boxes.setdefault((chain.text or "").strip(), []).append(edges)
    return {chain: np.array(found) for chain, found in boxes.items()}, broken


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EntitiesError(f"{path.name}: {error.strerror}") from None


def _number(element: ET.Element | None, name: str) -> float:
    """The finite number in a child of an element."""
    text = None if element is None else element.findtext(name)
    try:
        number = float(text or "")
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise EntitiesError(f"{name} is {'missing' if text is None else repr(text[:20])}")
    return number


def _edges(box: ET.Element, width: float, height: float) -> list[float]:
    """Edges of a box: its first pixel, counted from 1, begins one before its number."""
    left, top, right, bottom = (_number(box, name) for name in _EDGES)
    edges = [max(left - 1, 0), max(top - 1, 0), min(right, width), min(bottom, height)]
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        raise EntitiesError(
            f"a box from {left:g}, {top:g} to {right:g}, {bottom:g} in a picture of "
            f"{width:g} x {height:g}"
        )
    return edges
