"""Loss curves of every method at a small size, recorded: `python -m tests.curves` renews them.

A change of the mathematics that no other test sees moves a curve. Renew them only for a change that
is meant to: `git diff tests/goldens/curves.json` then belongs to its commit, with the reason.

    python -m tests.curves                        # all
    python -m tests.curves csmn-p5 seq2seq        # these
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

import train
from configuration import PRESETS
from data_loader.corpus import CorpusOptions, build_corpus
from data_loader.feature_writer import write_features
from data_loader.toy_world.stories import make_stories
from model.configs import IMAGE_SLOTS
from tests.small_world import FAILED_IMAGE, IMAGE_DIM, IMAGES, flags, make_view
from utils.run_folder import RunFolder

FILE = Path(__file__).parent / "goldens/curves.json"
STEPS = 50
TOLERANCE = 1e-4  # relative: what other processors round differently grows over the steps
# Settings beside the presets that compute something else.
VARIANTS = {
    "csmn-p5-released": ["--preset", "csmn-p5", "--spec", "released"],
    "csmn-r5c-released": ["--preset", "csmn-r5c", "--spec", "released", "--released_mask_bug"],
    "diya-look-back-forward": ["--preset", "diya-look-back", "--predict_forward"],
    "soft-attention-lstm": ["--preset", "soft-attention", "--cell", "lstm"],
    "soft-attention-stateless": ["--preset", "soft-attention", "--legacy_stateless_gru"],
    "alexnet-sigmoid": ["--preset", "alexnet", "--head", "sigmoid"],
}
METHODS = {
    **{name: ["--preset", name] for name, preset in PRESETS.items() if preset.model.learns},
    **VARIANTS,
}
# Small, and all different, so that a swapped axis shows. W20 to W100 stay four different sizes.
_SIZES = {
    "word_slots": 8,
    "word_dim": 5,
    "memory_dim": 12,
    "channels": 4,
    "hidden_dim": 6,
    "attention_dim": 7,
    "char_dim": 5,
    "window": 23,
    "epoch_windows": 7 * STEPS,
    "layers": 2,
    "width": 0.02,
}
_USER_WORDS = {20: 5, 60: 6, 80: 8, 100: 9}
_TRAINING = {
    "num_gpus": 0,
    "batch_size": 7,
    "epochs": 2,
    "report_every": 1,
    "learning_rate": 0.003,
    "select_by": "loss",
}
_POSTS = 210  # of training: 25 steps and some per epoch, without those that are left out


def make_data(folder: Path) -> None:
    """Writes a root with features of every layer, and a corpus of stories."""
    for task in ("caption", "hashtag"):
        make_view(folder / "posts", task, train=_POSTS)
    layers = {preset.model.image_layer for preset in PRESETS.values()} - {"none"}
    for layer in sorted(layers):
        write_features(
            folder / "posts", f"toy-{layer}", _features(layer), failed={FAILED_IMAGE: "broken"}
        )
    make_stories(folder / "texts", 6)
    build_corpus(CorpusOptions(folder / "texts", folder / "stories"))


def _features(layer: str) -> np.ndarray:
    """[images, slots, width] float16; of pixels, as `pixels-rgb227` has them."""
    random = np.random.default_rng(len(layer))
    if layer == "rgb227":
        return random.integers(0, 256, (IMAGES, IMAGE_SLOTS[layer], 3)).astype(np.float16)
    return random.normal(size=(IMAGES, IMAGE_SLOTS[layer], IMAGE_DIM)).astype(np.float16)


def curve(data: Path, method: str, run: Path) -> list[float]:
    """The losses of a new run's first steps.

    Args:
        data: of `make_data`.
        method: one of `METHODS`.
        run: its folder.
    """
    with mock.patch.object(sys, "argv", ["train", *_flags(data, method, run)]):
        train.main()
    losses = [record["loss"] for record in RunFolder.open(run).records() if "loss" in record]
    assert len(losses) >= STEPS, f"{method} made {len(losses)} steps"
    return losses[:STEPS]


def _flags(data: Path, method: str, run: Path) -> list[str]:
    model = PRESETS[METHODS[method][1]].model
    fields = {field.name for field in dataclasses.fields(model)}
    sizes = {name: size for name, size in _SIZES.items() if name in fields}
    if "user_words" in fields:
        sizes["user_words"] = _USER_WORDS[model.user_words]
    where = {"data_dir": data / ("stories" if model.reads == "text" else "posts")}
    if model.reads != "text":
        where |= {"split": "users", "context": "others", "extractor": "toy"}
    return [*METHODS[method], *flags(run_dir=run, **where, **sizes, **_TRAINING)]


def read_recorded() -> dict[str, list[float]]:
    """Method to losses."""
    return json.loads(FILE.read_text())


def main(methods: list[str]) -> None:
    """Records the curves of these methods, or of all."""
    recorded = read_recorded() if FILE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder))
        for method in methods or METHODS:
            found = curve(Path(folder), method, Path(folder) / method)
            recorded[method] = [float(f"{loss:.8g}") for loss in found]
            print(f"{method}: {found[0]:.6f} to {found[-1]:.6f}", flush=True)
    lines = [f"{json.dumps(name)}: {recorded[name]}" for name in METHODS if name in recorded]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
