"""Figure 6: several images of one user, the usual ones and the others."""

import random
from collections import Counter
from html import escape

from scripts.cards import marked_prediction, name_users
from scripts.gallery_figures.parts import Album, Figure, Row, draw, line, sign, truth
from scripts.gallery_figures.runs import Run, describe
from utils.errors import UserError

WIDTH = 860
COLUMNS = 3


def figure(runs: list[Run], album: Album, seed: int, user: str | None = None) -> Figure | None:
    """Draws one user's posts, of the first run that has any of them.

    Args:
        runs: ours, hashtags first, as in the paper.
        album: the images.
        seed: chooses the user, among those with many pictures in the first run, and orders posts.
        user: the name, instead; however few posts there are.

    Raises:
        UserError: no run has a post of this user, or no run knows users.

    Returns:
        None where nobody knows who wrote the posts.
    """
    runs = [run for run in runs if name_users(run.predictions)]
    if not runs and user is None:
        return None
    if not runs:
        raise UserError(f"--user {user}: nobody knows who wrote these posts; leave it out")
    by_user = [(run, _by_user(run.predictions)) for run in runs]
    found = [(run, posts) for run, posts in by_user if user is None or user in posts]
    if not found:
        raise UserError(
            f"--user {user}: no prediction is of this user; one who has some is "
            f"{next(iter(by_user[0][1]))}"
        )
    run, posts = found[0]
    name = user if user is not None else choose_user(posts, seed)
    usual, others = split(draw(posts[name], len(posts[name]), seed))
    how = "named" if user is not None else f"drawn at random (seed {seed}) among those with many"
    return Figure(
        "figure6",
        "Figure 6: one user, several images",
        f"<b><bdi>{escape(name)}</bdi></b>, a user {how} pictures; {len(posts[name])} test posts · "
        f"<mark>marked</mark> words are in the truth<br>{describe([run])}",
        _groups(usual, others, run, album),
        WIDTH,
    )


def choose_user(posts: dict[str, list[Row]], seed: int) -> str:
    """One of the users who have two groups of pictures, or else one of those with most posts."""
    count = {user: len({row["image"] for row in rows}) for user, rows in posts.items()}
    enough = min(2 * COLUMNS, max(count.values()))
    return random.Random(seed).choice(sorted(user for user in count if count[user] >= enough))


def split(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The posts whose own words are the most and the least common among the user's other posts.

    A post counts as usual by the mean share of the other posts that have each of its words; the
    predictions do not matter. Each picture is taken once.

    Args:
        rows: one user's; equally usual ones keep their order.

    Returns:
        `COLUMNS` posts each; where there are fewer, all of them and none.
    """
    spread = Counter(word for row in rows for word in _words(row))

    def usual(row: Row) -> float:
        words = _words(row)
        return sum(spread[word] - 1 for word in words) / max(1, len(words))

    distinct = list({row["image"]: row for row in reversed(rows)}.values())[::-1]
    ranked = sorted(distinct, key=usual, reverse=True)
    if len(ranked) < 2 * COLUMNS:
        return ranked, []
    return ranked[:COLUMNS], ranked[-COLUMNS:]


def _words(row: Row) -> set[str]:
    return set(row["references"][0].split())


def _by_user(rows: list[Row]) -> dict[str, list[Row]]:
    posts: dict[str, list[Row]] = {}
    for row in rows:
        posts.setdefault(row["user"], []).append(row)
    return posts


def _groups(usual: list[Row], others: list[Row], run: Run, album: Album) -> str:
    if not others:
        return _tiles(usual, run, album)
    return (
        "<h3>(a) usual <small>the posts whose own words are the most common in this user's other "
        f"posts</small></h3>{_tiles(usual, run, album)}"
        "<h3>(b) unusual <small>those whose own words are the least common</small></h3>"
        f"{_tiles(others, run, album)}"
    )


def _tiles(rows: list[Row], run: Run, album: Album) -> str:
    return f'<div class="tiles">{"".join(_tile(row, run.task, album) for row in rows)}</div>'


def _tile(row: Row, task: str, album: Album) -> str:
    ours = line("Ours", marked_prediction(row, sign(task)), ours=True)
    return (
        f'<div>{album.html(row["image"])}<div class="lines">{line("GT", truth(row, task))}{ours}'
        "</div></div>"
    )
