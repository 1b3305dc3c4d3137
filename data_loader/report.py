"""report.json: what every filter removed, and the statistics of the paper's Table 1."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from data_loader.filters import Account, Post
from data_loader.posts import Problems
from data_loader.view import View, list_views, open_view
from data_loader.vocabulary import SPECIAL_WORDS
from utils.tables import format_table

USERS_CELLS = ("users", "posts/user")  # of the table of posts


def statistics(posts: Sequence[Post], users: bool = True) -> dict[str, float]:
    """One row of the paper's Table 1; of posts without users, images are counted in their place.

    >>> statistics([Post("a", "1", "", 0, "x y", 2), Post("a", "2", "", 0, "x y z", 3)])["posts"]
    2
    """
    tally = Tally.of(posts)
    if users:
        return tally.statistics()
    images = len({post.image for post in posts})
    return {"posts": len(posts), "images": images, **_words_per_post(tally.lengths)}


@dataclass
class Tally:
    """What the statistics of posts with users are made of.

    Those of two parts of the posts add up where no user is in both.

    Attributes:
        lengths: words of a post -> posts.
        activity: posts of a user -> users.
    """

    lengths: Counter[int] = field(default_factory=Counter)
    activity: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, posts: Iterable[Post]) -> "Tally":
        """Of some posts, all those of their users."""
        posts = list(posts)
        per_user = Counter(post.user for post in posts)
        return cls(Counter(post.length for post in posts), Counter(per_user.values()))

    def add(self, other: "Tally") -> None:
        """Adds posts of other users."""
        self.lengths.update(other.lengths)
        self.activity.update(other.activity)

    def statistics(self) -> dict[str, float]:
        """One row of the paper's Table 1."""
        return {
            "posts": self.lengths.total(),
            "users": self.activity.total(),
            "posts_per_user_average": _mean(self.activity),
            "posts_per_user_median": _median(self.activity),
            **_words_per_post(self.lengths),
        }


def _words_per_post(lengths: Counter[int]) -> dict[str, float]:
    return {"words_per_post_average": _mean(lengths), "words_per_post_median": _median(lengths)}


def _mean(counts: Counter[int]) -> float:
    """The mean of whole numbers, each with how often it comes; 0 of none."""
    total = sum(value * count for value, count in counts.items())
    exact = Fraction(total, counts.total() or 1)
    return int(exact) if exact.denominator == 1 else float(exact)


def _median(counts: Counter[int]) -> float:
    """The middle one of whole numbers, or the mean of the two in the middle; 0 of none."""
    number, values, below = counts.total(), sorted(counts), 0
    middle = []
    for value in values:
        below += counts[value]
        while len(middle) < 2 and below > (number - 1) // 2 + len(middle):
            middle.append(value)
    if number % 2 or not middle:
        return middle[0] if middle else 0
    return sum(middle) / 2


def both_tasks(root: Path, task: str, split: str, context: str, posts: Iterable[Post]) -> dict:
    """Unique posts and users over this view and one of the other task in the same root.

    Returns:
        posts, users, and `other_view`, the name of the view counted too; None where there is none,
        and then the totals are this view's own.
    """
    other = other_view(root, task, split, context)
    view = open_view(root, *other.split("-")) if other else None
    unique = unique_posts(posts, view)
    return {"posts": len(unique), "users": len({user for user, _ in unique}), "other_view": other}


def unique_posts(
    posts: Iterable[Post], view: View | None, users: range | None = None
) -> set[tuple[str, str]]:
    """User and id of some posts, and of those in a view.

    Args:
        posts: of any number.
        view: None where there is none.
        users: rows of the view's users whose posts are meant; None is all of them.
    """
    unique = {(post.user, post.post) for post in posts}
    if view is None:
        return unique
    users = range(len(view.users)) if users is None else users
    for subset in view.subsets.values():  # rows are ordered by user
        start, stop = np.searchsorted(subset.user, (users.start, users.stop)).tolist()
        names = [view.users[row] for row in subset.user[start:stop]]
        unique.update(zip(names, subset.columns.texts("post_id", start, stop), strict=True))
    return unique


def other_view(root: Path, task: str, split: str, context: str) -> str | None:
    """The view of the other task that is most like this one, or None."""
    views = [name for name in list_views(root) if name.split("-")[0] != task]
    alike = {name: [part in name.split("-") for part in (split, context)] for name in views}
    return max(views, key=lambda name: alike[name], default=None)


def make_report(
    account: Account,
    problems: Problems,
    remarks: Problems,
    everything: Mapping[str, float],
    subsets: Mapping[str, Mapping[str, float]],
) -> dict:
    """Everything that report.json holds, less what `data_loader.build` adds about words.

    Args:
        account: what the filters removed.
        problems: records that could not be used.
        remarks: posts that stay and are worth a remark.
        everything, subsets: `statistics` of all posts, and of each subset by its name.
    """
    return {
        "unusable_records": problems.as_dict(),
        "filters": account.steps,
        "remarks": remarks.as_dict(),
        "statistics": everything,
        "subsets": subsets,
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
