"""The training loop: epochs of steps, reports, validation, checkpoints.

It knows neither files nor flags: batches come from a function of (epoch, first step), and what is
to be kept goes to `save` and `report`.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from model.captioner import Captioner
from model.evaluation import teacher_forced_scores
from model.optimizer import Adam, learning_rate
from model.training import StepOptions, make_train_step
from utils.interrupts import StopRequest
from utils.reporting import require_finite


class Settings(Protocol):
    """The fields of `configuration.TrainConfig` that the loop reads."""

    epochs: int
    learning_rate: float
    learning_rate_decay: float
    decay_every: int
    checkpoint_every: int
    report_every: int


class Feed(NamedTuple):
    """Where batches come from.

    Attributes:
        training: (epoch, first step of the epoch) to a distributed data set of its other steps.
        validation: to a distributed data set of all validation posts; None without any.
        steps_per_epoch: at least 1.
        global_batch: posts per step over all replicas.
    """

    training: Callable[[int, int], Iterable]
    validation: Callable[[], Iterable] | None
    steps_per_epoch: int
    global_batch: int


class Sink(Protocol):
    """Where results go; in a worker that is not the chief, nowhere."""

    def advance(self) -> None:
        """One step is done."""

    def report(self, step: int, epoch: int, **values: float) -> None:
        """One line of the log."""

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """One checkpoint."""

    def close(self) -> None:
        """Nothing more will come."""


class Trainer:
    """Trains one captioner to the end of its last epoch.

    Args:
        strategy: where replicas run.
        captioner, optimizer: made under `strategy.scope()`; already restored when resuming.
        feed: batches.
        sink: reports and checkpoints.
        settings: `configuration.TrainConfig`.
        options: of the training step.
        step: steps done before.
        best_loss: lowest validation loss so far.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        captioner: Captioner,
        optimizer: Adam,
        feed: Feed,
        sink: Sink,
        settings: Settings,
        options: StepOptions,
        step: int = 0,
        best_loss: float = float("inf"),
    ):
        self.strategy, self.captioner, self.optimizer = strategy, captioner, optimizer
        self.feed, self.sink, self.settings, self.options = feed, sink, settings, options
        self.step, self.best_loss = step, best_loss
        self._compiled = None
        self._pending: list[tuple[int, tf.Tensor]] = []  # losses that nobody has looked at yet
        self._recent: list[float] = []  # losses since the last report
        self._since = time.monotonic()

    def run(self) -> bool:
        """Trains until the last epoch ends or a stop is asked for; returns whether it ended.

        Raises:
            TrainingError: a loss was not finite; the message says where.
        """
        with StopRequest() as stop:
            for epoch in range(self.step // self.feed.steps_per_epoch, self.settings.epochs):
                self._since = time.monotonic()
                if not self._run_epoch(epoch, stop):
                    return False
                self._finish_epoch(epoch)
                if stop.asked:
                    return epoch + 1 == self.settings.epochs
        return True

    def _run_epoch(self, epoch: int, stop: StopRequest) -> bool:
        """The epoch's remaining steps; False when stopped (and saved) before its end."""
        first = self.step - epoch * self.feed.steps_per_epoch
        end = (epoch + 1) * self.feed.steps_per_epoch
        rate = self._rate(epoch)
        batches = self.feed.training(epoch, first)
        for batch in batches:
            loss, _ = self._train_step(batches.element_spec)(batch, rate)
            self.step += 1
            self._pending.append((self.step, loss))
            self.sink.advance()
            if self.step % self.settings.report_every == 0:
                self._report(epoch)
            if self.step == end:
                break  # validation comes before the epoch's checkpoint
            if stop.asked or self.step % self.settings.checkpoint_every == 0:
                self._save(epoch, best=False)
            if stop.asked:
                return False
        return True

    def _finish_epoch(self, epoch: int) -> None:
        """Reports what is left, validates and saves."""
        if self._pending or self._recent:
            self._report(epoch)
        best = True
        if self.feed.validation is not None:
            batches = self.feed.validation()
            scores = teacher_forced_scores(self.strategy, self.captioner, batches)
            require_finite(self.step, epoch + 1, {"validation loss": scores["loss"]})
            best = scores["loss"] < self.best_loss
            self.best_loss = min(scores["loss"], self.best_loss)
            values = {f"val_{name}": value for name, value in scores.items()}
            self.sink.report(self.step, epoch + 1, **values)
        self._save(epoch, best)

    def _train_step(self, batch_spec) -> Callable:
        if self._compiled is None:
            self._compiled = make_train_step(
                self.strategy, self.captioner, self.optimizer, batch_spec, self.options
            )
        return self._compiled

    def _rate(self, epoch: int) -> float:
        s = self.settings
        return learning_rate(epoch, s.learning_rate, s.learning_rate_decay, s.decay_every)

    def _report(self, epoch: int) -> None:
        self._look_at_losses(epoch)
        now = time.monotonic()
        posts = len(self._recent) * self.feed.global_batch
        values = {
            "loss": float(np.mean(self._recent)),
            "learning_rate": self._rate(epoch),
            "posts_per_second": posts / max(now - self._since, 1e-9),
        }
        self._since = now
        self._recent.clear()
        self.sink.report(self.step, epoch + 1, **values)

    def _look_at_losses(self, epoch: int) -> None:
        """Fetches the losses since the last look (now and then: each waits for the device)."""
        for step, loss in self._pending:
            require_finite(step, epoch + 1, {"loss": float(loss)})
            self._recent.append(float(loss))
        self._pending.clear()

    def _save(self, epoch: int, best: bool) -> None:
        self._look_at_losses(epoch)  # weights after a bad loss are never saved
        state = {
            "epoch": epoch,
            "best_loss": self.best_loss if np.isfinite(self.best_loss) else None,
            "global_batch": self.feed.global_batch,
        }
        self.sink.save(self.step, state, best)
