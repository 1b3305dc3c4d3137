"""What the form `relevance` asks about: pictures with the hashtags and the story made for them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from scripts.contact_sheet import read_posts
from scripts.user_study.choice import (
    QUERY_SIDE,
    UNKNOWN,
    Question,
    Said,
    advice,
    read_jpeg,
    readable,
)
from scripts.user_study.contenders import Contender, networks
from utils.errors import UserError
from utils.json_text import parse_json
from utils.metrics.unknown import UNKNOWN as UNKNOWN_WORD

RELEVANCE = "relevance"
STORY_FORM = '{"id": ..., "hashtag": "sea", "stories": ["text", ...]}'


class Ask(NamedTuple):
    """A question that is answered by yes or no: its name in tables, and its words."""

    name: str
    text: str


# The slides ask for how close the third is; the shares that they report are of yes and no.
ASKS = (
    Ask("hashtags", "Are the hashtags relevant to the context of the picture?"),
    Ask("meaning", "Does the story have a meaningful context?"),
    Ask("match", "Does the context of the story match that of the picture well?"),
)


@dataclass(frozen=True)
class Source:
    """Predictions and the stories that were written for them.

    Attributes:
        name: of the predictions, in tables.
        rows: id of a post to its row of predictions.jsonl.
        stories: id of a post to its row of the stories, of those that have predictions.
        files: both, for messages.
    """

    name: str
    rows: dict[str, dict[str, Any]]
    stories: dict[str, dict[str, Any]]
    files: tuple[Path, Path]

    def can_be_asked(self, id_: str) -> bool:
        """Whether a post has hashtags and a story."""
        row = self.stories.get(id_)
        return row is not None and bool(_told(row) and self.rows[id_]["prediction"].split())


def predictions_file(path: Path) -> tuple[Path, str]:
    """The file that a run folder or a path of one means, and what it is called in tables."""
    if path.suffix == ".jsonl":
        return path, path.resolve().parent.name
    return path / "predictions.jsonl", path.resolve().name


def read_stories(path: Path) -> dict[str, dict[str, Any]]:
    """Reads the file that scripts.story writes for a file of predictions.

    Returns:
        The id of a post to its row: `hashtag`, which the story was begun with, and `stories`.

    Raises:
        UserError: no such file, no rows, or a line that is not such a row.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read the stories {path} ({error}); expected a file with lines {STORY_FORM}"
        ) from None
    rows: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        row = _story_row(line)
        if row is None or str(row["id"]) in rows:
            problem = "the id of an earlier line" if row else "no row of stories"
            raise UserError(f"{path}, line {number}: {problem}; expected {STORY_FORM}")
        rows[str(row["id"])] = row
    if not rows:
        raise UserError(f"{path} is empty; expected lines {STORY_FORM}")
    return rows


def _story_row(line: str) -> dict[str, Any] | None:
    """The row of a line; None where it is not one."""
    try:
        row = parse_json(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not isinstance(row.get("id"), str | int):
        return None
    stories = row.get("stories")
    texts = isinstance(stories, list) and all(isinstance(text, str) for text in stories)
    return row if texts and isinstance(row.get("hashtag"), str) else None


def read_source(name: str, predictions: Path, stories: Path) -> Source:
    """Reads a file of predictions and one of stories.

    Raises:
        UserError: a file that cannot be read.
    """
    rows = {str(row["id"]): row for row in read_posts(predictions)}
    told = {id_: row for id_, row in read_stories(stories).items() if id_ in rows}
    return Source(name, rows, told, (predictions, stories))


def draw_rated(
    source: Source, images: Path, posts: int, rng: random.Random
) -> tuple[list[Question], list[str]]:
    """Draws posts that have hashtags, a story and a picture; of several stories, one is drawn.

    Args:
        source: predictions and stories.
        images: the folder that image names are relative to.
        posts: how many to draw.
        rng: decides which.

    Returns:
        Questions whose `said` is the hashtags and the story, and what was left out, in words.

    Raises:
        UserError: fewer can be asked about.
    """
    asked = [id_ for id_ in sorted(source.rows) if source.can_be_asked(id_)]
    lacking = len(source.rows) - len(asked)
    rng.shuffle(asked)
    questions, no_image = [], 0
    while asked and len(questions) < posts:
        id_ = asked.pop()
        row = source.rows[id_]
        image = read_jpeg(images / row["image"], QUERY_SIDE)
        no_image += image is None
        if image is not None:
            said = _said(row, rng.choice(_told(source.stories[id_])))
            questions.append(Question(id_, image, (), (said,)))
    if len(questions) < posts:
        raise UserError(_too_few(source, posts, len(questions), lacking, no_image, images))
    names = networks([Contender(source.name, "", source.files[0], source.rows)])
    left_out = _notes(lacking, no_image)
    return questions, [*names, *left_out, *_seeds(questions, source.stories)]


def _too_few(
    source: Source, posts: int, found: int, lacking: int, no_image: int, images: Path
) -> str:
    predictions, stories = source.files
    return (
        f"--posts is {posts:,}, but only {found:,} of the {len(source.rows):,} posts of "
        f"{predictions} can be asked about ({lacking:,} have no hashtags, or no story in "
        f"{stories}; {no_image:,} have no readable image in {images})" + advice(found)
    )


def _told(row: dict[str, Any]) -> list[str]:
    """The stories of a row that have words."""
    return [text for text in row["stories"] if text.strip()]


def _said(row: dict[str, Any], story: str) -> Said:
    shown = (UNKNOWN if tag == UNKNOWN_WORD else tag for tag in row["prediction"].split())
    return Said(readable(story.strip()), tuple(dict.fromkeys(map(readable, shown))))


def _notes(lacking: int, no_image: int) -> list[str]:
    counts = {
        "have no hashtags or no story: not asked about": lacking,
        "without a readable image were passed over": no_image,
    }
    return [f"{count:,} posts {what}" for what, count in counts.items() if count]


def _seeds(questions: Sequence[Question], told: dict[str, dict[str, Any]]) -> list[str]:
    """Says where a story was begun with something else than a hashtag that is shown."""
    other = [q for q in questions if told[q.post]["hashtag"].lstrip("#") not in q.said[0].tags]
    if not other:
        return []
    return [f"{len(other):,} stories were begun with a word that is none of the hashtags shown"]
