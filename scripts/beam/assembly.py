"""From the folders of the parts to one view: columns are joined file by file, a part at a time."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from data_loader.build import cut_note
from data_loader.columns import Column, Pieces, TextPieces, open_columns, read_contents
from data_loader.filters import Account
from data_loader.posts import Problems
from data_loader.report import Tally, make_report
from data_loader.vocabulary import Vocabulary
from scripts.beam.columns import COUNTS, IDF, OF_ALL, USERS, Workplace, read_tally
from scripts.beam.parts import Plan
from scripts.beam.words import Words
from utils.files import write_json

FINDINGS = "findings.json"


def write_findings(
    plan: Plan, words: Words, problems: Problems, remarks: Problems, folder: Path
) -> None:
    """Writes what was found of all posts, for `assemble`."""
    accounts = {"problems": vars(problems), "remarks": vars(remarks)}
    about = {"names": plan.names, "parts": sorted(plan.numbers), "width": plan.width}
    found = {"note": plan.note, "steps": plan.steps, **words._asdict()}
    write_json(folder / FINDINGS, about | found | accounts)


def assemble(place: Workplace, about_language: dict | None) -> None:
    """Writes the view from what the workers wrote.

    Args:
        place: where the parts are, and what is built.
        about_language: the dictionary that posts were held to.

    Raises:
        UserError: a file of a part is missing or damaged, or the disk is full.
    """
    found = _read_json(place.folder / FINDINGS)
    folders = [place.of_part(part) for part in found["parts"]]
    facts = [_read_json(folder / COUNTS) for folder in folders]
    columns = {name: join_columns([one / name for one in folders]) for name in found["names"]}
    users = join_columns([one / USERS for one in folders])["users"]
    idf = open_columns(place.folder / OF_ALL / IDF)[IDF]
    everything = _add_up([one["everything"] for one in facts])
    report = make_report(
        Account(found["steps"], place.order.options.has_users),
        _problems(found["problems"]),
        _problems(found["remarks"]),
        everything.statistics(),
        {n: _add_up([one["subsets"][n] for one in facts]).statistics() for n in found["names"]},
    )
    notes = [found["note"]] if found["note"] else []
    report |= {
        "notes": notes + cut_note(everything.lengths, found["width"]),
        "language": about_language,
        "vocabulary": found["coverage"],
        "both_tasks": _both_tasks(facts, place.other),
    }
    place.order.write(columns, Vocabulary(found["words"]), users, idf, report)


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _problems(found: dict) -> Problems:
    return Problems(Counter(found["counts"]), found["examples"])


def _add_up(counts: list[dict]) -> Tally:
    total = Tally()
    for one in counts:
        total.add(read_tally(one))
    return total


def _both_tasks(facts: list[dict], other: str | None) -> dict:
    numbers = {name: sum(one["unique"][name] for one in facts) for name in ("posts", "users")}
    return {**numbers, "other_view": other}


def join_columns(folders: list[Path]) -> dict[str, Column]:
    """The columns of several folders, one below the other; no more than one folder's is in memory.

    Args:
        folders: each written by `data_loader.columns.write_columns`, with the same columns.
    """
    contents = [read_contents(folder)[0] for folder in folders]
    texts = read_contents(folders[0])[1]

    def pieces(name: str, read: Callable, first_row: int = 0) -> Pieces:
        found = [content[f"{name}.npy"] for content in contents]
        rows = sum(one["shape"][0] - first_row for one in found) + first_row
        shape = (rows, *found[0]["shape"][1:])
        return Pieces(np.dtype(found[0]["dtype"]), shape, partial(read, folders, name))

    def column(name: str) -> Column:
        if name not in texts:
            return pieces(name, _arrays)
        # The offsets of every folder begin with a 0 of their own.
        offsets = pieces(f"{name}.offsets", _offsets, first_row=1)
        return TextPieces(pieces(f"{name}.bytes", _arrays), offsets, partial(_texts, folders, name))

    files = [file.removesuffix(".npy") for file in contents[0]]
    split = {f"{name}.{kind}": name for name in texts for kind in ("bytes", "offsets")}
    return {name: column(name) for name in dict.fromkeys(split.get(file, file) for file in files)}


def _arrays(folders: list[Path], name: str) -> Iterator[np.ndarray]:
    for folder in folders:
        yield open_columns(folder)[name]


def _offsets(folders: list[Path], name: str) -> Iterator[np.ndarray]:
    """Where texts begin, counted from the beginning of all."""
    yield np.zeros(1, np.int64)
    end = 0
    for one in _arrays(folders, name):
        yield one[1:] + end
        end += int(one[-1])


def _texts(folders: list[Path], name: str) -> Iterator[str]:
    return itertools.chain.from_iterable(open_columns(folder).texts(name) for folder in folders)
