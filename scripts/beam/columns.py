"""A part's columns: word ids, user contexts and texts, written to a folder of the part."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import apache_beam as beam
import numpy as np

from data_loader.build import Order, add_contexts
from data_loader.columns import write_columns
from data_loader.contexts import count_users_of_words, idf_of
from data_loader.filters import Post
from data_loader.report import Tally, unique_posts
from data_loader.targets import make_columns
from data_loader.view import View, open_view
from data_loader.vocabulary import Vocabulary
from scripts.beam.parts import Plan, divide_part
from scripts.beam.words import Words
from utils.files import new_folder, write_json

COUNTS = "counts.json"
USERS = "of_users"  # a folder of a part
OF_ALL, IDF = "of-all", "idf"


@dataclass(frozen=True)
class Workplace:
    """Where the parts are put together.

    Attributes:
        folder: the working folder, on a disk that all workers see.
        order: what is built.
        other: name of the view whose posts are counted too, or None.
    """

    folder: Path
    order: Order
    other: str | None

    def of_part(self, part: int) -> Path:
        """The folder of a part."""
        return self.folder / f"part-{part:06d}"


class WriteParts(beam.PTransform):
    """From (part, its posts) to folders of columns; gives the numbers of the parts.

    Args:
        place: where to write.
        borders, plan, words: of one element each: the parts' first users, `Plan`, `Words`.
    """

    def __init__(
        self,
        place: Workplace,
        borders: beam.PCollection,
        plan: beam.PCollection,
        words: beam.PCollection,
    ):
        super().__init__()
        self._place = place
        self._borders, self._plan, self._words = map(
            beam.pvalue.AsSingleton, (borders, plan, words)
        )

    def expand(self, kept: beam.PCollection) -> beam.PCollection:
        """Builds the transform."""
        idf = (
            kept
            | "Users of words" >> beam.Map(_users_of_words, self._plan, self._words)
            | "Add up" >> beam.CombineGlobally(_sum_users)
            | "Idf" >> beam.Map(lambda counts: idf_of(*counts))
        )
        _ = idf | "Write idf" >> beam.Map(_write_idf, self._place.folder)
        return kept | "Write" >> beam.Map(
            _write_part,
            self._place,
            self._borders,
            self._plan,
            self._words,
            beam.pvalue.AsSingleton(idf),
        )


def _columns(
    element: tuple[int, list[tuple]], plan: Plan, words: Words
) -> tuple[dict[str, list[Post]], list[str], dict[str, dict]]:
    """Posts by subset, users, and columns without contexts; users are counted in the part."""
    _, split = divide_part(element, plan)
    users = sorted({post.user for posts in split.values() for post in posts})
    return split, users, make_columns(split, Vocabulary(words.words), users, plan.width)


def _users_of_words(
    element: tuple[int, list[tuple]], plan: Plan, words: Words
) -> tuple[int, np.ndarray]:
    train = _columns(element, plan, words)[2]["train"]
    return count_users_of_words(train["caption_ids"], train["user"], len(words.words))


def _sum_users(counts: Iterable[tuple[int, np.ndarray]]) -> tuple[int, np.ndarray]:
    users, of_words = 0, np.zeros(1, np.int64)
    for more_users, more in counts:
        users, of_words = users + more_users, of_words + more
    return users, of_words


def _write_part(
    element: tuple[int, list[tuple]],
    place: Workplace,
    borders: list[str],
    plan: Plan,
    words: Words,
    idf: np.ndarray,
) -> int:
    """Writes the columns of a part, and what report.json needs of it."""
    part, options = element[0], place.order.options
    split, users, columns = _columns(element, plan, words)
    add_contexts(columns, idf, options.context, options.stored_words)
    for arrays in columns.values():
        arrays["user"] += np.int32(plan.first_user[part])
    facts = _facts(split, part, borders, place)
    _write_folder(place.of_part(part), columns | {USERS: {"users": users}}, facts)
    return part


def _write_folder(folder: Path, columns: Mapping[str, Mapping], facts: dict) -> None:
    """Writes folders of columns into a new folder, which is complete or not there."""
    try:
        with new_folder(folder) as new:
            for name, arrays in columns.items():
                write_columns(new / name, arrays)
            write_json(new / COUNTS, facts)
    except OSError:
        if not folder.exists():  # else another worker was told to do the same, and did
            raise


def _facts(
    split: dict[str, list[Post]], part: int, borders: list[str], place: Workplace
) -> dict[str, dict]:
    """Numbers that add up to those of report.json."""
    everything = [post for posts in split.values() for post in posts]
    unique = set()
    if place.order.options.has_users:
        view, users = _others(part, borders, place)
        unique = unique_posts(everything, view, users)
    return {
        "everything": _counts(everything),
        "subsets": {name: _counts(posts) for name, posts in split.items()},
        "unique": {"posts": len(unique), "users": len({user for user, _ in unique})},
    }


def _counts(posts: list[Post]) -> dict[str, list]:
    """A `Tally` in JSON."""
    return {name: sorted(counts.items()) for name, counts in vars(Tally.of(posts)).items()}


def read_tally(counts: dict[str, list]) -> Tally:
    """A `Tally` that `_facts` wrote."""
    return Tally(**{name: Counter(dict(pairs)) for name, pairs in counts.items()})


def _others(part: int, borders: list[str], place: Workplace) -> tuple[View | None, range | None]:
    """The view of the other task, and its users who belong to a part."""
    if place.other is None:
        return None, None
    view = _open(place.order.options.out, place.other)
    # The first part also has the users before its border, the last one all who are left.
    inner = [bisect_left(view.users, border) for border in borders[1:]]
    rows = [0, *inner, len(view.users)]
    return view, range(rows[part], rows[part + 1])


@lru_cache(1)
def _open(root: Path, name: str) -> View:
    """A worker opens it once, with the names of its users."""
    return open_view(root, *name.split("-"))


def _write_idf(idf: np.ndarray, folder: Path) -> None:
    _write_folder(folder / OF_ALL, {IDF: {IDF: idf}}, {})
