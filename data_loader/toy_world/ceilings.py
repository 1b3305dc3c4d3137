"""What the best possible predictor scores on the toy world, computed from its rules alone.

A predictor is described by what it may see of a post:

    full      the image, the user's words, all words written so far
    no_user   the image and all words written so far
    no_image  the user's words and all words written so far
    no_word   the image, the user's words and the last written word

All posts that agree in image and user are enumerated with their integer weights (`population`);
every number below is a sum of them, exact up to the rounding of the last division.

- `word_accuracy`: with the true words as the written ones (teacher forcing), the share of target
  tokens, EOS included, that the likeliest next token hits. No predictor with the same sight can
  hit more: for each thing it can see, it may name one token.
- `Bleu_1`: the largest expected corpus BLEU-1 of any decoder. References have a fixed length r,
  so with H the expected number of matched words in an output of c words, BLEU-1 is
  H/c * min(1, exp(1 - r/c)). H is the sum of the chosen words' chances to be in the reference
  (the second copy of a word counts with the chance that it stands there twice), so the c likeliest
  are best; their sum is concave in c, hence H/c falls and exp(1 - r/c) H/c grows: c = r is best.
  A decoder that sees only its last word never writes a word twice, because it would go round
  from there on to the limit of 15 words, and four more words are never worth the second `so`.
- `F1`: the largest expected F1 between the true set and a predicted one. True sets have a fixed
  size K, so F1 is 2 H/(k + K) for a set of k tags, of which the k likeliest are best. No
  tag stands twice, so `no_word` can write what `full` writes: their ceilings are equal.
- `Bleu_1_greedy`, `F1_greedy`: what greedy decoding reaches when every next token is the
  likeliest one. That is what training by likelihood aims at; it can be less than the best.
  After `so`, `no_word` is surest of the colour, and so leaves out two words.

Two things are ignored: that a user's other posts might not show one of the user's words (each
is in a quarter of them at least, so 59 other posts all miss it with a chance of 4e-8), and that
a finite test set has few users: scores scatter with the users, so errors go by user, not by post.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import product
from math import exp
from pathlib import Path
from typing import NamedTuple

from data_loader.toy_world import rules
from utils.errors import UserError

CEILINGS_FILE = "ceilings.json"
EOS = "_EOS"
MAX_WORDS = 15  # the decoder's limit

Words = tuple[str, ...]
Population = dict[Words, int]  # words of a post -> weight


class Sight(NamedTuple):
    """What a predictor may see of a post."""

    image: bool
    user: bool
    words: bool  # all written words, or only the last one


SIGHTS = {
    "full": Sight(image=True, user=True, words=True),
    "no_user": Sight(image=True, user=False, words=True),
    "no_image": Sight(image=False, user=True, words=True),
    "no_word": Sight(image=True, user=True, words=False),
}


def population(
    task: str, sight: Sight, user: rules.User | None = None, scene: rules.Scene | None = None
) -> Population:
    """Enumerates the posts that look the same to a predictor before it writes.

    One user and one image stand for all: users differ by which words of equal pools are theirs,
    images by which topic and colour they show, so each gives the same numbers.

    Args:
        task: caption or hashtag.
        sight: what the predictor sees.
        user: the user, where the predictor sees them.
        scene: what the image shows, one of the user's scenes, where the predictor sees it.

    Returns:
        The words of each possible post with its weight; divide by the sum of weights.
    """
    user = user or rules.draw_user(random.Random(0))
    scenes = [scene or user.scenes()[0]] if sight.image else user.scenes()
    users = [user] if sight.user else _users_at(task, user, scenes[0])
    make, chances = _task_rules(task)
    posts: Counter[Words] = Counter()
    for who, where, (chance, weight) in product(users, scenes, chances):
        posts[make(who, where, chance)] += weight
    return dict(posts)


def _task_rules(task: str) -> tuple[Callable[..., Words], list[tuple[str, int]]]:
    make, chances = {
        "caption": (rules.caption, rules.MOODS),
        "hashtag": (rules.hashtags, rules.VIBES),
    }[task]
    return make, list(zip(chances, rules.CHANCE_WEIGHTS, strict=True))


def _users_at(task: str, user: rules.User, scene: rules.Scene) -> list[rules.User]:
    """Returns the users that posts of this scene can tell apart, equally likely."""
    at = rules.CATEGORIES.index(scene.topic.category)
    category, taste = scene.topic.category, user.tastes[at]
    pools = {
        "caption": (rules.OPENERS, rules.ADJECTIVES, rules.CLUBS[:1], rules.EMOJI[category]),
        "hashtag": (rules.OPENERS[:1], rules.ADJECTIVES[:1], rules.CLUBS, (taste.emoji,)),
    }[task]
    niches = {"caption": (taste.niche,), "hashtag": rules.NICHES[category]}[task]
    return [
        rules.User(
            opener,
            adjective,
            signature,
            club,
            (*user.tastes[:at], rules.Taste(scene.topic, emoji, niche), *user.tastes[at + 1 :]),
        )
        for opener, adjective, club, emoji, niche, signature in product(
            *pools, niches, rules.SIGNATURES
        )
    ]


def likeliest_next(posts: Population, sees_all_words: bool) -> dict[Words, Counter[str]]:
    """Counts, for everything a predictor can see of the written words, what comes next.

    Returns:
        {seen words: {next token: weight}}; seen is the whole prefix, or its last word alone.
    """
    table: dict[Words, Counter[str]] = defaultdict(Counter)
    for words, weight in posts.items():
        for t, target in enumerate((*words, EOS)):
            table[_seen(words[:t], sees_all_words)][target] += weight
    return table


def _seen(written: Words, sees_all_words: bool) -> Words:
    return written if sees_all_words else written[-1:]


def word_accuracy(posts: Population, sees_all_words: bool) -> Fraction:
    """Returns the share of target tokens, EOS included, that the likeliest next token hits."""
    table = likeliest_next(posts, sees_all_words)
    hits = sum(max(following.values()) for following in table.values())
    return Fraction(hits, sum(sum(following.values()) for following in table.values()))


def greedy(posts: Population, sees_all_words: bool) -> Words:
    """Writes the likeliest next token until EOS or the limit of words."""
    table = likeliest_next(posts, sees_all_words)
    written: Words = ()
    while len(written) < MAX_WORDS:
        following = table[_seen(written, sees_all_words)]
        token = max(sorted(following), key=following.__getitem__)
        if token == EOS:
            break
        written = (*written, token)
    return written


def chances(posts: Population, copies: bool = True) -> list[Fraction]:
    """Returns how likely each word is in a reference, the likeliest first.

    Args:
        posts: the possible references.
        copies: also list the chance of each further copy of a word.
    """
    weights: Counter[tuple[str, int]] = Counter()
    for words, weight in posts.items():
        for word, count in Counter(words).items():
            for copy in range(count if copies else 1):
                weights[word, copy] += weight
    total = sum(posts.values())
    return sorted((Fraction(weight, total) for weight in weights.values()), reverse=True)


def expected_matches(prediction: Iterable[str], posts: Population) -> Fraction:
    """Returns the expected number of words shared with a reference, copies counted as in BLEU."""
    wanted = Counter(prediction)
    hits = sum(weight * (wanted & Counter(words)).total() for words, weight in posts.items())
    return Fraction(hits, sum(posts.values()))


def bleu_1(prediction: Words, posts: Population) -> float:
    """Returns the corpus BLEU-1 of writing this for each of endlessly many posts."""
    length, reference = len(prediction), len(next(iter(posts)))
    brevity = min(1.0, exp(1 - reference / length))
    return brevity * float(expected_matches(prediction, posts) / length)


def f1(prediction: Words, posts: Population) -> float:
    """Returns the mean F1 of predicting this set for each of endlessly many posts."""
    chosen, size = set(prediction), len(next(iter(posts)))
    return float(2 * expected_matches(chosen, posts) / (len(chosen) + size))


def best_bleu_1(posts: Population, sees_all_words: bool) -> float:
    """Returns the largest expected corpus BLEU-1 (the module's docstring says why)."""
    length = len(next(iter(posts)))
    return float(sum(chances(posts, copies=sees_all_words)[:length]) / length)


def best_f1(posts: Population) -> float:
    """Returns the largest expected F1 over all sets of tags."""
    size, likely = len(next(iter(posts))), chances(posts)
    return float(max(2 * sum(likely[:k]) / (k + size) for k in range(1, len(likely) + 1)))


def compute_ceilings() -> dict[str, dict[str, dict[str, float]]]:
    """Returns {task: {predictor: {metric: score}}}, scores between 0 and 1."""
    return {
        task: {name: _scores(task, sight) for name, sight in SIGHTS.items()}
        for task in ("caption", "hashtag")
    }


def _scores(task: str, sight: Sight) -> dict[str, float]:
    posts = population(task, sight)
    written = greedy(posts, sight.words)
    scores = {"word_accuracy": float(word_accuracy(posts, sight.words))}
    if task == "caption":
        best, reached = best_bleu_1(posts, sight.words), bleu_1(written, posts)
        return scores | {"Bleu_1": best, "Bleu_1_greedy": reached}
    return scores | {"F1": best_f1(posts), "F1_greedy": f1(written, posts)}


def load_ceilings(world: Path | str) -> dict[str, dict[str, dict[str, float]]]:
    """Reads the ceilings of a toy world: {task: {predictor: {metric: score}}}.

    Args:
        world: the folder that `scripts.make_toy_world` wrote, or its ceilings.json.

    Raises:
        UserError: there is no such file.
    """
    path = Path(world)
    path = path / CEILINGS_FILE if path.is_dir() else path
    if not path.is_file():
        raise UserError(
            f"no ceilings at {path}; make a toy world: python -m scripts.make_toy_world --out DIR"
        )
    return json.loads(path.read_text(encoding="utf-8"))
