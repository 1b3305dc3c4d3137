"""Exports a trained model for programs that have TensorFlow and nothing of this project.

    python -m scripts.export --run_dir runs/csmn-p5-caption-users-others --out served/1

OUT is a SavedModel with its image encoder and vocabulary: pictures' bytes and a person's words in,
text out, greedily (`serving_default`) and by beam search (`beam`). `README.md` beside it is the
model card, with how to load it. TensorFlow Serving reads the parent folder of a numbered OUT.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attend_to_you import open_run
from configuration import Config, DecodingOptions
from data_loader.trained import read_metadata_of_run
from data_loader.view import View
from data_loader.vocabulary import GO, PAD, UNK
from scripts.export.card import CARD, Origin, write_card
from utils.checks import check_range
from utils.command_line import parse
from utils.devices import is_one_of_several_workers, quiet_tensorflow
from utils.errors import UserError, run_command
from utils.files import new_folder
from utils.run_folder import RunFolder, newest_run

if TYPE_CHECKING:
    from model.exported import Exported


@dataclass(frozen=True)
class Options:
    """Exports a trained model as a TensorFlow SavedModel with a model card."""

    out: Path
    """The folder to make."""
    run_dir: Path | None = None
    """Folder of the run; by default the newest in runs."""
    checkpoint: str = "best"
    """best, last, or a step."""
    beam_size: int = 3
    """Beams of the signature `beam`."""
    tags_per_post: int | None = None
    """Tags predicted without a word query; by default as eval chooses."""
    no_unknown: bool = False
    """Never write _UNK, as scripts.caption; without it, what is written is what eval writes."""
    data_dir: Path | None = None
    """The data root that the run was trained on, where it has moved."""
    weights: Path | None = None
    """The encoder's weight file, where it has moved."""


def main() -> None:
    """Run and view, model and encoder, folder."""
    options = parse(Options)
    check(options)
    run = RunFolder.open(options.run_dir or newest_run())
    config, view = open_run(run, options.data_dir)
    if config.model.image_layer == "frames26":
        raise UserError(
            f"{run.path} is a {config.preset} run, which reads clips: export those of pictures"
        )
    decoding = DecodingOptions(tags_per_post=options.tags_per_post)
    tags = decoding.separate_tags(config.model, *view.tag_counts())
    export, origin = load(options, run, config, view, tags)
    size = write(options.out, export, origin)
    print(f"{run.path}, step {origin.step}: written {options.out}, {size / 1e6:,.1f} MB")


def check(options: Options) -> None:
    """Refuses what would fail after the work, before it."""
    check_range("beam_size", options.beam_size, 1)
    check_range("tags_per_post", options.tags_per_post, 1)
    if is_one_of_several_workers():
        raise UserError("export runs in one process: unset TF_CONFIG, or start a single task")
    try:
        taken = options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir()))
    except (OSError, ValueError) as error:
        raise UserError(f"--out: cannot use {options.out}: {error}") from error
    if taken:
        raise UserError(f"--out {options.out} is there already: name a new or an empty folder")


def load(
    options: Options, run: RunFolder, config: Config, view: View, tags: int | None
) -> "tuple[Exported, Origin]":
    """The model with its encoder, and what its card says.

    Raises:
        UserError: no such checkpoint; features or weights are missing or others.
    """
    quiet_tensorflow()
    import tensorflow as tf

    from model.encoders import load_encoder
    from model.exported import Exported, Search
    from model.saving import load_captioner

    tf.config.experimental.enable_tensor_float_32_execution(False)  # in what is computed here
    encoder, layer = None, config.model.image_layer
    if layer != "none":
        path, metadata = read_metadata_of_run(run, view, layer, config.data.extractor)
        encoder = load_encoder(metadata, path.parent, options.weights)
    # Nobody is served by float64: it was for comparing.
    precision = config.train.precision.replace("float64", "float32")
    captioner, found = load_captioner(config.model, run.path, options.checkpoint, precision)
    forbidden = (PAD, GO, UNK) if options.no_unknown else ()
    search = Search(options.beam_size, tags, forbidden)
    hashtags = config.data.task == "hashtag"
    exported = Exported(captioner, config.model, view.vocabulary_file, encoder, hashtags, search)
    made_by = (found.step, options.checkpoint, encoder, search, captioner.parameters.count())
    return exported, Origin(run, config, view, *made_by)


def write(out: Path, export: "Exported", origin: Origin) -> int:
    """Writes the folder beside its final place, and renames it when all is there.

    Returns:
        Its size in bytes.

    Raises:
        UserError: it cannot be written.
    """
    import tensorflow as tf

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with new_folder(out) as folder:
            with quietly():
                export.save(folder)
            (folder / CARD).write_text(write_card(origin, out), encoding="utf-8")
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        raise UserError(f"cannot write --out {out}: {error.strerror or error}") from error
    except tf.errors.OpError as error:  # what TensorFlow's file system says of a full disk
        reason = error.message.strip().splitlines()[0]
        raise UserError(f"cannot write --out {out}: {reason}") from error
    return size


@contextmanager
def quietly() -> Iterator[None]:
    """Without TensorFlow's notes about saving, which name nothing that a person could change."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


if __name__ == "__main__":
    run_command(main)
