"""The flags of `python -m scripts.build_dataset`, with the paper's section 3 as defaults."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

from data_loader.source_flags import PAPERS, defaults_of, idle_flags
from data_loader.sources import ONLY_TASK, SHIPPED, WITHOUT_USERS, Source
from data_loader.sources.folder import Division
from utils.errors import UserError

# These do not decide what is built, or are recorded by checksum.
NOT_A_SETTING = {"input", "out", "jobs", "overwrite", "images_list", "splits"}


@dataclass(frozen=True)
class BuildOptions:
    """Builds one view of a data root: posts in, columns of word ids and user contexts out."""

    source: Source
    """Where the posts come from: your own crawl (posts.jsonl), a folder of pictures or clips with
    captions.tsv or captions.jsonl, or one of the published data sets, whose posts and splits are
    taken as they were published."""
    input: Path
    """crawl: posts.jsonl, posts.jsonl.gz or the folder that holds it; all others: the folder that
    holds the files (kts: its train, valid and test)."""
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
    min_words: int | None = None
    """Shorter posts are out (of data with a split: training posts); default 3, for data without
    users 1. kts, diya, diya_crawl and harrison count words of the vocabulary alone."""
    max_words: int | None = None
    """Longer posts are out (of data with a split: training posts; longer test posts stay, their
    word ids are cut and their references are whole); default 15, for data without users 30 words or
    25 hashtags."""
    min_posts: int = 50
    """crawl: users with fewer posts left are out."""
    max_posts: int = 1000
    """crawl: of each user, the latest posts are kept."""
    images_list: Path | None = None
    """crawl: a text file of image names, one per line, or a folder of images (in the order of their
    names): line i of the input, counted from 0, gets image i modulo their number if it has none."""

    tokenizer: Literal["standard", "released", "korean", "whitespace"] | None = None
    """How texts are cut into words: by the paper's rules (standard), into morphemes with their tags
    (korean; the default of kts, diya, diya_crawl), or at blanks alone (whitespace); a hashtag is
    one word, and these two are for captions. released reproduces the paper's scripts, and with
    instapic and yfcc nothing is filtered, as there."""
    letters: Literal["ascii", "unicode"] | None = None
    """standard tokenizer: keep ASCII letters (the paper) or those of all scripts (the default of
    kts, diya, diya_crawl)."""
    vocab_size: int | None = None
    """Words in the vocabulary, _PAD _GO _EOS _UNK counted; default 40000 for captions, 60000 for
    hashtags, no limit for data without users. They are the most frequent words of the training
    posts."""
    min_count: int = 1
    """Words that training posts have less often are unknown."""

    split: Literal["users", "posts"] | None = None
    """crawl: whole users go to training, validation or test (users, the default), or any post can
    go anywhere. folder:
    posts divides the files, with all captions of each, whatever their captions' file says; without
    it, that file says which are train, val and test."""
    train_share: float = 0.9
    """crawl, folder with --split posts: the share of the posts (files) that is for training."""
    test_posts: int = 5000
    """crawl, folder with --split posts: posts (files) for test; what is left is for validation."""
    val_posts: int | None = None
    """instapic, yfcc, harrison: training posts that become validation posts, at most a tenth;
    default 5000, or 0 with the released tokenizer."""
    harrison_split: Literal["benchmark", "folders48"] = "benchmark"
    """harrison: 5,000 images drawn for test, as its authors did, or without the folders sun and
    family and 80:10:10."""
    splits: Path | None = None
    """flickr30k: the folder of imgs_train.txt, imgs_val.txt and imgs_test.txt; default --input."""

    stored_words: int = 100
    """Words of user context stored with each post; training can use fewer."""
    context: Literal["others", "previous", "all", "none"] | None = None
    """Whose words are a post's user context: those of the user's other posts, of the user's earlier
    posts, or of all, the post itself included: the leak of the original scripts; none stores none,
    for methods that know no user. Default others, or none (and nothing else) for data without
    users."""
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
    def has_users(self) -> bool:
        """Whether it is known who wrote the posts."""
        return self.source not in WITHOUT_USERS

    @property
    def view_split(self) -> str:
        """The split in the view's name."""
        if self.division:
            return "posts"
        return "shipped" if self.shipped else self.split or "users"

    @property
    def division(self) -> Division | None:
        """How the files of a folder are divided; None where their captions say it."""
        if self.source != "folder" or self.split != "posts":
            return None
        return Division(self.train_share, self.test_posts, self.seed)

    def complete(self) -> "BuildOptions":
        """Fills in the defaults of the source and the task, and refuses what makes no sense.

        Raises:
            UserError: the first value that cannot work, or a flag that would do nothing.
        """
        task = ONLY_TASK.get(self.source, self.task)
        if task != self.task:
            raise UserError(f"--source {self.source} has {task}s only: give --task {task}")
        if not self.has_users and self.context not in (None, "none"):
            raise UserError(
                f"--context {self.context} takes a user's words, and --source {self.source} does "
                "not say who wrote what: leave it out (it is none)"
            )
        values = defaults_of(self.source, task)._asdict()
        if self.shipped and self.tokenizer == "released":
            values["val_posts"] = 0
        if not self.shipped:
            values["split"] = "users"
        missing = {name: v for name, v in values.items() if getattr(self, name) is None}
        completed = replace(self, **missing)
        self._refuse_idle_flags(completed.idle)
        completed.check()
        return completed

    def settings(self) -> dict:
        """What decides the content of the view, for view.json; of complete options."""
        chosen = {k: v for k, v in asdict(self).items() if k not in NOT_A_SETTING | self.idle}
        return chosen | {"split": self.view_split}

    def check(self) -> None:
        """Refuses values that make no sense; of complete options.

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
        if self.tokenizer == "released" and self.source not in PAPERS:
            raise UserError(
                f"--tokenizer released reproduces scripts for {', '.join(PAPERS)}, which never saw "
                f"--source {self.source}: leave it out"
            )

    @property
    def idle(self) -> set[str]:
        """Flags that do nothing with these values of others; of complete options."""
        return idle_flags(
            self.source,
            self.task,
            self.tokenizer,
            self.context,
            self.harrison_split,
            self.split,
        )

    def _refuse_idle_flags(self, idle: set[str]) -> None:
        """A flag that would do nothing is an error, not a surprise."""
        for field in fields(self):
            if field.name in idle and getattr(self, field.name) != field.default:
                others = f"--source {self.source} --task {self.task}"
                named = self.tokenizer and field.name != "tokenizer"
                others += f" --tokenizer {self.tokenizer}" if named else ""
                others += f" --context {self.context}" if self.context else ""
                raise UserError(f"--{field.name} does nothing with {others}: leave it out")


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
    ("min_count", 1, ANY),
    ("train_share", 0.01, 0.99),
    ("test_posts", 1, ANY),
    ("val_posts", 0, ANY),
    ("stored_words", 1, 10_000),
    ("seed", 0, ANY),
    ("jobs", 0, 1024),
)


def _range_words(low: float, high: float) -> str:
    return f"{low} or more" if high == ANY else f"{low} to {high}"
