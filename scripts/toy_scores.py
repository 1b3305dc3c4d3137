"""Prints what runs on the toy world score, beside what the best possible predictor would.

Example:
    python -m scripts.toy_scores --world toy/world toy/runs/caption toy/runs/hashtag

A run is held against the ceiling of what its model can see: without the user's words, the image or
the written words, less is possible. Test users differ, so standard errors go by user (jackknife).
"""

import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro

from configuration import Config
from data_loader.toy_world import load_ceilings
from model.configs import CSMNConfig, ModelConfig
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.json_text import parse_json
from utils.metrics import score_hashtags
from utils.predictions import read_predictions
from utils.run_folder import RunFolder
from utils.tables import format_table

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """Prints scores of evaluated runs beside the toy world's ceilings."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders that eval has been through."""
    world: Path
    """The folder that scripts.make_toy_world wrote."""
    least: float | None = None
    """Fail where a score is a smaller share of its ceiling."""


class Result(NamedTuple):
    """One score of one run; `error` is its standard error over the test users."""

    run: str
    sees: str
    metric: str
    score: float
    error: float
    ceiling: float


def main() -> None:
    """Prints one line per run and metric."""
    options = parse(Options)
    if not options.runs:
        raise UserError("no run given; expected run folders: toy_scores --world WORLD RUN ...")
    results = [result for run in options.runs for result in compare(run, options.world)]
    header = ["run", "sees", "metric", "score", "±", "ceiling", "share"]
    print(format_table(header, [_cells(result) for result in results], "text"))
    if options.least is not None and any(r.score < options.least * r.ceiling for r in results):
        sys.exit(f"a score is less than {options.least:g} of its ceiling")


def compare(run: Path, world: Path) -> list[Result]:
    """Holds the scores of an evaluated run against the ceilings of what its model sees.

    Args:
        run: the run folder, with predictions.jsonl and metrics.json from `eval`.
        world: the toy world that it was trained on.

    Raises:
        UserError: the run was not evaluated, or removes more than one kind of information.
    """
    folder = RunFolder.open(run)
    config = Config.from_dict(folder.configuration)
    task, sees = config.data.task, information(config.model)
    ceilings = load_ceilings(world)[task][sees]
    scores, rows = _read_metrics(folder), read_predictions(folder.predictions)
    if any("words_correct" not in row or "user" not in row for row in rows):
        raise UserError(f"{folder.predictions} is not what eval writes: run it on {run} again")
    _check_world(rows, world, run)
    statistics = {"word_accuracy": word_accuracy}
    statistics |= {"caption": {"Bleu_1": bleu_1}, "hashtag": {"F1": f1}}[task]
    return [
        Result(run.name, sees, metric, scores[metric], jackknife(rows, value), ceilings[metric])
        for metric, value in statistics.items()
    ]


def information(model: ModelConfig) -> str:
    """What a model can see, in the words of ceilings.json: full, no_user, no_image or no_word."""
    missing = {
        "no_user": not model.context_words,
        "no_image": model.image_layer == "none",
        # Of all methods, CSMN alone can forget what it has written.
        "no_word": isinstance(model, CSMNConfig) and not model.word_memory,
    }
    absent = [name for name, is_absent in missing.items() if is_absent]
    if len(absent) > 1 or not model.word_query or not model.learns:
        raise UserError(f"no ceiling is known for a model with {' and '.join(absent)}")
    return absent[0] if absent else "full"


def jackknife(rows: Rows, statistic: Callable[[Rows], float]) -> float:
    """The standard error of a statistic over users: it is computed with each user left out."""
    users = defaultdict(list)
    for row in rows:
        users[row["user"]].append(row)
    if len(users) < 2:
        return math.inf
    without = [
        statistic([row for other, own in users.items() if other != user for row in own])
        for user in users
    ]
    return float(np.std(without) * math.sqrt(len(users) - 1))


def word_accuracy(rows: Rows) -> float:
    """The share of target words that the model found likeliest, given the true words before."""
    return sum(row["words_correct"] for row in rows) / sum(row["words"] for row in rows)


def bleu_1(rows: Rows) -> float:
    """Corpus BLEU-1 of blank-separated words, each post having one reference."""
    hits = length = wanted = 0
    for row in rows:
        words, reference = row["prediction"].split(), row["references"][0].split()
        hits += (Counter(words) & Counter(reference)).total()
        length, wanted = length + len(words), wanted + len(reference)
    if not length:
        return 0.0
    return hits / length * min(1.0, math.exp(1 - wanted / length))


def f1(rows: Rows) -> float:
    """The mean F1 over posts."""
    predictions = [row["prediction"].split() for row in rows]
    return score_hashtags(predictions, [row["references"][0].split() for row in rows])["F1"]


def _read_metrics(folder: RunFolder) -> dict[str, float]:
    try:
        return dict(parse_json(folder.metrics.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(
            f"{folder.path} was not evaluated: python -m eval --run_dir {folder.path}"
        ) from None
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{folder.metrics} is damaged ({error}): python -m eval --run_dir {folder.path}"
        ) from None


def _check_world(rows: Rows, world: Path, run: Path) -> None:
    """Refuses runs on other data, whose ceilings nobody knows."""
    try:
        users = json.loads((world / "world.json").read_text(encoding="utf-8"))["users"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{world} is no toy world: cannot read its world.json ({error})") from None
    strangers = sorted({row["user"] for row in rows} - set(users))
    if strangers:
        raise UserError(
            f"{run} was evaluated on users that {world} does not have, such as {strangers[0]}: "
            "give the --world of its training"
        )


def _cells(result: Result) -> list[str]:
    numbers = (result.score, result.error, result.ceiling)
    share = f"{100 * result.score / result.ceiling:.0f}%"
    return [result.run, result.sees, result.metric, *(f"{n:.4f}" for n in numbers), share]


if __name__ == "__main__":
    run_command(main)
