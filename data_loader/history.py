"""A person's earlier posts, from a file or from a view, as words: the style of a new caption."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
    users = {str(record["user"]) for record in records if "user" in record}
    if len(users) > 1:
        raise UserError(f"{path} has posts of {len(users)} users; give those of one person")
    recipe = _recipe(view.settings)
    cut = words_of(recipe)
    counts = Counter(word for record in records for word in cut(_raw_post(record, recipe)))
    return History(str(path), len(records), counts)


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
        record = json_object(parse_json(line))
        if not {"text", "hashtags"} & set(record):
            raise BadRecord("neither text nor hashtags")
        checked = {"text": clean_text(record.get("text") or "", "text")}
        if record.get("hashtags") is not None:
            checked["hashtags"] = clean_tags(record["hashtags"], "hashtags")
    except (ValueError, BadRecord) as error:
        reason = str(error) if isinstance(error, BadRecord) else "not JSON"
        raise UserError(f"{place}: {reason}; expected {FORM}") from None
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
