"""Weights and optimizer between the running model and checkpoints on disk."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.build import build_captioner
from model.captioner import Captioner
from model.configs import ModelConfig
from model.optimizer import OPTIMIZERS, Optimizer
from model.samples import Sampler
from model.selection import Best
from model.trainer import Progress
from utils import checkpoint
from utils.errors import UserError
from utils.reporting import Reporter


class RunSink:
    """What the trainer reports to and saves through, in the process that owns the run folder.

    Args:
        reporter: log, TensorBoard and progress bar of the run.
        captioner, optimizer: what is saved.
        keep: checkpoints besides the best, the last and the snapshots.
        state: JSON values that every checkpoint carries (`sizes` among them).
        keep_snapshots: of the snapshots, the newest; None for all.
        sampler: of what is shown of the model after each epoch.
    """

    def __init__(
        self,
        reporter: Reporter,
        captioner: Captioner,
        optimizer: Optimizer,
        keep: int,
        state: Mapping[str, Any],
        keep_snapshots: int | None = None,
        sampler: Sampler | None = None,
    ):
        self.reporter, self.captioner, self.optimizer = reporter, captioner, optimizer
        self.keep, self.keep_snapshots, self.state = keep, keep_snapshots, dict(state)
        self.sampler = sampler
        self.advance, self.report, self.close = reporter.advance, reporter.report, reporter.close

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """One checkpoint: plain arrays under the model's own names."""
        weights, moments = self.captioner.parameters.values(), self.optimizer.state()
        state, run = {**self.state, **state}, self.reporter.run.path
        kept = self._kept(state["snapshots"])
        checkpoint.save(run, step, weights, moments, state, self.keep, best, kept)

    def clear(self, progress: Progress) -> None:
        """Does what a kill right after the last checkpoint has left undone."""
        run = self.reporter.run.path
        if checkpoint.list_checkpoints(run)[-1:] == [progress.step]:
            checkpoint.clear(run, self.keep, self._kept(progress.snapshots))

    def _kept(self, snapshots: Sequence[int]) -> Sequence[int]:
        return snapshots if self.keep_snapshots is None else snapshots[-self.keep_snapshots :]

    def show(self, step: int) -> None:
        """Shows a few posts in TensorBoard."""
        if self.sampler is None:
            return
        try:
            self.reporter.show(step, self.sampler(self.captioner))
        except Exception as error:  # whatever it is: days of training are worth more
            print(f"warning: no more samples in TensorBoard: {type(error).__name__}: {error}")
            self.sampler = None


class NoSink:
    """For workers that are not the chief: they compute the same and keep nothing."""

    def advance(self) -> None:
        """Draws no bar."""

    def report(self, step: int, epoch: int, **values: float) -> None:
        """Writes no log."""

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """Writes no checkpoint."""

    def show(self, step: int) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Has nothing open."""


def resume(run_dir: Path, captioner: Captioner, optimizer: Optimizer) -> Progress:
    """Restores the newest intact checkpoint, if there is one.

    Raises:
        UserError: it does not fit the model, or every checkpoint is damaged.
    """
    if not checkpoint.list_checkpoints(run_dir):
        return Progress()
    found = checkpoint.load(run_dir, "last")
    where = f"the weights of {run_dir}, step {found.step},"
    checkpoint.check_names(found.weights, captioner.parameters.stored, where)
    _check_optimizer(found.optimizer, optimizer, run_dir)
    checkpoint.check_names(found.optimizer, optimizer.slots(), where)
    captioner.parameters.assign(found.weights)
    optimizer.load(found.optimizer)
    return _progress(found.step, found.state)


def _check_optimizer(found: Collection[str], optimizer: Optimizer, run_dir: Path) -> None:
    """Refuses the state of another kind of optimizer, before each of its arrays is missed."""
    slots = {name.split("/")[0] for name in found if "/" in name}
    kinds = {name for name, kind in OPTIMIZERS.items() if slots == set(kind.kinds)}
    if kinds and not isinstance(optimizer, OPTIMIZERS[min(kinds)]):
        raise UserError(
            f"{run_dir} was trained with another optimizer than asked for: give --optimizer "
            f"{min(kinds)} to go on, or another --run_dir to start anew"
        )


def _progress(step: int, state: Mapping[str, Any]) -> Progress:
    """What `Trainer` has put into a checkpoint's state."""
    return Progress(
        step=step,
        epoch=state["epoch"],
        best=Best.from_state(state),
        recent_losses=tuple(state["recent_losses"]),
        global_batch=state["global_batch"],
        snapshots=tuple(state.get("snapshots", ())),  # runs of before snapshots have none
    )


def load_captioner(
    settings: ModelConfig, run_dir: Path, which: str = "best", precision: str = "float32"
) -> tuple[Captioner, checkpoint.Checkpoint]:
    """Rebuilds a trained model; call it under `strategy.scope()`.

    Args:
        settings: the run's model settings.
        run_dir: the run folder.
        which: best, last, or a step.
        precision: of the mathematics.

    Raises:
        UserError: no such checkpoint, or it does not fit the settings.
    """
    found = checkpoint.load(run_dir, which, optimizer=False)
    try:
        sizes = {name: int(found.state["sizes"][name]) for name in ("vocab_size", "image_dim")}
    except (KeyError, TypeError):
        raise UserError(f"the checkpoints of {run_dir} were not made by train") from None
    captioner = build_captioner(settings, **sizes, precision=precision)
    where = f"the weights of {run_dir}, step {found.step},"
    checkpoint.check_names(found.weights, captioner.parameters.stored, where)
    captioner.parameters.assign(found.weights)
    return captioner, found
