"""Captions anybody's own pictures in the style of given earlier posts.

Example:
    python -m scripts.caption --run_dir runs/csmn-p5-caption-users-others --image holiday.jpg \
        --history my_posts.txt
    python -m scripts.caption --image pictures/ --user anna --beam_size 5 --json captions.json

Pictures go the way of the training images: the same reading, preprocessing and network. Earlier
posts become words as the training posts did, and the most characteristic ones fill the memory.
"""

import os
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from configuration import Config, DecodingOptions
from data_loader.clips import read_frames
from data_loader.features import find_features, read_metadata
from data_loader.history import context_words, count_known, read_history, user_history
from data_loader.images import read_image
from data_loader.pictures import Pictures, list_pictures, no_features
from data_loader.trained import open_view_of_run
from data_loader.view import View
from data_loader.vocabulary import GO, PAD, UNK
from model.configs import ModelConfig
from model.networks import is_random
from utils.command_line import parse
from utils.devices import is_one_of_several_workers, make_strategy, quiet_tensorflow
from utils.errors import UserError, run_command
from utils.predictions import join_words
from utils.reports import write_report
from utils.run_folder import RunFolder, newest_run

if TYPE_CHECKING:
    from model.encoders import ImageEncoder

MANY_PICTURES = 4  # from so many different pictures on, equal captions are worth a warning
SKIPPED_SHOWN = 10


@dataclass(frozen=True)
class Options:
    """Captions pictures in the style of a person's earlier posts."""

    image: Path
    """A picture, or a folder of pictures (its subfolders are not searched); clips, for a model that
    has learnt from clips."""
    history: Path | None = None
    """The person's earlier posts: a text file with one post per line, or a .jsonl file whose
    objects have `text`, `hashtags` or both."""
    user: str | None = None
    """Instead of a history: a user of the data set, whose posts are taken."""
    run_dir: Path | None = None
    """Folder of the run; by default the newest in runs."""
    checkpoint: str = "best"
    """best, last, or a step."""
    data_dir: Path | None = None
    """The data root that the run was trained on, where it has moved."""
    weights: Path | None = None
    """The encoder's weight file, where it has moved."""
    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    json: Path | None = None
    """Also write the captions to this file."""


class Captioned(NamedTuple):
    """What became of the pictures.

    Attributes:
        captions: as `write_captions` returns them.
        pictures: what was read, and what was not.
        task: caption or hashtag.
        made_by: run, step, encoder and words of the user memory, for the report.
    """

    captions: list[dict]
    pictures: Pictures
    task: str
    made_by: dict[str, Any]


def main() -> None:
    """Captions, and what they tell of the model."""
    options = parse(Options)
    check(options)
    captions, pictures, task, made_by = caption_pictures(options)
    print(f"model: {made_by['run_dir']}, step {made_by['step']}\n")
    print_captions(captions, task)
    print_skipped(pictures.skipped)
    if made_by["encoder"]:
        print_sameness({pictures.contents[row["image"]]: row["prediction"] for row in captions})
    if options.json:
        write_report(options.json, {**made_by, "captions": captions, "skipped": pictures.skipped})


def caption_pictures(options: Options) -> Captioned:
    """Run and view, style, pictures, model, captions."""
    paths = list_pictures(options.image)
    run_dir = options.run_dir or newest_run()
    config, view = open_run(run_dir, options.data_dir)
    tag_count = options.decoding.separate_tags(config.model, *view.tag_counts())
    words = choose_words(options, config.model, view)
    quiet_tensorflow()
    from model.saving import load_captioner

    strategy = make_strategy(None)
    with strategy.scope():
        captioner, found = load_captioner(
            config.model, run_dir, options.checkpoint, config.train.precision
        )
    encoder = open_encoder(options, config, view)
    pictures = arrange(paths, encoder, config.model, words)
    made_by = {
        "run_dir": str(run_dir),
        "step": found.step,
        "encoder": encoder.description["extractor"] if encoder else None,
        "task": view.settings["task"],
        "user_words": spell(view, words),
    }
    captions = write_captions(options, view, strategy, captioner, pictures, tag_count)
    return Captioned(captions, pictures, view.settings["task"], made_by)


def check(options: Options) -> None:
    """Refuses what would fail after the work, before it."""
    if options.history and options.user:
        raise UserError("--history and --user both say whose style: give one of them")
    options.decoding.check()
    if options.json and (os.path.isdir(options.json) or not os.path.isdir(options.json.parent)):
        raise UserError(f"--json {options.json}: expected a file name in a folder that exists")
    if is_one_of_several_workers():
        raise UserError("caption runs in one process: unset TF_CONFIG, or start a single task")


def open_run(run_dir: Path, data_dir: Path | None) -> tuple[Config, View]:
    """What the run was trained as, and the view with its words.

    Raises:
        UserError: no such run or view, or the words' ids mean something else now.
    """
    run = RunFolder.open(run_dir)
    config = Config.from_dict(run.configuration)
    if config.model.reads == "text":
        raise UserError(f"{run_dir} is a {config.preset} run, for python -m scripts.story")
    if not config.model.learns:
        raise UserError(
            f"{run_dir} is a {config.preset} run, which answers with training posts: "
            "caption needs a trained model"
        )
    return config, open_view_of_run(run, config.data, data_dir)


def choose_words(options: Options, model: ModelConfig, view: View) -> np.ndarray:
    """The words of the user memory, [<= U] int32; says what they are and where they are from."""
    nobody = np.zeros(0, np.int32)
    if not model.context_words:
        print("user: this model knows no user, so earlier posts are not looked at")
        return nobody
    if options.history:
        history = read_history(options.history, view)
    elif options.user is not None:
        history = user_history(view, options.user)
    else:
        print("user: nobody, the user memory is empty (--history or --user gives a style)")
        return nobody
    known, different = count_known(view, history)
    print(
        f"user: {history.origin}, {history.posts:,} posts; "
        f"{known:,} of their {different:,} different words are in the vocabulary"
    )
    words = context_words(view, history, model.context_words)
    if not len(words):
        kind = "hashtags" if view.settings["task"] == "hashtag" else "words"
        print(f"warning: none of the history's {kind} is known, so the user memory is empty")
        return words
    listed = f"user memory, {len(words)} words: {' '.join(spell(view, words))}"
    print(textwrap.fill(listed, 100, subsequent_indent="  ", break_on_hyphens=False))
    return words


def open_encoder(options: Options, config: Config, view: View) -> "ImageEncoder | None":
    """The network that made the run's image features; None for a model without image memory."""
    if config.model.image_layer == "none":
        print("pictures: this model sees no image, so pictures are not looked at")
        return None
    import tensorflow as tf

    from model.encoders import load_encoder

    # As extraction: a mantissa of 10 bits would give other features on a GPU.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    root, layer = view.folder.parent, config.model.image_layer
    features = find_features(root, layer, config.data.extractor)
    metadata = read_metadata(features)
    untrained = is_random(metadata["extractor"])
    note = " (random weights: this network has never learnt to see)" if untrained else ""
    print(f"pictures: encoded by {features.stem}{note}")
    return load_encoder(metadata, features.parent, options.weights)


def arrange(
    paths: list[Path], encoder: "ImageEncoder | None", model: ModelConfig, words: np.ndarray
) -> Pictures:
    """The pictures as batches for this model."""
    sizes = (model.context_words, model.word_slots)
    if encoder is None:
        return Pictures(paths, no_features, words, *sizes)
    read = partial(read_frames, number=encoder.frames) if encoder.frames else read_image
    return Pictures(paths, encoder, words, *sizes, batch_size=encoder.at_once, read=read)


def write_captions(
    options: Options,
    view: View,
    strategy,
    captioner,
    pictures: Pictures,
    tag_count: int | None,
) -> list[dict]:
    """Decodes every readable picture.

    Unlike in evaluation, `_UNK` is never written: a reader cannot use it.

    Returns:
        Objects with `image`, `prediction` and `log_probability` (None for separate tags); `text`
        too where the words are pieces: the sentence that they make.
    """
    from model.evaluation import decode_subset

    decoded = decode_subset(
        strategy,
        captioner,
        pictures,
        separate_tags=tag_count,
        forbidden=(PAD, GO, UNK),
        **options.decoding.search(),
    )
    return [
        {
            "image": str(pictures.paths[row]),
            "prediction": join_words(words, view.settings["task"]),
            **({"text": text} if (text := view.readable(words)) is not None else {}),
            "log_probability": round(float(score), 4) if np.isfinite(score) else None,
        }
        for row, words, score in zip(
            decoded.rows, [spell(view, ids) for ids in decoded.ids], decoded.scores, strict=True
        )
    ]


def spell(view: View, ids: np.ndarray) -> list[str]:
    """Words of ids."""
    return view.vocabulary.decode(ids.tolist())


def print_captions(captions: list[dict], task: str) -> None:
    """One picture per line, hashtags with their sign."""
    names = [Path(row["image"]).name for row in captions]
    width = max(map(len, names))
    for name, row in zip(names, captions, strict=True):
        words = row.get("text", row["prediction"]).split()
        if task == "hashtag":
            words = [f"#{tag}" for tag in words]
        print(f"{name:{width}}  {' '.join(words) or '(no words)'}")


def print_skipped(skipped: Mapping[str, str]) -> None:
    """The files without a caption, the first few by name."""
    if skipped:
        print(f"\nskipped, no readable pictures: {len(skipped):,} files")
    for name, reason in list(skipped.items())[:SKIPPED_SHOWN]:
        print(f"  {Path(name).name}: {reason}")
    if len(skipped) > SKIPPED_SHOWN:
        print(f"  ... and {len(skipped) - SKIPPED_SHOWN:,} more")


def print_sameness(captions: Mapping[bytes, str]) -> None:
    """Warns when most of many different pictures (the keys) get the same caption."""
    (caption, count), *_ = Counter(captions.values()).most_common(1)
    if len(captions) >= MANY_PICTURES and 2 * count > len(captions):
        print(
            f"\nwarning: {count} of {len(captions)} different pictures get the same caption"
            f" ({caption or 'no words'!r}): this model makes little of what it sees. Was its image"
            " encoder pretrained, and was it trained long enough on pictures like these?"
        )


if __name__ == "__main__":
    run_command(main)
