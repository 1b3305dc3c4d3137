"""Makes a toy world: users, posts and pictures with planted rules and known best scores.

    python -m scripts.make_toy_world --out toy

It writes posts.jsonl (a raw crawl, dirt included), images/, ceilings.json (what the best possible
predictor scores with everything, without the user, without the image, without the written words)
and world.json (the rules and what was planted, for people).
"""

from dataclasses import dataclass, field
from pathlib import Path

from data_loader.toy_world import WorldOptions, load_ceilings, make_world
from utils.command_line import parse
from utils.errors import run_command


@dataclass(frozen=True)
class Options:
    """Makes a toy world: users, posts and pictures with planted rules and known best scores."""

    out: Path
    """The folder to write; it must not exist, or be empty."""
    world: WorldOptions = field(default_factory=WorldOptions)


def main() -> None:
    """Writes the world and says what is in it."""
    options = parse(Options)
    about = make_world(options.out, options.world)
    dirt = ", ".join(f"{count} {kind}" for kind, count in about["dirt"].items())
    print(f"{about['clean_posts']} clean posts in {options.out / 'posts.jsonl'}")
    print(f"dirt: {dirt}")
    print("best possible scores:")
    for task, predictors in load_ceilings(options.out).items():
        for name, scores in predictors.items():
            numbers = "  ".join(f"{metric} {score:.4f}" for metric, score in scores.items())
            print(f"  {task:8} {name:9} {numbers}")


if __name__ == "__main__":
    run_command(main)
