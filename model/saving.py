"""Weights and optimizer between the running model and checkpoints on disk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from model.build import Settings, build_captioner
from model.captioner import Captioner
from model.optimizer import Adam
from utils import checkpoint
from utils.errors import UserError


class Progress(NamedTuple):
    """Where a run stands."""

    step: int = 0
    best_loss: float = float("inf")
    global_batch: int | None = None


class CheckpointSink:
    """What the trainer reports to and saves through, in the process that owns the run folder.

    Args:
        run_dir: the run folder.
        captioner, optimizer: what is saved.
        log: takes (step, values) of each report.
        keep: checkpoints besides the best and the last.
        state: JSON values that every checkpoint carries (`sizes` among them).
    """

    def __init__(
        self,
        run_dir: Path,
        captioner: Captioner,
        optimizer: Adam,
        log: Callable[[int, dict[str, float]], None],
        keep: int,
        state: Mapping[str, Any],
    ):
        self.run_dir, self.captioner, self.optimizer = run_dir, captioner, optimizer
        self.log, self.keep, self.state = log, keep, dict(state)

    def report(self, step: int, values: dict[str, float]) -> None:
        """One line of the log."""
        self.log(step, values)

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """One checkpoint (DESIGN: plain arrays under the model's own names)."""
        weights, moments = self.captioner.parameters.values(), self.optimizer.state()
        state = {**self.state, **state}
        checkpoint.save(self.run_dir, step, weights, moments, state, self.keep, best)


class NoSink:
    """For workers that are not the chief: they compute the same and keep nothing."""

    def report(self, step: int, values: dict[str, float]) -> None:
        """Nothing."""

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """Nothing."""


def resume(run_dir: Path, captioner: Captioner, optimizer: Adam) -> Progress:
    """Restores the newest intact checkpoint, if there is one.

    Raises:
        UserError: it does not fit the model, or every checkpoint is damaged.
    """
    if not checkpoint.list_checkpoints(run_dir):
        return Progress()
    found = checkpoint.load(run_dir, "last")
    where = f"the weights of {run_dir}, step {found.step},"
    checkpoint.check_names(found.weights, captioner.parameters.variables, where)
    checkpoint.check_names(found.optimizer, optimizer.slots(), where)
    captioner.parameters.assign(found.weights)
    optimizer.load(found.optimizer)
    best = found.state["best_loss"]
    return Progress(
        step=found.step,
        best_loss=float("inf") if best is None else best,
        global_batch=found.state["global_batch"],
    )


def load_captioner(
    settings: Settings, run_dir: Path, which: str = "best", precision: str = "float32"
) -> tuple[Captioner, checkpoint.Checkpoint]:
    """Rebuilds a trained model; call it under `strategy.scope()`.

    Args:
        settings: the run's `configuration.ModelConfig`.
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
    checkpoint.check_names(found.weights, captioner.parameters.variables, where)
    captioner.parameters.assign(found.weights)
    return captioner, found
