"""The pointing game and attention correctness on Flickr30k Entities, or on files of its layout.

    python -m scripts.pointing_game --run_dir runs/saliency-image-caption-shipped-none \
        --entities Flickr30kEntities
    python -m scripts.pointing_game --run_dir runs/attend-tell-caption-shipped-none \
        --entities Flickr30kEntities --limit 100

The model is made to say people's captions of a picture. Each phrase of which somebody drew boxes
gets a map, made of its words' maps, which points to its largest value. A model without attention
(saliency-image) is asked what each cell alone makes of each word, one with attention where it
looks. Boxes and maps are compared inside the square that the network sees; pictures are not needed.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from configuration import Config
from data_loader.history import text_cutter
from data_loader.posts import Problems
from data_loader.trained import open_posts_of_run, open_view_of_run
from model.configs import SaliencyConfig
from model.networks import find_network, is_flipped
from scripts.pointing_game.game import (
    BROKEN,
    BROKEN_BOX,
    BROKEN_LINE,
    Game,
    Outcome,
    Scale,
    choose_pictures,
)
from scripts.pointing_game.queries import SKIPPED, Language
from scripts.pointing_game.scores import kinds_of, score
from scripts.pointing_game.tables import NAME, write_tables
from utils.checks import check_range
from utils.command_line import parse
from utils.devices import is_one_of_several_workers, make_strategy, quiet_tensorflow
from utils.errors import UserError, run_command
from utils.reports import write_report
from utils.run_folder import RunFolder, newest_run, read_json


@dataclass(frozen=True)
class Options:
    """Do a model's maps of words lie where people drew boxes around what the words name?"""

    entities: Path
    """Folder of Flickr30k Entities, with Sentences and Annotations in it."""
    run_dir: Path | None = None
    """Folder of the run; by default the newest in runs."""
    checkpoint: str = "best"
    """best, last, or a step."""
    data_dir: Path | None = None
    """The data root, where it has moved."""
    subset: str | None = None
    """Whose pictures are played; by default test. (These lists are not those of Flickr30k Entities:
    play the pictures that the run was not trained on.)"""
    limit: int | None = None
    """Play this many pictures at most."""
    combine: Literal["mean", "max"] = "mean"
    """Makes one map of those of a phrase's words."""
    scale: Scale = "word"
    """Without attention, of log probabilities: each word's map from 0 to 1 (word, the paper), also
    cut at its mean and smoothed (released, the authors' code), or above the least value (none)."""
    exact_kl: bool = False
    """Without attention: how little a cell's prediction diverges from that of all cells, for the
    word's log probability."""
    batch_size: int = 16
    """Pictures whose sentences go through the network together."""
    num_gpus: int | None = None
    """0 for the CPU, 1 for a GPU; by default a GPU if there is one."""
    out: Path | None = None
    """Folder for pointing_game.txt, .md, .csv, .tex and .json; by default the run folder."""

    def check(self) -> None:
        """Refuses what would fail after the work, before it.

        Raises:
            UserError: names the flag.
        """
        check_range("limit", self.limit, 1)
        check_range("batch_size", self.batch_size, 1)
        check_range("num_gpus", self.num_gpus, 0, 1)
        if self.out and self.out.exists() and not self.out.is_dir():
            raise UserError(f"--out {self.out} is a file; expected a folder")
        if is_one_of_several_workers():
            raise UserError("pointing_game runs in one process: unset TF_CONFIG")


def main() -> None:
    """Run, pictures, maps, scores, tables."""
    options = parse(Options)
    options.check()
    run = RunFolder.open(options.run_dir or newest_run())
    config = Config.from_dict(run.configuration)
    check_run(run, config, options)
    view = open_view_of_run(run, config.data, options.data_dir)
    subset, extractor = options.subset or view.test_subset, config.data.extractor
    posts = open_posts_of_run(run, view, subset, config.model, extractor)
    check_cells(posts.features.slots, config)
    check_sides(posts.features.extractor)
    pictures = choose_pictures(view, posts, options.entities, options.limit)
    captioner, step, make = load(run, config, options)
    window = find_network(posts.features.extractor).preprocessing.window
    language = Language(text_cutter(view), view.vocabulary, captioner.word_slots - 1)
    game = Game(posts.features, window, language, make, options.combine, options.batch_size)
    outcome = game.run(options.entities, pictures)
    made_by = {
        "run_dir": str(run.path),
        "preset": config.preset,
        "step": step,
        "extractor": posts.features.extractor,
        "subset": subset,
        "entities": str(options.entities),
        "maps": maps_in_words(config, options),
    }
    print_problems(outcome.problems)
    report(outcome, made_by, options.out or run.path, read_meteor(run, made_by))


def check_run(run: RunFolder, config: Config, options: Options) -> None:
    """Refuses runs without sentences or without a model, and flags that mean nothing to them."""
    model = config.model
    writes = model.reads == "posts" and model.learns and model.word_query
    if not writes or config.data.task != "caption":
        raise UserError(
            f"{run.path} is a {config.preset} run of {config.data.task}s; the pointing game needs "
            "a trained model that writes captions of pictures, such as saliency-image"
        )
    given = {"scale": options.scale != "word", "exact_kl": options.exact_kl}
    wrong = [f"--{name}" for name, changed in given.items() if changed]
    if wrong and not isinstance(model, SaliencyConfig):
        raise UserError(
            f"{wrong[0]} is for models without attention; {run.path} is a {config.preset} run, "
            "whose maps are its attention as it is: leave it out"
        )


def check_cells(slots: int, config: Config) -> None:
    """Refuses features that are no square of several cells."""
    if slots == 1 or math.isqrt(slots) ** 2 != slots:
        raise UserError(
            f"{config.preset} reads {config.model.image_layer} features, {slots} for each picture: "
            "expected a square of cells, such as those of mixed10 or res5c"
        )


def check_sides(extractor: str) -> None:
    """Refuses cells that do not lie where the boxes are."""
    if is_flipped(extractor):
        raise UserError(
            f"{extractor} features are of pictures mirrored at random, and the boxes are not: play "
            "with features extracted without --random_flip"
        )


def load(run: RunFolder, config: Config, options: Options) -> tuple:
    """The model, its step, and what makes its maps."""
    quiet_tensorflow()
    from model.saving import load_captioner
    from scripts.pointing_game.maps import attention_maps, saliency_maps

    with make_strategy(options.num_gpus).scope():
        captioner, found = load_captioner(
            config.model, run.path, options.checkpoint, config.train.precision
        )
    if isinstance(config.model, SaliencyConfig):
        make = saliency_maps(captioner, options.scale, options.exact_kl)
    else:
        make = attention_maps(captioner, config.model.context_words)
    return captioner, found.step, make


def maps_in_words(config: Config, options: Options) -> str:
    """What the maps are."""
    if not isinstance(config.model, SaliencyConfig):
        return f"attention while the sentence is said; {options.combine} over a phrase's words"
    kind = "divergence of" if options.exact_kl else "log probability from"
    return (
        f"{kind} each cell alone, scaled: {options.scale}; {options.combine} over a phrase's words"
    )


def print_problems(problems: Problems) -> None:
    """What could not be read, with examples."""
    for kind, found in problems.as_dict().items():
        print(f"skipped: {found['count']:,} {kind}, such as {'; '.join(found['examples'])}")


def read_meteor(run: RunFolder, made_by: dict[str, Any]) -> dict[str, float]:
    """METEOR of the same step's captions of the same subset; empty where eval has not been run."""
    try:
        found = read_json(run.metrics)
    except UserError:  # missing or broken: the game that was played counts for more
        return {}
    same = all(found.get(name) == made_by[name] for name in ("step", "subset"))
    return {"METEOR": found["METEOR"]} if same and "METEOR" in found else {}


def report(
    outcome: Outcome, made_by: dict[str, Any], out: Path, captions: dict[str, float]
) -> None:
    """Writes and prints tables, writes the numbers; `captions` stand in the tables alone.

    Raises:
        UserError: nothing was played, or the files cannot be written.
    """
    skipped = [f"{outcome.skipped[key]:,} {why}" for key, why in SKIPPED.items()]
    if not outcome.phrases:
        raise UserError(f"no phrase can be played: of all, {', '.join(skipped)}")
    numbers = score(outcome.phrases)
    notes = [
        f"measured: {made_by['run_dir']}, step {made_by['step']}, {made_by['extractor']}; "
        f"{outcome.pictures:,} pictures of {made_by['subset']}, {outcome.sentences:,} captions",
        f"maps: {made_by['maps']}",
        f"phrases that were not played: {', '.join(skipped)}",
    ]
    try:
        out.mkdir(parents=True, exist_ok=True)
        kinds = kinds_of(outcome.phrases)
        print(write_tables(out, numbers | captions, kinds, str(made_by["preset"]), notes))
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from error
    counts = {"pictures": outcome.pictures, "sentences": outcome.sentences}
    counts |= {f"skipped_{key}": outcome.skipped[key] for key in SKIPPED}
    unreadable = outcome.problems.counts
    counts |= {"broken_pictures": unreadable[BROKEN], "broken_sentences": unreadable[BROKEN_LINE]}
    counts |= {"broken_boxes": unreadable[BROKEN_BOX]}
    write_report(out / f"{NAME}.json", {**numbers, **counts, **made_by})
    print(f"written: {out}/{NAME}.txt, .md, .csv, .tex, .json")


if __name__ == "__main__":
    run_command(main)
