"""Coloured objects on grey, and an encoder-decoder that names their colours, made by hand.

Nothing is learnt, so that tests of what follows from a model are fast and certain: each cell of
`patches` adds its colour to the LSTM's memory, and the most of red, green and blue is the word.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from configuration import Config, find_preset
from data_loader.feature_writer import FeatureWriter
from data_loader.features import read_image_names
from data_loader.view import open_view, write_view
from data_loader.vocabulary import EOS, SPECIAL_WORDS, Vocabulary
from model.build import build_captioner
from model.configs import SaliencyConfig
from model.encoders import Recipe, describe
from scripts.saliency import __main__ as saliency
from utils import checkpoint
from utils.files import sha256
from utils.overlay import colour_table
from utils.run_folder import RunFolder
from utils.sheet import MARGIN

COLOURS = {"red": (255, 128, 128), "green": (128, 255, 128), "blue": (128, 128, 255)}
WORDS = [*COLOURS, "ball", "seagull"]
HIDDEN, WORD_DIM, CELL = 5, 6, 192  # the last: numbers of a cell of 8 x 8 pixels
IMAGES = 4
MOST_WORDS = 5


def draw(height: int, width: int, objects: dict[str, tuple[int, int, int, int]]) -> np.ndarray:
    """Grey noise with coloured boxes (left, top, right, bottom): uint8 [H, W, 3]."""
    noise = np.random.default_rng(5).integers(110, 146, [height, width, 1], dtype=np.uint8)
    picture = np.repeat(noise, 3, axis=2)
    for name, (left, top, right, bottom) in objects.items():
        picture[top:bottom, left:right] = COLOURS[name]
    return picture


def cell_box(window, row: int, column: int) -> tuple[int, int, int, int]:
    """The pixels that cover a cell of an 8 x 8 grid, and two more on each side."""
    left, top, across, down = window
    x, y = left + across * column / 8, top + down * row / 8
    return int(x) - 2, int(y) - 2, int(x + across / 8) + 3, int(y + down / 8) + 3


def make_world(root: Path) -> Path:
    """A view of a few posts, and features of both layers of `patches`, of which none is read."""
    ids = np.tile(np.arange(4, 4 + MOST_WORDS, dtype=np.int32), (IMAGES, 1))
    columns = {
        "caption_ids": ids,
        "caption_length": np.full(IMAGES, MOST_WORDS, np.int32),
        "context_ids": np.zeros([IMAGES, 0], np.int32),
        "context_length": np.zeros(IMAGES, np.int32),
        "user": np.zeros(IMAGES, np.int32),
        "created_at": np.arange(IMAGES),
        "post_id": [f"p{row}" for row in range(IMAGES)],
        "reference": [" ".join(WORDS)] * IMAGES,
        "image": [f"sub/{row}.png" for row in range(IMAGES)],
    }
    vocabulary = Vocabulary([*SPECIAL_WORDS, *WORDS])
    subsets = dict.fromkeys(("train", "val", "test"), columns)
    write_view(root, "caption", "shipped", "none", subsets, vocabulary, ["all"], np.ones(9))
    for layer in ("cells8", "frames26"):
        write_features(root, describe(Recipe(layer, None, "patches"), root))
    return root


def write_features(root: Path, description: dict) -> None:
    """Features that say what made them, as extraction writes them, but are all zero."""
    shape = [1, description["slots"], description["dim"]]
    with FeatureWriter(root, description, read_image_names(root)) as writer:
        for row in range(IMAGES):
            writer.write(row, np.zeros(shape, np.float16)[0])


def weights() -> dict[str, np.ndarray]:
    """The model's parameters by name."""
    size = len(SPECIAL_WORDS) + len(WORDS)
    see = np.zeros([CELL, HIDDEN], np.float32)
    for colour in range(3):
        see[:, colour] = np.where(np.arange(CELL) % 3 == colour, 1, -0.1) * 3 / CELL
    gates = np.zeros([HIDDEN, 4, HIDDEN], np.float32)  # of i, f, g, o
    gates[:3, 2, :3] = np.eye(3) / 2
    embedding = np.zeros([size, WORD_DIM], np.float32)
    embedding[4:, 0] = 1
    written = np.zeros([WORD_DIM, 4, HIDDEN], np.float32)
    written[0, 2, 3] = 5  # the fourth number remembers that something is written
    say = np.zeros([HIDDEN, size], np.float32)
    say[:3, 4:7] = 12 * np.eye(3)
    say[3, EOS] = 60
    bias = np.where(np.arange(size) < 4, -20, np.where(np.arange(size) < 7, -5, 0))
    open_ = np.repeat([8.0, 8.0, 0.0, 8.0], HIDDEN)
    return {
        "W_v": see,
        "b_v": np.zeros(HIDDEN, np.float32),
        "W_e": embedding,
        "W_lstm_x": gates.reshape(HIDDEN, -1),
        "W_lstm_h": np.zeros([HIDDEN, 4 * HIDDEN], np.float32),
        "b_lstm": open_.astype(np.float32),
        "W_lstm_u": written.reshape(WORD_DIM, -1),
        "W_o": say,
        "b_o": bias.astype(np.float32),
    }


def make_run(world: Path, path: Path, media: str = "image") -> Path:
    """A run folder of the hand-made model."""
    preset = find_preset(f"saliency-{media}")
    model = SaliencyConfig(media, "cells8", hidden_dim=HIDDEN, word_dim=WORD_DIM, word_slots=8)
    data = dataclasses.replace(preset.data, data_dir=world, extractor="patches")
    config = Config(preset.preset, path, data, model, preset.train)
    return save_run(path, config, CELL, weights())


def save_run(
    path: Path, config: Config, image_dim: int, values: dict[str, np.ndarray] | None = None
) -> Path:
    """A run folder with one checkpoint; without values, of the model as it starts."""
    view = open_view(config.data.data_dir, "caption", "shipped", "none")
    sizes = {"vocab_size": len(view.vocabulary), "image_dim": image_dim}
    values = values or build_captioner(config.model, **sizes, seed=3).parameters.values()
    saved = config.to_dict() | {"vocabulary_sha256": sha256(view.vocabulary_file)}
    with RunFolder.create_or_resume(path, saved):
        checkpoint.save(path, 12, values, {}, {"sizes": sizes}, best=True)
    return path


def save(path: Path, picture: np.ndarray) -> Path:
    """Writes a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def make_runs(folder: Path) -> Path:
    """The world in `data`, and runs of pictures and of clips in `image` and `video`."""
    make_world(folder / "data")
    for media in ("image", "video"):
        make_run(folder / "data", folder / media, media)
    return folder


def run_saliency(world: Path, media: str, out: Path, runs: Sequence[str], *flags: object) -> None:
    """`python -m scripts.saliency` in this process, on a file of the world if there is one."""
    media = str(world / media) if (world / media).exists() else media
    words = ["--run_dir", *(world / name for name in runs), "--media", media, "--out", out]
    argv = ["saliency", *words, "--num_gpus", 0, *flags]
    with mock.patch.object(sys, "argv", [str(word) for word in argv]):
        saliency.main()


def heat(panel, picture):
    """Which of the 256 colours of viridis lies on each pixel: the overlay undone."""
    colours = 2 * panel.astype(int) - picture
    table = colour_table("viridis").astype(int)
    return np.square(colours[:, :, np.newaxis] - table).sum(-1).argmin(-1)


def first_line(sheet, width):
    """Where the panels of a sheet begin, which are as wide: no white left of the bar."""
    panels = (sheet[:, MARGIN : MARGIN + width] < 235).any(2).all(1)
    return int(np.flatnonzero(panels)[0])
