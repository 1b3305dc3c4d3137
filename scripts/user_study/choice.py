"""Which posts are asked about: drawn at random among those that people can judge.

Beside a post stand three others of its user as a clue, complete ones: text and hashtags, where the
data root has the views of both tasks. They come from where the user's context words come from: the
training posts of users who have some, else the other posts of the same subset.
"""

import io
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from data_loader.images import ImageError, read_image
from data_loader.view import Subset, View, list_views, open_view, view_name
from scripts.user_study.contenders import Contender
from utils.emoji_pattern import draw_as_pictures
from utils.errors import UserError
from utils.predictions import join_id

CLUES = 3  # section 5.4
QUERY_SIDE, CLUE_SIDE = 520, 240  # pixels of the longer side
HASHTAG = "hashtag"
UNKNOWN = "…"


@dataclass(frozen=True)
class Said:
    """What a post or a prediction says: a text, and hashtags without their sign."""

    text: str = ""
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.tags)


@dataclass(frozen=True)
class Clue:
    """Another post of the user: a JPEG and what stood under it."""

    image: bytes
    said: Said


@dataclass(frozen=True)
class Question:
    """A post that is asked about.

    Attributes:
        post: its id, `user/post`.
        image: a JPEG.
        clues: up to three other posts of its user.
        said: what each method wrote, ours first.
    """

    post: str
    image: bytes
    clues: tuple[Clue, ...]
    said: tuple[Said, ...]


@dataclass
class Choice:
    """The drawn questions, and what could not be asked, counted."""

    questions: list[Question] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)  # baseline to posts, of all there are
    posts: int = 0  # that all methods have
    no_image: int = 0  # posts that the draw had to pass over

    def notes(self) -> list[str]:
        """What a reader of the results should know of the choice."""
        fewer = sum(len(question.clues) < CLUES for question in self.questions)
        silent = sum(not all(question.said) for question in self.questions)
        unknown = sum(any(map(_is_masked, question.said)) for question in self.questions)
        notes = [
            f"{name} wrote the same as ours for {count:,} of {self.posts:,} posts: not asked about"
            for name, count in self.same.items()
        ]
        if self.no_image:
            notes.append(f"{self.no_image:,} posts without a readable image were passed over")
        if fewer:
            notes.append(f"{fewer:,} questions have fewer than {CLUES} other posts of the user")
        if unknown:
            notes.append(
                f"in {unknown:,} questions a text has a word outside the vocabulary: shown as "
                f"{UNKNOWN}, whoever wrote it"
            )
        if silent:
            notes.append(f"in {silent:,} questions a method wrote nothing, shown as such")
        return notes


def _is_masked(said: Said) -> bool:
    return UNKNOWN in (*said.text.split(), *said.tags)


def choose(
    contenders: Sequence[Contender], view: View, images: Path, posts: int, rng: random.Random
) -> Choice:
    """Draws posts, the same for all baselines.

    Posts for which a baseline wrote the same as ours cannot be judged; hashtags in another order
    are the same. A post without words can: it is shown as such.

    Args:
        contenders: ours first; all have the same posts.
        view: where the users' other posts are.
        images: the folder that image names are relative to.
        posts: how many to draw.
        rng: decides which.

    Raises:
        UserError: fewer can be asked about, or the view does not have a post.
    """
    choice = Choice(posts=len(contenders[0].rows))
    candidates = _candidates(contenders, view, choice)
    rng.shuffle(candidates)
    others = OtherPosts(view, images)
    for id_ in candidates:
        if len(choice.questions) == posts:
            break
        question = _question(id_, [one.rows[id_] for one in contenders], others, rng)
        if question is None:
            choice.no_image += 1
        else:
            choice.questions.append(question)
    if len(choice.questions) < posts:
        raise UserError(_too_few(choice, posts, len(candidates), images))
    return choice


def _question(
    id_: str, rows: list[dict[str, Any]], others: "OtherPosts", rng: random.Random
) -> Question | None:
    """The question about a post, by each contender's row of it; None without a readable image."""
    image = read_jpeg(others.images / rows[0]["image"], QUERY_SIDE)
    if image is None:
        return None
    said = tuple(_said(row["prediction"], others.view) for row in rows)
    return Question(id_, image, others.draw(id_, rows[0], rng), said)


def _candidates(contenders: Sequence[Contender], view: View, choice: Choice) -> list[str]:
    """The posts that no baseline wrote the same for as ours; counts the others in `choice`."""
    candidates = []
    for id_ in sorted(contenders[0].rows):
        ours, *theirs = (_compared(one.rows[id_], view) for one in contenders)
        pairs = zip(contenders[1:], theirs, strict=True)
        same = [one.name for one, their in pairs if their == ours]
        choice.same.update(same)
        if not same:
            candidates.append(id_)
    return candidates


def _too_few(choice: Choice, posts: int, candidates: int, images: Path) -> str:
    found = len(choice.questions)
    if not found and choice.no_image:
        return f"none of {choice.no_image:,} posts has a readable image in {images}: give --images"
    return (
        f"--posts is {posts:,}, but only {found:,} of {choice.posts:,} can be asked about (with "
        f"{choice.posts - candidates:,} of them a baseline wrote the same as ours, "
        f"{choice.no_image:,} have no readable image in {images})" + advice(found)
    )


def advice(found: int) -> str:
    """What to do where fewer posts than wanted can be asked about."""
    return f": give --posts {found}" if found else ""


def _compared(row: dict[str, Any], view: View) -> list[str]:
    """What two texts are the same by: the words as they are shown."""
    words = _masked(row["prediction"], view)
    return sorted(set(words)) if view.settings["task"] == HASHTAG else words


def _said(words: str, view: View) -> Said:
    """What is shown of a method's words: all methods' in the same form."""
    shown = list(map(readable, _masked(words, view)))
    if view.settings["task"] == HASHTAG:
        return Said(tags=tuple(dict.fromkeys(shown)))
    return Said(text=" ".join(shown))


def _masked(words: str, view: View) -> list[str]:
    """The words, with a sign for those that the vocabulary does not have.

    Captioners write `_UNK` for these, while nearest neighbours answer with the words of training
    posts: left as they are, rare words and the sign itself would tell the two apart.
    """
    return [word if word in view.vocabulary else UNKNOWN for word in words.split()]


def readable(text: str) -> str:
    """Emoji in colour, and no half characters, which no file can hold."""
    return draw_as_pictures(text.encode("utf-8", "replace").decode())


class OtherPosts:
    """Posts of a user besides the one that is asked about.

    Args:
        view: of the task; what the view of the other task has beside it makes posts complete.
        images: the folder of the posts' images.
    """

    def __init__(self, view: View, images: Path):
        self.view, self.images = view, images

    def draw(self, id_: str, row: dict[str, Any], rng: random.Random) -> tuple[Clue, ...]:
        """Draws up to three whose image can be read and is not the post's own.

        Posts without users have none.

        Raises:
            UserError: the view does not have the post.
        """
        if not self.view.has_users:
            return ()
        user = row["user"]
        subset = self._subset_of(id_, user)
        train = self.view.subsets.get("train", subset)
        places = [
            (part, place)
            for part in ((train,) if len(_rows(self.view, train, user)) else (subset,))
            for place in _rows(self.view, part, user)
            if _id(part, place, user) != id_ and self._image(part, place) != row["image"]
        ]
        rng.shuffle(places)
        clues: list[Clue] = []
        for part, place in places:
            if len(clues) == CLUES:
                break
            image = read_jpeg(self.images / self._image(part, place), CLUE_SIDE)
            if image is not None:
                clues.append(Clue(image, self._complete(part, place, user)))
        return tuple(clues)

    def _subset_of(self, id_: str, user: str) -> Subset:
        for subset in self.view.subsets.values():
            if any(_id(subset, place, user) == id_ for place in _rows(self.view, subset, user)):
                return subset
        raise UserError(
            f"{self.view.folder} has no post {id_}, which the runs were evaluated on: give the "
            "--data_dir of their evaluation"
        )

    def _image(self, subset: Subset, place: int) -> str:
        return self.view.image_names[subset.image_row[place]]

    def _complete(self, subset: Subset, place: int, user: str) -> Said:
        """Text and hashtags of a post; tags that stand in the text are not said twice."""
        words = {self.view.settings["task"]: subset.references(place)[0].split()}
        if self._sibling is not None:
            task = self._sibling.settings["task"]
            words[task] = _words(self._sibling, _id(subset, place, user), user)
        text = words.get("caption", [])
        tags = [tag for tag in words.get(HASHTAG, []) if f"#{tag}" not in text]
        return Said(readable(" ".join(text)), tuple(map(readable, tags)))

    @cached_property
    def _sibling(self) -> View | None:
        """The view of the other task, where the data root has it."""
        settings, root = self.view.settings, self.view.folder.parent
        task = "caption" if settings["task"] == HASHTAG else HASHTAG
        place = (task, settings["split"], settings["context"])
        return open_view(root, *place) if view_name(*place) in list_views(root) else None


def _words(view: View, id_: str, user: str) -> list[str]:
    """The words of a post in a view; none where the view's filters have removed it."""
    for subset in view.subsets.values():
        for place in _rows(view, subset, user):
            if _id(subset, place, user) == id_:
                return subset.references(place)[0].split()
    return []


def _rows(view: View, subset: Subset, user: str) -> Iterator[int] | list[int]:
    """The rows of a user's posts in a subset."""
    if user not in view.users:
        return []
    return np.flatnonzero(subset.user == view.users.index(user)).tolist()


def _id(subset: Subset, place: int, user: str) -> str:
    return join_id(user, subset.text("post_id", place))


def read_jpeg(path: Path, side: int) -> bytes | None:
    """A picture made small: no name, date or place of the original is left in it.

    Args:
        path: the file.
        side: the longest that its longer side may be, in pixels.

    Returns:
        A JPEG, or None where the picture is missing or broken.
    """
    try:
        image = Image.fromarray(read_image(path))
    except ImageError:
        return None
    if max(image.size) > side:
        image = ImageOps.contain(image, (side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=82)
    return data.getvalue()
