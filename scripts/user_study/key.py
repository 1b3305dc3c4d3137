"""The secret of a study: whose text stands where. Workers get everything but this file.

FOLDER/pages/page-01.html ...         one per worker
FOLDER/crowdsourcing/batch-1.csv ...  the same questions for a crowdsourcing site
FOLDER/secret/key.json                stays with the researcher
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.user_study.plan import Item
from utils.errors import UserError
from utils.files import sha256, sha256_of_json, write_json
from utils.json_text import parse_json

FORM = 1
KEY = Path("secret", "key.json")
PAGE = "page"
CROWD = "crowd"
PAGES = "pages"
CROWDSOURCING = "crowdsourcing"


@dataclass(frozen=True)
class Asked:
    """One question as the key has it.

    Attributes:
        sheet: `page 3` or `crowd 1`.
        post: id of the post.
        pair: place of the baseline.
        ours: where our text stands, 1 or 2.
    """

    sheet: str
    post: str
    pair: int
    ours: int


@dataclass(frozen=True)
class Key:
    """What was asked.

    Attributes:
        study: names the study on pages and in answers.
        task: caption or hashtag; relevance, whose questions stand as the baselines: a vote for
            ours is a yes.
        seed: of the draw.
        workers: judges of each (post, baseline).
        posts: ids of the drawn posts.
        ours: name, preset and run of our method.
        baselines: the same of the others.
        notes: what was left out, in words.
        items: id of a question to what it is.
    """

    study: str
    task: str
    seed: int
    workers: int
    posts: Sequence[str]
    ours: Mapping[str, str]
    baselines: Sequence[Mapping[str, str]]
    notes: Sequence[str]
    items: Mapping[str, Asked]


def sheet_items(kind: str, sheets: list[list[Item]], posts: Sequence[str]) -> dict[str, Asked]:
    """What the key says of the questions on some sheets, counted from 1."""
    return {
        item.id: Asked(f"{kind} {number}", posts[item.post], item.pair, item.ours)
        for number, items in enumerate(sheets, 1)
        for item in items
    }


def write_key(folder: Path, key: Key) -> None:
    """Writes the key into the folder of a study, with checksums: its own and of what is there."""
    given = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {str(path.relative_to(folder)): sha256(path) for path in given}
    values = {"form": FORM, **asdict(key), "files": files}
    (folder / KEY).parent.mkdir()
    write_json(folder / KEY, {**values, "checksum": sha256_of_json(values)})


def read_key(folder: Path) -> Key:
    """Reads the key of a study, and holds the files that workers got to what it says.

    Raises:
        UserError: no study, or a file that was changed since it was made.
    """
    path = folder / KEY
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder} is no study: cannot read {path} ({error}); "
            "python -m scripts.user_study make writes one"
        ) from None
    _check_key(path, values)
    _check_files(folder, values.pop("files"))
    items = {id_: Asked(**asked) for id_, asked in values.pop("items").items()}
    return Key(items=items, **values)


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Pages may be somewhere else by now; those that are here must be what was handed out."""
    for name, expected in files.items():
        if (folder / name).is_file() and sha256(folder / name) != expected:
            raise UserError(
                f"{folder / name} was changed since the study was made, so that answers to it "
                "cannot be trusted: make the study again, with the same options, into a new folder"
            )


def _check_key(path: Path, values: Any) -> None:
    """Refuses what is no key or was edited; leaves only the fields of `Key`."""
    checksum = values.pop("checksum", None) if isinstance(values, dict) else None
    if checksum != sha256_of_json(values):
        raise UserError(f"{path} was changed since it was written: get the original back")
    if values.pop("form") != FORM:
        raise UserError(f"{path} was written by another version of this program: use that one")
