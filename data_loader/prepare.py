"""From pieces of a source to posts cut into words and judged, in any process."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from data_loader.filters import Post
from data_loader.korean import tokenize_korean
from data_loader.language import Dictionary
from data_loader.parallel import ordered_map, processor_cores
from data_loader.posts import Problems, RawPost
from data_loader.sources import SOURCES
from data_loader.sources.folder import Division
from data_loader.tokenizer import (
    has_link,
    tokenize,
    tokenize_hashtags,
    tokenize_released,
    tokenize_released_hashtags,
    tokenize_released_yfcc,
    tokenize_released_yfcc_hashtags,
)
from data_loader.view import UNKNOWN_TIME
from utils.errors import UserError

NO_TIME = "created_at missing or unreadable (the post stays, before the user's dated posts)"
NO_WORDS = "no words to look up in the dictionary (the post stays)"
YFCC_WORDS = (3, 20)  # a YFCC title or description of this many words can be the caption


@dataclass(frozen=True)
class Recipe:
    """How posts are read, judged and cut; the flags of `BuildOptions` that matter here.

    `language` is None for no language filter, `images` are lent to posts that have none, `splits`
    is where Flickr30k's lists of images are, `division` divides a folder's files.
    """

    source: str
    task: str
    tokenizer: str
    letters: str
    language: str | None
    max_unknown_words: float
    drop_links: bool
    images: tuple[str, ...] = ()
    splits: Path | None = None
    division: Division | None = None

    @property
    def where(self) -> dict:
        """What the importer is told besides the input and the task."""
        if self.source == "folder":
            return {"division": self.division}
        return {"splits": self.splits} if self.source == "flickr30k" else {}


class Prepared(NamedTuple):
    """Posts, records that could not be used, and remarks about posts that stay."""

    posts: list[Post]
    problems: Problems
    remarks: Problems


def prepare(recipe: Recipe, path: Path, jobs: int, show_progress: bool = True) -> Prepared:
    """Reads all posts of an input, over processes, in the order of the input.

    Args:
        recipe: what to do with them.
        path: the input of `recipe.source`.
        jobs: processes; 0 is one per core.
        show_progress: draws a bar on stderr.

    Raises:
        UserError: the input cannot be read, or the dictionary is missing.
    """
    source = SOURCES[recipe.source]
    total = sum(file.stat().st_size for file in source.files(path, recipe.task, **recipe.where))
    everything = Prepared([], Problems(), Problems())
    bar = tqdm(
        total=total, unit="B", unit_scale=True, desc="reading posts", disable=not show_progress
    )
    with bar:
        pieces = source.chunks(path, recipe.task, **recipe.where)
        jobs = jobs or processor_cores()
        for position, part in ordered_map(partial(_work, recipe), pieces, jobs):
            everything.posts.extend(part.posts)
            everything.problems.merge(part.problems)
            everything.remarks.merge(part.remarks)
            bar.set_postfix(posts=f"{len(everything.posts):,}", refresh=False)
            bar.update(position - bar.n)
        bar.update(total - bar.n)
    return everything


def read_images_list(path: Path | None) -> tuple[str, ...]:
    """The names in a text file, or of the files in a folder, sorted; none without a path.

    Raises:
        UserError: nothing is there, or it holds no names.
    """
    if path is None:
        return ()
    try:
        if path.is_dir():
            names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
        else:
            names = [name for name in path.read_text(encoding="utf-8").split("\n") if name.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read --images_list {path} ({error})") from error
    if not names:
        raise UserError(f"--images_list {path} names no images")
    return tuple(names)


class Preparer:
    """Does the work of one process."""

    def __init__(self, recipe: Recipe):
        self._recipe = recipe
        self._dictionary = Dictionary(recipe.language) if recipe.language else None
        self._words = words_of(recipe)
        source = SOURCES[recipe.source]
        extra = {}
        if recipe.source == "crawl":
            extra = {"images": recipe.images}
        elif recipe.source == "yfcc":
            extra = {"quoted": recipe.tokenizer == "released"}
        self._parse = partial(source.parse, task=recipe.task, **extra)

    def __call__(self, chunk: NamedTuple) -> Prepared:
        """The posts of one piece of work."""
        raw, problems = self._parse(chunk)
        remarks = Problems()
        return Prepared([self._post(post, remarks) for post in raw], problems, remarks)

    def _post(self, raw: RawPost, remarks: Problems) -> Post:
        foreign = self._is_foreign(raw, remarks)
        linked = self._recipe.drop_links and any(has_link(text) for text in raw.texts)
        # A post that will be dropped need not be cut.
        references = self._references(raw) if raw.references else ""
        if references:  # the target is the first caption that has words
            words = references.partition("\n")[0].split()
        else:
            words = [] if foreign or linked else self._words(raw)
        if raw.created_at is None and self._recipe.source == "crawl":
            remarks.add(NO_TIME, raw.place)
        return Post(
            user=sys.intern(raw.user),  # held and sent once per piece of work
            post=raw.post,
            image=raw.image,
            created_at=UNKNOWN_TIME if raw.created_at is None else raw.created_at,
            words=" ".join(words),
            length=len(words),
            foreign=foreign,
            linked=linked,
            subset=raw.subset,
            references=references,
        )

    def _references(self, raw: RawPost) -> str:
        """The words of all captions, one caption a line; what has no words is left out."""
        texts = (self._words(raw._replace(texts=(text,))) for text in raw.references)
        return "\n".join(" ".join(words) for words in texts if words)

    def _is_foreign(self, raw: RawPost, remarks: Problems) -> bool:
        """Whether too many words of the text are unknown; it is judged in both tasks."""
        if self._dictionary is None:
            return False
        unknown, words = self._dictionary.count_unknown(" ".join(raw.texts))
        if not words:
            remarks.add(NO_WORDS, raw.place)
        return unknown > self._recipe.max_unknown_words * words


_preparer = lru_cache(1)(Preparer)  # one per process, with the words that it has looked up


def _work(recipe: Recipe, chunk: NamedTuple) -> tuple[int, Prepared]:
    return chunk.position, _preparer(recipe)(chunk)


def words_of(recipe: Recipe) -> Callable[[RawPost], list[str]]:
    """The function that gives a post's target words."""
    released, yfcc = recipe.tokenizer == "released", recipe.source == "yfcc"
    if recipe.task == "caption":
        cut = _cutter(recipe)
        return lambda raw: choose_caption([cut(text) for text in raw.texts])
    if released and yfcc:
        return lambda raw: tokenize_released_yfcc_hashtags(raw.tags[0])
    clean = (
        tokenize_released_hashtags
        if released
        else partial(tokenize_hashtags, letters=recipe.letters)
    )
    return lambda raw: clean(tags_in_text(raw.texts[0]) if raw.tags is None else raw.tags)


def _cutter(recipe: Recipe) -> Callable[[str], list[str]]:
    """The function that cuts a text into words."""
    if recipe.tokenizer == "korean":
        return tokenize_korean
    if recipe.tokenizer == "whitespace":
        return str.split
    if recipe.tokenizer == "released":
        return tokenize_released_yfcc if recipe.source == "yfcc" else tokenize_released
    return partial(tokenize, letters=recipe.letters)


def choose_caption(candidates: list[list[str]]) -> list[str]:
    """The words of the caption: the first candidate of 3 to 20 words, or else the first.

    Only YFCC has more than one candidate, the title and the description.
    """
    low, high = YFCC_WORDS
    fitting = (words for words in candidates if low <= len(words) <= high)
    return next(fitting, candidates[0])


def tags_in_text(text: str) -> list[str]:
    """The hashtags inside a text, with `#`, for posts that have no list of them."""
    return [token for token in tokenize(text, letters="unicode") if token.startswith("#")]
