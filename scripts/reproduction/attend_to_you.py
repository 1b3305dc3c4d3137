"""Tables 2 and 3 of Attend to You: the paper's methods, on posts of users."""

from scripts.reproduction.tables import Reported, Row, System, Table

FULL = "csmn-p5"  # the row that also shows what the leak is worth
PRIOR = "frequent-tags"  # the row that needs no training: no preset

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
_NO_SEPARATE = (
    "the paper describes its CSMN-NoWO-P5 row for hashtags as separate tag generation, "
    "which is a row of its own here"
)
_PRIOR = (
    "most frequent tags: those of the training posts for every post, as many as are best "
    "there; what loses to them is worth nothing"
)

TABLES = {
    2: Table(
        "table2",
        "Table 2: post generation",
        task="caption",
        splits=("users",),
        metrics={
            "Bleu_1": "B-1",
            "Bleu_2": "B-2",
            "Bleu_3": "B-3",
            "Bleu_4": "B-4",
            "METEOR": "METEOR",
            "CIDEr": "CIDEr",
            "ROUGE_L": "ROUGE-L",
        },
        main="Bleu_1",
        rows=_ROWS,
        reported=(Reported("users", "paper", "users"),),
        notes=_NOTES,
        section="table_2",
        leak=FULL,
    ),
    3: Table(
        "table3",
        "Table 3: hashtag prediction",
        task="hashtag",
        splits=("users", "posts"),
        metrics={"F1": "F1"},
        main="F1",
        rows=(*_ROWS, _SEPARATE),
        reported=tuple(Reported(split, "paper", split) for split in ("users", "posts")),
        notes=(*_NOTES, _NO_SEPARATE, _PRIOR),
        section="table_3",
        priors=(Row(PRIOR, "most frequent tags*"),),
        leak=FULL,
    ),
}
ATTEND_TO_YOU = System(
    "Attend to You: Personalized Image Captioning with Context Sequence Memory Networks",
    TABLES,
    "attend2u",
    ("crawl",),
    counts_posts=True,
)
