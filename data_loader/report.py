"""report.json: what every filter removed, and the statistics of the paper's Table 1."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean, median

from data_loader.filters import Account, Post
from data_loader.posts import Problems
from data_loader.view import list_views, open_view
from data_loader.vocabulary import SPECIAL_WORDS
from utils.tables import format_table

USERS_CELLS = ("users", "posts/user")  # of the table of posts


def statistics(posts: Iterable[Post], users: bool = True) -> dict[str, float]:
    """One row of the paper's Table 1; of posts without users, images are counted in their place.

    >>> statistics([Post("a", "1", "", 0, "x y", 2), Post("a", "2", "", 0, "x y z", 3)])["posts"]
    2
    """
    posts = list(posts)
    words = [post.length for post in posts] or [0]
    numbers = {
        "words_per_post_average": mean(words),
        "words_per_post_median": median(words),
    }
    if not users:
        images = len({post.image for post in posts})
        return {"posts": len(posts), "images": images, **numbers}
    per_user = list(Counter(post.user for post in posts).values()) or [0]
    return {
        "posts": len(posts),
        "users": len({post.user for post in posts}),
        "posts_per_user_average": mean(per_user),
        "posts_per_user_median": median(per_user),
        **numbers,
    }


def both_tasks(root: Path, task: str, split: str, context: str, posts: Iterable[Post]) -> dict:
    """Unique posts and users over this view and one of the other task in the same root.

    Returns:
        posts, users, and `other_view`, the name of the view counted too; None where there is none,
        and then the totals are this view's own.
    """
    unique = {(post.user, post.post) for post in posts}
    other = _other_view(root, task, split, context)
    if other:
        view = open_view(root, *other.split("-"))
        for subset in view.subsets.values():
            users = [view.users[row] for row in subset.user]
            unique.update(zip(users, subset.columns.texts("post_id"), strict=True))
    return {"posts": len(unique), "users": len({user for user, _ in unique}), "other_view": other}


def _other_view(root: Path, task: str, split: str, context: str) -> str | None:
    """The view of the other task that is most like this one, or None."""
    views = [name for name in list_views(root) if name.split("-")[0] != task]
    alike = {name: [part in name.split("-") for part in (split, context)] for name in views}
    return max(views, key=lambda name: alike[name], default=None)


def make_report(
    account: Account, problems: Problems, remarks: Problems, split: Mapping[str, list[Post]]
) -> dict:
    """Everything that report.json holds, less what `data_loader.build` adds about words.

    Args:
        account: what the filters removed.
        problems: records that could not be used.
        remarks: posts that stay and are worth a remark.
        split: subset name to its posts.
    """
    everything = [post for posts in split.values() for post in posts]
    return {
        "unusable_records": problems.as_dict(),
        "filters": account.steps,
        "remarks": remarks.as_dict(),
        "statistics": statistics(everything, account.users),
        "subsets": {name: statistics(posts, account.users) for name, posts in split.items()},
    }


def format_report(report: Mapping) -> str:
    """The report as tables for a terminal."""
    parts = [
        _records_table("unusable records", report["unusable_records"]),
        _filters_table(report["filters"]),
        _records_table("remarks", report["remarks"]),
        _statistics_table(report),
        *report["notes"],
        _words_line(report),
        _both_line(report["both_tasks"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _records_table(title: str, records: Mapping) -> str:
    rows = [
        [kind, f"{entry['count']:,}", "; ".join(entry["examples"])]
        for kind, entry in records.items()
    ]
    return format_table([title, "count", "for example"], rows) if rows else ""


def _filters_table(steps: Iterable[Mapping]) -> str:
    steps = list(steps)
    numbers = ("posts_removed", "users_removed", "posts_left", "users_left")
    numbers = [name for name in numbers if all(name in step for step in steps)]
    rows = [[step["filter"], *(f"{step[name]:,}" for name in numbers)] for step in steps]
    header = ["filter", *(name.replace("_", " ") for name in numbers)]
    return format_table(header, rows) if rows else ""


def _statistics_table(report: Mapping) -> str:
    """Table 1: averages, with medians in parentheses."""
    cells = {
        "posts": "{posts:,}",
        "users": "{users:,}",
        "images": "{images:,}",
        "posts/user": "{posts_per_user_average:.1f} ({posts_per_user_median:g})",
        "words/post": "{words_per_post_average:.2f} ({words_per_post_median:g})",
    }
    with_users = "users" in report["statistics"]
    shown = [name for name in cells if name not in (("images",) if with_users else USERS_CELLS)]
    rows = [
        [name, *(cells[cell].format(**row) for cell in shown)]
        for name, row in {**report["subsets"], "all": report["statistics"]}.items()
    ]
    return format_table(["data set", *shown], rows)


def _words_line(report: Mapping) -> str:
    words = report["vocabulary"]
    possible = words["distinct_training_words"] + len(SPECIAL_WORDS)
    lines = [
        f"vocabulary: {words['size']:,} of {possible:,} words cover "
        f"{words['training_coverage']:.1%} of the training words"
    ]
    if language := report.get("language"):
        lines.append("language: {dictionary}, {provider} through {library}".format(**language))
    return "\n".join(lines)


def _both_line(both: Mapping | None) -> str:
    if both is None:  # posts without users
        return ""
    if both["other_view"] is None:
        return "unique over both tasks: the other task has no view in this root yet"
    return (
        f"unique over both tasks (with {both['other_view']}): {both['posts']:,} posts of "
        f"{both['users']:,} users"
    )
