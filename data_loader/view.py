"""Views of a data root: the posts of one task, split and kind of user context, as columns.

    ROOT/images.txt                    one image file name per row, shared by all views
    ROOT/<task>-<split>-<context>/
        view.json report.json vocabulary.txt
        columns.json idf.npy users.*   columns of the whole view
        train/ val/ test/              columns of each subset

Rows of a subset are in canonical order (user, time, post id), whatever made them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from data_loader.columns import (
    Column,
    Columns,
    TextPieces,
    disk_error,
    open_columns,
    write_columns,
)
from data_loader.features import hash_names, read_image_names
from data_loader.korean import join_korean
from data_loader.root import IMAGES, append_images, locked_root, replacing_folder
from data_loader.sources import WITHOUT_USERS
from data_loader.view_advice import missing_view
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from utils.errors import UserError
from utils.files import sha256, with_checksum, without_checksum, write_json
from utils.json_text import expecting, parse_json
from utils.predictions import join_id, join_words

FORMAT = 1
DESCRIPTION = "view.json"
REPORT = "report.json"
VOCABULARY = "vocabulary.txt"
BUILD_COMMAND = "python -m scripts.build_dataset --source crawl --input POSTS"
UNKNOWN_TIME = np.iinfo(np.int64).min  # `created_at` of a post without a readable date


def _column(name: str) -> property:
    return property(lambda subset: subset.columns[name])


@dataclass(frozen=True)
class Subset:
    """The posts of one subset, N of them; every array is a read-only memory map.

    A large column is compared with its checksum when it is first asked for.

    Attributes:
        name: train, val, test, test1 or test2.
        columns: all of them, texts too.
        caption_ids: [N, W] int32, the post's words without GO and EOS, 0 padded. W is the
            longest post that may be stored (`--max_words`).
        caption_length: [N] int32, words in `caption_ids`.
        context_ids: [N, S] int32, the user's words by decreasing weight, 0 padded. S is
            `--stored_words`, or 0 in a view without user contexts.
        context_length: [N] int32, words in `context_ids`.
        user: [N] int32, row of `View.users`.
        image_row: [N] int32, line of ROOT/images.txt and row of the feature files.
        created_at: [N] int64, seconds since 1970 UTC; `UNKNOWN_TIME` where the date is unknown.
    """

    name: str
    columns: Columns = field(repr=False)
    caption_ids = _column("caption_ids")
    caption_length = _column("caption_length")
    context_ids = _column("context_ids")
    context_length = _column("context_length")
    user = _column("user")
    image_row = _column("image_row")
    created_at = _column("created_at")

    def __len__(self) -> int:
        return self.columns.rows("caption_length")

    def text(self, column: str, row: int) -> str:
        """A text of one post: `post_id`, or `reference`, the words before the vocabulary.

        Several references of a post stand on lines of their own; see `references`.
        """
        return self.columns.text(column, row)

    def references(self, row: int) -> list[str]:
        """What people wrote to one post's image, words between blanks; one text or several."""
        return self.text("reference", row).split("\n")


NUMBERS = tuple(name for name, kind in vars(Subset).items() if isinstance(kind, property))


@dataclass(frozen=True)
class View:
    """One data set, ready to train on.

    Attributes:
        folder: ROOT/<task>-<split>-<context>.
        subsets: name to posts, training posts first.
        vocabulary: the words behind the ids.
        idf: [V] float64, inverse document frequency of each word over the training users.
        settings: how the posts were made: task, split, context, tokenizer, letters, max_words ...
        images: how many lines of images.txt there were when it was built, and their sha256; None
            for a view of before that was noted.
        report: what the filters removed, and statistics.
    """

    folder: Path
    subsets: dict[str, Subset]
    vocabulary: Vocabulary
    idf: np.ndarray
    settings: dict
    columns: Columns = field(repr=False)
    images: tuple[int, str] | None = None

    @cached_property
    def users(self) -> list[str]:
        """The user names that `Subset.user` points at, sorted."""
        return self.columns.texts("users")

    @property
    def vocabulary_file(self) -> Path:
        """What a run copies, to know what its ids mean."""
        return self.folder / VOCABULARY

    @property
    def test_subset(self) -> str:
        """The test posts: `test`, or the first of InstaPIC's two subsets."""
        return "test" if "test" in self.subsets else "test1"

    def tag_counts(self) -> tuple[int, float]:
        """Words of the vocabulary besides the special ones, and words per training post."""
        known = len(self.vocabulary) - len(SPECIAL_WORDS)
        return known, float(self.subsets["train"].caption_length.mean())

    @property
    def has_users(self) -> bool:
        """Whether it is known who wrote the posts; else all are of one made-up user."""
        return self.settings.get("source") not in WITHOUT_USERS

    def readable(self, words: Sequence[str]) -> str | None:
        """The words as a person writes them, where they are pieces of words: Korean morphemes."""
        pieces = self.settings.get("tokenizer") == "korean" and self.settings["task"] == "caption"
        return join_korean(words) if pieces else None

    def write_out(self, words: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
        """What a row of predictions says of a prediction.

        Of pieces of words, `text` is it in whole words, and `reference_texts` are the references.
        """
        said = {"prediction": join_words(words, self.settings["task"])}
        text = self.readable(words)
        if text is not None:
            said["text"] = text
            said["reference_texts"] = [self.readable(one.split()) for one in references]
        return said

    def describe(self, subset: Subset, row: int) -> dict[str, Any]:
        """What a row of predictions says of its post: id, user, image and references."""
        user = self.users[subset.user[row]]
        return {
            "id": join_id(user, subset.text("post_id", row)),
            "user": user,
            "image": self.image_names[subset.image_row[row]],
            "references": subset.references(row),
        }

    @cached_property
    def report(self) -> dict:
        """What report.json says."""
        return read_json(self.folder / REPORT)

    @cached_property
    def image_names(self) -> list[str]:
        """The lines of ROOT/images.txt that `Subset.image_row` points at."""
        names = read_image_names(self.folder.parent)
        needed = 1 + max(
            (int(s.image_row.max()) for s in self.subsets.values() if len(s)), default=-1
        )
        if len(names) < needed:
            raise UserError(
                f"{self.folder.parent / IMAGES} has {len(names)} lines, expected {needed} or more; "
                f"{rebuild(self.settings)}"
            )
        if self.images and hash_names(names[: self.images[0]]) != self.images[1]:
            raise UserError(
                f"{self.folder.parent / IMAGES} is damaged: its first {self.images[0]} lines are "
                f"not those that {self.folder.name} was built with; {rebuild(self.settings)}"
            )
        return names


def view_name(task: str, split: str, context: str) -> str:
    """The folder name of a view inside its root.

    >>> view_name("caption", "users", "others")
    'caption-users-others'
    """
    return f"{task}-{split}-{context}"


def list_views(root: Path) -> list[str]:
    """Names of the complete views of a root, sorted."""
    return sorted(path.parent.name for path in Path(root).glob(f"[!.]*/{DESCRIPTION}"))


def open_view(
    root: Path | str, task: str = "caption", split: str = "users", context: str = "others"
) -> View:
    """Opens a view; reading its posts comes later, so a million of them open at once.

    Args:
        root: the data root.
        task: caption or hashtag.
        split: users, posts, or shipped (the public data sets' own split).
        context: others, previous, all or none.

    Raises:
        UserError: no such view (the message lists those that exist) or a damaged file.
    """
    folder = Path(root) / view_name(task, split, context)
    if not (folder / DESCRIPTION).is_file():
        there = {
            name: read_json(Path(root) / name / DESCRIPTION).get("settings", {}).get("source")
            for name in list_views(Path(root))
        }
        raise missing_view(Path(root), (task, split, context), there)
    description = read_description(folder)
    if description.get("format") != FORMAT:
        raise UserError(
            f"{folder / DESCRIPTION} has format {description.get('format')!r}, expected {FORMAT}; "
            f"{rebuild({})}"
        )
    with expecting(folder / DESCRIPTION, rebuild({})):
        return _open(folder, description)


def _open(folder: Path, description: dict) -> View:
    """The view that view.json describes."""
    remedy = rebuild(description["settings"])
    columns = open_columns(folder, remedy)
    subsets = {
        name: _open_subset(folder / name, rows, remedy)
        for name, rows in description["subsets"].items()
    }
    return View(
        folder=folder,
        subsets=subsets,
        vocabulary=_open_vocabulary(folder / VOCABULARY, description["vocabulary_sha256"], remedy),
        idf=columns["idf"],
        settings=dict(description["settings"]),
        columns=columns,
        images=_images_of(description),
    )


def write_view(
    root: Path | str,
    task: str,
    split: str,
    context: str,
    subsets: Mapping[str, Mapping[str, Column]],
    vocabulary: Vocabulary,
    users: Sequence[str] | TextPieces,
    idf: np.ndarray,
    settings: Mapping | None = None,
    report: Mapping | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a view beside its final place and renames it when it is complete.

    Args:
        root: the data root, made when it is missing.
        task: caption or hashtag.
        split: users, posts or shipped.
        context: others, previous, all or none.
        subsets: name to columns, as `Subset` describes them, plus the text columns `post_id` and
            `reference` (several are joined by line ends); `image`, the image file names, takes the
            place of `image_row`.
        vocabulary: the words behind the ids.
        users: the names that the column `user` points at.
        idf: [V] float64.
        settings: what `View.settings` will say; task, split and context are added.
        report: what `View.report` will say.
        overwrite: replace a view of this name.

    Returns:
        The folder of the view.

    Raises:
        UserError: the view exists, or the disk is full.
    """
    root, name = Path(root), view_name(task, split, context)
    settings = {**(settings or {}), "task": task, "split": split, "context": context}
    with locked_root(root), _disk_errors_in_words(root / name):
        if (root / name).exists() and not overwrite:
            raise UserError(f"{root / name} exists; add --overwrite to replace it")
        with replacing_folder(root / name) as folder:
            for subset, columns in subsets.items():
                write_columns(folder / subset, _with_image_rows(root, columns))
            write_columns(folder, {"idf": np.asarray(idf, np.float64), "users": users})
            vocabulary.save(folder / VOCABULARY)
            write_json(folder / REPORT, dict(report or {}))
            names = read_image_names(root)
            description = {
                "format": FORMAT,
                "settings": settings,
                "subsets": {subset: len(columns["user"]) for subset, columns in subsets.items()},
                "vocabulary_sha256": sha256(folder / VOCABULARY),
                "report_sha256": sha256(folder / REPORT),
                "images": {"number": len(names), "sha256": hash_names(names)},
            }
            write_json(folder / DESCRIPTION, with_checksum(description))
    return root / name


@contextmanager
def _disk_errors_in_words(folder: Path) -> Iterator[None]:
    """Turns what a full or read-only disk raises into a `UserError`."""
    try:
        yield
    except OSError as error:
        raise disk_error(folder, error) from error


def _with_image_rows(root: Path, columns: Mapping) -> dict:
    """Replaces the column `image`, names, by `image_row`, lines of images.txt."""
    numeric = {name: values for name, values in columns.items() if name != "image"}
    return {**numeric, "image_row": append_images(root, columns["image"])}


def rebuild(settings: Mapping) -> str:
    """The end of an error message: the command that makes the view again."""
    command = settings.get("command") if isinstance(settings, Mapping) else None
    return f"build it again: {command or BUILD_COMMAND} --overwrite"


def read_json(path: Path) -> dict:
    """Reads a JSON file of a view.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}")
        return found
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} ({error}); {rebuild({})}") from error


def read_description(folder: Path) -> dict:
    """What view.json says of a view's folder.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / DESCRIPTION
    description = read_json(path)
    try:
        return without_checksum(description)
    except (ValueError, AttributeError) as error:
        settings = description.get("settings", {}) if isinstance(description, dict) else {}
        raise UserError(f"{path} is damaged ({error}); {rebuild(settings)}") from error


def _images_of(description: Mapping) -> tuple[int, str] | None:
    images = description.get("images")
    return (images["number"], images["sha256"]) if images else None


def _open_subset(folder: Path, rows: int, remedy: str) -> Subset:
    """Opens one subset and holds its columns to the same number of rows."""
    columns = open_columns(folder, remedy)
    for name in NUMBERS:
        found = columns.rows(name)
        if found != rows:
            raise UserError(f"{folder}/{name}.npy has {found} rows, not {rows}; {remedy}")
    return Subset(folder.name, columns)


def _open_vocabulary(path: Path, expected: str, remedy: str) -> Vocabulary:
    """Loads the vocabulary of a view; a changed line would silently shift every id."""
    if not path.is_file() or sha256(path) != expected:
        raise UserError(f"{path} is missing or was changed; {remedy}")
    return Vocabulary.load(path)
