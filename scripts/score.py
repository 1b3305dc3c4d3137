"""Scores a file of predictions, from this project or any other.

Example:
    python -m scripts.score predictions.jsonl
    python -m scripts.score tags.jsonl --task hashtag --json metrics.json

The file has one JSON object per line, `{"id", "prediction", "references": [...]}`; other fields are
ignored. Captions get BLEU, METEOR, ROUGE-L and CIDEr, number for number as coco-caption computes
them, and with --tokenizer none also means over sentences, for languages other than English.
Hashtags (blank-separated) get F1, the scores of ranks and those of sequences; a field `ranking` has
a method's most probable tags, where it predicts fewer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.metrics import Scores, score_rows
from utils.metrics.caption import Tokenizer
from utils.metrics.java import TIMEOUT
from utils.predictions import read_predictions
from utils.reports import write_report
from utils.tables import metric_table


@dataclass(frozen=True)
class Options:
    """Scores rows of {"id", "prediction", "references": [...]}."""

    file: tyro.conf.Positional[Path]
    """The predictions, one JSON object per line."""
    task: Literal["caption", "hashtag"] = "caption"
    """What the predictions are: sentences, or hashtags with blanks between them."""
    tokenizer: Tokenizer = "ptb_emoji"
    """How captions become words: ptb_emoji is coco-caption's tokenizer (ptb) with emoji spelled as
    words, which it would drop; none takes what stands between blanks (Korean ...), and adds scores
    averaged over sentences. Unused for hashtags."""
    json: Path | None = None
    """Also write the metrics to this file."""
    java_timeout: float = TIMEOUT
    """Seconds without a sign of life after which Java (METEOR, tokenizer) counts as hung."""


def main() -> None:
    """Reads, scores, prints, and writes where asked."""
    options = parse(Options)
    check_options(options)
    rows = read_predictions(options.file)
    scores = score_rows(rows, options.task, options.tokenizer, options.java_timeout)
    print(metric_table({"score": scores.corpus}))
    print(f"{len(rows):,} rows" + tokenizer_note(options))
    for note in scores.notes:
        print(f"note: {note}")
    if options.json:
        write_report(options.json, report(scores, len(rows), options))


def check_options(options: Options) -> None:
    """Raises `UserError` for what would fail after the work, before it."""
    path = options.json
    if path and path.is_dir():
        raise UserError(f"--json {path} is a folder; name a file in it")
    if path and not path.parent.is_dir():
        raise UserError(f"--json {path}: there is no folder {path.parent}; make it first")
    if not options.java_timeout > 0:
        raise UserError(f"--java_timeout is {options.java_timeout:g}, expected seconds above 0")


def tokenizer_note(options: Options) -> str:
    """Names the tokenizer where there is one: scores under different ones do not compare."""
    return f", tokenizer {options.tokenizer}" if options.task == "caption" else ""


def report(scores: Scores, rows: int, options: Options) -> dict[str, Any]:
    """The flat JSON object of `--json`."""
    made_by = {"tokenizer": options.tokenizer} if options.task == "caption" else {}
    return {**scores.corpus, "rows": rows, **made_by, "notes": scores.notes}


if __name__ == "__main__":
    run_command(main)
