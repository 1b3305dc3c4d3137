"""JSON that somebody else wrote: one exception for all that is wrong; keys that come twice."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from utils.errors import UserError

# The largest files that are read whole: those of InstaPIC and YFCC have a quarter of this.
LARGEST_FILE = 768 * 2**20


class Doubled(dict):
    """An object in which a key comes twice.

    As a dict it has the last value of each key, which is all that Python's `json` would tell;
    `pairs` are all keys and values in their order.
    """

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__(pairs)
        self.pairs = pairs


def _object(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Doubled(pairs)


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; objects in which a key comes twice are `Doubled`.

    Args:
        text: bytes may be UTF-8, UTF-16 or UTF-32, with a byte-order mark or without.

    Raises:
        ValueError: it is not JSON, not Unicode, has a number of thousands of digits or is nested
            too deep.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def read_json_file(path: Path) -> Any:
    """The value of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: as `parse_json`, or it is too large to be held in memory.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ValueError(
            f"{size / 2**20:,.0f} MB are more than the {LARGEST_FILE // 2**20} that are read at "
            "once; divide it, or write one post per line (--source crawl)"
        )
    return parse_json(path.read_bytes())


def pairs_of(found: dict) -> list[tuple[str, Any]]:
    """All keys and values of an object, those of keys that come twice included."""
    return found.pairs if isinstance(found, Doubled) else list(found.items())


@contextmanager
def expecting(path: Path, remedy: str) -> Iterator[None]:
    """Turns what is missing in a JSON file, or of another kind there, into words.

    Args:
        path: the file, for the message.
        remedy: what to do about it, the end of the message.

    Raises:
        UserError: in place of the errors that reading such values raises.
    """
    try:
        yield
    except (OSError, LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        words = isinstance(error, OSError | ValueError)
        reason = f"{error!s:.200}" if words else f"{type(error).__name__}: {error!s:.100}"
        raise UserError(f"cannot read {path} ({reason}); {remedy}") from error
