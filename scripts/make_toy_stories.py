"""Writes toy stories: small texts about the toy world's hashtags, to try character models on.

python -m scripts.make_toy_stories --out toy/stories
python -m scripts.build_corpus --input toy/stories --out toy/corpus
python -m train --preset char-rnn --data_dir toy/corpus --run_dir toy/runs/stories
"""

from dataclasses import dataclass
from pathlib import Path

from data_loader.toy_world.stories import COMPANIONS, make_stories
from utils.checks import check_range
from utils.command_line import parse
from utils.errors import run_command


@dataclass(frozen=True)
class Options:
    """Writes toy stories: small texts about the toy world's hashtags."""

    out: Path
    """The folder to write; it must not exist, or be empty."""
    stories: int = 300
    """How many."""
    seed: int = 0
    """Other numbers, other stories."""


def main() -> None:
    """Writes the stories and says what they are about."""
    options = parse(Options)
    check_range("stories", options.stories, 1)
    make_stories(options.out, options.stories, options.seed)
    print(f"{options.stories:,} stories in {options.out}; each is about one of")
    for tag, words in COMPANIONS.items():
        print(f"  {tag:13} {' and '.join(words)}")


if __name__ == "__main__":
    run_command(main)
