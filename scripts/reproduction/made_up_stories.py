"""Makes up short stories for character models, where no text is at hand.

    python -m scripts.reproduction.made_up_stories --out smoke/text

Each is about a hashtag of the toy world and begins with it, so that a story can be asked for by a
hashtag that a picture gave.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from data_loader.toy_world import rules
from utils.checks import check_range
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.files import new_folder, write_text

DAYS = ("last summer", "on a cold morning", "yesterday", "one friday", "two weeks ago")
PEOPLE = ("my brother", "anna", "an old friend", "my neighbour", "the whole family")
FEELINGS = ("happy", "a little tired", "proud", "lost", "glad that we had come")
BEGINNINGS = (
    "{day} {who} and i went out for the {noun}.",
    "i still remember how {who} told me about the {noun}.",
    "it was {day} when i saw the {noun} again.",
)
MIDDLES = (
    "the {detail} looked {colour}, and nobody said a word.",
    "{who} laughed at the {detail} the whole way home.",
    "we had waited so long for the {noun} that i was {feeling}.",
    "then it began to rain, but {who} did not mind.",
    "i took a picture of the {detail}, and it came out {colour}.",
)
ENDINGS = (
    "in the end i was {feeling}.",
    "we will go back to the {noun} some day.",
    "that is all that i have to say about the {noun}.",
)


@dataclass(frozen=True)
class Options:
    """Makes up short stories for character models, one text file each."""

    out: Path
    """The folder to write; it must not exist."""
    stories: int = 600
    """How many."""
    seed: int = 0
    """Decides all of them."""


def main() -> None:
    """Writes the stories."""
    options = parse(Options)
    check_range("stories", options.stories, 1)
    if options.out.exists():
        raise UserError(f"{options.out} exists already; remove it or name another folder")
    rng = random.Random(f"stories {options.seed}")
    with new_folder(options.out) as folder:
        for number in range(options.stories):
            write_text(folder / f"{number:04d}.txt", make_story(rng))
    print(f"{options.stories:,} stories in {options.out}")


def make_story(rng: random.Random) -> str:
    """A hashtag, and a few sentences about its topic."""
    topic = rng.choice(rules.TOPICS)
    tag = rng.choice((topic.tag, *rules.NICHES[topic.category]))
    patterns = (
        rng.choice(BEGINNINGS),
        *rng.sample(MIDDLES, rng.randint(2, 4)),
        rng.choice(ENDINGS),
    )
    sentences = [_sentence(pattern, topic, rng) for pattern in patterns]
    return f"{tag}. {' '.join(sentences)}\n"


def _sentence(pattern: str, topic: rules.Topic, rng: random.Random) -> str:
    words = pattern.format(
        day=rng.choice(DAYS),
        who=rng.choice(PEOPLE),
        noun=topic.noun,
        detail=topic.detail,
        colour=rng.choice(rules.COLOURS),
        feeling=rng.choice(FEELINGS),
    )
    return words[0].upper() + words[1:].replace(" i ", " I ")


if __name__ == "__main__":
    run_command(main)
