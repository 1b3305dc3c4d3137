"""Evaluates a run: `python -m eval --num_gpus 2 --batch_size 500`.

Every post of the subset is decoded once. Writes `predictions.jsonl` and `metrics.json` into the run
folder and prints the table. What is not the default (subset, checkpoint, beams ...) stands in the
files' names, so that the plain ones stay what other commands expect.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from configuration import Config, EvalConfig, Task
from data_loader.pipeline import Posts, distribute, open_posts
from data_loader.trained import open_posts_of_run, open_view_of_run, open_windows_of_run
from data_loader.view import View
from data_loader.windows import Windows
from utils.checks import check_positive, check_range
from utils.command_line import parse
from utils.devices import is_one_of_several_workers, make_strategy
from utils.environment import environment
from utils.errors import UserError, run_command
from utils.metrics import Scores, fitting_tokenizer, score_rows
from utils.metrics.caption import Tokenizer
from utils.metrics.hashtag import RANKED
from utils.predictions import join_words, write_predictions
from utils.reports import write_report
from utils.run_folder import RunFolder, newest_run
from utils.tables import metric_table


def main() -> None:
    """Configuration, data, model, decoding, scores."""
    options = parse(EvalConfig)
    check(options)
    run = RunFolder.open(options.run_dir or newest_run(options.runs_dir))
    config = Config.from_dict(run.configuration)
    if config.model.reads == "text":
        evaluate_text(options, config, run)
        return
    view = open_view_of_run(run, config.data, options.data_dir)
    tags = options.decoding.separate_tags(config.model, *view.tag_counts())
    if not config.model.learns and options.checkpoint != "best":
        raise UserError(f"{run.path} has learnt nothing: leave out --checkpoint")
    posts = open_subset(options, config, run, view)
    if config.model.learns:
        rows, numbers = run_model(options, config, run.path, view, posts, tags)
    else:
        rows, numbers = run_search(config, view, posts), {}
    suffix = file_suffix(options, view)
    path = run.path / f"predictions{suffix}.jsonl"
    write_predictions(path, rows)
    tokenizer = options.tokenizer or fitting_tokenizer(view.settings.get("tokenizer"))
    scores = score(rows, config.data.task, tokenizer, options.java_timeout, path)
    made_by = how_made(options, config, posts, tags, tokenizer)
    report(run.path / f"metrics{suffix}.json", {**numbers, **made_by}, scores)
    write_report(run.path / f"evaluation{suffix}.json", environment(run.path))
    print(f"written: {path}, metrics{suffix}.json")
    hint_at_silence(rows, options.checkpoint)


def score(rows: list[dict], task: Task, tokenizer: Tokenizer, timeout: float, path: Path) -> Scores:
    """Scores what is written in `path`; where Java fails, nothing needs to be decoded again."""
    try:
        return score_rows(rows, task, tokenizer, timeout)
    except UserError as error:
        raise UserError(
            f"{error}; the predictions are kept: python -m scripts.score {path} --task {task} "
            f"--tokenizer {tokenizer}"
        ) from error


def check(options: EvalConfig) -> None:
    """Refuses what would fail after the work, before it."""
    for name in ("batch_size", "limit"):
        check_range(name, getattr(options, name), 1)
    check_positive("java_timeout", options.java_timeout)
    options.decoding.check()
    if is_one_of_several_workers():
        raise UserError("eval runs in one process: unset TF_CONFIG, or start a single task")


def evaluate_text(options: EvalConfig, config: Config, run: RunFolder) -> None:
    """How well a model of running text predicts a subset: perplexity, and bits per character."""
    options.decoding.refuse("this model is scored by how well it predicts text")
    if options.tokenizer or options.java_timeout != EvalConfig.java_timeout:
        raise UserError(
            "--tokenizer and --java_timeout are of written captions: a model of running text "
            "writes none here; leave them out"
        )
    folder, subset = options.data_dir or config.data.data_dir, options.subset or "test"
    windows = open_windows_of_run(run, folder, subset, config.model.word_slots)
    rows = thinned(windows.rows, options.limit)
    forced, unit, step = force(options, config, run.path, windows, rows)
    numbers = {**forced.scores(unit), "characters": int(forced.targets.sum())}
    print(metric_table({"score": numbers}))
    suffix = file_suffix(options)
    path = run.path / f"metrics{suffix}.json"
    made_by = {"subset": subset, "windows": len(rows), "window": config.model.word_slots}
    made_by |= {"step": step, "checkpoint": options.checkpoint, "limit": options.limit}
    write_report(path, {**numbers, **made_by, "precision": config.train.precision})
    write_report(run.path / f"evaluation{suffix}.json", environment(run.path))
    print(f"written: {path}")


def force(
    options: EvalConfig, config: Config, run_dir: Path, windows: Windows, rows: np.ndarray
) -> tuple[Any, str, int]:
    """Predicts every character of the windows; sums by window, what is predicted, and the step."""
    strategy = make_strategy(options.num_gpus, options.virtual_towers)  # silences TensorFlow first
    from model.evaluation import teacher_forced_posts, unit_of
    from model.saving import load_captioner

    with strategy.scope():
        captioner, found = load_captioner(
            config.model, run_dir, options.checkpoint, config.train.precision
        )
    print(f"{run_dir}, step {found.step}: {len(rows):,} windows of {windows.subset.name}")
    size = options.batch_size * strategy.num_replicas_in_sync
    batches = distribute(strategy, windows, rows, size)
    return teacher_forced_posts(strategy, captioner, batches), unit_of(captioner), found.step


def thinned(rows: np.ndarray, limit: int | None) -> np.ndarray:
    """So many rows at most, evenly spread."""
    if not limit or limit >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).round().astype(int)]


def file_suffix(options: EvalConfig, view: View | None = None) -> str:
    """What tells the files of these options from those of a plain `eval`, which others read.

    Of `--subset val --beam_size 3 --limit 100`, it is `-val-beam3-limit100`. A model of running
    text has no view.
    """
    settings, decoding = view.settings if view else {}, options.decoding
    captions = settings.get("task") == "caption"
    fitting = fitting_tokenizer(settings.get("tokenizer"))
    parts = {
        options.subset: options.subset not in (None, view.test_subset if view else "test"),
        options.checkpoint if options.checkpoint == "last" else f"step{options.checkpoint}": (
            options.checkpoint != "best"
        ),
        f"beam{decoding.beam_size}": decoding.beam_size > 1,
        f"penalty{decoding.length_penalty:g}": decoding.length_penalty != 0,
        f"sample{decoding.seed}": decoding.sample,
        f"temperature{decoding.temperature:g}": decoding.temperature != 1,
        f"top{decoding.top_p:g}": decoding.top_p != 1,
        f"tags{decoding.tags_per_post}": decoding.tags_per_post is not None,
        f"limit{options.limit}": options.limit is not None,
        str(options.tokenizer): captions and options.tokenizer not in (None, fitting),
    }
    return "".join(f"-{name}" for name, differs in parts.items() if differs)


def check_width(image_dim: int, posts: Posts, run_dir: Path) -> None:
    """Refuses features of another network than the run was trained on."""
    if posts.features and posts.features.dim != image_dim:
        raise UserError(
            f"{posts.features.path} has features of width {posts.features.dim}, but {run_dir} was "
            f"trained on width {image_dim}: extract the features that it was trained on"
        )


def open_subset(options: EvalConfig, config: Config, run: RunFolder, view: View) -> Posts:
    """The subset's usable posts, evenly thinned to `--limit`."""
    subset = options.subset or view.test_subset
    posts = open_posts_of_run(run, view, subset, config.model, config.data.extractor)
    for reason, count in posts.left_out.items():
        print(f"{subset}: {count:,} posts {reason} are left out")
    return dataclasses.replace(posts, rows=thinned(posts.rows, options.limit))


def extractor_of(posts: Posts) -> str | None:
    """The network behind the image features: `resnet101_random` has never learnt to see."""
    return posts.features.extractor if posts.features else None


def run_model(
    options: EvalConfig,
    config: Config,
    run_dir: Path,
    view: View,
    posts: Posts,
    tags: int | None,
):
    """Decodes the posts and scores them under teacher forcing.

    Returns:
        Rows of predictions, and numbers by name.
    """
    strategy = make_strategy(options.num_gpus, options.virtual_towers)  # silences TensorFlow first
    from model.evaluation import decode_subset, teacher_forced_posts
    from model.saving import load_captioner

    with strategy.scope():
        captioner, found = load_captioner(
            config.model, run_dir, options.checkpoint, config.train.precision
        )
    check_width(found.state["sizes"]["image_dim"], posts, run_dir)
    features = f"image features of {extractor_of(posts)}" if posts.features else "no image memory"
    print(f"{run_dir}, step {found.step}: {len(posts):,} posts of {posts.subset.name}, {features}")

    def batches():
        size = options.batch_size * strategy.num_replicas_in_sync
        return distribute(strategy, posts, posts.rows, size)

    forced = teacher_forced_posts(strategy, captioner, batches())
    search = options.decoding.search()
    ranked = min(max(tags, RANKED), view.tag_counts()[0]) if tags else None
    decoded = decode_subset(strategy, captioner, batches(), separate_tags=ranked, **search)
    rows = prediction_rows(view, posts, decoded, forced, tags)
    return rows, {**forced.scores(), "step": found.step}


def run_search(config: Config, view: View, posts: Posts) -> list[dict]:
    """Answers with the training posts of the nearest images or users; rows of predictions."""
    from data_loader.active_words import active_words
    from model.neighbours import find_neighbours

    model = config.model
    sizes, extractor = (model.context_words, model.word_slots), config.data.extractor
    training = open_posts(view, "train", model.image_layer, *sizes, True, extractor)
    print(f"{config.preset}: {len(posts):,} posts of {posts.subset.name} among {len(training):,}")
    users = active_words(view, model.context_words) if model.context_words else None
    found = find_neighbours(model.nearest, posts, training, users, config.train.seed)
    rows = []
    for row, neighbour in zip(posts.rows.tolist(), found.tolist(), strict=True):
        words = training.subset.references(neighbour)[0].split()
        neighbour_id = view.describe(training.subset, neighbour)["id"]
        rows.append(prediction_row(view, posts, row, words) | {"neighbour": neighbour_id})
    return rows


def how_made(
    options: EvalConfig, config: Config, posts: Posts, tags: int | None, tokenizer: Tokenizer
) -> dict[str, Any]:
    """What metrics.json says of the way to its numbers."""
    captions = config.data.task == "caption"
    decoded = {
        "checkpoint": options.checkpoint,
        "precision": config.train.precision,
        **options.decoding.search(),
        "tags_per_post": tags,
    }
    return {
        "posts": len(posts),
        "posts_left_out": sum(posts.left_out.values()),
        "task": config.data.task,
        "subset": posts.subset.name,
        "extractor": extractor_of(posts),
        **(decoded if config.model.learns else {}),
        "tokenizer": tokenizer if captions else None,
        "limit": options.limit,
    }


def prediction_rows(
    view: View, posts: Posts, decoded, forced, tags: int | None = None
) -> list[dict]:
    """What predictions.jsonl holds, in the order of the posts (both are sorted by row).

    Of a method that ranks all tags, the first `tags` are the prediction, and all the `ranking`.
    """
    # Columns of two passes stand side by side: another order would pair one post with another's.
    if not np.array_equal(decoded.rows, forced.rows):
        raise RuntimeError("two passes gave the posts in two orders")
    rows = []
    for place, row in enumerate(decoded.rows.tolist()):
        words = view.vocabulary.decode(decoded.ids[place])
        numbers = {
            "log_probability": _number(decoded.scores[place]),
            "words": int(forced.targets[place]),
            "words_correct": int(forced.correct[place]),
        }
        ranking = {"ranking": join_words(words, "hashtag")} if tags else {}
        rows.append(prediction_row(view, posts, row, words[:tags]) | ranking | numbers)
    return rows


def prediction_row(view: View, posts: Posts, row: int, words: list[str]) -> dict:
    """One row of predictions.jsonl."""
    told = view.describe(posts.subset, row)
    said = view.write_out(words, told["references"])
    return {**told, **said, "extractor": extractor_of(posts)}


def report(path: Path, values: dict[str, Any], scores: Scores) -> None:
    """Prints the table; writes metrics."""
    shown = ("loss", "perplexity", "word_accuracy")
    known = {name: values[name] for name in shown if name in values}
    print(metric_table({"score": {**scores.corpus, **known}}))
    for note in scores.notes:
        print(f"note: {note}")
    write_report(path, {**scores.corpus, **values, "notes": scores.notes})


def hint_at_silence(rows: list[dict], checkpoint: str) -> None:
    """Few validation posts may have their lowest loss where a model says nothing yet."""
    silent = sum(not row["prediction"] for row in rows)
    if 2 * silent > len(rows):
        other = "; try --checkpoint last" if checkpoint != "last" else ""
        print(f"hint: {silent:,} of {len(rows):,} predictions are empty{other}")


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


if __name__ == "__main__":
    run_command(main)
