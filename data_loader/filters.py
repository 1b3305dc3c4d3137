"""The filters of section 3.1 of the paper, as functions from posts to the posts that stay.

Order: non-English posts, posts with hyperlinks, users with too many of both, lengths, posts per
user. Which posts are bad is decided before (`data_loader.prepare`), post by post.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from utils.errors import UserError


class Post(NamedTuple):
    """A post whose text has been cut into words.

    `words` are joined by blanks; `created_at` is `UNKNOWN_TIME` where the date is unknown;
    `foreign` and `linked` say why a post is bad; `subset` is the shipped split, "" where there is
    none; `references` are the words of several people, one text a line, "" where the post's own
    words are the reference.
    """

    user: str
    post: str
    image: str
    created_at: int
    words: str
    length: int
    foreign: bool = False
    linked: bool = False
    subset: str = ""
    references: str = ""

    @property
    def order(self) -> tuple:
        """The canonical order: user, time, post id."""
        return self.user, self.created_at, self.post


@dataclass
class Account:
    """What each filter removed, in their order; `apply` keeps it.

    Attributes:
        steps: one dict per filter.
        users: whether users are counted too; not where posts have none.
    """

    steps: list[dict] = field(default_factory=list)
    users: bool = True

    def apply(self, name: str, posts: list[Post], kept: list[Post]) -> list[Post]:
        """Notes one filter and returns what it kept.

        Args:
            name: what the filter removes.
            posts: before.
            kept: after.
        """
        step = {"filter": name, "posts_removed": len(posts) - len(kept), "posts_left": len(kept)}
        if self.users:
            users = {post.user for post in kept}
            step["users_removed"] = len({post.user for post in posts}) - len(users)
            step["users_left"] = len(users)
        self.steps.append(step)
        return kept

    def require_posts(
        self, posts: Sequence[Post], dropped_records: Counter[str], kind: str = "posts"
    ) -> None:
        """Refuses an empty data set and says what took the most.

        Args:
            posts: those that are left, of this kind.
            dropped_records: what could not be read, and how often.
            kind: what they are called.

        Raises:
            UserError: there are no posts.
        """
        if posts:
            return
        removed = Counter({step["filter"]: step["posts_removed"] for step in self.steps})
        removed.update({f"records: {kind}": n for kind, n in dropped_records.items()})
        ranked = [f"{name} ({count:,} posts)" for name, count in removed.most_common(3) if count]
        if not ranked:
            raise UserError(f"the input holds no {kind}")
        raise UserError(
            f"no {kind} are left; most were taken by: {', then '.join(ranked)}. Check the input, "
            "or loosen the filter by its flag, such as "
            + ("--min_posts, --min_words or --language none" if self.users else "--max_words")
        )


def drop_duplicates(posts: Iterable[Post]) -> list[Post]:
    """Of posts with the same user and id, the first stays."""
    first = {}
    for post in posts:
        first.setdefault((post.user, post.post), post)
    return list(first.values())


def users_with_many_bad_posts(
    posts: Iterable[Post], max_bad_posts: int, max_bad_share: float
) -> set[str]:
    """Users with more than max(max_bad_posts, max_bad_share * their posts) bad posts."""
    total, bad = Counter(), Counter()
    for post in posts:
        total[post.user] += 1
        bad[post.user] += post.foreign or post.linked
    return {
        user
        for user, count in bad.items()
        if count > max(max_bad_posts, max_bad_share * total[user])
    }


def latest_per_user(posts: Iterable[Post], max_posts: int) -> list[Post]:
    """At most `max_posts` of each user: the latest, of equal times those with the largest ids."""
    kept = []
    for mine in by_user(posts).values():
        kept += sorted(mine, key=lambda post: post.order)[-max_posts:]
    return kept


def by_user(posts: Iterable[Post]) -> dict[str, list[Post]]:
    """The posts of each user, users in order of appearance."""
    users = defaultdict(list)
    for post in posts:
        users[post.user].append(post)
    return users


def filter_crawl(
    posts: list[Post],
    account: Account,
    *,
    max_bad_posts: int,
    max_bad_share: float,
    min_words: int,
    max_words: int,
    min_posts: int,
    max_posts: int,
) -> list[Post]:
    """All filters in the paper's order; the arguments are flags of `scripts.build_dataset`."""

    def keep(name: str, stays: Callable[[Post], bool]) -> None:
        nonlocal posts
        posts = account.apply(name, posts, [post for post in posts if stays(post)])

    posts = account.apply("duplicate ids", posts, drop_duplicates(posts))
    spammers = users_with_many_bad_posts(posts, max_bad_posts, max_bad_share)
    keep("not in the language", lambda post: not post.foreign)
    keep("with hyperlinks", lambda post: not post.linked)
    keep("users with too many such posts", lambda post: post.user not in spammers)
    keep(f"shorter than {min_words} words", lambda post: post.length >= min_words)
    keep(f"longer than {max_words} words", lambda post: post.length <= max_words)
    large = {user for user, mine in by_user(posts).items() if len(mine) >= min_posts}
    keep(f"users with fewer than {min_posts} posts", lambda post: post.user in large)
    name = f"beyond the latest {max_posts} posts of a user"
    return account.apply(name, posts, latest_per_user(posts, max_posts))


def filter_shipped(
    posts: list[Post], account: Account, *, min_words: int, max_words: int
) -> list[Post]:
    """Filters for posts that were filtered before they were published.

    Training posts keep to the lengths. Test posts stay whatever their length, so that scores can be
    compared with those of others, except for those without a single word.
    """

    def keep(name: str, stays: Callable[[Post], bool]) -> None:
        nonlocal posts
        posts = account.apply(name, posts, [post for post in posts if stays(post)])

    posts = account.apply("duplicate ids", posts, drop_duplicates(posts))
    keep("without words", lambda post: post.length > 0)
    keep(
        f"training posts not of {min_words} to {max_words} words",
        lambda post: post.subset != "train" or min_words <= post.length <= max_words,
    )
    return posts


def filter_listed(posts: list[Post], account: Account) -> list[Post]:
    """Filters for published posts without users: what every method would trip over.

    Lengths come later, for they are counted in words of the vocabulary.
    """
    posts = account.apply("duplicate ids", posts, drop_duplicates(posts))
    return account.apply("without words", posts, [post for post in posts if post.length > 0])


def order_posts(posts: Iterable[Post]) -> list[Post]:
    """Posts in canonical order (user, time, post id), whatever order they came in."""
    return sorted(posts, key=lambda post: post.order)
