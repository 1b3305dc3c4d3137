"""Plays all phrases of a subset's pictures that have boxes."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from tqdm import tqdm

from data_loader.features import FeatureStore
from data_loader.pipeline import Posts
from data_loader.posts import Problems
from data_loader.view import View
from scripts.pointing_game.queries import Language, Query, make_query, phrase_maps
from scripts.saliency.options import Scale as SheetScale
from utils.entities import Entities, EntitiesError, list_entities, read_entities
from utils.errors import UserError
from utils.metrics.pointing import Played, cover, play, upsample

BROKEN, BROKEN_LINE = "pictures with broken files", "captions with broken brackets"
BROKEN_BOX = "broken boxes"
Scale = Literal[SheetScale, "none"]
Window = Callable[[int, int], Sequence[float]]
"""Height and width of a picture to (left, top, width, height) of what the network sees of it."""

MakeMaps = Callable[[np.ndarray, Sequence[int], Sequence[np.ndarray]], Sequence[np.ndarray]]
"""Features [N, C, D] float32 of some pictures, which of them each sentence is about [S], and the
sentences' ids [W] to a map of each sentence's words, [W, C] without negative values."""


class Picture(NamedTuple):
    """A picture with boxes: its id and its row of the features."""

    name: str
    row: int


class Asked(NamedTuple):
    """What is asked about one picture.

    Attributes:
        row: of its features.
        queries: sentences with phrases that are played.
        targets: chain to [side, side] bool, see `utils.metrics.pointing.cover`.
        picture: [side, side] bool, where the window shows the picture.
    """

    row: int
    queries: list[Query]
    targets: dict[str, np.ndarray]
    picture: np.ndarray


@dataclass
class Outcome:
    """What was played, and what was not.

    Attributes:
        phrases: kinds of each, and what became of it.
        pictures, sentences: how many have such phrases.
        skipped: phrases that were not played, by a key of `queries.SKIPPED`.
        problems: files and lines that cannot be read.
    """

    phrases: list[tuple[tuple[str, ...], Played]] = field(default_factory=list)
    pictures: int = 0
    sentences: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: Problems = field(default_factory=Problems)


@dataclass(frozen=True)
class Game:
    """How pictures become maps.

    Attributes:
        features: of the pictures' cells.
        window: what the network sees.
        language: of the model.
        make: its maps.
        combine: words' maps to that of a phrase: mean or max.
        batch: pictures whose sentences go through the network together.
    """

    features: FeatureStore
    window: Window
    language: Language
    make: MakeMaps
    combine: str = "mean"
    batch: int = 16

    def run(self, folder: Path, pictures: Sequence[Picture]) -> Outcome:
        """Plays all phrases of the pictures.

        Args:
            folder: of Flickr30k Entities.
            pictures: to play.
        """
        outcome, waiting = Outcome(), []
        for picture in tqdm(pictures, unit="picture", disable=None, leave=False):
            asked = self._ask(folder, picture, outcome)
            waiting += [asked] if asked else []
            if len(waiting) == self.batch:
                self._play(waiting, outcome)
                waiting = []
        if waiting:
            self._play(waiting, outcome)
        return outcome

    def _ask(self, folder: Path, picture: Picture, outcome: Outcome) -> Asked | None:
        """The queries of one picture; None where nothing is to be played."""
        try:
            found = read_entities(folder, picture.name)
        except EntitiesError as error:
            outcome.problems.add(BROKEN, f"{picture.name}: {error}")
            return None
        for line in found.broken:
            outcome.problems.add(BROKEN_LINE, f"{picture.name}, {line}")
        for box in found.broken_boxes:
            outcome.problems.add(BROKEN_BOX, f"{picture.name}, {box}")
        targets, inside = self._targets(found)
        queries = [
            make_query(pieces, self.language, found.boxes, targets, outcome.skipped)
            for pieces in found.sentences
        ]
        queries = [query for query in queries if query.phrases]
        return Asked(picture.row, queries, targets, inside) if queries else None

    def _targets(self, found: Entities) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Where the boxes of each chain are, of those that are seen; and where the picture is."""
        window = self.window(found.height, found.width)
        targets = {chain: cover(boxes, window) for chain, boxes in found.boxes.items()}
        inside = cover(np.array([[0, 0, found.width, found.height]], np.float64), window)
        return {chain: target for chain, target in targets.items() if target.any()}, inside

    def _play(self, waiting: Sequence[Asked], outcome: Outcome) -> None:
        features = self.features.gather(np.array([asked.row for asked in waiting]))
        asked = [(place, one, query) for place, one in enumerate(waiting) for query in one.queries]
        sentences = [query.ids for _, _, query in asked]
        places = [place for place, _, _ in asked]
        maps = self.make(features.astype(np.float32), places, sentences)
        for (_, one, query), words in zip(asked, maps, strict=True):
            outcome.phrases += self._phrases(one, query, words)
        outcome.pictures += len(waiting)
        outcome.sentences += len(asked)

    def _phrases(
        self, asked: Asked, query: Query, words: np.ndarray
    ) -> Iterator[tuple[tuple[str, ...], Played]]:
        """Kinds and results of one sentence's phrases, from its words' maps [W, C]."""
        side = math.isqrt(words.shape[1])
        maps = phrase_maps(words, query.phrases, self.combine)
        large = upsample(maps.reshape(-1, side, side))
        for phrase, map_ in zip(query.phrases, large, strict=True):
            yield phrase.kinds, play(map_, asked.targets[phrase.chain], asked.picture)


def choose_pictures(view: View, posts: Posts, folder: Path, limit: int | None) -> list[Picture]:
    """The subset's pictures that have sentences with phrases, each once, in canonical order.

    Args:
        view: its images' names end in the ids of Flickr30k Entities.
        posts: with features.
        folder: of Flickr30k Entities.
        limit: how many at most.

    Raises:
        UserError: none has.
    """
    known = list_entities(folder)
    rows = dict.fromkeys(posts.subset.image_row[posts.rows].tolist())
    named = [Picture(Path(view.image_names[row]).stem, row) for row in rows]
    there = set(known)
    found = [picture for picture in named if picture.name in there]
    if not found:
        raise UserError(
            f"none of the {len(named):,} pictures of {posts.subset.name} (such as {named[0].name}) "
            f"has a file in {folder}, where there are {len(known):,} (such as {known[0]}); choose "
            "another --subset or --entities"
        )
    return found[:limit]
