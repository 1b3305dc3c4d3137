"""The table of the Korean Instagram captioning system, as two: texts and hashtags."""

from scripts.reproduction.tables import NO_USERS, SHIPPED, Reported, Row, System, Table

_ROWS = (
    Row("diya-resnet", "baseline"),
    Row("diya-resnext", "ResNeXt"),
    Row("diya-look-back", "Look-Back"),
    Row("diya-resnext-look-back", "ResNeXt + Look-Back"),
)
_NOTE = (
    "reported: as reported by the authors, on the test posts of KTS and of their own crawl, whose "
    "pictures they flip at random when they test"
)

TEXT = Table(
    "table-text",
    "Instagram captioning in Korean: texts",
    task="caption",
    splits=(SHIPPED,),
    metrics={"Bleu_1_sentence": "BLEU-1", "ROUGE_L_beta8": "ROUGE-L", "METEOR_exact": "METEOR"},
    main="Bleu_1_sentence",
    rows=_ROWS,
    reported=(Reported("caption", "reported"),),
    notes=(
        _NOTE,
        "means over sentences, words as they are; ROUGE-L weighs recall 64 times (beta 8); METEOR "
        "matches exact words alone",
        "prior: the most frequent word of each place, for every picture",
    ),
    priors=(Row("frequent-words", "prior: frequent words"),),
    context=NO_USERS,
    digits=4,
)
HASHTAGS = Table(
    "table-hashtags",
    "Instagram captioning in Korean: hashtags",
    task="hashtag",
    splits=(SHIPPED,),
    metrics={"micro_F1": "F1", "micro_precision": "precision", "micro_recall": "recall"},
    main="micro_F1",
    rows=_ROWS,
    reported=(Reported("hashtag", "reported"),),
    notes=(
        _NOTE,
        "hits, predicted tags and true tags are added up over all posts",
        "prior: the most frequent tags of the training posts, for every picture",
    ),
    priors=tuple(Row(f"prior-{n}", f"prior: {n} most frequent", n) for n in (1, 3, 5)),
    context=NO_USERS,
    digits=4,
)
INSTAGRAM_KOREAN = System(
    "Instagram captioning in Korean: Show-Attend-Tell and Look-Back decoders",
    {"text": TEXT, "hashtags": HASHTAGS},
    "instagram_korean",
    ("kts", "diya"),
)
