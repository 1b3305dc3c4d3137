"""A person's earlier posts, from a file or from a view, as words: the style of a new caption."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus

import numpy as np

from data_loader.contexts import ContextBuilder
from data_loader.posts import BadRecord, RawPost, clean_tags, clean_text, json_object
from data_loader.prepare import Recipe, tags_in_text, words_of
from data_loader.view import View
from data_loader.vocabulary import EOS
from utils.errors import UserError
from utils.json_text import parse_json
from utils.lines import TOO_LONG, bounded_lines

FORM = '{"text": "...", "hashtags": ["...", ...]}, one of them or both'


class History(NamedTuple):
    """What somebody wrote before.

    `origin` says where it is from, for messages; `posts` is their number; `counts` gives the
    occurrences of each word in all of them together.
    """

    origin: str
    posts: int
    counts: Counter[str]


def read_history(path: Path, view: View) -> History:
    """Reads a person's posts and cuts them into words by the settings of a view.

    Every word counts, also of posts that the view's filters would have removed. For hashtags, the
    words are the tags of a post: its field `hashtags`, or else the #tags in its text.

    Args:
        path: one post per line; or, under a name ending in `.jsonl`, JSON objects with `text`,
            `hashtags` or both.
        view: whose tokenizer, letters and task are used.

    Raises:
        UserError: no such file, not UTF-8, no posts, a line that is not such an object, or posts of
            several users.
    """
    lines = _read_lines(path)
    parse = _from_json if path.suffix == ".jsonl" else _from_text
    records = [parse(line, f"{path}, line {number}") for number, line in lines]
    if not records:
        raise UserError(f"{path} has no posts: put one earlier post on each line")
    return _history(str(path), records, view)


def history_of(posts: str | Iterable[str | Mapping], view: View) -> History:
    """`read_history` of posts that are at hand.

    Args:
        posts: each a text, or an object as in a .jsonl; a single text has one post per line.
        view: whose tokenizer, letters and task are used.

    Raises:
        UserError: a post that is neither, or posts of several users.
    """
    posts = posts.split("\n") if isinstance(posts, str) else list(posts)
    records = [_checked({"text": p} if isinstance(p, str) else p, "posts") for p in posts]
    return _history("posts", [r for r in records if r["text"].strip() or "hashtags" in r], view)


def _history(origin: str, records: Sequence[dict], view: View) -> History:
    users = {str(record["user"]) for record in records if "user" in record}
    if len(users) > 1:
        raise UserError(f"{origin} has posts of {len(users)} users; give those of one person")
    recipe = _recipe(view.settings)
    cut = words_of(recipe)
    counts = Counter(word for record in records for word in cut(_raw_post(record, recipe)))
    return History(origin, len(records), counts)


def user_history(view: View, user: str) -> History:
    """What a user of the view wrote: all posts in the first subset with some, training first.

    The contexts stored in a view leave out the post that they stand beside; a new picture stands
    beside none of them, so all posts count.

    Raises:
        UserError: no such user.
    """
    if user not in view.users:
        near = get_close_matches(user, view.users, 3) or view.users[:3]
        raise UserError(
            f"{view.folder} has no user {user!r} among its {len(view.users):,}, such as "
            f"{', '.join(near)}; --history takes anybody's posts from a file"
        )
    number = view.users.index(user)
    owned = {name: subset.user == number for name, subset in view.subsets.items()}
    name = next(name for name, rows in owned.items() if rows.any())
    ids = view.subsets[name].caption_ids[owned[name]]
    words = (view.vocabulary.words[word] for word in ids[ids > EOS].tolist())
    return History(f"{user} (of subset {name})", int(owned[name].sum()), Counter(words))


def context_words(view: View, history: History, k: int) -> np.ndarray:
    """The at most `k` most characteristic words of a history: [<= k] int32, heaviest first."""
    return ContextBuilder(view.vocabulary, view.idf).top_words(history.counts, k)


def choose_words(
    view: View,
    most: int,
    posts: str | Iterable[str | Mapping] | None = None,
    user: str | None = None,
    words: str | Iterable[str] | None = None,
) -> np.ndarray:
    """The words of a person that a model reads, by one of three ways to say who it is.

    Args:
        view: of the model.
        most: U, of the model; 0 for one that knows no user.
        posts: see `history_of`.
        user: of the view.
        words: themselves, best first; in a single text, with spaces between.

    Returns:
        [<= U] int32, none for nobody.

    Raises:
        UserError: several ways, no such user, or something that is no post.
    """
    if sum(given is not None for given in (posts, user, words)) > 1:
        raise UserError("posts, user and words all say whose style: give one of them")
    if words is not None:
        listed = words.split() if isinstance(words, str) else words
        return known_words(view, listed, most)
    if not most or (posts is None and user is None):
        return np.zeros(0, np.int32)
    history = history_of(posts, view) if user is None else user_history(view, user)
    return context_words(view, history, most)


def known_words(view: View, words: Iterable[str], k: int) -> np.ndarray:
    """Ids of the words that a view knows, each once, in their order: [<= k] int32.

    A hashtag may have its sign; words that are not known are left out.
    """
    bare = (word if word in view.vocabulary else word.removeprefix("#") for word in words)
    known = dict.fromkeys(word for word in bare if word in view.vocabulary)
    return np.array(view.vocabulary.encode(known), np.int32)[:k]


def count_known(view: View, history: History) -> tuple[int, int]:
    """How many of the history's different words the vocabulary has, and how many there are."""
    return sum(word in view.vocabulary for word in history.counts), len(history.counts)


def text_cutter(view: View) -> Callable[[str], list[str]]:
    """What cuts a new text into words as the view's own texts were cut."""
    recipe = _recipe(view.settings)
    cut = words_of(recipe)
    return lambda text: cut(_raw_post({"text": text}, recipe))


def _read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines with something on them, with their numbers from 1."""
    try:
        with open(path, "rb") as file:
            return list(_filled(bounded_lines(file), path))
    except OSError as error:
        raise UserError(
            f"cannot read the history {path}: {error.strerror}; expected a text file with one "
            "earlier post per line"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error


def _filled(lines: Iterable[bytes | None], path: Path) -> Iterator[tuple[int, str]]:
    """Lines in words, where they have any."""
    for number, line in enumerate(lines, 1):
        if line is None:
            raise UserError(f"{path}, line {number}: {TOO_LONG}; put one earlier post on each line")
        # Not splitlines(): posts may hold characters that Python also takes for line ends.
        if text := line.decode("utf-8").strip():
            yield number, text


def _from_text(line: str, place: str) -> dict:
    return {"text": line}


def _from_json(line: str, place: str) -> dict:
    """One line of a .jsonl, its fields checked."""
    try:
        return _checked(json_object(parse_json(line)), place)
    except BadRecord as error:
        raise UserError(f"{place}: {error}; expected {FORM}") from None
    except ValueError:
        raise UserError(f"{place}: not JSON; expected {FORM}") from None


def _checked(record: object, place: str) -> dict:
    """The fields that matter of a post."""
    try:
        if not isinstance(record, Mapping) or not {"text", "hashtags"} & set(record):
            raise BadRecord("neither text nor hashtags")
        checked = {"text": clean_text(record.get("text") or "", "text")}
        if record.get("hashtags") is not None:
            checked["hashtags"] = clean_tags(record["hashtags"], "hashtags")
    except BadRecord as error:
        raise UserError(f"{place}: {error}; expected {FORM}") from None
    return checked | {name: record[name] for name in ("user",) if name in record}


def _recipe(settings: dict) -> Recipe:
    """How the view's posts were cut, without its filters."""
    return Recipe(
        source=settings.get("source", "crawl"),
        task=settings["task"],
        tokenizer=settings.get("tokenizer", "standard"),
        letters=settings.get("letters", "ascii"),
        language=None,
        max_unknown_words=1.0,
        drop_links=False,
    )


def _raw_post(record: dict, recipe: Recipe) -> RawPost:
    """The post in the form in which the view's source brings its posts."""
    text = record["text"]
    tags = record.get("hashtags", tags_in_text(text))
    tags = [tag if tag.startswith("#") else f"#{tag}" for tag in tags]
    if recipe.source == "yfcc" and recipe.tokenizer == "released":  # they take quoted bytes
        text, tags = quote_plus(text), [",".join(quote_plus(tag) for tag in tags)]
    return RawPost(user="", post="", image="", created_at=None, texts=(text,), tags=tags)
