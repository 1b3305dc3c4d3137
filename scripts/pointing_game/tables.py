"""The pointing game's numbers as tables, beside what the authors report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.reproduction.results import Grid, write_grids
from scripts.reproduction.tables import read_reported
from utils.files import write_text
from utils.tables import format_number, format_table

NAME = "pointing_game"
HEADINGS = {
    "phrases": "phrases",
    "hit_rate": "hit rate",
    "random_hit_rate": "random",
    "centre_hit_rate": "centre",
    "correctness": "correctness",
    "uniform_correctness": "uniform",
}
THEIRS = "saliency-image"  # the authors' own method, in the reported numbers
# What is measured here, and where the reported numbers have it.
BESIDE = (
    ("hit rate: {run}", "hit_rate", "pointing_game", THEIRS),
    ("hit rate: random point", "random_hit_rate", "pointing_game", "random"),
    ("hit rate: centre", "centre_hit_rate", "pointing_game", "centre"),
    ("correctness: {run}", "correctness", "attention_correctness_own_crop", THEIRS),
    (
        "correctness: uniform map",
        "uniform_correctness",
        "attention_correctness_own_crop",
        "uniform",
    ),
    ("correctness: uniform map, other crop", None, "attention_correctness", "uniform"),
    ("correctness: soft attention", None, "attention_correctness", "soft attention"),
    ("correctness: supervised attention", None, "attention_correctness", "supervised attention"),
    ("METEOR of captions, by eval: {run}", "METEOR", "captions", THEIRS),
    (
        "METEOR of captions: show, attend and tell",
        None,
        "captions",
        "show, attend and tell, Flickr30k",
    ),
)
DIGITS = 3


def kinds_grid(numbers: Mapping[str, Any], kinds: Sequence[str]) -> Grid:
    """A row per kind of phrase, and one of all."""
    parts = {kind: f"_{kind}" for kind in kinds} | {"all phrases": ""}
    rows = [
        [name, *(format_number(numbers[f"{metric}{end}"], DIGITS) for metric in HEADINGS)]
        for name, end in parts.items()
    ]
    title = "Pointing game and attention correctness"
    return Grid(title, ["phrases that name", *HEADINGS.values()], rows)


def reported_grid(numbers: Mapping[str, Any], run: str) -> Grid:
    """What is measured over all phrases beside what the authors report, and how sure that is.

    Also METEOR, which `eval` measures, where `numbers` has it.
    """
    reported = read_reported("saliency")
    rows = []
    for title, metric, part, row in BESIDE:
        (theirs,) = reported[part][row].values()
        measured = format_number(numbers.get(metric) if metric else None, DIGITS)
        certainty = reported[part]["certainty"]
        rows.append([title.format(run=run), measured, format_number(theirs, DIGITS), certainty])
    header = ["over all phrases", "measured", "reported", "certainty of the reported number"]
    return Grid("Beside what the authors report for Inception-v3 on Flickr30k", header, rows)


def write_tables(
    out: Path, numbers: Mapping[str, Any], kinds: Sequence[str], run: str, notes: Sequence[str]
) -> str:
    """Writes pointing_game.txt, .md, .tex and .csv; returns the text.

    Args:
        out: an existing folder.
        numbers: from `scores.score`.
        kinds: of the phrases.
        run: what the measured rows are called.
        notes: below the tables.
    """
    reported = read_reported("saliency")
    by_kind = kinds_grid(numbers, kinds)
    theirs = f"reported: {reported['source']}. {reported['note']}"
    write_text(out / f"{NAME}.csv", format_table(by_kind.header, by_kind.rows, "csv") + "\n")
    return write_grids(out, NAME, [by_kind, reported_grid(numbers, run)], [*notes, theirs])
