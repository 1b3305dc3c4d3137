"""The rows that need no training: what knows nothing of the picture, or of the text so far.

A method that loses to them is worth nothing.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from data_loader.corpus import DESCRIPTION, open_corpus
from data_loader.features import open_features
from data_loader.view import Subset, View, list_views, open_view, view_name
from data_loader.vocabulary import SPECIAL_WORDS
from scripts.frequent_tags import score_prior
from scripts.reproduction.characters import score_characters
from scripts.reproduction.networks import features_of, stored_name
from scripts.reproduction.results import Key, Measured
from scripts.reproduction.tables import STORY, Table
from utils.errors import UserError
from utils.metrics import sentence_details

FIRST_WORD = len(SPECIAL_WORDS)


def measure_priors(
    tables: Iterable[Table], root: Path, stories: Path, weights: Sequence[str] = ()
) -> dict[Key, Measured]:
    """Scores the priors of each table that has rows for them, on the data that is there.

    Args:
        tables: those that are printed.
        root: the data root.
        stories: the folder of the characters of stories.
        weights: of the networks, on the command line: they may be random.

    Returns:
        What `results.collect` returns of trained rows.
    """
    found = {}
    for table in tables:
        for split in table.splits:
            for name, numbers in _measure(table, split, root, stories, weights).items():
                found[table.task, name, split, table.context] = Measured([numbers])
    return found


def _measure(
    table: Table, split: str, root: Path, stories: Path, weights: Sequence[str]
) -> dict[str, dict]:
    """The numbers of a table's priors by their names; of data that is not there, none."""
    if table.task == STORY:
        there = table.priors and (stories / DESCRIPTION).exists()
        corpus = open_corpus(stories) if there else None
        return {row.preset: score_characters(corpus, row.size) for row in table.priors if corpus}
    name = (table.task, split, table.context)
    if not table.priors or view_name(*name) not in list_views(root):
        return {}
    view = open_view(root, *name)
    subset = view.subsets[view.test_subset]
    posts = with_features(view, subset, [row.preset for row in table.rows], weights)
    if not len(posts):
        return {}
    if table.task == "caption":
        return {row.preset: score_words(view, subset, posts) for row in table.priors}
    known = len(view.vocabulary) - FIRST_WORD
    rows = [row for row in table.priors if (row.size or 1) <= known]
    return {row.preset: score_prior(view, subset, row.size, posts) for row in rows}


def with_features(
    view: View, subset: Subset, presets: Iterable[str], weights: Sequence[str]
) -> np.ndarray:
    """The posts that methods can be tested on, so that all rows are means over the same ones.

    Returns:
        [N] rows of the subset whose pictures have the features that the methods read; features
        that are not there leave nothing out.
    """
    keep = np.ones(len(subset), bool)
    for wanted in features_of(presets):
        try:
            store = open_features(view.folder.parent, wanted.layer, stored_name(wanted, weights))
        except UserError:
            continue
        keep &= store.usable(subset.image_row)
    return np.flatnonzero(keep)


def score_words(view: View, subset: Subset, posts: Iterable[int]) -> dict[str, float | int]:
    """The scores by sentence of `frequent_words`, said of posts of a subset."""
    said = frequent_words(view)
    references = [view.describe(subset, row)["references"] for row in posts]
    words = [[text.split() for text in texts] for texts in references]
    return {**sentence_details([said] * len(words), words).corpus, "posts": len(words)}


def frequent_words(view: View) -> list[str]:
    """The most frequent known word of each place of the training posts, as many as their median."""
    training = view.subsets["train"]
    ids, size = training.caption_ids, len(view.vocabulary)  # [N, W], V
    places = int(np.median(training.caption_length))
    counts = [np.bincount(ids[:, place], minlength=size) for place in range(places)]  # [V] each
    likeliest = [FIRST_WORD + int(np.argmax(count[FIRST_WORD:])) for count in counts]
    return [view.vocabulary.words[word] for word in likeliest]
