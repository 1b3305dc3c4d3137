"""Two or three made-up runs on the small world, with pictures, for the tests of the user study."""

import json
import random
from pathlib import Path

import numpy as np
from PIL import Image

from configuration import Config, DataConfig
from data_loader.view import VOCABULARY, open_view
from scripts.user_study import __main__ as commands
from tests.small_world import IMAGES, WORDS, make_view
from utils.files import sha256

RUNS = ("csmn-p5", "1nn-usrim", "seq2seq")


def make_runs(folder: Path, task: str = "caption", posts: int = 30) -> Path:
    """Writes root, images and runs; the three texts of a post differ."""
    for name in ("caption", "hashtag"):
        make_view(folder / "root", name, test=posts)
    (folder / "images").mkdir()
    for number in range(IMAGES):
        pixels = np.full((5, 4, 3), 11 * number, np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.jpg")
    for number, preset in enumerate(RUNS):
        write_run(folder, preset, number, task)
    return folder


def write_run(
    folder: Path, preset: str, number: int, task: str = "caption", context: str = "others"
) -> None:
    """A run folder as train and eval leave it, as far as the study reads it."""
    view = open_view(folder / "root", task, context=context)
    config = Config(preset=preset, data=DataConfig(folder / "root", task, context=context))
    config = config.to_dict()
    config.pop("model")
    digest = sha256(view.folder / VOCABULARY)
    run = folder / preset
    run.mkdir()
    (run / "configuration.json").write_text(json.dumps({**config, "vocabulary_sha256": digest}))
    subset, rng = view.subsets["test"], random.Random(number)
    rows = [
        {
            **view.describe(subset, row),
            "prediction": f"{WORDS[number]} {' '.join(rng.sample(WORDS, 3))}",
        }
        for row in range(len(subset))
    ]
    write_rows(run, rows)


def write_rows(run: Path, rows: list[dict]) -> None:
    """Replaces a run's predictions."""
    lines = [json.dumps(row) for row in rows]
    (run / "predictions.jsonl").write_text("\n".join(lines) + "\n")


def read_rows(run: Path) -> list[dict]:
    """A run's predictions."""
    return [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]


def make(folder: Path, out: str, runs=RUNS, **options) -> Path:
    """`python -m scripts.user_study make`."""
    ours, *baselines = (folder / run for run in runs)
    options = {"posts": 9, "seed": 5, **options}
    commands.make(commands.Make(ours, tuple(baselines), folder / "images", folder / out, **options))
    return folder / out


def page_data(path: Path) -> dict:
    """What a page knows."""
    text = path.read_text().split('id="data">')[1].split("</script>")[0]
    return json.loads(text)


def pages_of(study: Path) -> list[dict]:
    """All pages of a study, in order."""
    return [page_data(path) for path in sorted((study / "pages").iterdir())]


def items_of(study: Path) -> dict[str, dict]:
    """What the key says of each question."""
    return json.loads((study / "secret" / "key.json").read_text())["items"]
