"""The smoke size: every row of Tables 2 and 3 on a toy world, and whether its rules show."""

import math
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from data_loader.toy_world import load_ceilings
from data_loader.toy_world.ceilings import CEILINGS_FILE
from scripts.reproduction.options import Options
from scripts.reproduction.plan import command
from scripts.reproduction.prepare import Command
from scripts.reproduction.results import Measured, Results
from scripts.reproduction.tables import FULL, Table
from utils.tables import format_table

# The rows whose order the planted rules decide, and what their models cannot see.
WITHOUT = {"csmn-nouc-p5": "no_user", "csmn-nowo-p5": "no_word", "csmn-noim": "no_image"}
# By which metrics: those that have ceilings. Under teacher forcing, every kind of sight counts;
# written freely, no_word may reach what full reaches.
HELD = {"caption": ("Bleu_1", "word_accuracy"), "hashtag": ("F1", "word_accuracy")}


@dataclass(frozen=True)
class Size:
    """How large a smoke run is.

    Attributes:
        world: flags of scripts.make_toy_world.
        build: flags of scripts.build_dataset.
        train_args: flags of train; each method gets those that it knows.
        epochs, batch_size: of train.
        seeds: runs of the rows that the order is about; all others have one.
    """

    world: str
    build: str
    train_args: str
    epochs: int
    batch_size: int
    seeds: int

    def seeds_of(self, preset: str) -> int:
        """How many runs a row has."""
        return self.seeds if preset == FULL or preset in WITHOUT else 1

    @property
    def sizes(self) -> dict[str, str | int]:
        """What `plan.make_job` takes."""
        return {name: getattr(self, name) for name in ("train_args", "epochs", "batch_size")}


# Many users with few posts: what a model must learn here is to read any user's words. Few images:
# those of one scene differ little, and features cost the time.
WHOLE = Size(
    world="--users 320 --min_user_posts 30 --max_user_posts 40 --images 144 --heavy_posts 0 "
    "--few_users 0",
    build="--train_share 0.85 --test_posts 1000 --min_posts 20",
    train_args="--word_dim 64 --memory_dim 128 --channels 32 --hidden_dim 128 --attention_dim 64",
    epochs=4,
    batch_size=50,
    seeds=3,
)
TINY = Size(
    world="--users 24 --min_user_posts 20 --max_user_posts 25 --images 48 --image_size 64 "
    "--heavy_posts 0 --few_users 0 --spam_users 0",
    build="--train_share 0.7 --test_posts 80 --min_posts 10",
    train_args="--word_dim 12 --memory_dim 20 --channels 7 --hidden_dim 12 --attention_dim 9",
    epochs=2,
    batch_size=30,
    seeds=1,
)


def world_command(out: Path, size: Size) -> list[Command]:
    """Makes the toy world, unless it is there."""
    world = out / "world"
    if (world / CEILINGS_FILE).exists():
        return []
    return [command("scripts.make_toy_world", ["--out", world, *shlex.split(size.world)])]


def with_world(options: Options, size: Size) -> Options:
    """The options that build views and extract features from the toy world."""
    world = options.out / "world"
    return replace(
        options,
        source="crawl",
        input=world,
        build_args=size.build,
        images=world / "images",
        weights="random",
    )


def check_order(tables: Iterable[Table], results: Results, world: Path) -> tuple[str, bool]:
    """Holds the measured order of rows against the planted rules.

    The full model must beat one that sees less by more than both scatter together over their
    seeds, wherever the best possible scores of the two differ.

    Args:
        tables: those that were filled.
        results: from `results.collect`.
        world: the toy world, whose ceilings say which differ.

    Returns:
        The check as a table, and whether everything held that could be compared.
    """
    ceilings, rows = load_ceilings(world), []
    for table in tables:
        for split in table.splits:
            full = results.get((table.task, FULL, split, "others"))
            for preset, sees in WITHOUT.items():
                less = results.get((table.task, preset, split, "others"))
                for metric in HELD[table.task] if full and less else ():
                    best = [ceilings[table.task][sight][metric] for sight in ("full", sees)]
                    rows.append([f"{table.task} {split}", preset, metric])
                    rows[-1] += compare(full, less, metric, best)
    header = ["posts", f"{FULL} above", "metric", "measured", "spread", "ceilings", "holds"]
    text = "The order of rows that the planted rules ask for\n\n" + format_table(header, rows)
    return text, all(row[-1] != "NO" for row in rows)


def compare(full: Measured, less: Measured, metric: str, best: list[float]) -> list[str]:
    """One line of the check: difference, spread of both, difference of the ceilings, verdict."""
    ours, theirs = full.values(metric), less.values(metric)
    planted = best[0] - best[1]
    if not ours or not theirs:
        return ["-", "-", f"{planted:+.3f}", "NO"]
    difference = mean(ours) - mean(theirs)
    spread = math.hypot(*(stdev(v) if len(v) > 1 else 0.0 for v in (ours, theirs)))
    verdict = "yes" if difference > spread else "NO"
    if planted == 0:
        verdict = "equal ceilings"
    return [f"{difference:+.3f}", f"{spread:.3f}", f"{planted:+.3f}", verdict]
