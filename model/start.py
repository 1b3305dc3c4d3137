"""Brings a training to where its run stands: model, weights, and workers that agree on them."""

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from model.build import build_captioner
from model.captioner import Captioner
from model.configs import ModelConfig
from model.optimizer import OPTIMIZERS, Optimizer
from model.samples import Sampler
from model.saving import NoSink, RunSink, resume
from model.trainer import Feed, Progress, Settings, Sink, Trainer
from model.training import StepOptions
from utils.devices import is_chief
from utils.errors import UserError
from utils.reporting import Reporter
from utils.run_folder import RunFolder
from utils.workers import Workers


class TrainSettings(Settings, Protocol):
    """The fields of `configuration.TrainConfig` that are read here."""

    seed: int
    precision: str
    optimizer: str
    clip_norm: float | None
    released_mask_bug: bool
    keep_checkpoints: int
    keep_snapshots: int | None
    init_from: Path | None


class RunSettings(Protocol):
    """The fields of `configuration.Config` that are read here."""

    run_dir: Path
    model: ModelConfig
    train: TrainSettings


def start(
    strategy: tf.distribute.Strategy,
    settings: RunSettings,
    sizes: Mapping[str, int],
    make_feed: Callable[[int | None], Feed],
    run: RunFolder | None,
    initial: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None,
    common: Mapping[str, Any],
    sampler: Sampler | None = None,
) -> Trainer:
    """A trainer that goes on from the newest checkpoint, or begins.

    Args:
        strategy: where replicas run.
        settings: `configuration.Config`.
        sizes: `vocab_size` and `image_dim`.
        make_feed: from the global batch of the run so far (None for a new run).
        run: the run folder, in the process that owns it.
        initial: makes the weights that a new run begins with from those that its seed gives.
        common: JSON values that all workers must have the same of, by name.
        sampler: of what is shown of the model after each epoch.

    Raises:
        UserError: weights that do not fit the model, or workers that differ.
    """
    captioner, optimizer = _make_model(settings, sizes, strategy)
    workers = Workers(strategy)
    progress = _restore(settings, captioner, optimizer, workers, is_chief(strategy))
    if initial and not progress.step:
        _initialise(settings, captioner, initial)
    _check_workers(workers, captioner, optimizer, progress, common)
    feed = make_feed(progress.global_batch)
    print(f"parameters: {captioner.parameters.count():,}; global batch: {feed.global_batch}")
    if progress.step:
        print(f"resuming at step {progress.step}")
    sink = _make_sink(settings, run, captioner, optimizer, sizes, feed, progress, sampler)
    return Trainer(
        strategy,
        captioner,
        optimizer,
        feed,
        sink,
        settings.train,
        _step_options(settings),
        progress,
        workers,
    )


def _make_model(
    settings: RunSettings, sizes: Mapping[str, int], strategy: tf.distribute.Strategy
) -> tuple[Captioner, Optimizer]:
    train = settings.train
    with strategy.scope():
        captioner = build_captioner(
            settings.model, **sizes, seed=train.seed, precision=train.precision
        )
        return captioner, OPTIMIZERS[train.optimizer](captioner.parameters.variables)


def _restore(
    settings: RunSettings, captioner: Captioner, optimizer: Optimizer, workers: Workers, chief: bool
) -> Progress:
    """Puts the newest checkpoint's weights into a new model.

    The chief has tidied the run folder before it comes here, and reads it first: it may find
    damage, and nobody else should read what it is about to change.
    """
    if not chief:
        workers.wait()
    progress = resume(settings.run_dir, captioner, optimizer)
    if chief:
        workers.wait()
    return progress


def _initialise(settings: RunSettings, captioner: Captioner, initial: Callable) -> None:
    try:
        captioner.parameters.assign(initial(captioner.parameters.values()))
    except ValueError as error:
        raise UserError(f"--init_from {settings.train.init_from}: {error}") from None


def _check_workers(
    workers: Workers,
    captioner: Captioner,
    optimizer: Optimizer,
    progress: Progress,
    common: Mapping[str, Any],
) -> None:
    """Refuses workers that would go on from other weights or posts: nothing else would show it."""
    run = {
        "step": progress.step,
        "epoch": progress.epoch,
        "global batch": progress.global_batch or 0,
        "weights": _checksum({**captioner.parameters.values(), **optimizer.state()}),
    }
    given = {name: zlib.crc32(json.dumps(value).encode()) for name, value in common.items()}
    differing = workers.differing(given | run)
    if set(differing) & set(given):
        remedy = "give all of them the same command and the same data"
    else:
        remedy = "--run_dir must be on a disk that all of them share"
    if differing:
        raise UserError(f"the workers differ in {', '.join(differing)}: {remedy}")


def _checksum(arrays: Mapping[str, np.ndarray]) -> int:
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(np.ascontiguousarray(arrays[name]), zlib.crc32(name.encode(), total))
    return total


def _step_options(settings: RunSettings) -> StepOptions:
    return StepOptions(
        clip_norm=settings.train.clip_norm,
        released=settings.model.spec == "released",
        extra_targets=int(settings.train.released_mask_bug),
        seed=settings.train.seed,
    )


def _make_sink(
    settings: RunSettings,
    run: RunFolder | None,
    captioner: Captioner,
    optimizer: Optimizer,
    sizes: Mapping[str, int],
    feed: Feed,
    progress: Progress,
    sampler: Sampler | None,
) -> Sink:
    """Log, TensorBoard, bar and checkpoints; nothing in a worker that is not the chief."""
    if run is None:
        return NoSink()
    run.truncate_log(progress.step)
    train = settings.train
    reporter = Reporter(run, train.epochs * feed.steps_per_epoch, progress.step)
    state = {"sizes": dict(sizes), "seed": train.seed}
    keep = (train.keep_checkpoints, state, train.keep_snapshots)
    sink = RunSink(reporter, captioner, optimizer, *keep, sampler)
    sink.clear(progress)
    return sink
