"""Captions anybody's own pictures in the style of given earlier posts.

Example:
    python -m scripts.caption --run_dir runs/csmn-p5-caption-users-others --image holiday.jpg \
        --history my_posts.txt
    python -m scripts.caption --image pictures/ --user anna --beam_size 5 --json captions.json

Pictures go the way of the training images: the same reading, preprocessing and network. Earlier
posts become words as the training posts did, and the most characteristic ones fill the memory.
"""

import dataclasses
import os
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from tqdm import tqdm

from attend_to_you import Caption, Run, load_run, open_run
from configuration import DecodingOptions
from data_loader.history import context_words, count_known, read_history, user_history
from data_loader.pictures import list_pictures
from data_loader.view import View
from model.configs import ModelConfig
from utils.command_line import parse
from utils.devices import is_one_of_several_workers
from utils.errors import UserError, run_command
from utils.reports import write_report
from utils.run_folder import RunFolder, newest_run

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
        captions: objects with `image`, `prediction` and `log_probability` (None for separate tags);
            `text` too where the words are pieces: the sentence that they make.
        contents: of each, what tells different pictures apart; None where they are not looked at.
        skipped: file to the reason why it is not captioned.
        task: caption or hashtag.
        made_by: run, step, encoder and words of the user memory, for the report.
    """

    captions: list[dict]
    contents: list[bytes] | None
    skipped: dict[str, str]
    task: str
    made_by: dict[str, Any]


def main() -> None:
    """Captions, and what they tell of the model."""
    options = parse(Options)
    check(options)
    captions, contents, skipped, task, made_by = caption_pictures(options)
    print(f"model: {made_by['run_dir']}, step {made_by['step']}\n")
    print_captions(captions, task)
    print_skipped(skipped)
    if contents:
        said = (row["prediction"] for row in captions)
        print_sameness(dict(zip(contents, said, strict=True)))
    if options.json:
        write_report(options.json, {**made_by, "captions": captions, "skipped": skipped})


def caption_pictures(options: Options) -> Captioned:
    """Run and view, style, model, captions."""
    paths = list_pictures(options.image)
    run_dir = options.run_dir or newest_run()
    config, view = open_run(RunFolder.open(run_dir), options.data_dir)
    options.decoding.separate_tags(config.model, *view.tag_counts())  # refuses before the work
    words = spell(view, find_words(options, config.model, view))
    run = load_run(run_dir, options.checkpoint, options.data_dir, options.weights)
    print_encoder(run)
    skipped: dict[str, str] = {}
    shown = tqdm(paths, unit="picture", disable=None, leave=False)
    decoding = dataclasses.asdict(options.decoding)
    captions = run.caption(shown, words=words, skipped=skipped, **decoding)
    if not captions:
        refuse(skipped)
    made_by = {
        "run_dir": str(run_dir),
        "step": run.step,
        "encoder": run.extractor,
        "task": run.task,
        "user_words": words,
    }
    contents = [caption.features.tobytes() for caption in captions] if run.sees else None
    rows = [caption_row(view, caption) for caption in captions]
    return Captioned(rows, contents, skipped, run.task, made_by)


def check(options: Options) -> None:
    """Refuses what would fail after the work, before it."""
    if options.history and options.user:
        raise UserError("--history and --user both say whose style: give one of them")
    options.decoding.check()
    if options.json and (os.path.isdir(options.json) or not os.path.isdir(options.json.parent)):
        raise UserError(f"--json {options.json}: expected a file name in a folder that exists")
    if is_one_of_several_workers():
        raise UserError("caption runs in one process: unset TF_CONFIG, or start a single task")


def find_words(options: Options, model: ModelConfig, view: View) -> np.ndarray:
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


def spell(view: View, ids: np.ndarray) -> list[str]:
    """Words of ids."""
    return view.vocabulary.decode(ids.tolist())


def print_encoder(run: Run) -> None:
    """Which network has made the image features; an untrained one is named as such."""
    if not run.sees:
        print("pictures: this model sees no image, so pictures are not looked at")
        return
    untrained = run.description["random_weights"]
    note = " (random weights: this network has never learnt to see)" if untrained else ""
    print(f"pictures: encoded by {run.extractor}-{run.config.model.image_layer}{note}")


def refuse(skipped: Mapping[str, str]) -> NoReturn:
    """Says why no file was a readable picture."""
    (name, reason), *others = skipped.items()
    more = f" (nor is any of {len(others)} other files)" if others else ""
    raise UserError(f"--image: {name} is no readable picture{more}: {reason}")


def caption_row(view: View, caption: Caption) -> dict[str, Any]:
    """What the report says of a picture."""
    text, score = view.readable(caption.words), caption.log_probability
    return {
        "image": caption.picture,
        "prediction": caption.prediction,
        **({} if text is None else {"text": text}),
        "log_probability": None if score is None else round(score, 4),
    }


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
