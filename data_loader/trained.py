"""The view that a run was trained on."""

from pathlib import Path
from typing import Protocol

from data_loader.view import VOCABULARY, View, open_view
from utils.errors import UserError
from utils.files import sha256
from utils.run_folder import RunFolder


class Settings(Protocol):
    """`configuration.DataConfig`, as far as it names a view."""

    data_dir: Path
    task: str
    split: str
    context: str


def open_view_of_run(run: RunFolder, settings: Settings, data_dir: Path | None = None) -> View:
    """Opens the view of a run whose words have the ids that the model has learnt.

    Args:
        run: the run folder.
        settings: which view it was trained on.
        data_dir: the data root, where it has moved.

    Raises:
        UserError: no such view, or one with another vocabulary.
    """
    root = data_dir or settings.data_dir
    view = open_view(root, settings.task, settings.split, settings.context)
    if run.configuration.get("vocabulary_sha256") != sha256(view.folder / VOCABULARY):
        raise UserError(
            f"{run.path} was trained with another vocabulary than {view.folder} has: give the "
            "--data_dir of its training, or train again"
        )
    return view
