"""Which runs are done: trained to the end and evaluated, as asked, on the data that is there."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from configuration import Config, parse_config
from data_loader.corpus import DESCRIPTION, open_corpus
from data_loader.identity import features_identity, training_identity
from data_loader.pipeline import open_posts
from data_loader.view import list_views, open_view, view_name
from data_loader.windows import open_windows
from model.configs import ModelConfig
from scripts.reproduction.plan import Job
from utils.checkpoint import list_checkpoints
from utils.errors import UserError
from utils.files import sha256
from utils.json_text import parse_json

# Where these differ, the numbers of a run are the same. `train.MAY_CHANGE` has these and what a run
# may be given more of, epochs and patience: what is added there belongs here too.
NO_MATTER = {
    "run_dir",
    "data.data_dir",
    "train.num_gpus",
    "train.virtual_towers",
    "train.keep_checkpoints",
    "train.checkpoint_every",
    "train.report_every",
    "train.snapshots_per_epoch",
    "train.released_snapshots",
    "train.keep_snapshots",
}


class Identity(NamedTuple):
    """The data behind a run.

    Attributes:
        settings: what `train` records of it: `vocabulary_sha256`, `training_posts`, `features`.
        tested: how many posts can be tested; of a text, windows.
        unit: `posts` or `windows`.
    """

    settings: dict[str, Any]
    tested: int
    unit: str


class Data:
    """The data of a root as it is now; whatever many runs share is read once."""

    def __init__(self, root: Path):
        self._root = root
        self._known: dict[tuple, Identity] = {}

    def of(self, config: Config, extractor: str | None) -> Identity | None:
        """What a run of these settings would find; None where its view is not built yet.

        Args:
            config: the run's settings.
            extractor: whose image features it was trained on.

        Raises:
            UserError: view or features are damaged, or those features are gone.
        """
        data, model = config.data, config.model
        if model.reads == "text":
            return self._of_text(data.data_dir, model)
        view = (data.task, data.split, data.context)
        sizes = (model.image_layer, model.context_words, model.word_slots)
        if view_name(*view) not in list_views(self._root):
            return None
        key = (view, sizes, extractor)
        if key not in self._known:
            self._known[key] = self._read(view, sizes, extractor)
        return self._known[key]

    def _of_text(self, folder: Path, model: ModelConfig) -> Identity | None:
        if not (folder / DESCRIPTION).exists():
            return None
        corpus = open_corpus(folder)
        training = open_windows(corpus, "train", model.word_slots, model.epoch_windows)
        test = open_windows(corpus, "test", model.word_slots)
        settings = {
            "vocabulary_sha256": sha256(corpus.vocabulary_file),
            "training_posts": training_identity(training),
            "features": features_identity(training),
        }
        return Identity(settings, len(test.rows), test.unit)

    def _read(self, name: tuple, sizes: tuple, extractor: str | None) -> Identity:
        view = open_view(self._root, *name)
        training = open_posts(view, "train", *sizes, training=True, extractor=extractor)
        settings = {
            "vocabulary_sha256": sha256(view.vocabulary_file),
            "training_posts": training_identity(training),
            "features": features_identity(training),
        }
        test = open_posts(view, view.test_subset, *sizes, extractor=extractor)
        return Identity(settings, len(test), test.unit)


def is_done(job: Job, data: Data) -> bool:
    """Whether a run was trained and evaluated as asked, so that nothing is left to do.

    Args:
        job: the run.
        data: of the data root; it must be what the run was trained on.

    Raises:
        UserError: the folder holds a run of other settings or data, which neither training goes
            on with nor the table may show.
    """
    recorded = _read(job.folder / "configuration.json")
    if recorded is None:
        return False
    steps = list_checkpoints(job.folder)
    wanted = parse_config(list(job.commands[0][3:]))
    there = data.of(wanted, recorded["data"].get("extractor"))
    difference = _difference(wanted, recorded, there)
    if difference and steps:
        raise UserError(
            f"{job.folder} was run with other settings ({difference}): give the same ones, or "
            "another --out"
        )
    if difference or (wanted.model.learns and not _is_trained(job.folder, steps, wanted)):
        return False
    made_of = [job.folder / "configuration.json", *_states(job.folder, steps)]
    written = list(job.metrics.values())
    return all(_is_newer(path, made_of) for path in written) and _has_posts(written[0], there)


def is_there(job: Job, data: Data) -> bool:
    """Whether a run that nobody asked for now is done, as it would be asked for."""
    try:
        return is_done(job, data)
    except UserError:
        return False  # of other settings: its cell stays empty


def _is_trained(folder: Path, steps: list[int], wanted: Config) -> bool:
    """Whether training got to the end; what it was asked for says nothing of how far it came."""
    epochs, patience = wanted.train.epochs, wanted.train.patience
    states = [_read(path) or {} for path in _states(folder, steps)]
    return any(
        state.get("epoch", 0) >= epochs
        or (patience is not None and state.get("waited", 0) >= patience)
        for state in states
    )


def _has_posts(metrics: Path, there: Identity | None) -> bool:
    """Whether as many posts were scored as there are: more may have features by now."""
    return there is None or (_read(metrics) or {}).get(there.unit) == there.tested


def _difference(wanted: Config, recorded: dict, there: Identity | None) -> str:
    """Says in what a recorded run is not the one that is asked for."""
    asked, before = _flatten(wanted.to_dict()), _flatten(recorded)
    asked = {name: value for name, value in asked.items() if name not in NO_MATTER}
    if wanted.data.extractor is None:
        asked.pop("data.extractor")
    for name in ("train.epochs", "train.patience"):
        if _without_limit(asked[name]) > _without_limit(before.get(name)):
            asked.pop(name)  # the run goes on to there
    if there:
        asked |= _flatten(there.settings)
    return "; ".join(
        f"{name} {_short(before.get(name))}, not {_short(value)}"
        for name, value in asked.items()
        if before.get(name) != value
    )


def _without_limit(number: int | None) -> float:
    return math.inf if number is None else number


def _states(folder: Path, steps: list[int]) -> list[Path]:
    return [folder / "checkpoints" / str(step) / "state.json" for step in steps[-1:]]


def _is_newer(path: Path, others: list[Path]) -> bool:
    try:
        return all(path.stat().st_mtime_ns >= other.stat().st_mtime_ns for other in others)
    except FileNotFoundError:
        return False


def _flatten(sections: Mapping[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, value in sections.items():
        inner = value.items() if isinstance(value, Mapping) else ()
        flat |= {f"{name}.{key}": item for key, item in inner} or {name: value}
    return flat


def _short(value: Any) -> str:
    return str(value)[:12] if isinstance(value, str) else str(value)


def _read(path: Path) -> dict | None:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
