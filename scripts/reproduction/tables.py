"""The paper's Tables 2 and 3 as data: which methods, on which posts, by which metrics."""

import json
from dataclasses import dataclass
from pathlib import Path

REPORTED = Path(__file__).parent.parent / "reported"
FULL = "csmn-p5"  # the row that also shows what the leak is worth
PRIOR = "frequent-tags"  # the row that needs no training: no preset


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        preset: its settings, and its key in the reported numbers.
        label: its name in the paper; [*] marks no personalisation, as there.
    """

    preset: str
    label: str


@dataclass(frozen=True)
class Table:
    """One table of results.

    Attributes:
        number: in the paper.
        title: for people.
        task: what is predicted.
        splits: how posts are divided, one block of columns each.
        metrics: name in metrics.json to heading.
        main: the metric that one number stands for.
        rows: methods, in the paper's order, ours last.
        notes: what a reader must know.
        priors: rows below them of what knows nothing of a post, counted and not trained.
    """

    number: int
    title: str
    task: str
    splits: tuple[str, ...]
    metrics: dict[str, str]
    main: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    priors: tuple[Row, ...] = ()

    @property
    def lines(self) -> tuple[Row, ...]:
        """All rows that are printed."""
        return (*self.rows, *self.priors)


_ROWS = (
    Row("seq2seq", "seq2seq"),
    Row("show-tell", "ShowTell*"),
    Row("attend-tell", "AttendTell*"),
    Row("1nn-im", "1NN-Im*"),
    Row("1nn-usr", "1NN-Usr"),
    Row("1nn-usrim", "1NN-UsrIm"),
    Row("csmn-nocnn-p5", "CSMN-NoCNN-P5"),
    Row("csmn-nouc-p5", "CSMN-NoUC-P5*"),
    Row("csmn-nowo-p5", "CSMN-NoWO-P5"),
    Row("csmn-r5c", "CSMN-R5C"),
    Row(FULL, "CSMN-P5"),
    Row("csmn-w20-p5", "CSMN-W20-P5"),
    Row("csmn-w80-p5", "CSMN-W80-P5"),
    Row("csmn-w100-p5", "CSMN-W100-P5"),
    Row("csmn-noim", "CSMN without image"),
)
_SEPARATE = Row("csmn-separate-p5", "CSMN separate tags")
_NOTES = (
    "paper: as reported by the authors on their Instagram data set; * no personalisation",
    "context all: trained and tested with the predicted post among those that make the user's "
    "words, as in the released code (the leak)",
)

TABLES = {
    2: Table(
        2,
        "Table 2: post generation",
        "caption",
        ("users",),
        {
            "Bleu_1": "B-1",
            "Bleu_2": "B-2",
            "Bleu_3": "B-3",
            "Bleu_4": "B-4",
            "METEOR": "METEOR",
            "CIDEr": "CIDEr",
            "ROUGE_L": "ROUGE-L",
        },
        "Bleu_1",
        _ROWS,
        _NOTES,
    ),
    3: Table(
        3,
        "Table 3: hashtag prediction",
        "hashtag",
        ("users", "posts"),
        {"F1": "F1"},
        "F1",
        (*_ROWS, _SEPARATE),
        (
            *_NOTES,
            "the paper describes its CSMN-NoWO-P5 row for hashtags as separate tag generation, "
            "which is a row of its own here",
            "most frequent tags: those of the training posts for every post, as many as are best "
            "there; what loses to them is worth nothing",
        ),
        (Row(PRIOR, "most frequent tags*"),),
    ),
}


def read_reported(system: str = "attend2u") -> dict:
    """The numbers that the authors of a system report; each file says where they stand.

    Args:
        system: a file in scripts/reported.

    Returns:
        Of attend2u, `table_1`: {data set: {statistic: number}}; `table_2` and `table_3`:
        {split: {preset: {metric: number}}}. Of instagram_korean, `caption` and `hashtag`, and of
        hashtag_story, each source: {preset: {metric: number}} with the names of metrics.json.
    """
    return json.loads((REPORTED / f"{system}.json").read_text(encoding="utf-8"))
