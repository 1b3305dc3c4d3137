"""Writes stories about a hashtag, character by character.

    python -m scripts.story --run_dir runs/char-rnn-stories --hashtag friend
    python -m scripts.story --run_dir runs/char-rnn-stories --image holiday.jpg \
        --hashtag_run runs/soft-attention-hashtag-shipped-none
    python -m scripts.story --run_dir runs/char-rnn-stories --out stories.jsonl \
        --predictions runs/soft-attention-hashtag-shipped-none/predictions.jsonl

The hashtag is the beginning of each story, without its sign and with blanks for underscores; the
model goes on from there. With a picture, a hashtag run says what is seen on it first.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from configuration import Config
from data_loader.characters import Characters
from data_loader.corpus import CHARACTERS
from data_loader.seeds import Seeds, hashtags_of, seed_ids
from data_loader.vocabulary import EOS, GO, PAD, UNK
from model.decoding_options import DecodingOptions
from scripts import caption
from utils.checks import check_range
from utils.command_line import parse
from utils.devices import is_one_of_several_workers, make_strategy, quiet_tensorflow
from utils.errors import UserError, run_command
from utils.files import write_text
from utils.predictions import read_predictions
from utils.run_folder import RunFolder, newest_run

SKIPPED_SHOWN = 10


@dataclass(frozen=True)
class Options:
    """Writes stories about a hashtag, about what a picture shows, or about many predictions."""

    hashtag: str | None = None
    """What the stories are about."""
    image: Path | None = None
    """Instead of a hashtag: a picture; --hashtag_run says what it shows."""
    predictions: Path | None = None
    """Instead of a hashtag: a file of predicted hashtags, as eval writes it."""
    run_dir: Path | None = None
    """Folder of a char-rnn run; by default the newest in runs."""
    hashtag_run: Path | None = None
    """Folder of the run that finds hashtags for --image."""
    tag: int = 1
    """Of several hashtags, which one: 1 is the first and most probable."""
    temperature: float = 1.0
    """Divides the logits: lower is safer, higher is bolder."""
    top_p: float = 1.0
    """Draw among the most probable characters that have this share together."""
    length: int = 500
    """Characters that are written behind the hashtag."""
    count: int = 5
    """Stories of each hashtag."""
    seed: int = 0
    """Other numbers, other stories."""
    may_end: bool = False
    """A story may end before --length, where the model ends it."""
    checkpoint: str = "best"
    """best, last, or a step."""
    weights: Path | None = None
    """The weight file of the picture's encoder, where it has moved."""
    out: Path | None = None
    """With --predictions: the file to write, one JSON object per post."""

    @property
    def decoding(self) -> DecodingOptions:
        """How stories are written: drawn, one at a time."""
        return DecodingOptions(
            sample=True, temperature=self.temperature, top_p=self.top_p, seed=self.seed
        )

    def check(self) -> None:
        """Refuses what would fail after the work, before it.

        Raises:
            UserError: names the flag.
        """
        sources = ("hashtag", "image", "predictions")
        given = [f"--{name}" for name in sources if getattr(self, name) is not None]
        if len(given) != 1:
            raise UserError(
                f"give one of --hashtag, --image and --predictions; found {len(given)} of them"
            )
        if (self.image is None) != (self.hashtag_run is None):
            raise UserError("--image and --hashtag_run go together: a run that reads the picture")
        if (self.predictions is None) != (self.out is None):
            raise UserError("--predictions and --out go together: the stories of many posts")
        if self.weights and self.image is None:
            raise UserError("--weights is of the encoder of --image: leave it out")
        if self.out and not self.out.parent.is_dir():
            raise UserError(f"--out {self.out}: expected a file name in a folder that exists")
        for name in ("tag", "length", "count"):
            check_range(name, getattr(self, name), 1)
        if self.tag != 1 and self.hashtag is not None:
            raise UserError("--tag chooses among the hashtags that are found: leave it out")
        self.decoding.check()
        if is_one_of_several_workers():
            raise UserError("story runs in one process: unset TF_CONFIG, or start a single task")


class Topic(NamedTuple):
    """What stories are asked for, by whom."""

    id: str | int
    hashtag: str
    beginning: np.ndarray  # [P] int32, the ids of its characters


def main() -> None:
    """Run, hashtags, stories."""
    options = parse(Options)
    options.check()
    run = RunFolder.open(options.run_dir or newest_run())
    config, characters = open_run(run)
    topics = find_topics(options, characters)
    quiet_tensorflow()
    stories = write_stories(options, run, config, characters, topics)
    if options.out:
        save(options.out, topics, stories)
        return
    for number, story in enumerate(stories[0], 1):
        print(f"\n--- {number}\n{story}")


def open_run(run: RunFolder) -> tuple[Config, Characters]:
    """What the run was trained as, and its characters.

    Raises:
        UserError: no run of a model of running text.
    """
    config = Config.from_dict(run.configuration)
    if config.model.reads != "text":
        raise UserError(
            f"{run.path} is a {config.preset} run, which writes no stories: give the --run_dir of "
            "one that was trained with --preset char-rnn"
        )
    return config, Characters.load(run.path / CHARACTERS)


def find_topics(options: Options, characters: Characters) -> list[Topic]:
    """The hashtags and how their stories begin, at least one.

    Raises:
        UserError: there is no such hashtag, or no story can begin with it.
    """
    if options.predictions:
        return read_topics(options.predictions, options.tag, characters)
    hashtag = options.hashtag if options.image is None else look(options)
    return [Topic(hashtag, hashtag, seed_ids(hashtag, characters))]


def look(options: Options) -> str:
    """The hashtag of a picture; prints all that the hashtag run finds."""
    asked = caption.Options(
        image=options.image, run_dir=options.hashtag_run, weights=options.weights
    )
    captioned = caption.caption_pictures(asked)
    if captioned.task != "hashtag":
        raise UserError(f"{options.hashtag_run} writes captions: give a run of --task hashtag")
    if len(captioned.captions) > 1:
        raise UserError(f"--image {options.image} has several pictures: give one of them")
    tags = hashtags_of(captioned.captions[0]["prediction"])
    print(f"hashtags: {' '.join(f'#{tag}' for tag in tags) or '(none)'}")
    if len(tags) < options.tag:
        raise UserError(
            f"--tag {options.tag}, but {options.hashtag_run} finds {len(tags)} hashtags on "
            f"{options.image}"
        )
    print(f"stories about: #{tags[options.tag - 1]}")
    return tags[options.tag - 1]


def read_topics(path: Path, tag: int, characters: Characters) -> list[Topic]:
    """The chosen hashtag of each post; names the posts without one that stories can begin with."""
    topics, skipped = [], {}
    for row in read_predictions(path):
        tags = hashtags_of(row["prediction"])
        if len(tags) < tag:
            skipped[row["id"]] = f"it has {len(tags)} hashtags"
            continue
        try:
            topics.append(Topic(row["id"], tags[tag - 1], seed_ids(tags[tag - 1], characters)))
        except UserError as error:
            skipped[row["id"]] = str(error)
    for id_, reason in list(skipped.items())[:SKIPPED_SHOWN]:
        print(f"no stories for {id_}: {reason}")
    if len(skipped) > SKIPPED_SHOWN:
        print(f"... nor for {len(skipped) - SKIPPED_SHOWN:,} other posts")
    if not topics:
        raise UserError(f"{path} has no post with a hashtag number {tag} to write about")
    return topics


def write_stories(
    options: Options,
    run: RunFolder,
    config: Config,
    characters: Characters,
    topics: Sequence[Topic],
) -> list[list[str]]:
    """The stories of each topic; each begins with its hashtag."""
    from model.evaluation import decode_subset
    from model.saving import load_captioner

    longest = max(len(topic.beginning) for topic in topics)
    strategy = make_strategy(None)
    with strategy.scope():
        # The weights know no window: it is as long as the longest story here.
        settings = dataclasses.replace(config.model, window=longest + options.length)
        precision = config.train.precision
        captioner, found = load_captioner(settings, run.path, options.checkpoint, precision)
    print(f"model: {run.path}, step {found.step}")
    decoded = decode_subset(
        strategy,
        captioner,
        Seeds([topic.beginning for topic in topics], options.count),
        **options.decoding.search(),
        forbidden=(PAD, GO, UNK) if options.may_end else (PAD, GO, EOS, UNK),
    )
    ids = decoded.ids.reshape([len(topics), options.count, -1])
    lengths = [len(topic.beginning) + options.length for topic in topics]
    return [
        [characters.decode(story[:length].tolist()) for story in stories]
        for stories, length in zip(ids, lengths, strict=True)
    ]


def save(path: Path, topics: Sequence[Topic], stories: Sequence[list[str]]) -> None:
    """Writes one JSON object per post: id, hashtag, stories."""
    rows = [
        {"id": topic.id, "hashtag": topic.hashtag, "stories": told}
        for topic, told in zip(topics, stories, strict=True)
    ]
    try:
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    except OSError as error:
        raise UserError(f"cannot write --out {path}: {error.strerror}") from error
    print(f"written: {path}, stories of {len(rows):,} posts")


if __name__ == "__main__":
    run_command(main)
