"""What a training run shows after each epoch: a few posts or stories, always the same ones."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_loader.clips import open_clip
from data_loader.corpus import Corpus
from data_loader.crossing import choose_rows
from data_loader.images import MediaError, path_inside, read_image
from data_loader.korean import bare_korean
from data_loader.pipeline import Posts
from data_loader.seeds import Seeds
from data_loader.view import View
from data_loader.vocabulary import Vocabulary
from utils.explanations import BEGIN, END
from utils.heatmap import Block, memory_block
from utils.predictions import for_people
from utils.samples import Sample
from utils.sheet import fit, resize, scale_window

NOWHERE = (0, 0, 1, 1)
LARGEST = 640  # pixels of a picture's longer side that are kept
BEGINNING, STORY = 60, 300  # characters of a story that are given, and that are shown after them
Window = Callable[[int, int], Sequence[float]]
"""Height and width of a picture to where the network looks at it: (left, top, width, height)."""


class Sight(NamedTuple):
    """How the network behind the features looks at pictures.

    Attributes:
        window: where; None where that is not known, and no map can be drawn.
        mirrored: whether it saw the picture of a name from left to right.
        clips: the images are clips, of which a frame is shown.
    """

    window: Window | None = None
    mirrored: Callable[[str], bool] = lambda name: False
    clips: bool = False


class Picture(NamedTuple):
    """A picture of at most `LARGEST` pixels each way, and where the network looks at it."""

    pixels: np.ndarray  # uint8 [H, W, 3]
    window: Sequence[float]


class ShownPosts:
    """Posts of one subset, of as many different users as possible.

    Args:
        view: where they are from.
        posts: to choose from.
        count: how many are shown, at most.
        images: the folder that image names are relative to; None shows texts alone.
        sight: of the pictures' network.

    Attributes:
        batch: of the posts, see `model/captioner.py`.
        sampled: texts are drawn; False for greedy search.
        missing: image name to the reason why it is not shown.
    """

    sampled = False

    def __init__(
        self,
        view: View,
        posts: Posts,
        count: int,
        images: Path | None = None,
        sight: Sight = Sight(),  # noqa: B008  (immutable)
    ):
        self._view, self._posts, self._sight = view, posts, sight
        self._rows = choose_rows(posts, count, seed=0, distinct="user")
        self._told = [view.describe(posts.subset, row) for row in self._rows.tolist()]
        self.batch = posts.gather(self._rows)
        self.missing: dict[str, str] = {}
        self._pictures = [images and self._read(images, one["image"]) for one in self._told]

    def samples(self, ids: np.ndarray, attention: dict[str, np.ndarray]) -> list[Sample]:
        """What was written for the posts.

        Args:
            ids: [N, L] int32, words and the end, 0 after it.
            attention: name of memory to [N, L, slots]; empty for a model without.
        """
        looks = ({name: w[place] for name, w in attention.items()} for place in range(len(ids)))
        return [self._sample(place, ids[place], look) for place, look in enumerate(looks)]

    def _sample(self, place: int, ids: np.ndarray, attention: dict[str, np.ndarray]) -> Sample:
        told, vocabulary = self._told[place], self._view.vocabulary
        steps = step_names(vocabulary, ids)
        said = self._view.write_out(vocabulary.decode(ids.tolist()), told["references"])
        prediction, references = for_people(told | said)
        picture = self._pictures[place] or Picture(None, NOWHERE)
        return Sample(
            told["id"],
            "\n".join(references),
            prediction,
            picture.pixels,
            self._bare(steps),
            self._maps(told["image"], attention, len(steps)),
            picture.window,
            self._blocks(self._rows[place], steps, attention),
        )

    def _maps(self, name: str, attention: dict[str, np.ndarray], steps: int) -> np.ndarray | None:
        """The picture's cells, where it is known what they lie on."""
        maps = image_maps(attention, steps)
        if maps is None or self._sight.window is None:
            return None
        return maps[..., ::-1] if self._sight.mirrored(name) else maps

    def _blocks(self, row: int, steps: list[str], attention: dict[str, np.ndarray]) -> list[Block]:
        """The memories' shares; of the picture's alone there is nothing to tell but the maps."""
        slots = slot_names(attention, steps, self._posts.context_words(self._view.vocabulary, row))
        if slots.keys() <= {"image"}:
            return []
        return [
            memory_block(name, self._bare(labels), attention[name][: len(steps), : len(labels)])
            for name, labels in slots.items()
            if labels
        ]

    def _bare(self, words: list[str]) -> list[str]:
        """Morphemes without their tags; other words as they are."""
        pieces = self._view.readable([]) is not None
        return list(map(bare_korean, words)) if pieces else words

    def _read(self, images: Path, name: str) -> Picture | None:
        try:
            path = path_inside(images, name)
            if self._sight.clips:
                return shrunk(open_clip(path).sample(3, np.asarray)[1], None)
            return shrunk(read_image(path), self._sight.window)
        except MediaError as error:
            self.missing[name] = str(error)
            return None


class ShownStories:
    """Beginnings of stories that a model of running text goes on from.

    Args:
        corpus: where they are from.
        subset: its name.
        count: how many are shown, at most.

    Attributes:
        batch, sampled: see `ShownPosts`.
    """

    sampled = True

    def __init__(self, corpus: Corpus, subset: str, count: int):
        self._characters, text = corpus.vocabulary, corpus.subsets[subset]
        stories = len(text.starts) - 1
        self._rows = np.unique(np.linspace(0, stories - 1, min(count, stories)).round().astype(int))
        self._names = corpus.subsets[subset].columns.texts("name")
        stories = [text.story(row) for row in self._rows.tolist()]
        self._truth = [story[: BEGINNING + STORY] for story in stories]
        self._given = [min(BEGINNING, (len(story) - 1) // 2) for story in stories]
        beginnings = [story[:n] for story, n in zip(stories, self._given, strict=True)]
        self.batch = next(iter(Seeds(beginnings, 1)))

    def samples(self, ids: np.ndarray, attention: dict[str, np.ndarray]) -> list[Sample]:
        """What was written; see `ShownPosts.samples`."""
        del attention
        return [
            Sample(self._names[row], self._text(truth, given), self._text(written, given))
            for row, truth, given, written in zip(
                self._rows, self._truth, self._given, ids, strict=True
            )
        ]

    def _text(self, ids: np.ndarray, given: int) -> str:
        """The characters, with a bar where the given ones end."""
        parts = ids[:given], ids[given : given + STORY]
        return " ‖ ".join(self._characters.decode(part.tolist()) for part in parts)


def step_names(vocabulary: Vocabulary, ids: np.ndarray) -> list[str]:
    """What each step of a caption [L] wrote, `END` for its end."""
    words = vocabulary.decode(ids.tolist())
    return words + [END] * (np.count_nonzero(ids) - len(words))


def slot_names(
    attention: dict[str, np.ndarray], steps: list[str], context: list[str]
) -> dict[str, list[str]]:
    """What the filled slots of each memory hold, by the name of the memory.

    Args:
        attention: name to [steps, slots].
        steps: from `step_names`.
        context: the user's words.
    """
    slots = {
        "image": cell_names(attention["image"].shape[-1]) if "image" in attention else [],
        "user": context,
        "word": [BEGIN, *steps][: len(steps)],
    }
    return {name: slots[name] for name in attention}


def cell_names(count: int) -> list[str]:
    """Names of image cells, row by row: `2,3` is the third of the second row."""
    side = round(count**0.5)
    if count == 1 or side * side != count:
        return ["image"] * count
    return [f"{row},{column}" for row in range(1, side + 1) for column in range(1, side + 1)]


def image_maps(attention: dict[str, np.ndarray], steps: int) -> np.ndarray | None:
    """[steps, h, w] of a square of cells; None where the image has one slot, or no square."""
    if "image" not in attention:
        return None
    weights = attention["image"][:steps]
    side = round(weights.shape[1] ** 0.5)
    if side < 2 or side * side != weights.shape[1]:
        return None
    return weights.astype(np.float32).reshape(-1, side, side)


def shrunk(pixels: np.ndarray, window: Window | None) -> Picture:
    """A picture [H, W, 3] that is small enough to be kept, and the window in its pixels."""
    height, width = size = pixels.shape[:2]
    seen = window(*size) if window else (0, 0, width, height)
    if max(size) > LARGEST:
        height, width = fit(*size, LARGEST)
    small = scale_window(seen, width / size[1], height / size[0])
    return Picture(resize(pixels, height, width), small)
