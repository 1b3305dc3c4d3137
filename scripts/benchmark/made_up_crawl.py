"""A crawl of any size for the benchmark: words as frequent as in natural language, and dirt.

About a third of the posts survives the filters. Of the paper's crawl, 3,455,021 raw posts of 17,813
users, it was a fifth (721,176 captions), so that a build has more to do here than there.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from data_loader.language import Dictionary
from data_loader.toy_world import dirt, rules

WORDS = 200_000  # that anybody uses
POSTS_PER_USER = 194  # of the paper's crawl, on average
LONGEST_USER = 2_000
DISTINCT = 400_000  # posts; it takes longer to make them up than to build a view of them
LANGUAGE = "en_US"
STRETCHED = 0.1  # of the rare words
PIECE = 20_000  # words drawn at a time
# The share of the posts with each of these; a post can have several.
MENTION, EMOJI, TAGS_IN_TEXT, CAPITALS, ACCENT = 0.15, 0.3, 0.25, 0.4, 0.02
FOREIGN = ("german", "spanish", "korean")
BAD = {"link": 0.04, "german": 0.01, "spanish": 0.02, "korean": 0.02}  # of an ordinary user
SPAM_USERS, SPAM_LINKS = 0.35, 0.6
BROKEN, TWICE = 0.002, 0.005
_EMOJI = [emoji for family in rules.EMOJI.values() for emoji in family]
_ACCENTS = str.maketrans("aeiou", "àéîöü")


def write_crawl(path: Path, posts: int, seed: int = 0) -> None:
    """Writes posts.jsonl. Beyond `DISTINCT` posts, other users say the same.

    Args:
        path: the file.
        posts: raw posts, which is lines.
        seed: decides everything.
    """
    first = list(islice(_lines(seed), min(posts, DISTINCT)))
    with open(path, "wb") as file:
        for start in range(0, posts, len(first)):
            others = b"user%03d_" % (start // len(first))
            piece = (line.replace(b"user_", others) for line in first[: posts - start])
            file.writelines(piece)


def english_words(seed: int = 0) -> list[str]:
    """`WORDS` words, the most frequent first.

    The first thousands are those of Python's own help texts that a dictionary has. Then come pairs
    of them, which it knows too, and among these spellings that none knows ("beeeach").
    """
    count = Counter(re.findall(r"[a-z]{2,}|[ai]", " ".join(topics.values()).lower()))
    dictionary = Dictionary(LANGUAGE)
    known = [word for word, _ in count.most_common() if dictionary.count_unknown(word) == (0, 1)]
    rng = random.Random(seed)
    words = dict.fromkeys(known)
    while len(words) < WORDS:
        first, second = rng.choices(known, k=2)
        at = rng.randrange(len(first))
        stretched = first[:at] + first[at] * rng.randint(2, 9) + first[at:]
        words[stretched if rng.random() < STRETCHED else f"{first}-{second}"] = None
    return list(words)


def _lines(seed: int) -> Iterator[bytes]:
    """Lines without end, user by user, each user's in the order of time."""
    rng = random.Random(seed)
    words = _drawn(english_words(), seed)
    for user in range(1 << 60):
        spam = rng.random() < SPAM_USERS
        count = 1 + min(LONGEST_USER, int(rng.expovariate(1 / POSTS_PER_USER)))
        time = datetime(2016, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randrange(500_000))
        for number in range(count):
            post = _post(f"user_{user:06d}", number, time, words, rng)
            yield from _dirty(post, spam, rng)
            time += timedelta(seconds=rng.randint(600, 200_000))


def _drawn(words: list[str], seed: int) -> Iterator[str]:
    """Words by Zipf's law, as Mandelbrot amended it."""
    rng = np.random.default_rng(seed)
    weights = np.cumsum(1 / (np.arange(len(words)) + 2.7) ** 1.05)
    while True:
        drawn = np.searchsorted(weights, rng.random(PIECE) * weights[-1])
        yield from [words[row] for row in drawn.tolist()]


def _post(user: str, number: int, time: datetime, words: Iterator[str], rng: random.Random) -> dict:
    """A post, written the way people do; lengths are as broad as those of raw posts."""
    text = [next(words) for _ in range(1 + int(rng.lognormvariate(2.1, 0.8)))]
    tags = [next(words) for _ in range(int(rng.expovariate(0.2)))]
    if rng.random() < CAPITALS:
        text[0] = text[0].capitalize() + rng.choice(("!", ",", "..."))
    if rng.random() < ACCENT:
        text[-1] = text[-1].translate(_ACCENTS)
    if rng.random() < MENTION:
        text.append(f"@{rng.choice(rules.OPENERS)}.{rng.randrange(1000)}")
    if rng.random() < EMOJI:
        text += rng.choices(_EMOJI, k=rng.randint(1, 3))
    if rng.random() < TAGS_IN_TEXT:
        text += [f"#{tag}" for tag in tags]
    return {
        "user": user,
        "post": f"{user}-{number}",
        "created_at": time.isoformat(),
        "image": f"{user}/{number}.jpg",
        "text": " ".join(text),
        "hashtags": tags,
    }


def _dirty(post: dict, spam: bool, rng: random.Random) -> Iterator[bytes]:
    """The lines of one post: spoiled, broken, twice, or as it is."""
    chances = {**BAD, "link": SPAM_LINKS} if spam else BAD
    drawn = rng.random()
    for kind, limit in zip(chances, accumulate(chances.values()), strict=True):
        if drawn < limit:
            post = dirt.spoil(post, kind, rng)
            break
    if rng.random() < BROKEN:
        line = dirt.broken_line(post, rng.choice(list(dirt.BROKEN_LINES)), rng)
    else:
        line = json.dumps(post, ensure_ascii=False).encode()
    yield line + b"\n"
    if rng.random() < TWICE:
        yield line + b"\n"
