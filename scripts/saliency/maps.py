"""Maps of words: what a single descriptor says of a word, or what the model attended to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_loader.vocabulary import PAD
from model.answers import as_grid
from scripts.saliency.options import Options, Scale
from scripts.saliency.trained import Loaded, OneBatch, Trained, own_caption, words_of_sentence
from utils.errors import UserError
from utils.sheet import check_film

if TYPE_CHECKING:
    from data_loader.clips import Clip

MOST_FRAMES = 5_000  # their cells are 2.6 GB in float32


@dataclass(frozen=True)
class Maps:
    """What was found for one picture or clip, by one run.

    Attributes:
        words: W of them.
        measure: what `values` are: log_probability, negative_divergence or attention.
        values: [F, W, h, w], per frame (a picture is one), word and cell.
        shown: [F, W, h, w], the same from 0 to 1, as it is drawn.
        frame_values: [F, W], of a clip's whole frames, each by the mean of its cells' descriptors;
            None of a picture.
        window: (left, top, width, height) of the cells' grid in pixels of the picture.
        size: (height, width) of the picture in pixels.
        seconds: [F], when each frame appears.
        note: which model and network.
        run: the run folder.
    """

    words: list[str]
    measure: str
    values: np.ndarray
    shown: np.ndarray
    frame_values: np.ndarray | None
    window: tuple[float, float, float, float]
    size: tuple[int, int]
    seconds: np.ndarray
    note: str
    run: Path

    @property
    def frame_shown(self) -> np.ndarray:
        """[F, W]: which of a clip's frames matter for which word, from 0 to 1 of each word."""
        from model.saliency import scale_words

        return scale_words(self.frame_values[:, :, np.newaxis])[:, :, 0]

    def arrays(self) -> dict[str, np.ndarray]:
        """What is saved for others to draw; see the README."""
        frames = {} if self.frame_values is None else {f"frame_{self.measure}": self.frame_values}
        return {
            "words": np.array(self.words),
            "sentence": np.array(" ".join(self.words)),
            self.measure: self.values,
            "saliency": self.shown,
            **frames,
            "window": np.array(self.window),
            "size": np.array(self.size),
            "frame_seconds": self.seconds,
            "note": np.array(self.note),
        }


def explain_picture(
    trained: Trained, loaded: Loaded, picture: np.ndarray, options: Options, note: str
) -> Maps:
    """Maps of a picture's words, by saliency or by attention.

    Args:
        trained, loaded: a run of pictures.
        picture: uint8 [H, W, 3].
        options: sentence, measure and scale.
        note: which model and network.

    Raises:
        UserError: the sentence has unknown words, or the model attends to nothing.
    """
    cells = loaded.encoder([picture])  # [1, C, D]
    words = _words(trained, loaded, cells[0], options)
    if trained.implicit:
        measure, values = measure_cells(trained, loaded, cells, cells[0], words, options)
    else:
        measure, values = "attention", attention(trained, loaded, cells[0], words)
    shown = scaled(values, options.scale or "word")
    window = loaded.encoder.preprocessing.window(*picture.shape[:2])
    return Maps(
        words,
        measure,
        as_grid(values),
        as_grid(shown),
        None,
        tuple(window),
        picture.shape[:2],
        np.zeros(1),
        note,
        trained.run.path,
    )


def explain_clip(
    trained: Trained, loaded: Loaded, clip: "Clip", options: Options, note: str
) -> Maps:
    """Saliency of a clip's frames and of the cells in them.

    Args:
        trained, loaded: a run of clips.
        clip: opened.
        options: sentence, measure and scale.
        note: which model and network.

    Raises:
        UserError: the sentence has unknown words, the clip has too many frames, or its film would
            be too large.
    """
    from data_loader.clips import sample_frames
    from model.saliency import smooth_over_time

    if options.sentence is not None:
        words = words_of_sentence(trained, options.sentence, options.skip_unknown)
        check_film(words, (clip.info.height, clip.info.width), options.panel)
    cells, seconds, size = encode_clip(loaded, clip)
    means = cells.mean(1, dtype=np.float32)
    whole = means[sample_frames(len(cells), loaded.captioner.image_slots)]
    if options.sentence is None:
        words = own_caption(trained, loaded, whole)
        check_film(words, size, options.panel)
    measure, values = measure_cells(trained, loaded, smooth_over_time(cells), whole, words, options)
    frames = smooth_over_time(means[:, np.newaxis])
    _, frame_values = measure_cells(trained, loaded, frames, whole, words, options)
    shown = scaled(values, options.scale or "released")
    window = loaded.encoder.preprocessing.window(*size)
    return Maps(
        words,
        measure,
        as_grid(values),
        as_grid(shown),
        frame_values[:, :, 0],
        tuple(window),
        size,
        seconds,
        note,
        trained.run.path,
    )


def encode_clip(loaded: Loaded, clip: "Clip") -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Every frame's cells [F, C, D] float16, its seconds [F], and the frames' size.

    Raises:
        UserError: too many frames, or the clip breaks off without any.
    """
    _check_length(clip.info.frames)
    encoder, seconds, cells, size = loaded.encoder, [], [], (0, 0)
    for frames in in_batches(clip.timed_frames(), encoder.batch_size):
        seconds += [time for time, _ in frames]
        size = frames[0][1].shape[:2]
        cells.append(encoder([picture for _, picture in frames]))
        _check_length(len(seconds))  # some files have more than they say
    # Some files have frames that go back in time; a film cannot.
    return np.concatenate(cells), np.maximum.accumulate(seconds), size


def _check_length(frames: int) -> None:
    if frames > MOST_FRAMES:
        raise UserError(f"the clip has more than {MOST_FRAMES:,} frames: cut it into parts")


def in_batches(items: Iterable, size: int) -> Iterator[list]:
    """Lists of `size` items, the last one shorter."""
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def measure_cells(
    trained: Trained,
    loaded: Loaded,
    cells: np.ndarray,
    whole: np.ndarray,
    words: list[str],
    options: Options,
) -> tuple[str, np.ndarray]:
    """Saliency of every cell on its own, without a loop over frames.

    Args:
        trained, loaded: a run of the encoder-decoder.
        cells: [F, C, D].
        whole: [I, D], what the model reads to describe the whole.
        words: W of them.
        options: whether the exact divergence is wanted.

    Returns:
        What is measured, and [F, W, C] float32.
    """
    from model.saliency import cell_log_probabilities, exact_divergence

    ids = np.array(trained.view.vocabulary.encode(words), np.int32)
    flat, captioner = cells.reshape(-1, cells.shape[-1]), loaded.captioner
    if options.exact_kl:
        measure, scores = "negative_divergence", -exact_divergence(captioner, flat, whole, ids)
    else:
        measure, scores = "log_probability", cell_log_probabilities(captioner, flat, ids)
    return measure, scores.reshape(*cells.shape[:2], len(ids)).swapaxes(1, 2)


def attention(
    trained: Trained, loaded: Loaded, features: np.ndarray, words: list[str]
) -> np.ndarray:
    """What the model looked at in a picture when it wrote each word: [1, W, C] float32.

    Raises:
        UserError: it looks at nothing, or at all cells at once.
    """
    from model.attention import attend_subset

    model = trained.config.model
    ids = np.full([1, model.word_slots], PAD, np.int32)
    ids[0, : len(words)] = trained.view.vocabulary.encode(words)
    found = attend_subset(loaded.captioner, OneBatch(features, model), ids).get("image")
    if found is None:
        raise UserError(
            f"{trained.run.path} is a {trained.config.preset} run, which attends to no cells"
        )
    return found[:, : len(words)].astype(np.float32)


def scaled(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Values [F, W, C] from 0 to 1, see `Options.scale`."""
    from model.saliency import normalise, scale_words

    return normalise(values) if scale == "released" else scale_words(values)


def _words(trained: Trained, loaded: Loaded, features: np.ndarray, options: Options) -> list[str]:
    if options.sentence is None:
        return own_caption(trained, loaded, features)
    return words_of_sentence(trained, options.sentence, options.skip_unknown)
