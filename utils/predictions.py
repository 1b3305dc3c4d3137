"""The file of predictions: one JSON object per line, what eval writes and all scores read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from utils.errors import UserError
from utils.files import write_bytes
from utils.json_text import Doubled, parse_json
from utils.lines import TOO_LONG, bounded_lines

FORM = '{"id": ..., "prediction": "words", "references": ["words", ...]}'
REFERENCES = ("references", "reference_texts")


def write_predictions(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes predictions, all of them or nothing.

    Args:
        path: the file to make or replace; its folder exists.
        rows: JSON objects of the form that `read_predictions` returns.

    Raises:
        UserError: a row that could not be read back, or a path that cannot be written.
    """
    lines = []
    for row in _checked(((f"row {n}", dict(row)) for n, row in enumerate(rows)), str(path)):
        lines.append(_encode(row) + b"\n")
    try:
        write_bytes(Path(path), b"".join(lines))
    except OSError as error:
        raise UserError(f"cannot write the predictions {path}: {error.strerror}") from error


def join_id(user: str, post: str) -> str:
    """The id of a post among those of all users: `user/post`, the same for no two posts.

    A slash in a name is percent-encoded, and so is the percent sign itself.

    >>> join_id("ann", "p1"), join_id("a/b", "1"), join_id("a", "b/1")
    ('ann/p1', 'a%2Fb/1', 'a/b%2F1')
    """
    return "/".join(name.replace("%", "%25").replace("/", "%2F") for name in (user, post))


def join_words(words: Iterable[str], task: str) -> str:
    """The `prediction` of a row: words between blanks, each hashtag once (section 4.2).

    >>> join_words(["sun", "sea", "sun"], "hashtag"), join_words(["so", "so"], "caption")
    ('sun sea', 'so so')
    """
    return " ".join(dict.fromkeys(words) if task == "hashtag" else words)


def for_people(row: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The prediction and the references of a row, in whole words where the row has them.

    >>> for_people({"prediction": "바다/NNG 에/JKB", "text": "바다에", "references": ["바다/NNG"]})
    ('바다에', ['바다/NNG'])
    """
    references = row.get("reference_texts", row["references"])
    return row.get("text", row["prediction"]), references


def read_predictions(path: str | Path) -> list[dict[str, Any]]:
    """Reads predictions; nothing is dropped, a bad line is an error that names it.

    Returns:
        One dict per line, in the file's order: `id` (string or integer, each once), `prediction`
        (string), `references` (list of at least one string), and whatever else the line has
        (`user`, `image`). Hashtags are strings of tags between blanks, without `#`; `ranking` is
        such a string of the most probable ones, where a method ranks all tags. `text` and
        `reference_texts` are prediction and references in whole words, where words are in pieces.

    Raises:
        UserError: no such file, no rows, or a line that is not such a row.
    """
    try:
        with open(path, "rb") as file:
            lines = [line and line.removesuffix(b"\n") for line in bounded_lines(file)]
    except OSError as error:
        raise UserError(
            f"cannot read the predictions {path}: {error.strerror}; "
            f"expected a file with one row per line, {FORM}"
        ) from error
    named = ((f"line {n}", _decode(line, f"{path}, line {n}")) for n, line in enumerate(lines, 1))
    rows = list(_checked(named, str(path)))
    if not rows:
        raise UserError(f"{path} is empty; expected one row per line, {FORM}")
    return rows


def _encode(row: dict[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character: only the escaped form can hold it
        return json.dumps(row).encode()


def _decode(line: bytes | None, place: str) -> Any:
    if line is None:
        raise UserError(f"{place}: {TOO_LONG}; expected {FORM}")
    try:
        return parse_json(line.decode())
    except UnicodeDecodeError:
        raise UserError(f"{place}: not UTF-8; expected {FORM}") from None
    except ValueError:
        shown = line[:60].decode(errors="replace").strip()
        raise UserError(f"{place}: not JSON: {shown!r}; expected {FORM}") from None


def _checked(named: Iterable[tuple[str, Any]], path: str) -> Iterator[dict[str, Any]]:
    """Yields the rows; raises `UserError` at the first that is not one, or whose id came before."""
    seen: dict[str, str] = {}
    for name, row in named:
        problem = _problem(row)
        if problem:
            raise UserError(f"{path}, {name}: {problem}; expected {FORM}")
        identity = str(row["id"])
        if identity in seen:
            raise UserError(
                f"{path}, {name}: the id {identity!r} is already on {seen[identity]}; "
                "give every row an id of its own, and all references of a post in one row"
            )
        seen[identity] = name
        yield row


def _problem(row: Any) -> str:
    """Says what is wrong with a row; "" where nothing is."""
    if isinstance(row, Doubled):
        return "a key comes twice"
    if not isinstance(row, dict):
        return f"a {type(row).__name__} where an object is needed"
    missing = [key for key in ("id", "prediction", "references") if key not in row]
    if missing:
        return "no " + " and no ".join(f'"{key}"' for key in missing)
    if isinstance(row["id"], bool) or not isinstance(row["id"], str | int):
        return f'"id" is {row["id"]!r:.60}, not a string or an integer'
    if not isinstance(row["prediction"], str):
        return f'"prediction" is {row["prediction"]!r:.60}, not a string'
    for name in ("ranking", "text"):
        if not isinstance(row.get(name, ""), str):
            return f'"{name}" is {row[name]!r:.60}, not a string'
    problems = (_texts_problem(name, row[name]) for name in REFERENCES if name in row)
    return next(filter(None, problems), "")


def _texts_problem(name: str, texts: Any) -> str:
    if not isinstance(texts, list):
        return f'"{name}" is {texts!r:.60}, not a list of strings'
    if not texts:
        return f'"{name}" has no entry'
    for text in texts:
        if not isinstance(text, str):
            return f'"{name}" has {text!r:.60}, not a string'
    return ""
