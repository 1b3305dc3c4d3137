"""What workers send back: files that pages saved, and results of a crowdsourcing site."""

import csv
import io
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from scripts.user_study.key import CROWD, PAGE, Asked, Key
from utils.errors import UserError
from utils.json_text import parse_json

CHOICES = ("1", "2")
# Sites put words like `Input.`, `Answer.` or `INPUT:` before the name of a column.
WORKER_COLUMNS = ("workerid", "worker_id", "worker")
STATUS_COLUMNS = ("assignmentstatus",)
FROM_PAGE = "a file that the button 'Save answers' of a page wrote"


class Answer(NamedTuple):
    """One judgement: which of the two texts a worker chose for a question."""

    question: str
    worker: str
    choice: int


@dataclass
class Answers:
    """All judgements; of several by one worker on one question, the last counts.

    Attributes:
        given: question and worker to the chosen place, 1 or 2.
        again: answers that another one of the same worker has replaced.
        changed: those among them that said something else.
        blank: rows of a crowdsourcing site without a choice.
        rejected: rows that were rejected there.
    """

    given: dict[tuple[str, str], int] = field(default_factory=dict)
    again: int = 0
    changed: int = 0
    blank: int = 0
    rejected: int = 0

    def add(self, answers: Iterable[Answer]) -> None:
        """Takes answers, the later ones last."""
        for question, worker, choice in answers:
            before = self.given.get((question, worker))
            self.again += before is not None
            self.changed += before not in (None, choice)
            self.given[question, worker] = choice

    def notes(self) -> list[str]:
        """What was odd, in words."""
        counts = {
            f"answers came twice from one worker, {self.changed:,} of them changed; the last "
            "counts": self.again,
            "rows have no answer": self.blank,
            "rejected rows were left out": self.rejected,
        }
        return [f"{count:,} {what}" for what, count in counts.items() if count]


def read_answers(paths: Sequence[Path], keys: Sequence[Key], column: str) -> Answers:
    """Reads files of answers: `.json` from pages, `.csv` and `.tsv` from a crowdsourcing site.

    Args:
        paths: the files. Those of pages count in the order of the time they were saved at.
        keys: the studies; each answer says which one it belongs to.
        column: what the site calls the answer, with or without `Answer.` before it.

    Raises:
        UserError: a file that is not one of these, was edited, or answers another study.
    """
    answers = Answers()
    pages = [_read_page(path, keys) for path in paths if path.suffix == ".json"]
    for _, given in sorted(pages, key=lambda page: page[0]):
        answers.add(given)
    asked = {id_: item for key in keys for id_, item in key.items.items()}
    for path in paths:
        if path.suffix in (".csv", ".tsv"):
            _read_crowd(path, asked, column, answers)
        elif path.suffix != ".json":
            raise UserError(f"{path}: answers are .json (of a page), .csv or .tsv (of a site)")
    return answers


def _read_page(path: Path, keys: Sequence[Key]) -> tuple[str, list[Answer]]:
    """The time at which a page's answers were saved, and the answers."""
    values = _page_values(path)
    key = next((key for key in keys if key.study == values["study"]), None)
    if key is None:
        known = ", ".join(key.study for key in keys)
        raise UserError(
            f"{path} answers the study {values['study']!r:.40}, expected {known}: give the study "
            "it belongs to with --studies, or leave the file out"
        )
    if _crc32(values) != values["crc32"]:
        raise UserError(
            f"{path} was changed after it was saved: its checksum differs; get the original, or "
            "leave it out"
        )
    worker = f"{PAGE} {values['page']}"
    for question, choice in values["answers"].items():
        if question not in key.items or key.items[question].sheet != worker:
            raise UserError(f"{path} answers a question {question!r:.40} that {worker} has not")
        if choice not in CHOICES:
            raise UserError(f"{path}, question {question}: the answer is {choice!r:.40}, not 1, 2")
    given = [Answer(question, worker, int(c)) for question, c in values["answers"].items()]
    return values["saved"], given


def _page_values(path: Path) -> dict[str, Any]:
    try:
        values = parse_json(_read(path))
    except ValueError:
        raise UserError(f"{path} is not JSON; expected {FROM_PAGE}") from None
    kinds = {"study": str, "page": int, "saved": str, "answers": dict, "crc32": str}
    if not isinstance(values, dict) or any(
        not isinstance(values.get(name), kind) for name, kind in kinds.items()
    ):
        raise UserError(f"{path} lacks one of {', '.join(kinds)}; expected {FROM_PAGE}")
    return values


def _crc32(values: dict[str, Any]) -> str:
    """The checksum that the page's script writes, of the same lines."""
    lines = [values["study"], str(values["page"]), values["saved"]]
    lines += [f"{question} {choice}" for question, choice in values["answers"].items()]
    return format(zlib.crc32("\n".join(lines).encode("utf-8", "replace")), "08x")


def _read_crowd(path: Path, asked: dict[str, Asked], column: str, answers: Answers) -> None:
    """Adds the results of a crowdsourcing site, in the order of their rows."""
    delimiter = "\t" if path.suffix == ".tsv" else ","
    try:
        reader = csv.DictReader(io.StringIO(_read(path)), delimiter=delimiter, strict=True)
        header, rows = reader.fieldnames or [], list(reader)
    except csv.Error as error:
        raise UserError(f"{path} is no table of results: {error}") from None
    question = _column(path, header, ("question",))
    worker = _column(path, header, WORKER_COLUMNS)
    status = _column(path, header, STATUS_COLUMNS, optional=True)
    choices = _choice_columns(path, header, column)
    for number, row in enumerate(rows, 2):
        place = f"{path}, row {number}"
        if row[question] not in asked or not asked[row[question]].sheet.startswith(CROWD):
            raise UserError(
                f"{place}: no question {row[question]!r:.40} in the batches of this study: give "
                "the study it belongs to with --studies, or leave the file out"
            )
        choice = _choice(place, row, choices)
        if status and (row[status] or "").lower() == "rejected":
            answers.rejected += 1
        elif not choice:
            answers.blank += 1
        else:
            answers.add([Answer(row[question], f"{CROWD} {row[worker]}", int(choice))])


def _choice_columns(path: Path, header: Sequence[str], name: str) -> dict[str, str]:
    """Column to what it says: itself (""), or one column per choice that is true or false."""
    tail = _tail(name)
    each = {h: c for h in header for c in CHOICES if h.lower().endswith(f"{tail}.{c}")}
    return each or {_column(path, header, (tail,)): ""}


def _choice(place: str, row: dict[str, str | None], columns: dict[str, str]) -> str:
    """The chosen place; "" where a row has none."""
    for column, choice in columns.items():
        value = (row[column] or "").strip()
        if choice and value.lower() == "true":
            return choice
        if not choice and value:
            if value not in CHOICES:
                raise UserError(f"{place}: the answer is {value!r:.40}, expected 1 or 2")
            return value
    return ""


def _column(
    path: Path, header: Sequence[str], names: Sequence[str], optional: bool = False
) -> str | None:
    """The column that has one of these names, whatever a site puts before it."""
    found = [column for column in header if _tail(column) in names]
    if len(found) == 1 or (optional and not found):
        return found[0] if found else None
    raise UserError(
        f"{path} has {len(found)} columns named {' or '.join(names)}, expected one; it has "
        f"{', '.join(header)[:200]}; --answer_column names the answer's"
    )


def _tail(column: str) -> str:
    return re.split("[.:]", column)[-1].strip().lower()


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read the answers {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8; expected answers as they were saved") from None
