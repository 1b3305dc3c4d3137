"""The simplest hashtag predictor: the most frequent tags of the training posts, for every post.

Example:
    python -m scripts.frequent_tags --data_dir data --split posts --beside runs/my-run
    python -m scripts.frequent_tags --data_dir data --split shipped --context none --tags 1 3 5

A model is worth its name where it beats this. Predictions and metrics are files of the same form as
those of eval, scored by the same code. The scores of ranks always see the five most frequent tags.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data_loader.view import Subset, View, open_view
from data_loader.vocabulary import SPECIAL_WORDS
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.metrics import Scores, score_rows
from utils.metrics.hashtag import RANKED
from utils.predictions import read_predictions, write_predictions
from utils.reports import write_report
from utils.tables import metric_table

FIRST_TAG = len(SPECIAL_WORDS)  # the vocabulary begins with these, then tags by falling frequency


@dataclass(frozen=True)
class Options:
    """Predicts the most frequent training tags for every post of a subset, and scores that."""

    data_dir: Path = Path("data")
    """The data root, made by scripts.build_dataset."""
    split: Literal["users", "posts", "shipped"] = "users"
    """Which hashtag view: its split."""
    context: Literal["others", "previous", "all", "none"] = "others"
    """Which hashtag view: its user context (it makes no difference to the scores)."""
    subset: Literal["test", "val", "test1", "test2", "train"] | None = None
    """Posts to predict; by default test (test1 of the shipped splits that have no test)."""
    tags: tuple[int, ...] = ()
    """Tags per post, or several such numbers to compare; by default as many as give the best F1 on
    training and validation posts."""
    out: Path | None = None
    """Folder for predictions.jsonl and metrics.json (of several numbers, predictions-tags3.jsonl
    ...); by default runs/frequent-tags-<view>."""
    beside: Path | None = None
    """A run that eval has scored, or one of its files of predictions (.jsonl): predict its posts
    alone, and print its scores beside."""


def main() -> None:
    """View, numbers of tags, predictions, scores."""
    options = parse(Options)
    view = open_view(options.data_dir, "hashtag", options.split, options.context)
    subset = open_subset(view, options.subset)
    counts = choose_counts(view, options.tags)
    print(f"every post gets: {' '.join(f'#{tag}' for tag in frequent_tags(view, max(counts)))}")
    priors = {count: list(predict(view, subset, count)) for count in counts}
    others, name = [], ""
    if options.beside:
        path, name = predictions_of(options.beside)
        others = read_predictions(path)
        where = f"{options.beside} and {view.folder.name}/{subset.name}"
        priors = {count: same_posts(rows, others, where) for count, rows in priors.items()}
    scores = {count: score_rows(rows, "hashtag") for count, rows in priors.items()}
    model = {name: score_rows(others, "hashtag")} if others else {}
    print_scores(scores, model)
    print(f"{len(priors[counts[0]]):,} posts of {subset.name}")
    folder = options.out or Path("runs") / f"frequent-tags-{view.folder.name}"
    for count in counts:
        suffix = f"-tags{count}" if len(counts) > 1 else ""
        save(folder, priors[count], scores[count], count, suffix)


def choose_counts(view: View, wanted: Sequence[int]) -> list[int]:
    """The numbers of tags that are asked for, each once, or the best one.

    Raises:
        UserError: a number that the vocabulary does not have.
    """
    for count in wanted:
        frequent_tags(view, count)
    return list(dict.fromkeys(wanted)) or [best_count(view)]


def print_scores(scores: Mapping[int, Scores], model: Mapping[str, Scores]) -> None:
    """The table, a column per number of tags and one of the model; then how far that is ahead."""
    several = len(scores) > 1
    named = {f"{n} frequent tags" if several else "frequent tags": s for n, s in scores.items()}
    columns = {**named, **model}
    print(metric_table({name: each.corpus for name, each in columns.items()}))
    for theirs in model.values():
        for name, ours in named.items():
            print_difference(name, ours, theirs)


def score_prior(
    view: View, subset: Subset, count: int | None = None, posts: Iterable[int] | None = None
) -> dict[str, Any]:
    """The row of a table: scores of the image-free prior, as its metrics.json has them.

    Args:
        view: of hashtags.
        subset: the posts to predict.
        count: tags per post; None for the best on training and validation posts.
        posts: rows of the subset; by default all.
    """
    count = count or best_count(view)
    rows = list(predict(view, subset, count, posts))
    return metrics_of(score_rows(rows, "hashtag"), len(rows), count)


def metrics_of(scores: Scores, posts: int, count: int) -> dict[str, Any]:
    """What metrics.json holds."""
    return {**scores.corpus, "posts": posts, "tags": count, "notes": scores.notes}


def open_subset(view: View, name: str | None) -> Subset:
    """The named subset, or the view's own test posts.

    Raises:
        UserError: there is none of this name, or it has no posts.
    """
    name = name or view.test_subset
    if not len(view.subsets.get(name, ())):
        filled = ", ".join(name for name, subset in view.subsets.items() if len(subset))
        raise UserError(f"{view.folder} has no posts in {name}; it has some in {filled}")
    return view.subsets[name]


def best_count(view: View) -> int:
    """The number of tags with the best mean F1 on the training and validation posts together."""
    seen = [view.subsets[name] for name in ("train", "val") if name in view.subsets]
    ids = np.concatenate([subset.caption_ids for subset in seen])  # [N, W]
    length = np.concatenate([subset.caption_length for subset in seen])  # [N]
    known = len(view.vocabulary) - FIRST_TAG
    counts = np.arange(1, min(known, ids.shape[1]) + 1)
    hits = [((ids >= FIRST_TAG) & (ids < FIRST_TAG + count)).sum(1) for count in counts]
    scores = [np.mean(2 * hit / (count + length)) for count, hit in zip(counts, hits, strict=True)]
    return int(counts[np.argmax(scores)])


def frequent_tags(view: View, count: int) -> list[str]:
    """The `count` most frequent tags of the training posts.

    Raises:
        UserError: the vocabulary has fewer, or none were asked for.
    """
    tags = view.vocabulary.words[FIRST_TAG:]
    if not 1 <= count <= len(tags):
        raise UserError(f"--tags is {count}; expected 1 to {len(tags)}, the tags of {view.folder}")
    return tags[:count]


def predict(
    view: View, subset: Subset, count: int, posts: Iterable[int] | None = None
) -> Iterator[dict]:
    """Rows of predictions.jsonl: the same tags for every post, in canonical order."""
    ranking = frequent_tags(view, max(count, min(RANKED, len(view.vocabulary) - FIRST_TAG)))
    said = {"prediction": " ".join(ranking[:count]), "ranking": " ".join(ranking)}
    for row in range(len(subset)) if posts is None else posts:
        yield {**view.describe(subset, row), **said}


def predictions_of(run: Path) -> tuple[Path, str]:
    """The file that `--beside` means, and the run's name."""
    if run.suffix == ".jsonl":
        return run, run.resolve().parent.name
    return run / "predictions.jsonl", run.name


def same_posts(rows: list[dict], others: list[dict], where: str) -> list[dict]:
    """Our rows for the posts of another file of predictions, in its order.

    Raises:
        UserError: it has posts that we have not.
    """
    ours = {row["id"]: row for row in rows}
    missing = [row["id"] for row in others if row["id"] not in ours]
    if missing:
        raise UserError(
            f"{where} do not have the same posts: {len(missing):,} of the run's, such as "
            f"{missing[0]}, are not in this subset; give the run's own --split and --subset"
        )
    return [ours[row["id"]] for row in others]


def print_difference(name: str, ours: Scores, model: Scores) -> None:
    """How far the model is ahead in F1, and how sure that is."""
    gain = model.rows["F1"] - ours.rows["F1"]
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
    print(
        f"F1 of the run minus F1 of the {name}: {gain.mean():+.4f} (standard error "
        f"{error:.4f} over posts)"
    )


def save(folder: Path, rows: list[dict], scores: Scores, count: int, suffix: str = "") -> None:
    """Writes predictions.jsonl and metrics.json, as eval does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    write_predictions(folder / f"predictions{suffix}.jsonl", rows)
    write_report(folder / f"metrics{suffix}.json", metrics_of(scores, len(rows), count))
    print(f"written: {folder}/predictions{suffix}.jsonl, metrics{suffix}.json")


if __name__ == "__main__":
    run_command(main)
