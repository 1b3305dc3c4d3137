"""Builds a view from a source of posts: read, filter, split, count words, write."""

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data_loader.build_options import BuildOptions
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
from data_loader.report import both_tasks, make_report
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
    options = options.complete()
    images = read_images_list(options.images_list)
    settings = {**options.settings(), "input_sha256": _input_sha256(options, images)}
    folder = options.out / view_name(options.task, options.view_split, options.context)
    if _is_there(folder, settings, options):
        return folder, False
    with building(options.out, folder.name):
        _build(options, settings, images, show_progress)
    return folder, True


def _build(
    options: BuildOptions, settings: dict, images: tuple[str, ...], show_progress: bool
) -> None:
    language = None if options.shipped or options.language == "none" else options.language
    about_language = Dictionary(language).description if language else None
    prepared = prepare(
        _recipe(options, language, images), options.input, options.jobs, show_progress
    )
    account = Account(users=options.has_users)
    split, note = divide(prepared, account, options)
    words = count_words(split)
    vocabulary = Vocabulary.build(words, options.vocab_size, options.min_count)
    if counts_known_words(options.source):
        limits = {"min_words": options.min_words, "max_words": options.max_words}
        split = filter_known(split, account, vocabulary, **limits)
        account.require_posts(split["train"], prepared.problems.counts)
    report = make_report(account, prepared.problems, prepared.remarks, split) | {
        "notes": [note] if note else [],
        "language": about_language,
        "vocabulary": coverage(words, vocabulary),
    }
    _write(split, vocabulary, report, settings, options)


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
    posts = _filtered(prepared.posts, account, options)
    account.require_posts(posts, prepared.problems.counts)
    if options.shipped:
        training = [post for post in posts if post.subset in ("train", "")]
        account.require_posts(training, prepared.problems.counts, "training posts")
    posts = order_posts(posts)
    rows, note = _rows(posts, options)
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


def _filtered(posts: list[Post], account: Account, options: BuildOptions) -> list[Post]:
    """The filters that go with the source."""
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


def _rows(posts: list[Post], options: BuildOptions) -> tuple[dict[str, np.ndarray], str]:
    """Row numbers of each subset, and a note where sizes had to give."""
    if options.source == "diya_crawl":
        return split_by_shares(len(posts), (0.7, 0.2, 0.1), options.seed), ""
    if options.source == "harrison" and options.harrison_split == "folders48":
        return split_by_shares(len(posts), (0.8, 0.1, 0.1), options.seed), ""
    if options.source == "harrison":
        return split_benchmark(len(posts), options.val_posts, options.seed)
    if options.shipped:
        subsets = [post.subset for post in posts]
        return split_shipped(subsets, options.val_posts, options.seed)
    sizes = plan_sizes(len(posts), options.train_share, options.test_posts)
    if options.split == "posts":
        return split_by_posts(len(posts), sizes, options.seed), sizes.note
    _, users = np.unique([post.user for post in posts], return_inverse=True)
    return split_by_users(users, sizes, options.seed), sizes.note


def _write(
    split: Split, vocabulary: Vocabulary, report: dict, settings: dict, options: BuildOptions
) -> None:
    """Makes the columns and contexts, and writes the view."""
    everything = [post for posts in split.values() for post in posts]
    report["both_tasks"] = None
    if options.has_users:
        report["both_tasks"] = both_tasks(
            options.out, options.task, options.view_split, options.context, everything
        )
    users = sorted({post.user for post in everything})
    width = _caption_width(everything, options)
    report["notes"] += _cut_note(everything, width)
    known_only = options.task == "hashtag" and counts_known_words(options.source)
    columns = make_columns(split, vocabulary, users, width, known_only)
    idf = add_contexts(columns, len(vocabulary), options.context, options.stored_words)
    write_view(
        options.out,
        options.task,
        options.view_split,
        options.context,
        columns,
        vocabulary,
        users,
        idf,
        settings={**settings, "command": _command(options)},
        report=report,
        overwrite=options.overwrite,
    )


def _caption_width(posts: list[Post], options: BuildOptions) -> int:
    """Word slots per post: `--max_words`, or the longest post where it does not cut posts."""
    longest = max(post.length for post in posts)
    if options.as_released:
        return max(longest, 1)
    # Where only known words count towards the limit, a text may be longer by its unknown ones.
    counts_all = options.task == "hashtag" or not counts_known_words(options.source)
    return options.max_words if counts_all else longest


def _cut_note(posts: list[Post], width: int) -> list[str]:
    """Test posts of the shipped data sets may be longer than the column."""
    cut = sum(post.length > width for post in posts)
    if not cut:
        return []
    return [
        f"{cut:,} test posts are longer than {width} words: their word ids are cut there, their "
        "references are whole"
    ]


def add_contexts(columns: dict[str, dict], vocab_size: int, mode: str, k: int) -> np.ndarray:
    """Adds `context_ids` and `context_length` to every subset.

    Args:
        columns: from `make_columns`.
        vocab_size: V.
        mode: others, previous, all or none.
        k: stored words.

    Returns:
        idf: [V] float64, fitted on the training users.
    """
    names = ("caption_ids", "user", "created_at")
    train = Posts(*(columns["train"][name] for name in names))
    idf = fit_idf(train.caption_ids, train.user, vocab_size)
    for subset, arrays in columns.items():
        posts = Posts(*(arrays[name] for name in names))
        history = None if subset == "train" else train
        arrays["context_ids"], arrays["context_length"] = build_contexts(
            posts, idf, mode, k, history
        )
    return idf


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


def _input_sha256(options: BuildOptions, images: tuple[str, ...]) -> str:
    """One checksum for all input: the files of the source and the names of lent images."""
    where = _recipe(options, None, images).where
    source = SOURCES[options.source]
    parts = [sha256(file) for file in source.files(options.input, options.task, **where)]
    parts += images
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _command(options: BuildOptions) -> str:
    """The command line that builds this view, for messages about damage."""
    arguments = sys.argv[1:]
    if Path(sys.argv[0]).stem != "build_dataset":  # called from Python
        arguments = [f"--source={options.source}", f"--input={options.input}"]
        arguments += [f"--task={options.task}", f"--out={options.out}"]
    kept = [argument for argument in arguments if argument != "--overwrite"]
    command = shlex.join(["python", "-m", "scripts.build_dataset", *kept])
    # A file name that is not UTF-8 holds lone surrogates, which JSON files cannot.
    return command.encode("utf-8", "backslashreplace").decode("utf-8")
