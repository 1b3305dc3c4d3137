"""What runs need first: the views of their posts, and the features of their images."""

import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from configuration import find_preset
from data_loader.build_options import BuildOptions
from data_loader.features import NOT_DONE, features_folder, open_features, read_image_names
from data_loader.root import IMAGES
from data_loader.view import list_views, open_view, view_name
from scripts.reproduction.options import Options
from scripts.reproduction.plan import Run, command
from scripts.reproduction.runner import Execute, attempt
from utils.command_line import parse
from utils.errors import UserError

Command = tuple[str, ...]
Wanted = tuple[str, str, str]  # task, split, context


def views_of(runs: Iterable[Run]) -> list[Wanted]:
    """The views that runs read, each once."""
    return list(dict.fromkeys((run.task, run.split, run.context) for run in runs))


def layers_of(runs: Iterable[Run]) -> list[str]:
    """The layers of image features that runs read, each once."""
    layers = dict.fromkeys(find_preset(run.preset).model.image_layer for run in runs)
    return [layer for layer in layers if layer != "none"]


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
        more = shlex.split(options.build_args)
        return ["--source", options.source, "--input", str(options.input), *more]
    if not there:
        raise UserError(
            f"{root} has no view {view_name(*view)} and none to build it from: give --source and "
            "--input (and --build_args), or build one with python -m scripts.build_dataset"
        )
    alike = max(there, key=lambda name: [part in name.split("-") for part in view])
    return derive(open_view(root, *alike.split("-")).settings, root)


def derive(settings: dict, root: Path) -> list[str]:
    """The build flags of a view, less those that name it: task, split, context, out.

    Args:
        settings: `View.settings`; `command` is how it was built.
        root: its data root, for the message.

    Raises:
        UserError: the view does not say how it was built, or has a split of its own.
    """
    if settings["split"] == "shipped":
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
    flags = [part for pair in zip(names, view, strict=True) for part in (f"--{pair[0]}", pair[1])]
    return [*flags, "--out", str(root)]


def extract_commands(root: Path, layers: Sequence[str], options: Options) -> list[Command]:
    """The commands that extract the features that are missing, also those of new images.

    Raises:
        UserError: features are missing, and --images and --weights are not given.
    """
    missing = [layer for layer in layers if not has_features(root, layer)]
    if missing and not (options.images and options.weights):
        raise UserError(
            f"{root} lacks features of some images ({', '.join(missing)}): give --images and "
            "--weights, or extract them with python -m scripts.extract_features"
        )
    if missing and not options.smoke:  # whose pictures are made on the way
        _check_paths(options)
    where = ["--data_dir", root, "--images", options.images, "--weights", options.weights]
    return [command("scripts.extract_features", [*where, "--layer", layer]) for layer in missing]


def _check_paths(options: Options) -> None:
    """Refuses what extraction would refuse, before views are built for hours."""
    if not options.images.is_dir():
        raise UserError(f"--images {options.images} is no folder; expected the posts' images there")
    if options.weights != "random" and not Path(options.weights).is_file():
        raise UserError(
            f"--weights {options.weights} is no file; scripts/download_pretrained_resnet_101.sh "
            "brings it, or give random"
        )


def has_features(root: Path, layer: str) -> bool:
    """Whether every image of the root has features of this layer, or has failed."""
    files = list(features_folder(root).glob(f"*-{layer}.json"))
    if not (root / IMAGES).exists() or len(files) != 1:
        return bool(files)  # of several networks, training asks for --extractor
    store = open_features(root, layer)
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
