"""Evaluates a trained captioner: `python -m eval --num_gpus 2 --batch_size 500`.

Every post of the subset is decoded once. Writes `predictions.jsonl` and `metrics.json` into the run
folder (with the subset in their names, unless it is the default one) and prints the table.
"""

import dataclasses
from pathlib import Path

import numpy as np

from configuration import LARGEST_SEED, Config, EvalConfig, check_positive, check_range
from data_loader.pipeline import Posts, distribute, open_posts
from data_loader.view import VOCABULARY, View, open_view
from utils.command_line import parse
from utils.devices import is_one_of_several_workers, make_strategy
from utils.errors import UserError, run_command
from utils.files import sha256, write_json
from utils.metrics import Scores, hashtag_details, score_details
from utils.predictions import write_predictions
from utils.run_folder import RunFolder, newest_run
from utils.tables import metric_table


def main() -> None:
    """Configuration, data, model, decoding, scores."""
    options = parse(EvalConfig)
    check(options)
    run_dir = options.run_dir or newest_run(options.runs_dir)
    saved = RunFolder.open(run_dir).configuration
    config = Config.from_dict(saved)
    data = dataclasses.replace(config.data, data_dir=options.data_dir or config.data.data_dir)
    view = open_view(data.data_dir, data.task, data.split, data.context)
    check_vocabulary(saved, run_dir, view)
    subset = options.subset or default_subset(view)
    posts = open_subset(options, config, view, subset)
    strategy = make_strategy(options.num_gpus, options.virtual_towers)
    rows, values = run_model(options, config, run_dir, view, posts, strategy)
    scores = score_rows(data.task, rows, options.tokenizer)
    report(run_dir, "" if subset == default_subset(view) else f"-{subset}", rows, values, scores)


def check(options: EvalConfig) -> None:
    """Refuses what would fail after the work, before it."""
    for name in ("batch_size", "beam_size", "limit", "tags_per_post"):
        check_range(name, getattr(options, name), 1)
    check_range("seed", options.seed, 0, LARGEST_SEED)
    if options.sample and options.beam_size > 1:
        raise UserError("--sample draws one caption per post: leave out --beam_size")
    check_positive("temperature", options.temperature)
    if is_one_of_several_workers():
        raise UserError("eval runs in one process: unset TF_CONFIG, or start a single task")


def check_vocabulary(saved: dict, run_dir: Path, view: View) -> None:
    """Refuses a view whose word ids mean something else than in training."""
    if saved.get("vocabulary_sha256") != sha256(view.folder / VOCABULARY):
        raise UserError(
            f"{run_dir} was trained with another vocabulary than {view.folder} has: give the "
            "--data_dir of its training, or train again"
        )


def check_width(image_dim: int, posts: Posts, run_dir: Path) -> None:
    """Refuses features of another network than the run was trained on."""
    if posts.features and posts.features.dim != image_dim:
        raise UserError(
            f"{posts.features.path} has features of width {posts.features.dim}, but {run_dir} was "
            f"trained on width {image_dim}: extract the features that it was trained on"
        )


def default_subset(view: View) -> str:
    """`test`, or the first of InstaPIC's two."""
    return "test" if "test" in view.subsets else "test1"


def open_subset(options: EvalConfig, config: Config, view: View, subset: str) -> Posts:
    """The subset's usable posts, evenly thinned to `--limit`."""
    model, extractor = config.model, config.data.extractor
    posts = open_posts(
        view, subset, model.image_memory, model.context_words, model.word_slots, extractor=extractor
    )
    for reason, count in posts.left_out.items():
        print(f"{subset}: {count:,} posts {reason} are left out")
    if not len(posts):
        raise UserError(f"{view.folder} has no post in {subset}; choose another --subset")
    if options.limit and options.limit < len(posts):
        places = np.linspace(0, len(posts) - 1, options.limit).round().astype(int)
        posts = dataclasses.replace(posts, rows=posts.rows[places])
    return posts


def run_model(
    options: EvalConfig, config: Config, run_dir: Path, view: View, posts: Posts, strategy
):
    """Decodes the posts and scores them under teacher forcing.

    Returns:
        Rows of predictions, and numbers by name.
    """
    from model.evaluation import decode_subset, teacher_forced_posts
    from model.saving import load_captioner

    with strategy.scope():
        captioner, found = load_captioner(
            config.model, run_dir, options.checkpoint, config.train.precision
        )
    check_width(found.state["sizes"]["image_dim"], posts, run_dir)
    print(f"{run_dir}, step {found.step}: {len(posts):,} posts of {posts.subset.name}")
    batch = options.batch_size * strategy.num_replicas_in_sync
    batches = distribute(strategy, posts, posts.rows, batch)
    forced = teacher_forced_posts(strategy, captioner, batches)
    decoded = decode_subset(
        strategy,
        captioner,
        distribute(strategy, posts, posts.rows, batch),
        separate_tags=separate_tags(options, config, view),
        **decoding_options(options),
    )
    left_out = sum(posts.left_out.values())
    numbers = {
        **forced.scores(),
        "posts": len(posts),
        "posts_left_out": left_out,
        "step": found.step,
    }
    return prediction_rows(view, posts, decoded, forced), numbers


def decoding_options(options: EvalConfig) -> dict:
    """The flags that `model.decoding.decode` takes."""
    names = ("beam_size", "sample", "temperature", "seed", "length_penalty")
    return {name: getattr(options, name) for name in names}


def separate_tags(options: EvalConfig, config: Config, view: View) -> int | None:
    """How many words a model without a word query predicts: the training posts' mean number."""
    if config.model.word_query:
        return None
    return options.tags_per_post or max(1, round(view.subsets["train"].caption_length.mean()))


def prediction_rows(view: View, posts: Posts, decoded, forced) -> list[dict]:
    """What predictions.jsonl holds, in the order of the posts (both are sorted by row)."""
    subset, rows = posts.subset, []
    for place, row in enumerate(decoded.rows.tolist()):
        words = view.vocabulary.decode(decoded.ids[place])
        if view.settings["task"] == "hashtag":
            words = dict.fromkeys(words)  # section 4.2: duplicate hashtags are removed
        rows.append(
            {
                "id": f"{view.users[subset.user[row]]}/{subset.text('post_id', row)}",
                "user": view.users[subset.user[row]],
                "image": view.image_names[subset.image_row[row]],
                "prediction": " ".join(words),
                "references": [subset.text("reference", row)],
                "log_probability": _number(decoded.scores[place]),
                "words": int(forced.targets[place]),
                "words_correct": int(forced.correct[place]),
            }
        )
    return rows


def score_rows(task: str, rows: list[dict], tokenizer: str) -> Scores:
    """Caption metrics, or hashtag F1."""
    predictions = [row["prediction"] for row in rows]
    references = [row["references"] for row in rows]
    if task == "hashtag":
        truth = [" ".join(texts).split() for texts in references]
        return hashtag_details([text.split() for text in predictions], truth)
    return score_details(predictions, references, tokenizer)


def report(run_dir: Path, suffix: str, rows: list[dict], values: dict, scores: Scores) -> None:
    """Writes predictions and metrics; prints the table."""
    write_predictions(run_dir / f"predictions{suffix}.jsonl", rows)
    metrics = {**scores.corpus, **values, "notes": scores.notes}
    write_json(run_dir / f"metrics{suffix}.json", metrics)
    shown = ("loss", "perplexity", "word_accuracy")
    print(metric_table({"score": {**scores.corpus, **{name: values[name] for name in shown}}}))
    for note in scores.notes:
        print(f"note: {note}")
    print(f"written: {run_dir}/predictions{suffix}.jsonl, metrics{suffix}.json")


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


if __name__ == "__main__":
    run_command(main)
