"""What a training run tells: its log, TensorBoard, and one line in the terminal."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from utils import files
from utils.errors import UserError
from utils.run_folder import RunFolder
from utils.samples import Sample, markdown_table, plain

SAMPLES = "samples"  # what TensorBoard calls them
VALIDATION = "val_"  # the beginning of a name in the log

SHOWN = {
    "loss": "loss {:.4f}",
    "posts_per_second": "{:.1f} posts/s",
    "val_loss": "validation {:.4f}",
    "val_score": "score {:.4f}",
}  # behind the bar


class TrainingError(UserError):
    """Training cannot go on: the message says where it was and what to try."""


class Reporter:
    """Writes each report to the run's log and to TensorBoard, and keeps a progress bar.

    The log is the record, and TensorBoard's files are made from it: a resumed run writes them
    anew, so that what a kill had cut off from the log does not show twice. Samples, which no log
    holds, go over from the old files.

    Args:
        run: the run folder, its log already truncated to the step it resumes from.
        total_steps: where the bar ends.
        step: training steps already done.
        bar: False draws none (workers that are not the chief, and tests).
    """

    def __init__(self, run: RunFolder, total_steps: int, step: int = 0, bar: bool = True):
        self.run = run
        old = sorted(run.tensorboard.glob("events.out.tfevents.*"))
        self._events = _event_writer(run.tensorboard)
        for record in run.records():
            self._write_events(record)
        self._shown: dict[str, float] = {}
        for event in _sample_events(old, step):
            self._events.add_event(event)
        self._events.flush()
        for path in old:
            files.remove(path)
        self._bar = tqdm(
            total=total_steps,
            initial=step,
            unit="step",
            disable=not bar,
            dynamic_ncols=True,
            # In a file, each refresh is a line of its own.
            mininterval=0.1 if sys.stderr.isatty() else 20,
        )

    def advance(self, steps: int = 1) -> None:
        """Moves the bar; it shows the time left from the speed so far."""
        self._bar.update(steps)

    def report(self, step: int, epoch: int, **values: float) -> None:
        """Records numbers of one moment, such as `loss`, `learning_rate`, `posts_per_second`.

        Values may be Python, NumPy or eager TensorFlow scalars. `loss`, `posts_per_second`,
        `val_loss` and `val_score` also show behind the bar, until newer ones come.
        """
        numbers = {name: float(value) for name, value in values.items()}
        record = {"time": time.time(), "step": int(step), "epoch": int(epoch), **numbers}
        self.run.append(record)
        self._write_events(record)
        self._show(numbers)

    def show(self, step: int, samples: Sequence[Sample]) -> None:
        """Puts samples into TensorBoard: texts in a table, and those with a picture drawn."""
        event = _sample_event(step, samples)
        self._events.add_event(event)
        self._events.flush()

    def close(self) -> None:
        """Finishes the bar and TensorBoard's file."""
        self._bar.close()
        self._events.close()

    def _show(self, numbers: Mapping[str, float]) -> None:
        self._shown |= {name: numbers[name] for name in SHOWN if name in numbers}
        parts = [
            text.format(self._shown[name]) for name, text in SHOWN.items() if name in self._shown
        ]
        if parts:
            # A validation is rare: in a file too it is worth a line.
            refresh = sys.stderr.isatty() or "val_loss" in numbers
            self._bar.set_postfix_str(", ".join(parts), refresh=refresh)

    def _write_events(self, record: Mapping[str, Any]) -> None:
        event = _event(record)
        if event.summary.value:
            self._events.add_event(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def require_finite(step: int, epoch: int, values: Mapping[str, Any]) -> None:
    """Stops a run whose numbers have become NaN or infinite.

    Args:
        step: the training step that gave the values.
        epoch: its epoch.
        values: scalars or arrays by name: the loss, its terms, norms of gradients.

    Raises:
        TrainingError: it names the values that are not finite, prints every scalar, and says
            which step and epoch gave them.
    """
    arrays = {name: np.asarray(value) for name, value in values.items()}
    broken = [name for name, value in arrays.items() if not np.isfinite(value).all()]
    if not broken:
        return
    scalars = ", ".join(f"{name}={value:.6g}" for name, value in arrays.items() if not value.ndim)
    raise TrainingError(
        f"{_some(broken)} not finite at step {step}, epoch {epoch} ({scalars})."
        " The last checkpoint is from before. Train again with a lower --learning_rate and another"
        " --run_dir: the same command would come to the same step"
    )


def nothing_learnt(records: Iterable[Mapping[str, Any]]) -> str | None:
    """Says that a training has brought nothing, in one line; None where it has brought something.

    That is so where its loss never came below the one that it began with: of the validation posts,
    or where there are none of the training posts, by a hundredth at least.

    Args:
        records: of a run's log.
    """
    records = list(records)
    began = [record["loss"] for record in records if "loss" in record]
    seen = [record["val_loss"] for record in records if "val_loss" in record]
    whose, reached = ("validation", seen) if seen else ("training", began[1:])
    if not began or not reached or min(reached) < 0.99 * began[0]:
        return None
    return (
        f"warning: nothing was learnt: the {whose} loss is {min(reached):.4g} at best, where "
        f"training began at {began[0]:.4g}; try a lower --learning_rate, or more steps (--epochs, "
        "a smaller --batch_size), with another --run_dir"
    )


def _some(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _event_writer(folder: Path):
    """A new file of TensorBoard's.

    TensorBoard's own writer rather than `tf.summary`: it takes the time of an event, which
    replaying the log needs.
    """
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    return EventFileWriter(str(folder))


def _event(record: Mapping[str, Any]):
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    scalars = [
        Summary.Value(tag=_tag(name), simple_value=value)
        for name, value in record.items()
        if isinstance(value, float) and name != "time"
    ]
    return Event(
        wall_time=record.get("time", 0.0),
        step=record.get("step", 0),
        summary=Summary(value=scalars),
    )


def _tag(name: str) -> str:
    """A name of the log as TensorBoard groups it: by what comes before the slash."""
    group = "validation" if name.startswith(VALIDATION) else "training"
    return f"{group}/{name.removeprefix(VALIDATION)}"


def _sample_event(step: int, samples: Sequence[Sample]):
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.text.summary import text_pb

    summary = text_pb(SAMPLES, markdown_table(samples))
    for number, sample in enumerate(samples, 1):
        if sample.picture is not None:
            summary.value.append(_picture(f"{SAMPLES}/{number}", sample))
    return Event(wall_time=time.time(), step=step, summary=summary)


def _picture(tag: str, sample: Sample):
    """The drawn sample as TensorBoard's image plugin keeps it: width, height, JPEG."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.image.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    from utils.sample_drawing import draw_sample, encode_jpeg

    drawn = draw_sample(sample)
    height, width = drawn.shape[:2]
    content = [str(width).encode(), str(height).encode(), encode_jpeg(drawn)]
    metadata = create_summary_metadata(None, plain(sample.id))
    return Summary.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto(content))


def _sample_events(paths: Sequence[Path], step: int) -> Iterator:
    """The samples of old files up to a step; a file is read as far as it is whole."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    for path in paths:
        for data in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(data)
            named = any(value.tag.startswith(SAMPLES) for value in event.summary.value)
            if named and event.step <= step:
                yield event
