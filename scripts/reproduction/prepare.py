"""What runs need first: views of posts, features of images, characters of stories."""

import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from data_loader.build_options import BuildOptions
from data_loader.corpus import DESCRIPTION, open_corpus
from data_loader.features import NOT_DONE, features_folder, open_features, read_image_names
from data_loader.root import IMAGES
from data_loader.source_flags import FOR_CAPTIONS
from data_loader.view import list_views, open_view, view_name
from scripts.reproduction.networks import (
    Features,
    check_files,
    features_of,
    stored_name,
    weights_of,
)
from scripts.reproduction.options import Options
from scripts.reproduction.plan import Run, command
from scripts.reproduction.runner import Execute, attempt
from scripts.reproduction.tables import SHIPPED, STORY
from utils.command_line import parse
from utils.errors import UserError

Command = tuple[str, ...]
Wanted = tuple[str, str, str]  # task, split, context


def views_of(runs: Iterable[Run]) -> list[Wanted]:
    """The views that runs read, each once."""
    runs = (run for run in runs if run.task != STORY)
    return list(dict.fromkeys((run.task, run.split, run.context) for run in runs))


def layers_of(runs: Iterable[Run]) -> list[Features]:
    """The image features that runs read, each once."""
    return features_of(run.preset for run in runs)


def build_commands(root: Path, wanted: Sequence[Wanted], options: Options) -> list[Command]:
    """The commands that build the views that are missing.

    Where the root has a view, the others are built from the same posts by the same flags, as its
    record says; else --source and --input say how.

    Raises:
        UserError: it has none, and they are not given.
    """
    there = list_views(root)
    missing = [view for view in wanted if view_name(*view) not in there]
    return [
        command("scripts.build_dataset", [*_how(root, view, there, options), *_place(root, view)])
        for view in missing
    ]


def _how(root: Path, view: Wanted, there: list[str], options: Options) -> list[str]:
    if options.source and options.input:
        more = _of_task(view[0], shlex.split(options.build_args))
        return ["--source", options.source, "--input", str(options.input), *more]
    if not there:
        raise UserError(_no_view(root, view, options))
    alike = max(there, key=lambda name: [part in name.split("-") for part in view])
    return _of_task(view[0], derive(open_view(root, *alike.split("-")).settings, root, view))


def _of_task(task: str, flags: list[str]) -> list[str]:
    """Less the tokenizer of captions, which a build of hashtags refuses."""
    pairs = [["--tokenizer", name] for name in FOR_CAPTIONS if task == "hashtag"]
    places = [place for place in range(len(flags)) if flags[place : place + 2] in pairs]
    return [flag for n, flag in enumerate(flags) if not {n, n - 1} & set(places)]


def _no_view(root: Path, view: Wanted, options: Options) -> str:
    """Says how to come by a first view."""
    if view[1] != SHIPPED:
        return (
            f"{root} has no view {view_name(*view)} and none to build it from: give --source and "
            "--input (and --build_args), or build one with python -m scripts.build_dataset"
        )
    sources = "|".join(options.of.sources)
    return (
        f"{root} has no view {view_name(*view)}: give --source and --input, or build it with "
        f"python -m scripts.build_dataset --source {sources} --input DIR --task {view[0]} "
        f"--context {view[2]} --out {root}"
    )


def derive(settings: dict, root: Path, view: Wanted) -> list[str]:
    """The build flags of a view, less those that name it: task, split, context, out.

    Args:
        settings: `View.settings`; `command` is how it was built.
        root: its data root, for the message.
        view: the one to build.

    Raises:
        UserError: the view does not say how it was built, or has a split of its own.
    """
    if settings["split"] == SHIPPED != view[1]:
        raise UserError(
            f"{root} has the split of a published data set; the tables need posts that can be "
            "split by users and by posts: give --source crawl and --input"
        )
    if "command" not in settings:
        raise UserError(f"the views of {root} do not say how they were built: give --source, ...")
    built = parse(BuildOptions, args=shlex.split(settings["command"])[3:])
    ours = ("task", "split", "context", "out", "overwrite")
    flags: list[str] = []
    for field in dataclasses.fields(built):
        value = getattr(built, field.name)
        if field.name not in ours and value != field.default:
            flags += [f"--{field.name}", str(value)]
    return flags


def _place(root: Path, view: Wanted) -> list[str]:
    names = ("task", "split", "context")
    # A data set that brings its own split is not asked for one.
    given = [pair for pair in zip(names, view, strict=True) if pair != ("split", SHIPPED)]
    return [*(part for name, value in given for part in (f"--{name}", value)), "--out", str(root)]


def corpus_commands(runs: Iterable[Run], options: Options) -> list[Command]:
    """The command that makes the characters of stories, where they are missing.

    Raises:
        UserError: they are, and --text is not given; or they are those of another text.
    """
    if all(run.task != STORY for run in runs):
        return []
    if made_of := text_of(options.stories):
        _check_text(options, made_of)
        return []
    if options.text is None:
        raise UserError(
            f"{options.stories} has no stories: give --text FILE_OR_FOLDER, or make them with "
            f"python -m scripts.build_corpus --input FILE_OR_FOLDER --out {options.stories}"
        )
    if not options.smoke and not options.text.exists():
        raise UserError(f"--text {options.text} does not exist; expected a text file or a folder")
    return [command("scripts.build_corpus", ["--input", options.text, "--out", options.stories])]


def text_of(stories: Path) -> Path | None:
    """What the characters of a folder were made from; None where there are none.

    Raises:
        UserError: they are damaged.
    """
    if not (stories / DESCRIPTION).exists():
        return None
    return Path(open_corpus(stories).description["settings"]["input"])


def _check_text(options: Options, made_of: Path) -> None:
    if options.text is not None and options.text.absolute() != made_of.absolute():
        raise UserError(
            f"{options.stories} was made from {made_of}, not from --text {options.text}: leave "
            f"out --text, or give another {'--out' if options.smoke else '--data_dir'}"
        )


def extract_commands(root: Path, wanted: Sequence[Features], options: Options) -> list[Command]:
    """The commands that extract the features that are missing, also those of new images.

    Raises:
        UserError: features are missing, and --images and --weights are not given.
    """
    missing = [one for one in wanted if not has_features(root, one, options.weights)]
    without = [one for one in missing if one.has_weights]
    unknown = [one for one in without if weights_of(one.network, options.weights) is None]
    if missing and (unknown or not options.images):
        raise UserError(
            f"{root} lacks features of some images ({', '.join(one.name for one in missing)}): "
            f"give --images{_weights_flag(without)}, or extract them with python -m "
            "scripts.extract_features"
        )
    if missing and not options.smoke:  # whose pictures are made on the way
        _check_folder(options.images)
        check_files(without, options.weights)
    return [_extract(root, one, options) for one in missing]


def _weights_flag(missing: Sequence[Features]) -> str:
    """What else is to be given."""
    named = dict.fromkeys(f"{one.network}=FILE" for one in missing if one.network)
    flag = " ".join(["--weights", *named])
    return f" and {flag}" if missing else ""


def _extract(root: Path, wanted: Features, options: Options) -> Command:
    flags = ["--data_dir", root, "--images", options.images]
    if wanted.has_weights:
        flags += ["--weights", weights_of(wanted.network, options.weights)]
    if wanted.network:
        flags += ["--extractor", wanted.network]
    return command("scripts.extract_features", [*flags, "--layer", wanted.layer])


def _check_folder(images: Path) -> None:
    """Refuses what extraction would refuse, before views are built for hours."""
    if not images.is_dir():
        raise UserError(f"--images {images} is no folder; expected the posts' images there")


def has_features(root: Path, wanted: Features, weights: Sequence[str] = ()) -> bool:
    """Whether every image of the root has these features, or has failed.

    Args:
        root: the data root.
        wanted: the network and its layer.
        weights: the command line's, which may be random.
    """
    network = stored_name(wanted, weights)
    files = list(features_folder(root).glob(f"{network or '*'}-{wanted.layer}.json"))
    if not (root / IMAGES).exists() or len(files) != 1:
        return bool(files)  # of several networks, training asks for --extractor
    store = open_features(root, wanted.layer, network)
    images = len(read_image_names(root))
    return len(store) >= images and not (store.state[:images] == NOT_DONE).any()


def run_commands(commands: Sequence[Command], execute: Execute, log: Path) -> None:
    """Runs preparations in their order; nothing can go on without one of them.

    Raises:
        UserError: one failed.
    """
    for made in commands:
        print(shlex.join(["python", *made[1:]]), flush=True)
        if failure := attempt(made, execute, log):
            raise UserError(failure)
