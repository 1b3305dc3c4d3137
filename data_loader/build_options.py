"""The flags of `python -m scripts.build_dataset`, with the paper's section 3 as defaults."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from data_loader.sources import SHIPPED
from utils.errors import UserError

VOCAB_SIZES = {"caption": 40_000, "hashtag": 60_000}  # section 3.2 of the paper
VAL_POSTS = 5000
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
NOT_AS_RELEASED = {"min_words", "max_words"}
# These do not decide what is built, or are recorded by checksum.
NOT_A_SETTING = {"input", "out", "jobs", "overwrite", "images_list"}


@dataclass(frozen=True)
class BuildOptions:
    """Builds one view of a data root: posts in, columns of word ids and user contexts out."""

    source: Literal["crawl", "instapic", "yfcc"]
    """Where the posts come from: your own crawl (posts.jsonl), or one of the published data sets,
    whose posts and splits are taken as they were published."""
    input: Path
    """crawl: posts.jsonl, posts.jsonl.gz or the folder that holds it; instapic, yfcc: the folder
    that holds the JSON files."""
    task: Literal["caption", "hashtag"] = "caption"
    """What is to be predicted: the post's text, or its hashtags."""
    out: Path = Path("data")
    """The data root; the view becomes a folder TASK-SPLIT-CONTEXT in it."""

    language: str = "en_US"
    """crawl: the dictionary that posts are held to (en_US, de_DE, ...), or none for no filter."""
    max_unknown_words: float = 0.2
    """crawl: a post is out when more than this share of its words is not in the dictionary. A post
    without words (only emoji, hashtags or mentions) stays."""
    links: Literal["drop", "strip"] = "drop"
    """crawl: a post with a hyperlink is out (drop), or loses only the hyperlink (strip)."""
    max_bad_posts: int = 15
    """crawl: a user with more than max(MAX_BAD_POSTS, MAX_BAD_SHARE x posts) posts in another
    language or with hyperlinks is out."""
    max_bad_share: float = 0.15
    """crawl: see max_bad_posts; 1 keeps all users."""
    min_words: int = 3
    """Shorter posts are out (of the shipped data sets: training posts)."""
    max_words: int = 15
    """Longer posts are out (of the shipped data sets: training posts; longer test posts stay, their
    word ids are cut and their references are whole)."""
    min_posts: int = 50
    """crawl: users with fewer posts left are out."""
    max_posts: int = 1000
    """crawl: of each user, the latest posts are kept."""
    images_list: Path | None = None
    """crawl: a text file of image names, one per line, or a folder of images (in the order of their
    names): line i of the input, counted from 0, gets image i modulo their number if it has none."""

    tokenizer: Literal["standard", "released"] = "standard"
    """How posts are cut into words; released reproduces the original scripts, and with a shipped
    data set nothing is filtered, as there."""
    letters: Literal["ascii", "unicode"] = "ascii"
    """standard tokenizer: keep ASCII letters (the paper) or those of all scripts."""
    vocab_size: int | None = None
    """Words in the vocabulary, _PAD _GO _EOS _UNK counted; default 40000 for captions, 60000 for
    hashtags. They are the most frequent words of the training posts."""

    split: Literal["users", "posts"] = "users"
    """crawl: whole users go to training, validation or test, or any post can go anywhere."""
    train_share: float = 0.9
    """crawl: the share of the posts that is for training."""
    test_posts: int = 5000
    """crawl: posts for test; what is left is for validation."""
    val_posts: int | None = None
    """instapic, yfcc: training posts that become validation posts, at most a tenth; default 5000,
    or 0 with the released tokenizer."""

    stored_words: int = 100
    """Words of user context stored with each post; training can use fewer."""
    context: Literal["others", "previous", "all", "none"] = "others"
    """Whose words are a post's user context: those of the user's other posts, of the user's earlier
    posts, or of all, the post itself included: the leak of the original scripts; none stores none,
    for methods that know no user."""
    seed: int = 0
    """Of the split."""
    jobs: int = 0
    """Processes; 0 is one per processor core. The result is the same for any number."""
    overwrite: bool = False
    """Replace a view that was built with other settings."""

    @property
    def shipped(self) -> bool:
        """Whether the source brings its own split."""
        return self.source in SHIPPED

    @property
    def as_released(self) -> bool:
        """Whether a published data set is made into what the original scripts made of it."""
        return self.shipped and self.tokenizer == "released"

    @property
    def view_split(self) -> str:
        """The split in the view's name."""
        return "shipped" if self.shipped else self.split

    @property
    def vocabulary_size(self) -> int:
        """`vocab_size` with its default."""
        return VOCAB_SIZES[self.task] if self.vocab_size is None else self.vocab_size

    @property
    def validation_posts(self) -> int:
        """`val_posts` with its default."""
        if self.val_posts is not None:
            return self.val_posts
        return 0 if self.as_released else VAL_POSTS

    def settings(self) -> dict:
        """What decides the content of the view, for view.json."""
        chosen = {k: v for k, v in asdict(self).items() if k not in NOT_A_SETTING | self._idle}
        chosen |= {"split": self.view_split, "vocab_size": self.vocabulary_size}
        if self.shipped:
            chosen["val_posts"] = self.validation_posts
        return chosen

    def check(self) -> None:
        """Refuses values that make no sense.

        Raises:
            UserError: the first such value.
        """
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UserError(f"--{name} is {value}, expected {_range_words(low, high)}")
        for small, large in (("min_words", "max_words"), ("min_posts", "max_posts")):
            if getattr(self, small) > getattr(self, large):
                raise UserError(f"--{small} is larger than --{large}: no post could stay")
        self._refuse_idle_flags()

    @property
    def _idle(self) -> set[str]:
        """Flags that do nothing with this source and tokenizer."""
        idle = CRAWL_ONLY if self.shipped else {"val_posts"}
        idle = idle | (NOT_AS_RELEASED if self.as_released else set())
        return idle | ({"letters"} if self.tokenizer == "released" else set())

    def _refuse_idle_flags(self) -> None:
        """A flag that would do nothing is an error, not a surprise."""
        for field in fields(self):
            if field.name in self._idle and getattr(self, field.name) != field.default:
                raise UserError(
                    f"--{field.name} does nothing with --source {self.source} --tokenizer "
                    f"{self.tokenizer}: leave it out"
                )


ANY = float("inf")
_RANGES = (
    ("max_unknown_words", 0, 1),
    ("max_bad_posts", 0, ANY),
    ("max_bad_share", 0, 1),
    ("min_words", 1, ANY),
    ("max_words", 1, 10_000),
    ("min_posts", 1, ANY),
    ("max_posts", 1, ANY),
    ("vocab_size", 5, ANY),
    ("train_share", 0.01, 0.99),
    ("test_posts", 1, ANY),
    ("val_posts", 0, ANY),
    ("stored_words", 1, 10_000),
    ("seed", 0, ANY),
    ("jobs", 0, 1024),
)


def _range_words(low: float, high: float) -> str:
    return f"{low} or more" if high == ANY else f"{low} to {high}"
