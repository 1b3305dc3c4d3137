"""The smoke size: every row of a system's tables on a toy world."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_loader.toy_world.ceilings import CEILINGS_FILE
from model.networks import RANDOM
from scripts.reproduction.options import Options
from scripts.reproduction.order import SIGHTS
from scripts.reproduction.plan import Run, command
from scripts.reproduction.prepare import Command, text_of
from scripts.reproduction.runner import PROJECT
from scripts.reproduction.tables import STORY
from utils.errors import UserError
from utils.files import write_json

WORLD_FILE = "world.json"
TEXT = "text"  # made-up stories, where there are no others
SHARED_TEXT = Path("data/text/tinyshakespeare.txt")  # of a folder `shared` beside the project


@dataclass(frozen=True)
class Size:
    """How large a smoke run is.

    Attributes:
        world: flags of scripts.make_toy_world.
        build: flags of scripts.build_dataset.
        train_args: flags of train; each method gets those that it knows.
        epochs, batch_size: of train, by preset, else by task.
        seeds: runs of the rows that the order is about; all others have one.
        own: more flags of train, by preset.
        tokenizer: by which eval scores captions, where it is not the one for English.
    """

    world: str
    build: str
    train_args: str
    epochs: dict[str, int]
    batch_size: dict[str, int]
    seeds: int = 1
    own: Mapping[str, str] = field(default_factory=dict)
    tokenizer: str | None = None

    def seeds_of(self, preset: str) -> int:
        """How many runs a row has."""
        return self.seeds if preset in SIGHTS else 1

    def epochs_of(self, preset: str, task: str) -> int:
        """Of a method's training."""
        return self.epochs.get(preset, self.epochs.get(task))

    def sizes_of(self, preset: str, task: str) -> dict[str, str | int | None]:
        """What `plan.make_job` takes."""
        batch_size = self.batch_size.get(preset, self.batch_size.get(task))
        train_args = f"{self.train_args} {self.own.get(preset, '')}"
        chosen = {"epochs": self.epochs_of(preset, task), "batch_size": batch_size}
        return {"train_args": train_args, "tokenizer": self.tokenizer, **chosen}


# Many users with few posts: what a model must learn here is to read any user's words. Few images:
# those of one scene differ little, and features cost the time. Captions without written words or
# image are learnt in about 1,500 steps at the paper's rate, so batches are small. For hashtags they
# are larger: with 25 posts, as with twice the rate, one seed in three of CSMN-P5 got stuck, and
# never learnt to begin.
WHOLE = Size(
    world="--users 320 --min_user_posts 30 --max_user_posts 40 --images 144 --heavy_posts 0 "
    "--few_users 0",
    build="--train_share 0.85 --test_posts 1000 --min_posts 20",
    train_args="--word_dim 64 --memory_dim 128 --channels 32 --hidden_dim 128 --attention_dim 64",
    epochs={"caption": 5, "hashtag": 6},
    batch_size={"caption": 25, "hashtag": 50},
    seeds=3,
)
TINY = Size(
    world="--users 24 --min_user_posts 20 --max_user_posts 25 --images 48 --image_size 64 "
    "--heavy_posts 0 --few_users 0 --spam_users 0",
    build="--train_share 0.7 --test_posts 80 --min_posts 10",
    train_args="--word_dim 12 --memory_dim 20 --channels 7 --hidden_dim 12 --attention_dim 9",
    epochs={"caption": 2, "hashtag": 2},
    batch_size={"caption": 30, "hashtag": 30},
    seeds=1,
)


def made_up_commands(options: Options, size: Size, runs: Iterable[Run]) -> list[Command]:
    """What makes the data: a toy world for posts, and a text where none is given for stories."""
    tasks = {run.task for run in runs}
    commands = world_command(options.out, size) if tasks - {STORY} else []
    text = options.out / TEXT
    needed = STORY in tasks and text_of(options.stories) is None
    if needed and options.text == text and not text.exists():
        commands.append(command("scripts.make_toy_stories", ["--out", text]))
    return commands


def world_command(out: Path, size: Size) -> list[Command]:
    """Makes the toy world, unless it is there.

    Raises:
        UserError: the one that is there is of another size.
    """
    world = out / "world"
    made = _made_by(out)
    if made != _flags(size) and (made or world.exists()):
        raise UserError(
            f"{out} holds a toy world made by {made or 'unknown flags'}, not by {_flags(size)}: "
            "give another --out, or remove this folder"
        )
    if (world / CEILINGS_FILE).exists():
        return []
    return [command("scripts.make_toy_world", ["--out", world, *shlex.split(size.world)])]


def record_size(out: Path, size: Size) -> None:
    """Writes beside the world how it is made, before it is."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / WORLD_FILE, {"flags": _flags(size)})


def _flags(size: Size) -> str:
    """Of the world and of the views: both are made once."""
    return f"{size.world} {size.build}"


def _made_by(out: Path) -> str | None:
    try:
        return json.loads((out / WORLD_FILE).read_text(encoding="utf-8"))["flags"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def with_world(options: Options, size: Size) -> Options:
    """The options that build views and extract features from the toy world."""
    world = options.out / "world"
    return replace(
        options,
        source="crawl",
        input=world,
        build_args=size.build,
        images=world / "images",
        text=options.text or _smoke_text(options),
        weights=(RANDOM,),
    )


def _smoke_text(options: Options) -> Path:
    """What stories were made from; else a real text where the shared folder has one, or a made-up
    one: always, at the smallest size.

    The folder is named by the variable ATTEND_SHARED, or is the folder `shared` beside the project.
    """
    made, made_up = text_of(options.stories), options.out / TEXT
    if made is not None or made_up.exists():
        return made or made_up
    shared = Path(os.environ.get("ATTEND_SHARED") or PROJECT.parent / "shared") / SHARED_TEXT
    return shared if shared.is_file() and not options.tiny else made_up
