"""The view that a run was trained on, and its posts as the run's model sees them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from data_loader.corpus import Corpus, open_corpus
from data_loader.features import find_features, read_metadata
from data_loader.identity import metadata_identity
from data_loader.pipeline import Posts, open_posts
from data_loader.view import View, open_view
from data_loader.windows import Windows, open_windows
from utils.errors import UserError
from utils.files import sha256
from utils.run_folder import RunFolder


class Settings(Protocol):
    """`configuration.DataConfig`, as far as it names a view."""

    data_dir: Path
    task: str
    split: str
    context: str


class Needs(Protocol):
    """What a method needs of a post; see `model.configs.Method`."""

    image_layer: str
    context_words: int
    word_slots: int


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
    _check_vocabulary(run, view)
    return view


def open_windows_of_run(run: RunFolder, corpus_folder: Path, subset: str, width: int) -> Windows:
    """Opens a subset of a corpus whose characters have the ids that the run's model has learnt.

    Raises:
        UserError: no such corpus or subset, or one with other characters.
    """
    corpus = open_corpus(corpus_folder)
    _check_vocabulary(run, corpus)
    return open_windows(corpus, subset, width)


def _check_vocabulary(run: RunFolder, source: View | Corpus) -> None:
    if run.configuration.get("vocabulary_sha256") != sha256(source.vocabulary_file):
        raise UserError(
            f"{run.path} was trained with another vocabulary than {source.folder} has: give the "
            "--data_dir of its training, or train again"
        )


def open_posts_of_run(
    run: RunFolder, view: View, subset: str, model: Needs, extractor: str | None
) -> Posts:
    """Opens a subset to look at it with a run's model.

    Args:
        run: the run folder.
        view: from `open_view_of_run`.
        subset: its name.
        model: the run's method.
        extractor: whose image features the run was trained on.

    Raises:
        UserError: no such subset or no post in it, or image features of another network, of equal
            width too.
    """
    sizes = (model.context_words, model.word_slots)
    posts = open_posts(view, subset, model.image_layer, *sizes, extractor=extractor)
    if not len(posts):
        raise UserError(f"{view.folder} has no post in {subset}; choose another --subset")
    if posts.features is not None:
        _check_features(run, posts.features.path, posts.features.metadata)
    return posts


def read_metadata_of_run(
    run: RunFolder, view: View, layer: str, extractor: str | None
) -> tuple[Path, dict]:
    """What is stored beside the features that a run was trained on, to see new pictures like them.

    Args:
        run: the run folder.
        view: from `open_view_of_run`.
        layer: of the network.
        extractor: the network, where there are features of several.

    Returns:
        The file of the features, and its metadata.

    Raises:
        UserError: no such features, or those of another network.
    """
    path = find_features(view.folder.parent, layer, extractor)
    metadata = read_metadata(path)
    _check_features(run, path, metadata)
    return path, metadata


def _check_features(run: RunFolder, path: Path, metadata: Mapping) -> None:
    if run.configuration.get("features") not in (None, metadata_identity(metadata)):
        raise UserError(
            f"{run.path} was trained on other image features than {path} has now: "
            "extract the features that it was trained on, or train again"
        )
