"""The record that every importer yields, and the account of records that could not be used."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from utils.errors import UserError
from utils.json_text import Doubled

EXAMPLES = 3  # places named per kind of problem
OTHER_TIME_FORMATS = (
    "%a %b %d %H:%M:%S %z %Y",  # Twitter
    "%Y:%m:%d %H:%M:%S",  # EXIF
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
)
MILLISECONDS_FROM = 10**11  # as seconds, the year 5138


class RawPost(NamedTuple):
    """A post as its source has it.

    `texts` are the candidates for the caption (YFCC has a title and a description), `tags` the
    hashtags or None where the source has no such field; `created_at` is in seconds since 1970 UTC,
    None where it cannot be read; `subset` is the shipped split, "" where there is none; `place`
    says where the record stands, for messages; `references` are all captions of an image that
    several people wrote to, and are empty where `texts` is all there is.
    """

    user: str
    post: str
    image: str
    created_at: int | None
    texts: tuple[str, ...]
    tags: list[str] | None
    subset: str = ""
    place: str = ""
    references: tuple[str, ...] = ()


class BadRecord(Exception):
    """A record that cannot be used; its words are the kind of problem, counted in the report."""


@dataclass
class Problems:
    """How often each kind of problem was met, with the first few places of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, place: str) -> None:
        """Counts one problem."""
        self.counts[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(place)

    def merge(self, other: "Problems") -> None:
        """Adds the account of a later part of the input."""
        self.counts.update(other.counts)
        for kind, places in other.examples.items():
            examples = self.examples.setdefault(kind, [])
            examples.extend(places[: EXAMPLES - len(examples)])

    def as_dict(self) -> dict:
        """For report.json, most frequent first."""
        return {
            kind: {"count": count, "examples": self.examples[kind]}
            for kind, count in self.counts.most_common()
        }


def parse_time(value: object) -> int | None:
    """Reads a point in time: ISO 8601, seconds or milliseconds since 1970, or a few common forms.

    A time without a zone is taken as UTC.

    Returns:
        Seconds since 1970 UTC, or None where the value cannot be read.

    >>> parse_time("2020-03-11T10:45:17Z"), parse_time("1583923517"), parse_time("yesterday")
    (1583923517, 1583923517, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return _from_number(float(text))
    except ValueError:
        return _from_words(text)


def _from_number(value: float) -> int | None:
    """Seconds, or milliseconds, since 1970."""
    # Compared before all else: JSON's whole numbers may be too large for a float.
    if not abs(value) < 1000 * MILLISECONDS_FROM:  # nor NaN
        return None
    seconds = value / 1000 if abs(value) >= MILLISECONDS_FROM else value
    return int(seconds) if abs(seconds) < MILLISECONDS_FROM else None


def _from_words(text: str) -> int | None:
    """A written date, by the first format that fits."""
    readers = [datetime.fromisoformat, parsedate_to_datetime]
    readers += [lambda t, f=f: datetime.strptime(t, f) for f in OTHER_TIME_FORMATS]
    for reader in readers:
        try:
            moment = reader(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return int(moment.timestamp())
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def json_object(record: object) -> dict:
    """A record as a dict.

    Raises:
        BadRecord: it is none, or has a key twice, so that nobody knows which value is meant.
    """
    if not isinstance(record, dict):
        raise BadRecord("not a JSON object")
    if isinstance(record, Doubled):
        raise BadRecord("a key comes twice")
    return record


def identifier(record: dict, name: str) -> str:
    """A user or post id of a record: a string, or a whole number as a string.

    Raises:
        BadRecord: it is missing, empty, of another type or not valid Unicode.
    """
    value = record.get(name)
    if value is None or value == "":
        raise BadRecord(f"no {name}")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or has_surrogates(value):
        raise BadRecord(f"{name} is not a text")
    return value


def image_name(value: object) -> str:
    """An image's file name relative to the images folder.

    Raises:
        BadRecord: no text, more than a line, or a path that leaves the folder.
    """
    if value is None or value == "":
        raise BadRecord("no image (--images_list lends one)")
    if not isinstance(value, str) or has_surrogates(value):
        raise BadRecord("image is not a text")
    if set(value) & set("\n\r\0") or value.startswith("/") or ".." in value.split("/"):
        raise BadRecord("image is not a file name inside the images folder")
    return value


def clean_text(value: object, name: str) -> str:
    """A text of a record without lone surrogates and NUL, which no tokenizer or file can hold.

    Raises:
        BadRecord: it is not a string.
    """
    if not isinstance(value, str):
        raise BadRecord(f"{name} is not a text")
    return value.encode("utf-8", "ignore").decode("utf-8").replace("\0", "")


def clean_tags(value: object, name: str) -> list[str]:
    """A list of hashtags, each as `clean_text`.

    Raises:
        BadRecord: it is not a list of strings.
    """
    if not isinstance(value, list):
        raise BadRecord(f"{name} is not a list of texts")
    try:
        return [clean_text(tag, name) for tag in value]
    except BadRecord:
        raise BadRecord(f"{name} is not a list of texts") from None


def has_surrogates(text: str) -> bool:
    """Whether a string holds lone surrogates, which JSON can spell but UTF-8 cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def unreadable(path: object, error: Exception) -> UserError:
    """Words for an input file that cannot be read to its end."""
    return UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")
