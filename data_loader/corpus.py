"""A corpus on disk: the characters of stories as columns that are mapped into memory.

DIR/corpus.json characters.json    what it was made from, and what the ids mean
    train/ val/ test/              columns of each subset (data_loader/columns.py):
        ids     [N] the stories' characters one after the other, each story closed by EOS
        starts  [S + 1] int64, where each story begins
        name    text column, the file of each story
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_loader.characters import Characters, Form
from data_loader.columns import Columns, disk_error, open_columns, write_columns
from data_loader.root import building, replacing_folder
from data_loader.text_files import Story, read_stories, split_stories
from data_loader.vocabulary import EOS, UNK
from utils.checks import check_range
from utils.errors import UserError
from utils.files import remove_temporaries, sha256, with_checksum, without_checksum, write_json
from utils.json_text import expecting, parse_json

FORMAT = 1
DESCRIPTION, CHARACTERS = "corpus.json", "characters.json"
BUILD_COMMAND = "python -m scripts.build_corpus --input TEXTS"


@dataclass(frozen=True)
class CorpusOptions:
    """Makes a corpus for character models from text files."""

    input: Path
    """A text file, a folder of .txt files (subfolders too), or PersonaBank's repository."""
    out: Path = Path("data/stories")
    """The folder to write."""
    cleaned: bool = False
    """Letters a to z and blanks only, as the slides' corpus; by default texts stay as they are."""
    min_count: int = 2
    """Characters that occur less often in the training text are unknown."""
    val_share: float = 0.05
    """Share of the stories (of the text, where there are fewer than three) for validation."""
    test_share: float = 0.05
    """Likewise for the test."""
    seed: int = 0
    """Decides which stories are in which subset."""
    overwrite: bool = False
    """Replace a corpus that is there."""

    @property
    def form(self) -> Form:
        """How texts are normalised."""
        return "cleaned" if self.cleaned else "raw"

    def check(self) -> None:
        """Refuses values that cannot work.

        Raises:
            UserError: names the flag.
        """
        check_range("min_count", self.min_count, 1)
        check_range("seed", self.seed, 0)
        for name in ("val_share", "test_share"):
            check_range(name, getattr(self, name), 0, 1)
        if not self.val_share + self.test_share < 1:
            raise UserError("--val_share and --test_share leave nothing to train on")


@dataclass(frozen=True)
class Text:
    """The stories of one subset; every array is a read-only memory map, checked when first used.

    Attributes:
        name: train, val or test.
        ids: [N], characters and one EOS behind each story.
        starts: [S + 1] int64.
    """

    name: str
    columns: Columns = field(repr=False)

    @property
    def ids(self) -> np.ndarray:
        """See above."""
        return self.columns["ids"]

    @property
    def starts(self) -> np.ndarray:
        """See above."""
        return self.columns["starts"]

    def __len__(self) -> int:
        return self.columns.rows("ids")

    def story(self, row: int) -> np.ndarray:
        """The ids of one story, EOS included."""
        return self.ids[self.starts[row] : self.starts[row + 1]]


@dataclass(frozen=True)
class Corpus:
    """Stories, ready to train on.

    Attributes:
        folder: where it is.
        subsets: name to text, training text first.
        vocabulary: the characters behind the ids.
        description: what corpus.json says.
    """

    folder: Path
    subsets: dict[str, Text]
    vocabulary: Characters
    description: dict

    @property
    def vocabulary_file(self) -> Path:
        """What a run copies, to know what its ids mean."""
        return self.folder / CHARACTERS


def build_corpus(options: CorpusOptions) -> Corpus:
    """Reads, splits and writes a corpus, complete or not at all.

    Raises:
        UserError: options that cannot work, no text, a folder that is taken, or a full disk.
    """
    options.check()
    out = options.out
    with building(out.parent, out.name):
        remove_temporaries(out.parent, out.name)
        _build(options, out)
    return open_corpus(out)


def _build(options: CorpusOptions, out: Path) -> None:
    if out.exists() and not options.overwrite:
        raise UserError(f"{out} exists; add --overwrite to replace it, or choose another --out")
    if out.exists() and not (out / DESCRIPTION).is_file():
        raise UserError(f"{out} is no corpus and is not replaced; choose another --out")
    stories, skipped = read_stories(options.input, options.form)
    subsets = split_stories(stories, options.val_share, options.test_share, options.seed)
    training = (story.text for story in subsets["train"])
    characters = Characters.build(training, options.min_count, options.form)
    if not characters.characters:
        raise UserError(f"no character occurs {options.min_count} times: lower --min_count")
    try:
        with replacing_folder(out) as folder:
            _write(folder, subsets, characters, _settings(options), skipped)
    except OSError as error:
        raise disk_error(out, error) from error


def open_corpus(folder: Path) -> Corpus:
    """Opens a corpus; its text is read when it is used.

    Raises:
        UserError: there is none, or a file is damaged.
    """
    if not (folder / DESCRIPTION).is_file():
        raise UserError(f"no corpus at {folder}; make one: {BUILD_COMMAND} --out {folder}")
    remedy = f"build it again: {BUILD_COMMAND} --out {folder} --overwrite"
    with expecting(folder / DESCRIPTION, remedy):
        description = parse_json((folder / DESCRIPTION).read_text(encoding="utf-8"))
        description = without_checksum(description)
        if description.get("format") != FORMAT:
            raise UserError(f"{folder} has another format than {FORMAT}; {remedy}")
        path = folder / CHARACTERS
        if not path.is_file() or sha256(path) != description["characters_sha256"]:
            raise UserError(f"{path} is missing or was changed; {remedy}")
        subsets = {name: _open_text(folder / name, remedy) for name in description["subsets"]}
        return Corpus(folder, subsets, Characters.load(path), description)


def _open_text(folder: Path, remedy: str) -> Text:
    return Text(folder.name, open_columns(folder, remedy))


def _settings(options: CorpusOptions) -> dict:
    names = ("min_count", "val_share", "test_share", "seed")
    chosen = {name: getattr(options, name) for name in names}
    return {"input": str(options.input), "form": options.form, **chosen}


def _write(
    folder: Path,
    subsets: Mapping[str, Sequence[Story]],
    characters: Characters,
    settings: Mapping,
    skipped: Mapping[str, str],
) -> None:
    counts = {}
    for name, stories in subsets.items():
        columns = _columns(stories, characters)
        write_columns(folder / name, columns)
        counts[name] = {
            "stories": len(stories),
            "characters": sum(len(story.text) for story in stories),
            "unknown": int((columns["ids"] == UNK).sum()),
        }
    characters.save(folder / CHARACTERS)
    description = {
        "format": FORMAT,
        "settings": dict(settings),
        "subsets": counts,
        "different_characters": len(characters.characters),
        "skipped": dict(skipped),
        "characters_sha256": sha256(folder / CHARACTERS),
    }
    write_json(folder / DESCRIPTION, with_checksum(description))


def _columns(stories: Sequence[Story], characters: Characters) -> dict:
    parts = [np.append(characters.encode(story.text), EOS) for story in stories]
    narrow = np.min_scalar_type(len(characters) - 1)  # one byte for most alphabets
    return {
        "ids": np.concatenate(parts).astype(narrow),
        "starts": np.cumsum([0, *map(len, parts)], dtype=np.int64),
        "name": [story.name for story in stories],
    }
