"""Times training at the paper's sizes: `python -m scripts.benchmark --preset csmn-p5`.

Posts are made up: lengths as in the paper's Table 1, words as frequent as in natural language, full
contexts. A run's hours are its posts times its epochs, divided by `posts per second`.
"""

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from configuration import PRESETS, Preset, find_preset
from model.configs import IMAGE_SLOTS, ModelConfig
from utils.checks import check_range
from utils.command_line import parse
from utils.devices import make_strategy, quiet_tensorflow
from utils.errors import UserError, run_command
from utils.reports import write_report
from utils.tables import metric_table

IMAGE_DIM = 2048
WORDS = 8.55  # of a caption, on average (Table 1)
SHORTEST, LONGEST = 3, 15
FIRST_WORD = 4  # after the special ones


@dataclass(frozen=True)
class Options:
    """Times training steps at the paper's sizes, on made-up posts."""

    preset: Preset = "csmn-p5"
    """The method."""
    vocabulary: int = 40_000
    """V: 40,000 for captions, 60,000 for hashtags in the paper."""
    batch_size: int = 200
    """Posts per step."""
    steps: int = 5
    """Steps that are timed, after one that compiles."""
    num_gpus: int | None = None
    """GPUs to use, 0 for the CPU; by default one if there is one."""
    json: Path | None = None
    """Also write the numbers to this file."""


def main() -> None:
    """Model, batch, steps, table."""
    options = parse(Options)
    check(options)
    numbers = measure(options)
    print(metric_table({options.preset: numbers}, digits=2))
    if options.json:
        write_report(options.json, {"preset": options.preset, **numbers})


def check(options: Options) -> None:
    """Refuses what cannot be timed.

    Raises:
        UserError: names the flag.
    """
    check_range("vocabulary", options.vocabulary, FIRST_WORD + 1)
    for name in ("batch_size", "steps"):
        check_range(name, getattr(options, name), 1)
    if not find_preset(options.preset).model.learns:
        learning = ", ".join(name for name, config in PRESETS.items() if config.model.learns)
        raise UserError(f"--preset {options.preset} learns nothing; choose one of: {learning}")


def measure(options: Options) -> dict[str, float | int]:
    """Trains a new model for a few steps; numbers by name."""
    quiet_tensorflow()
    from model.build import build_captioner
    from model.optimizer import Adam
    from model.training import make_train_step

    model = find_preset(options.preset).model
    strategy = make_strategy(options.num_gpus)
    with strategy.scope():
        captioner = build_captioner(model, options.vocabulary, IMAGE_DIM)
        optimizer = Adam(captioner.parameters.variables)
    batches = made_up_batches(model, options, strategy)
    step = make_train_step(strategy, captioner, optimizer, batches.element_spec)
    seconds = []
    for number, batch in enumerate(batches):
        began = time.perf_counter()
        float(step(batch, 0.001, number)[0])  # waits for the device
        seconds.append(time.perf_counter() - began)
    typical = median(seconds[1:])
    return {
        "parameters": captioner.parameters.count(),
        "seconds per step": typical,
        "posts per second": options.batch_size * strategy.num_replicas_in_sync / typical,
        "peak memory in GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def made_up_batches(model: ModelConfig, options: Options, strategy):
    """The same batch for each step and replica, as `data_loader/pipeline.py` makes them."""
    import tensorflow as tf

    arrays = made_up_posts(model, options.vocabulary, options.batch_size)
    steps = 1 + options.steps

    def batches(context: tf.distribute.InputContext) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors(arrays).repeat(steps * context.num_replicas_in_sync)

    return strategy.distribute_datasets_from_function(batches)


def made_up_posts(model: ModelConfig, vocabulary: int, posts: int) -> dict[str, np.ndarray]:
    """Posts with the batch schema of `model/captioner.py`."""
    random = np.random.default_rng(0)
    slots, users, width = IMAGE_SLOTS[model.image_layer], model.context_words, model.word_slots - 1
    length = np.clip(random.poisson(WORDS, posts), SHORTEST, min(LONGEST, width)).astype(np.int32)

    def words(count: int) -> np.ndarray:
        drawn = random.zipf(1.3, (posts, count)) + FIRST_WORD - 1
        return np.minimum(drawn, vocabulary - 1).astype(np.int32)

    return {
        "image": np.abs(random.normal(size=(posts, slots, IMAGE_DIM))).astype(np.float32),
        "context": words(users),
        "context_length": np.full(posts, users, np.int32),
        "caption": np.where(np.arange(width) < length[:, np.newaxis], words(width), 0),
        "caption_length": length,
        "row": np.arange(posts, dtype=np.int32),
    }


if __name__ == "__main__":
    run_command(main)
