"""What CSMN learns on the toy world: near the ceiling of what it can see, and never beyond it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from scripts.toy_scores import compare

ROOT = Path(__file__).parent.parent
SIZES = ["--word_dim", "64", "--memory_dim", "128", "--channels", "32", "--batch_size", "50"]
# Epochs until the validation loss is lowest: eval takes that checkpoint, more would only take time.
RUNS = {
    "full": (4, []),
    "no_user": (2, ["--no_user_context"]),
    "no_image": (3, ["--image_memory", "none"]),
    "no_word": (4, ["--no_word_memory"]),
}

pytestmark = pytest.mark.long  # CI holds the quickstart to its ceilings


def run(*command, **environment):
    """Runs a command of the project as a person would."""
    output = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert output.returncode == 0, output.stderr[-2000:]


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A toy world with the views of both tasks and features of fewer images than by default."""
    folder = tmp_path_factory.mktemp("toy")
    world, data = folder / "world", folder / "data"
    run(
        "scripts.make_toy_world",
        "--out",
        world,
        "--users",
        320,
        "--heavy_posts",
        0,
        "--images",
        480,
    )
    for task in ("caption", "hashtag"):
        options = ["--train_share", 0.88, "--test_posts", 2000, "--out", data, "--task", task]
        run("scripts.build_dataset", "--source", "crawl", "--input", world, *options)
    run(
        *("scripts.extract_features", "--data_dir", data),
        *("--images", world / "images", "--weights", "random"),
    )
    return folder


@pytest.fixture(scope="session")
def runs(toy):
    """All runs by task and sight, two at a time: small steps leave a second core idle."""
    with ThreadPoolExecutor(2) as pool:
        started = {
            key: pool.submit(train_and_evaluate, toy, *key)
            for key in product(("caption", "hashtag"), RUNS)
        }
    return started


def train_and_evaluate(toy, task, sees):
    epochs, flags = RUNS[sees]
    run_dir, threads = toy / "runs" / f"{task}-{sees}", {"TF_NUM_INTRAOP_THREADS": "1"}
    where = ["--data_dir", toy / "data", "--run_dir", run_dir, "--task", task]
    run("train", *where, *SIZES, "--epochs", epochs, *flags, **threads)
    run("eval", "--run_dir", run_dir, **threads)
    return run_dir


@pytest.mark.parametrize("task", ["caption", "hashtag"])
@pytest.mark.parametrize("sees", RUNS)
def test_each_variant_nears_its_own_ceiling(toy, runs, task, sees):
    least = 0.9 if sees == "full" else 0.8
    for result in compare(runs[task, sees].result(), toy / "world"):
        print(result)
        assert result.sees == sees
        assert result.score >= least * result.ceiling
        assert result.score <= result.ceiling + 2 * result.error
