"""The training loop: epochs of steps, reports, validation, checkpoints.

It knows neither files nor flags: batches come from a function of (epoch, first step), and what is
to be kept goes to `save` and `report`.
"""

import itertools
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from model.captioner import Captioner
from model.evaluation import make_decoder, teacher_forced_scores
from model.optimizer import Optimizer, learning_rate
from model.selection import Best, Judge
from model.training import StepOptions, make_train_step, make_validation_step
from utils.interrupts import StopRequest
from utils.reporting import require_finite
from utils.waiting import DataWait
from utils.workers import Workers


class Settings(Protocol):
    """The fields of `configuration.TrainConfig` that the loop reads."""

    epochs: int
    learning_rate: float
    learning_rate_decay: float
    decay_every: int
    checkpoint_every: int
    report_every: int
    patience: int | None


class Feed(NamedTuple):
    """Where batches come from.

    Attributes:
        training: (epoch, first step of the epoch) to a distributed data set of its other steps.
        validation: to a distributed data set of all validation posts; None without any.
        posts: training posts, at least 1; each is seen once per epoch.
        global_batch: posts per step over all replicas; an epoch's last step may have fewer.
        steps_per_epoch: steps that see every post once.
        judge: scores captions for the validation posts, which then decides what is best; None
            where the validation loss decides.
        snapshots: steps of an epoch after which the model is validated and its checkpoint kept.
        judged: to a distributed data set of the posts that are scored; None for those of
            `validation`.
    """

    training: Callable[[int, int], Iterable]
    validation: Callable[[], Iterable] | None
    posts: int
    global_batch: int
    steps_per_epoch: int
    judge: Judge | None = None
    snapshots: Collection[int] = ()
    judged: Callable[[], Iterable] | None = None

    def posts_at(self, step: int) -> int:
        """Posts of a step, which counts from 0 over all epochs."""
        seen = step % self.steps_per_epoch * self.global_batch
        return min(self.global_batch, self.posts - seen)


class Progress(NamedTuple):
    """Where a run stands: what a checkpoint says besides weights and optimizer.

    Attributes:
        step: steps done.
        epoch: the epoch, counted from 0, in which the run goes on. It ends with its validation, so
            that all of its steps may be done already.
        best: validation so far.
        recent_losses: of the steps since the last report; the next one is about them too.
        global_batch: of the steps done; None before the first.
        snapshots: steps of the checkpoints that are kept.
    """

    step: int = 0
    epoch: int = 0
    best: Best = Best()
    recent_losses: tuple[float, ...] = ()
    global_batch: int | None = None
    snapshots: tuple[int, ...] = ()


class Sink(Protocol):
    """Where results go; in a worker that is not the chief, nowhere."""

    def advance(self) -> None:
        """One step is done."""

    def report(self, step: int, epoch: int, **values: float) -> None:
        """One line of the log."""

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """One checkpoint."""

    def show(self, step: int) -> None:
        """What the model makes of a few posts."""

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
        progress: where the run stands.
        workers: they stop together; made here where none are given.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        captioner: Captioner,
        optimizer: Optimizer,
        feed: Feed,
        sink: Sink,
        settings: Settings,
        options: StepOptions,
        progress: Progress = Progress(),  # noqa: B008  (immutable)
        workers: Workers | None = None,
    ):
        self.strategy, self.captioner, self.optimizer = strategy, captioner, optimizer
        self.feed, self.sink, self.settings, self.options = feed, sink, settings, options
        self.step, self.best = progress.step, progress.best
        self._first_epoch = progress.epoch
        self._workers = workers or Workers(strategy)
        self._compiled: dict[Callable, Callable] = {}
        self._pending: list[tuple[int, tf.Tensor]] = []  # losses that nobody has looked at yet
        self._snapshots = list(progress.snapshots)
        self._recent = list(progress.recent_losses)  # losses since the last report
        self._seen, self._since = 0, time.monotonic()  # posts since the last report, its time
        self._data_wait = DataWait()

    @property
    def out_of_patience(self) -> bool:
        """Whether so many epochs brought nothing better that the run ends."""
        patience = self.settings.patience
        return patience is not None and self.best.waited >= patience

    def run(self) -> bool:
        """Trains until the last epoch ends, patience does, or a stop is asked for.

        Returns whether it ended; a run that is out of patience trains no further.

        Raises:
            TrainingError: a loss was not finite; the message says where.
        """
        with StopRequest() as stop:
            for epoch in range(self._first_epoch, self.settings.epochs):
                if self.out_of_patience:
                    break
                if not self._run_epoch(epoch, stop) or not self._finish_epoch(epoch, stop):
                    return False
                if self._workers.agree(stop.asked):
                    return epoch + 1 == self.settings.epochs or self.out_of_patience
        return True

    def _run_epoch(self, epoch: int, stop: StopRequest) -> bool:
        """The epoch's remaining steps; False when stopped (and saved) before its end."""
        first = self.step - epoch * self.feed.steps_per_epoch
        end = (epoch + 1) * self.feed.steps_per_epoch
        if self._snapshot_is_due(epoch) and not self._take_snapshot(epoch, stop):
            return False  # it was stopped there before, and is again
        self._seen, self._since = 0, time.monotonic()
        batches = self.feed.training(epoch, first)
        train_step = self._compile(self._make_train_step, batches.element_spec)
        for batch in self._data_wait.watch(batches):
            loss, _ = train_step(batch, self._rate(epoch), self.step)
            self._count_step(epoch, loss)
            if self.step == end:
                break  # validation comes before the epoch's checkpoint
            saved = self._snapshot_is_due(epoch) and self._take_snapshot(epoch, stop)
            stopping = self._workers.agree(stop.asked)
            if not saved and (stopping or self.step % self.settings.checkpoint_every == 0):
                self._save(epoch, best=False)
            if stopping:
                return False
        return True

    def _count_step(self, epoch: int, loss: tf.Tensor) -> None:
        """One more step is done; its loss waits for the next look."""
        self._seen += self.feed.posts_at(self.step)
        self.step += 1
        self._pending.append((self.step, loss))
        self.sink.advance()
        if self.step % self.settings.report_every == 0:
            self._report(epoch)

    def _snapshot_is_due(self, epoch: int) -> bool:
        """Within an epoch; `_finish_epoch` sees to its end."""
        step = self.step - epoch * self.feed.steps_per_epoch
        due = step in self.feed.snapshots and step < self.feed.steps_per_epoch
        return due and self.step not in self._snapshots

    def _take_snapshot(self, epoch: int, stop: StopRequest) -> bool:
        """Validates and saves; False where a stop was asked for meanwhile, and nothing is saved.

        It is never the best: that, and patience, are about whole epochs.
        """
        if self.feed.validation is not None:
            scores = self._validate(stop)
            if scores is None:
                return False
            self._report_validation(epoch, scores)
        self._snapshots.append(self.step)
        self._save(epoch, best=False)
        return True

    def _finish_epoch(self, epoch: int, stop: StopRequest) -> bool:
        """Reports what is left, validates and saves; False when stopped before the scores."""
        if self._pending:
            self._report(epoch)
        best = True
        if self.feed.validation is not None:
            scores = self._validate(stop)
            if scores is None:
                self._save(epoch, best=False)
                return False
            self._report_validation(epoch, scores)
            self.best, best = self.best.after(scores)
        if self.feed.steps_per_epoch in self.feed.snapshots:
            self._snapshots.append(self.step)
        self._save(epoch + 1, best)
        self.sink.show(self.step)
        return True

    def _report_validation(self, epoch: int, scores: dict[str, float]) -> None:
        require_finite(self.step, epoch + 1, {"validation loss": scores["loss"]})
        values = {f"val_{name}": value for name, value in scores.items()}
        self.sink.report(self.step, epoch + 1, **values)

    def _validate(self, stop: StopRequest) -> dict[str, float] | None:
        """Scores of the validation posts; None where a stop was asked for meanwhile."""
        batches = self.feed.validation()
        step = self._compile(self._make_validation_step, batches.element_spec)
        until_stop = itertools.takewhile(lambda _: not self._workers.agree(stop.asked), batches)
        scores = teacher_forced_scores(self.strategy, self.captioner, until_stop, step)
        if self.feed.judge is not None:
            scores["score"] = self._score(self.feed.judge, stop)
        return None if self._workers.agree(stop.asked) else scores

    def _score(self, judge: Judge, stop: StopRequest) -> float:
        """Writes captions for the validation posts, greedily; of some of them after a stop."""
        batches = (self.feed.judged or self.feed.validation)()
        decode = self._compile(self._make_decoder, batches.element_spec)
        counts = np.zeros(2)
        for batch in itertools.takewhile(lambda _: not self._workers.agree(stop.asked), batches):
            decoded = decode(batch)
            counts += judge.count(decoded.rows, decoded.ids)
        part, whole = self._workers.total(counts)
        return float(part / whole) if whole else 0.0

    def _compile(self, make: Callable, *args) -> Callable:
        """A step is compiled once and serves every epoch."""
        if make not in self._compiled:
            self._compiled[make] = make(*args)
        return self._compiled[make]

    def _make_train_step(self, batch_spec) -> Callable:
        return make_train_step(
            self.strategy, self.captioner, self.optimizer, batch_spec, self.options
        )

    def _make_validation_step(self, batch_spec) -> Callable:
        return make_validation_step(self.strategy, self.captioner, batch_spec)

    def _make_decoder(self, batch_spec) -> Callable:
        tags = self.feed.judge.separate_tags
        return make_decoder(self.strategy, self.captioner, batch_spec, tags)

    def _rate(self, epoch: int) -> float:
        s = self.settings
        return learning_rate(epoch, s.learning_rate, s.learning_rate_decay, s.decay_every)

    def _report(self, epoch: int) -> None:
        self._look_at_losses(epoch)
        now = time.monotonic()
        values = {
            "loss": float(np.mean(self._recent)),
            "learning_rate": self._rate(epoch),
            "posts_per_second": self._seen / max(now - self._since, 1e-9),
        }
        self._seen, self._since = 0, now
        self._recent.clear()
        self.sink.report(self.step, epoch + 1, **values)
        if remark := self._data_wait.remark():
            print(remark, flush=True)

    def _look_at_losses(self, epoch: int) -> None:
        """Fetches the losses since the last look (now and then: each waits for the device)."""
        for step, loss in self._pending:
            require_finite(step, epoch + 1, {"loss": float(loss)})
            self._recent.append(float(loss))
        self._pending.clear()

    def _save(self, epoch: int, best: bool) -> None:
        """One checkpoint; `epoch` is where a resumed run goes on."""
        self._look_at_losses(epoch)  # weights after a bad loss are never saved
        state = {
            "epoch": epoch,
            **self.best.to_state(),
            "recent_losses": self._recent,
            "global_batch": self.feed.global_batch,
            "snapshots": list(self._snapshots),
        }
        self.sink.save(self.step, state, best)
