"""Which flags of `scripts.build_dataset` a source has a use for, and what they are by default."""

from typing import NamedTuple

from data_loader.sources import SHIPPED, WITHOUT_USERS

# What the shipped data sets settled before they were published.
CRAWL_ONLY = {
    "language",
    "max_unknown_words",
    "links",
    "max_bad_posts",
    "max_bad_share",
    "min_posts",
    "max_posts",
    "split",
    "train_share",
    "test_posts",
    "images_list",
}
DIVISION = {"split", "train_share", "test_posts"}
NOT_AS_RELEASED = {"min_words", "max_words", "min_count"}
PAPERS = ("crawl", "instapic", "yfcc")  # the data of Attend to You
KOREAN = ("kts", "diya", "diya_crawl")
FOR_CAPTIONS = ("korean", "whitespace")  # tokenizers; a hashtag is one word under both


class Defaults(NamedTuple):
    """Values of the flags that are not given; `vocab_size` None is no limit."""

    min_words: int
    max_words: int
    tokenizer: str
    letters: str
    vocab_size: int | None
    val_posts: int
    context: str


# Attend to You, sections 3.1 and 3.2.
_PAPER = {
    "caption": Defaults(3, 15, "standard", "ascii", 40_000, 5000, "others"),
    "hashtag": Defaults(3, 15, "standard", "ascii", 60_000, 5000, "others"),
}
# DIYA: at most 30 words or 25 hashtags that the vocabulary has, which has every training word.
_KOREAN = {
    "caption": Defaults(1, 30, "korean", "unicode", None, 5000, "none"),
    "hashtag": Defaults(1, 25, "standard", "unicode", None, 5000, "none"),
}
_ENGLISH = {
    "caption": Defaults(1, 30, "standard", "ascii", None, 5000, "none"),
    "hashtag": Defaults(1, 25, "standard", "ascii", None, 5000, "none"),
}


def defaults_of(source: str, task: str) -> Defaults:
    """What the flags of a source are where they are not given."""
    if source in PAPERS:
        return _PAPER[task]
    return (_KOREAN if source in KOREAN else _ENGLISH)[task]


def counts_known_words(source: str) -> bool:
    """Whether lengths are those of the words in the vocabulary, and posts without any go."""
    return source in (*KOREAN, "harrison")


def idle_flags(
    source: str, task: str, tokenizer: str, context: str, harrison_split: str, split: str | None
) -> set:
    """Flags that do nothing with these values of others."""
    idle = set(CRAWL_ONLY) if source in SHIPPED else {"val_posts"}
    if source == "folder" and split == "posts":  # only where it has to be divided
        idle -= DIVISION
    if source != "harrison":
        idle.add("harrison_split")
    if source != "flickr30k":
        idle.add("splits")
    if source in WITHOUT_USERS and not (source == "harrison" and harrison_split == "benchmark"):
        idle.add("val_posts")
    if tokenizer == "released":
        idle.add("letters")
        idle |= NOT_AS_RELEASED if source in SHIPPED else set()
    if tokenizer in FOR_CAPTIONS:
        idle.add("letters" if task == "caption" else "tokenizer")
    return idle | ({"stored_words"} if context == "none" else set())
