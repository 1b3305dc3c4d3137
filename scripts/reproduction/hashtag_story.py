"""The tables of the hashtag-to-story system: tags of pictures, and characters of stories."""

from scripts.reproduction.tables import NO_USERS, SHIPPED, STORY, Reported, Row, System, Table

_SEQUENCES = {
    "Bleu_1_sentence": "BLEU-1",
    "ROUGE_1_recall": "ROUGE-1 R",
    "ROUGE_1_precision": "ROUGE-1 P",
    "ROUGE_1_F1": "ROUGE-1 F",
    "ROUGE_L_recall": "ROUGE-L R",
    "ROUGE_L_precision": "ROUGE-L P",
    "ROUGE_L_betaPR": "ROUGE-L F",
}
_SETS = {
    "micro_precision": "micro P",
    "micro_recall": "micro R",
    "micro_F1": "micro F1",
    "macro_precision": "macro P",
    "macro_recall": "macro R",
    "F1": "macro F1",
    "predicted_tags": "tags",
}
_RANKS = {"precision_at_1": "P@1", "recall_at_5": "R@5", "accuracy_at_5": "A@5"}
_SWAPPED = (("Bleu_1_sentence", "Bleu_1_swapped"),)
_PUBLISHED = tuple((name, name) for name in _SETS)

HASHTAGS = Table(
    "table-hashtags",
    "Hashtags to stories: hashtags",
    task="hashtag",
    splits=(SHIPPED,),
    metrics=_SEQUENCES | _SETS | _RANKS,
    main="F1",
    rows=(
        Row("soft-attention", "soft attention"),
        Row("show-tell-cnn", "Show and Tell"),
        Row("alexnet", "AlexNet"),
    ),
    reported=(
        Reported("readme", "README"),
        Reported("slides", "slides", metrics=_SWAPPED, charted=False),
        Reported("recomputed", "published", metrics=_PUBLISHED, charted=False),
        Reported("harrison", "HARRISON"),
    ),
    notes=(
        "README, slides, HARRISON: as reported by the authors, on 5,419 test pictures of 48 "
        "folders (HARRISON: on 5,000)",
        "published: computed from the test predictions that the authors publish, and from HARRISON",
        "the slides give BLEU-1 with truth and prediction exchanged; AlexNet's reported numbers "
        "are of tags that are off by one in the list of tags",
        "ROUGE-L F has beta = precision / recall, as the package that the authors used",
        "prior: the most frequent tags of the training posts, for every picture; ranks are those "
        "of all tags",
    ),
    priors=tuple(Row(f"prior-{n}", f"prior: {n} most frequent", n) for n in (1, 3, 5)),
    others=(
        Row("VGG-Object", "HARRISON: VGG-Object"),
        Row("VGG-Scene", "HARRISON: VGG-Scene"),
        Row("VGG-Object + VGG-Scene", "HARRISON: both"),
    ),
    context=NO_USERS,
    blocks={
        "Hashtags to stories: tags as sequences (means over pictures)": tuple(_SEQUENCES),
        "Hashtags to stories: tags as sets": tuple(_SETS),
        "Hashtags to stories: tags by rank, as HARRISON scores them": tuple(_RANKS),
    },
    charted=("Bleu_1_sentence", "micro_F1", "F1", "precision_at_1", "recall_at_5", "accuracy_at_5"),
)
STORIES = Table(
    "table-stories",
    "Hashtags to stories: character models",
    task=STORY,
    splits=(SHIPPED,),
    metrics={
        "val_perplexity": "perplexity val",
        "perplexity": "perplexity test",
        "val_bits_per_character": "bits val",
        "bits_per_character": "bits test",
    },
    main="perplexity",
    rows=(
        Row("char-rnn", "char-rnn"),
        Row("char-rnn-slides", "char-rnn, slides"),
    ),
    reported=(),
    notes=(
        "per character; the authors report neither",
        "slides: their RMSProp at 0.01; both learn windows of 500 characters, if no flag says else",
        "priors: characters by how often they occur in the training text, by themselves or after "
        "the one before (each count plus one)",
    ),
    priors=(
        Row("characters-1", "prior: frequent characters", 1),
        Row("characters-2", "prior: pairs of characters", 2),
    ),
    context=NO_USERS,
    least_is_best=True,
)
HASHTAG_STORY = System(
    "Hashtags from pictures, and stories from hashtags",
    {"hashtags": HASHTAGS, "stories": STORIES},
    "hashtag_story",
    ("harrison",),
)
