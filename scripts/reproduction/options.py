"""The flags of `python -m scripts.reproduce`, and what they come to."""

import dataclasses
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from configuration import DataConfig, TrainConfig, find_preset
from scripts.reproduction.networks import check_weights
from scripts.reproduction.systems import SYSTEMS
from scripts.reproduction.tables import STORY, System, Table
from utils.checks import check_range
from utils.command_line import parse
from utils.errors import UserError

# Each run's own, or a flag of this command.
SET_HERE = {
    "preset",
    "run_dir",
    "data_dir",
    "task",
    "split",
    "context",
    "seed",
    "epochs",
    "batch_size",
    "num_gpus",
}


@dataclass(frozen=True)
class Options:
    """Trains and evaluates every method of a table, and prints it beside the paper's numbers.

    Builds, extracts and trains what is missing; interrupted, the same command goes on.
    """

    system: Literal["attend-to-you", "instagram-korean", "hashtag-story"] = "attend-to-you"
    """Whose tables: the paper's, or those of a related system."""
    table: Literal[1, 2, 3, "text", "hashtags", "stories"] | None = None
    """Which table: 1, 2 or 3 of the paper (with --smoke, by default both 2 and 3); text or hashtags
    of instagram-korean, hashtags or stories of hashtag-story, by default both."""
    data_dir: Path | None = None
    """The data root, ./data by default; with --smoke it is made in --out."""
    out: Path = Path("reproduced")
    """Where runs, logs and tables go."""
    only: tuple[str, ...] = ()
    """Presets of the rows to fill, by default all; the others show what is done already."""
    splits: tuple[Literal["users", "posts"], ...] = ()
    """Splits to fill, by default all; likewise."""
    seeds: int | None = None
    """Runs per row, of seeds 0, 1 ...; default 1, and 3 of four rows with --smoke."""
    leak: bool = True
    """Also train csmn-p5 under --context all: what the released code's leak is worth."""
    dry_run: bool = False
    """Print the commands that are left to do, and do nothing."""

    epochs: int | None = None
    """Passed to train, like the next three; by default the paper's 20, or the preset's own."""
    batch_size: int | None = None
    """Posts per step and GPU."""
    num_gpus: int | None = None
    """GPUs of a job, 0 for the CPU; jobs that use GPUs run one at a time."""
    train_args: str = ""
    """More flags for train, in quotes; each method gets those that it knows (--word_dim ...)."""
    checkpoint: Literal["best", "last"] = "best"
    """Which checkpoint is evaluated; last where validation posts are few."""
    jobs: int | None = None
    """Runs at once on the CPU, each with its share of the cores; default 1, with --smoke 2."""

    source: Literal["crawl", "kts", "diya", "harrison"] | None = None
    """To build missing views of a root that has none: see scripts.build_dataset."""
    input: Path | None = None
    """Likewise: the posts."""
    build_args: str = ""
    """Likewise: more flags of scripts.build_dataset, in quotes."""
    images: Path | None = None
    """To extract missing image features: the folder with the images."""
    weights: tuple[str, ...] = ()
    """Likewise: the weight file of the network, or random; of several networks NAME=FILE each, such
    as resnet101=a.h5 resnext101_32x8d=b.pth."""
    text: Path | None = None
    """To build missing characters of stories: a text file, a folder of them, or PersonaBank. With
    --smoke, by default ../shared/data/text/tinyshakespeare.txt where there is one, else made up."""

    smoke: bool = False
    """Make a toy world in --out, and fill the tables from it at a small size."""
    tiny: bool = False
    """With --smoke: the smallest size at which everything still runs; its numbers mean nothing."""

    @property
    def root(self) -> Path:
        """The data root."""
        return self.out / "data" if self.smoke else self.data_dir or Path("data")

    @property
    def parallel(self) -> int:
        """Runs at once."""
        return self.jobs or (2 if self.smoke and not self.num_gpus else 1)

    @property
    def stories(self) -> Path:
        """The characters of stories, in a folder of the data root."""
        return self.root / "stories"

    @property
    def of(self) -> System:
        """The system whose tables are filled."""
        return SYSTEMS[self.system]

    def tables(self) -> list[Table]:
        """The tables of results that have a row to fill, whole."""
        known = self.of.tables
        tables = [known[name] for name in ([self.table] if self.table else known) if name in known]
        tables = [table.on("users") for table in tables] if self.smoke else tables
        return [t for t in tables if any(self.chooses(row.preset) for row in t.rows)]

    def chooses(self, preset: str, split: str | None = None, context: str = "others") -> bool:
        """Whether a cell is to be filled; of the others, what is there is shown."""
        row = not self.only or preset in self.only
        column = not self.splits or split is None or split in self.splits
        return row and column and (self.leak or context != "all")

    def check(self) -> None:
        """Refuses flags that do not fit together.

        Raises:
            UserError: names the flag.
        """
        self._check_table()
        if self.tiny and not self.smoke:
            raise UserError("--tiny is a size of --smoke: give both")
        for name in ("seeds", "jobs", "epochs", "batch_size"):
            check_range(name, getattr(self, name), 1)
        check_range("num_gpus", self.num_gpus, 0)
        if self.parallel > 1 and self.num_gpus:
            raise UserError(f"--jobs {self.parallel} is for the CPU: on GPUs, one job at a time")
        self._check_table_1()
        self._check_smoke()
        self._check_rows()
        self._check_data()

    def _check_table(self) -> None:
        names = [*([1] if self.of.counts_posts else []), *self.of.tables]
        if self.table is not None and self.table not in names:
            listed = " or ".join(map(str, names))
            raise UserError(f"--table {self.table} is none of {self.system}: expected {listed}")
        if self.table is None and self.of.counts_posts and not self.smoke:
            raise UserError("no table chosen: give --table 1, 2 or 3 (or --smoke for 2 and 3)")

    def _check_table_1(self) -> None:
        if self.table != 1 or self.smoke:
            return
        own = ("only", "splits", "seeds", "epochs", "batch_size", "num_gpus", "train_args", "jobs")
        given = [f"--{name}" for name in own if getattr(self, name) not in (None, (), "")]
        if given:
            raise UserError(
                f"--table 1 counts posts and trains nothing: leave out {', '.join(given)}"
            )

    def _check_smoke(self) -> None:
        if not self.smoke:
            return
        if self.table == 1:
            raise UserError("--smoke fills tables 2 and 3: leave out --table 1")
        own = ("data_dir", "source", "input", "images", "weights")
        given = [f"--{name}" for name in own if getattr(self, name) not in (None, ())]
        given += [f"--{name}" for name in ("build_args", "train_args") if getattr(self, name)]
        if given:
            raise UserError(f"--smoke makes its own data and sizes: leave out {', '.join(given)}")
        if self.text is not None and not self.text.exists():
            raise UserError(f"--text {self.text} does not exist; expected a text file or a folder")

    def _check_rows(self) -> None:
        system = self.of
        if self.table in system.tables:
            system = dataclasses.replace(system, tables={self.table: system.tables[self.table]})
        for name in self.only:
            if name not in system.presets:
                rows = ", ".join(system.presets)
                raise UserError(f"--only: no row '{name}'; the rows are {rows}")
        if self.splits and not self.of.counts_posts:
            raise UserError(f"--splits: the posts of {self.system} are divided in one way alone")
        if self.splits and any(not set(self.splits) & set(t.splits) for t in self.tables()):
            raise UserError(
                f"--splits {' '.join(self.splits)}: Table 2 is split by users; give users as well"
            )

    def _check_data(self) -> None:
        sources = self.of.sources
        if self.source is not None and self.source not in sources:
            listed = " or ".join(sources)
            raise UserError(f"--source {self.source} is not for {self.system}: expected {listed}")
        if self.text is not None and all(table.task != STORY for table in self.tables()):
            raise UserError("--text is for the stories of --system hashtag-story")
        rows = [row.preset for table in self.tables() for row in table.rows]
        check_weights(self.weights, [preset for preset in rows if self.chooses(preset)])


def parse_options(args: Sequence[str] | None = None) -> Options:
    """Reads the command line; `--train_args "--fast"` is one flag and its value.

    A parser takes every word that begins with two dashes for a flag, so the value is tied to it.

    Raises:
        UserError: a list without an entry, which would mean all rows without saying so.
    """
    words, tied = iter(sys.argv[1:] if args is None else args), []
    for word in words:
        if word.replace("-", "_") in ("__train_args", "__build_args"):
            word = f"{word}={next(words, '')}"
        tied.append(word)
    options = parse(Options, args=tied)
    for name in ("only", "splits", "weights"):
        if f"--{name}" in tied and not getattr(options, name):
            raise UserError(f"--{name} names nothing; leave it out for all")
    return options


def threads(parallel: int) -> dict[str, str]:
    """The environment that gives each of several jobs its share of the cores."""
    share = max(1, len(os.sched_getaffinity(0)) // parallel)
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    return dict.fromkeys(names, str(share)) if parallel > 1 else {}


def known_flags(preset: str) -> set[str]:
    """The names of train's settings for a method."""
    sections = (DataConfig, type(find_preset(preset).model), TrainConfig)
    return {field.name for section in sections for field in fields(section)}


def flags_for(presets: Sequence[str], train_args: str) -> list[str]:
    """Those of the flags that any of these methods knows, in their order.

    >>> flags_for(["show-tell"], "--hidden_dim 8 --channels 9 --fast")
    ['--hidden_dim', '8', '--fast']
    """
    known = set().union(*map(known_flags, presets))
    return [part for group in _groups(train_args) if _name(group) in known for part in group]


def check_flags(presets: Iterable[str], train_args: str) -> None:
    """Refuses train flags that no method has, or that this command sets itself.

    Raises:
        UserError: names the flag.
    """
    known = set().union(*(known_flags(preset) for preset in presets))
    for group in _groups(train_args):
        name = _name(group)
        if name in SET_HERE:
            raise UserError(f"--train_args has --{name}, which scripts.reproduce sets by itself")
        if name not in known:
            raise UserError(f"--train_args has --{name}, which no method of the table knows")


def _groups(text: str) -> list[list[str]]:
    """Cuts a command line into flags, each with its values."""
    groups: list[list[str]] = []
    for part in shlex.split(text):
        if part.startswith("--"):
            groups.append([part])
        elif groups:
            groups[-1].append(part)
        else:
            raise UserError(f"--train_args begins with {part!r}; expected a flag such as --fast")
    return groups


def _name(group: list[str]) -> str:
    """The setting that a flag sets: of `--no_fast` or `--no-fast`, it is `fast`."""
    name = group[0].split("=")[0].removeprefix("--").replace("-", "_")
    return name.removeprefix("no_")
