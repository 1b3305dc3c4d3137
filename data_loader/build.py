"""Builds a view from a source of posts: read, filter, split, count words, write."""

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_loader.build_options import BuildOptions
from data_loader.columns import Column, TextPieces
from data_loader.contexts import Posts, build_contexts, fit_idf
from data_loader.filters import (
    Account,
    Post,
    filter_crawl,
    filter_listed,
    filter_shipped,
    order_posts,
)
from data_loader.language import Dictionary
from data_loader.prepare import Prepared, Recipe, prepare, read_images_list
from data_loader.report import both_tasks, make_report, statistics
from data_loader.root import building
from data_loader.source_flags import counts_known_words
from data_loader.sources import SOURCES, harrison
from data_loader.splits import (
    plan_sizes,
    split_benchmark,
    split_by_posts,
    split_by_shares,
    split_by_users,
    split_shipped,
)
from data_loader.targets import Split, count_words, coverage, filter_known, make_columns
from data_loader.view import DESCRIPTION, open_view, view_name, write_view
from data_loader.vocabulary import Vocabulary
from utils.command_line import flags
from utils.errors import UserError
from utils.files import sha256

NEWER = {"min_count": 1}  # settings that older views do not name, as they were
LEFT_OUT = ("sun", "family")  # HARRISON's folders of the two corrupt images


def build_view(options: BuildOptions, show_progress: bool = True) -> tuple[Path, bool]:
    """Builds the view that the options describe, unless it is there already.

    Args:
        options: the flags of `scripts.build_dataset`.
        show_progress: draws a bar on stderr.

    Returns:
        The folder of the view, and whether it was built now.

    Raises:
        UserError: wrong options, unreadable input, no posts left, another view of that name.
    """
    order = begin(options)
    if order.is_there():
        return order.folder, False
    with building(order.options.out, order.folder.name):
        _build(order, show_progress)
    return order.folder, True


def _build(order: "Order", show_progress: bool) -> None:
    """Builds the view."""
    options, about_language = order.options, order.describe_language()
    prepared = prepare(order.recipe, options.input, options.jobs, show_progress)
    account = Account(users=options.has_users)
    split, note = divide(prepared, account, options)
    words = count_words(split)
    vocabulary = Vocabulary.build(words, options.vocab_size, options.min_count)
    if counts_known_words(options.source):
        limits = {"min_words": options.min_words, "max_words": options.max_words}
        split = filter_known(split, account, vocabulary, **limits)
        account.require_posts(split["train"], prepared.problems.counts)
    everything = [post for posts in split.values() for post in posts]
    all_of_them = statistics(everything, account.users)
    subsets = {name: statistics(posts, account.users) for name, posts in split.items()}
    report = make_report(account, prepared.problems, prepared.remarks, all_of_them, subsets) | {
        "notes": [note] if note else [],
        "language": about_language,
        "vocabulary": coverage(words, vocabulary),
    }
    _write(split, everything, vocabulary, report, order)


@dataclass(frozen=True)
class Order:
    """What is to be built.

    Attributes:
        given, options: the flags as they came, and complete.
        recipe: how posts are read and cut.
        settings: what the view will say of itself, less the command.
    """

    given: BuildOptions
    options: BuildOptions
    recipe: Recipe
    settings: dict

    def describe_language(self) -> dict | None:
        """The dictionary that posts are held to.

        Raises:
            UserError: it is missing.
        """
        return Dictionary(self.recipe.language).description if self.recipe.language else None

    @property
    def folder(self) -> Path:
        """The folder of the view."""
        name = view_name(self.options.task, self.options.view_split, self.options.context)
        return self.options.out / name

    def is_there(self) -> bool:
        """Whether this very view exists.

        Raises:
            UserError: there is one of the same name and other settings.
        """
        return _is_there(self.folder, self.settings, self.options)

    def write(
        self,
        columns: Mapping[str, Mapping[str, Column]],
        vocabulary: Vocabulary,
        users: Sequence[str] | TextPieces,
        idf: np.ndarray,
        report: Mapping,
    ) -> None:
        """Writes the view; see `data_loader.view.write_view`."""
        options = self.options
        write_view(
            options.out,
            options.task,
            options.view_split,
            options.context,
            columns,
            vocabulary,
            users,
            idf,
            settings={**self.settings, "command": _command(self.given)},
            report=report,
            overwrite=options.overwrite,
        )


def begin(options: BuildOptions) -> Order:
    """Completes the options and looks at the input.

    Raises:
        UserError: wrong options or unreadable input.
    """
    given, options = options, options.complete()
    images = read_images_list(options.images_list)
    language = None if options.shipped or options.language == "none" else options.language
    recipe = _recipe(options, language, images)
    settings = {**options.settings(), "input_sha256": _input_sha256(options, recipe)}
    return Order(given, options, recipe, settings)


def divide(prepared: Prepared, account: Account, options: BuildOptions) -> tuple[Split, str]:
    """Filters posts and divides them.

    Args:
        prepared: posts as they come from `data_loader.prepare`.
        account: notes what is removed.
        options: the flags, complete.

    Returns:
        Subset name to posts in canonical order, and a sentence where sizes had to give.

    Raises:
        UserError: no posts are left, or too few to split.
    """
    posts = filter_posts(prepared.posts, account, options)
    account.require_posts(posts, prepared.problems.counts)
    if options.shipped:
        training = [post for post in posts if post.subset in ("train", "")]
        account.require_posts(training, prepared.problems.counts, "training posts")
    posts = order_posts(posts)
    _, users = np.unique([post.user for post in posts], return_inverse=True)
    rows, note = divide_rows(users, [post.subset for post in posts], options)
    return {name: [posts[row] for row in chosen] for name, chosen in rows.items()}, note


def _recipe(options: BuildOptions, language: str | None, images: tuple[str, ...]) -> Recipe:
    return Recipe(
        source=options.source,
        task=options.task,
        tokenizer=options.tokenizer,
        letters=options.letters,
        language=language,
        max_unknown_words=options.max_unknown_words,
        drop_links=not options.shipped and options.links == "drop",
        images=images,
        splits=options.splits,
        division=options.division,
    )


def filter_posts(posts: list[Post], account: Account, options: BuildOptions) -> list[Post]:
    """The filters that go with the source: of all posts, or of all those of some users."""
    if options.as_released:
        return posts
    if counts_known_words(options.source):
        posts = filter_listed(posts, account)
        if options.harrison_split == "folders48":
            kept = [post for post in posts if harrison.folder_of(post.image) not in LEFT_OUT]
            posts = account.apply(f"in the folders {' and '.join(LEFT_OUT)}", posts, kept)
        return posts
    lengths = {"min_words": options.min_words, "max_words": options.max_words}
    if options.shipped:
        return filter_shipped(posts, account, **lengths)
    return filter_crawl(
        posts,
        account,
        max_bad_posts=options.max_bad_posts,
        max_bad_share=options.max_bad_share,
        min_posts=options.min_posts,
        max_posts=options.max_posts,
        **lengths,
    )


def divide_rows(
    users: np.ndarray, subsets: Sequence[str], options: BuildOptions
) -> tuple[dict[str, np.ndarray], str]:
    """Row numbers of each subset, and a note where sizes had to give.

    Args:
        users: [N] the number of each post's user, posts in canonical order.
        subsets: [N] their shipped split.
        options: the flags, complete.

    Raises:
        UserError: too few posts or users.
    """
    if options.source == "diya_crawl":
        return split_by_shares(len(users), (0.7, 0.2, 0.1), options.seed), ""
    if options.source == "harrison" and options.harrison_split == "folders48":
        return split_by_shares(len(users), (0.8, 0.1, 0.1), options.seed), ""
    if options.source == "harrison":
        return split_benchmark(len(users), options.val_posts, options.seed)
    if options.shipped:
        return split_shipped(subsets, options.val_posts, options.seed)
    sizes = plan_sizes(len(users), options.train_share, options.test_posts)
    if options.split == "posts":
        return split_by_posts(len(users), sizes, options.seed), sizes.note
    return split_by_users(users, sizes, options.seed), sizes.note


def _write(
    split: Split, everything: list[Post], vocabulary: Vocabulary, report: dict, order: Order
) -> None:
    """Makes the columns and contexts, and writes the view."""
    options = order.options
    report["both_tasks"] = None
    if options.has_users:
        report["both_tasks"] = both_tasks(
            options.out, options.task, options.view_split, options.context, everything
        )
    users = sorted({post.user for post in everything})
    lengths = Counter(post.length for post in everything)
    width = caption_width(max(lengths), options)
    report["notes"] += cut_note(lengths, width)
    known_only = options.task == "hashtag" and counts_known_words(options.source)
    columns = make_columns(split, vocabulary, users, width, known_only)
    train = columns["train"]
    idf = fit_idf(train["caption_ids"], train["user"], len(vocabulary))
    add_contexts(columns, idf, options.context, options.stored_words)
    order.write(columns, vocabulary, users, idf, report)


def caption_width(longest: int, options: BuildOptions) -> int:
    """Word slots per post: `--max_words`, or the longest post where it does not cut posts."""
    if options.as_released:
        return max(longest, 1)
    # Where only known words count towards the limit, a text may be longer by its unknown ones.
    counts_all = options.task == "hashtag" or not counts_known_words(options.source)
    return options.max_words if counts_all else longest


def cut_note(lengths: Mapping[int, int], width: int) -> list[str]:
    """Test posts of the shipped data sets may be longer than the column; length -> posts."""
    cut = sum(posts for length, posts in lengths.items() if length > width)
    if not cut:
        return []
    return [
        f"{cut:,} test posts are longer than {width} words: their word ids are cut there, their "
        "references are whole"
    ]


def add_contexts(columns: dict[str, dict], idf: np.ndarray, mode: str, k: int) -> None:
    """Adds `context_ids` and `context_length` to every subset.

    Args:
        columns: from `make_columns`, of all posts or of all those of some users.
        idf: [V] float64, fitted on the training users.
        mode: others, previous, all or none.
        k: stored words.
    """
    names = ("caption_ids", "user", "created_at")
    train = Posts(*(columns["train"][name] for name in names))
    for subset, arrays in columns.items():
        posts = Posts(*(arrays[name] for name in names))
        history = None if subset == "train" else train
        arrays["context_ids"], arrays["context_length"] = build_contexts(
            posts, idf, mode, k, history
        )


def _is_there(folder: Path, settings: Mapping, options: BuildOptions) -> bool:
    """Whether the very view exists; one of the same name and other settings is an error."""
    if options.overwrite or not (folder / DESCRIPTION).is_file():
        return False
    view = open_view(options.out, options.task, options.view_split, options.context)
    # Through JSON, as the stored settings went.
    wanted = json.loads(json.dumps(settings))
    there = {**NEWER, **view.settings}
    names = [name for name in wanted if wanted[name] != there.get(name)]
    if not names:
        return True
    changes = ", ".join(f"{n} {there.get(n)!r} -> {wanted[n]!r}" for n in names)
    raise UserError(
        f"{folder} was built with other settings ({changes}): add --overwrite to replace it, or "
        "choose another --out"
    )


def _input_sha256(options: BuildOptions, recipe: Recipe) -> str:
    """One checksum for all input: the files of the source and the names of lent images."""
    source = SOURCES[options.source]
    parts = [sha256(file) for file in source.files(options.input, options.task, **recipe.where)]
    parts += recipe.images
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _command(given: BuildOptions) -> str:
    """The command line that builds this view, for messages about damage."""
    arguments = flags(replace(given, overwrite=False, jobs=0), BuildOptions(None, None))
    command = shlex.join(["python", "-m", "scripts.build_dataset", *arguments])
    # A file name that is not UTF-8 holds lone surrogates, which JSON files cannot.
    return command.encode("utf-8", "backslashreplace").decode("utf-8")
