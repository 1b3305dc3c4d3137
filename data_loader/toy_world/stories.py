"""Toy stories: small texts about the toy world's hashtags, with planted words.

A story begins with a hashtag of the world (one of a topic, or one of chance) and goes on about the
two words that belong to it: whoever has learnt the stories continues `beachlife` with the beach and
its waves, and not with a pizza. All else is chance.

    beachlife, said my brother. We ran to the beach and looked at the waves. I dreamt of the beach,
    but my brother wanted the waves. The sun went down.
"""

import random
from pathlib import Path

from data_loader.toy_world.rules import TOPICS, VIBES
from utils.errors import UserError

_OF_CHANCE = (("sofa", "blanket"), ("album", "photos"), ("train", "evening"), ("map", "road"))
COMPANIONS = {topic.tag: (topic.noun, topic.detail) for topic in TOPICS} | dict(
    zip(VIBES, _OF_CHANCE, strict=True)
)
"""A story's first word to the two words that it is about."""

_OPENINGS = ("{tag} at last!", "{tag}, said my {friend}.", "{tag} it was.")
_MIDDLES = (
    "We {moved} to the {noun} and looked at the {detail}.",
    "The {noun} was {adjective}, and so was the {detail}.",
    "I {thought} of the {noun}, but my {friend} wanted the {detail}.",
)
_ENDINGS = ("Then we went home.", "What a day!", "The sun went down.")
_CHANCE = {
    "friend": ("brother", "sister", "friend", "dog"),
    "moved": ("ran", "walked", "went"),
    "adjective": ("lovely", "old", "new", "quiet"),
    "thought": ("dreamt", "thought", "told them"),
}


def make_stories(folder: Path, stories: int = 300, seed: int = 0) -> None:
    """Writes so many `.txt` files.

    Args:
        folder: where they go; it must not exist, or be empty.
        stories: how many; the hashtags take turns.
        seed: decides all that is chance.

    Raises:
        UserError: the folder is in use or cannot be written.
    """
    rng = random.Random(f"toy stories {seed}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"--out {folder} is not empty: choose another folder")
        for number in range(stories):
            path = folder / f"story_{number:05}.txt"
            path.write_text(tell(list(COMPANIONS)[number % len(COMPANIONS)], rng), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write --out {folder}: {error.strerror}") from error


def tell(tag: str, rng: random.Random) -> str:
    """One story about a hashtag of `COMPANIONS`."""
    noun, detail = COMPANIONS[tag]
    chance = {name: rng.choice(words) for name, words in _CHANCE.items()}
    middles = rng.sample(_MIDDLES, 2)
    sentences = [rng.choice(_OPENINGS), *middles, rng.choice(_ENDINGS)]
    return " ".join(sentences).format(tag=tag, noun=noun, detail=detail, **chance) + "\n"
