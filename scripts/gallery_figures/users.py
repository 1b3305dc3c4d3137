"""Figure 5: the same image as several users would post it."""

from html import escape

from scripts.gallery_figures.parts import Album, Figure, Row, line, plain, truth
from scripts.gallery_figures.runs import Run, describe
from utils.emoji_pattern import draw_as_pictures

WIDTH = 1040
HINT_WORDS = 6
# Dark enough to read on white, and apart from one another for most colour-blind eyes.
COLOURS = ("#b91c1c", "#1d4ed8", "#047857", "#a21caf", "#b45309", "#0e7490", "#4d7c0f", "#6d28d9")


def figure(runs: list[Run], album: Album, images: int) -> Figure | None:
    """Draws the images of our runs' crossed.jsonl, in the order of the file.

    Args:
        runs: ours, one per task.
        album: the images.
        images: how many of each run at most.

    Returns:
        None where no run has the file.
    """
    crossed = [run for run in runs if run.crossed]
    if not crossed:
        return None
    return Figure(
        "figure5",
        "Figure 5: one image, several users",
        "Each colour is a user; below each prediction, the first words of the user's context memory"
        " · images and users in the order of crossed.jsonl, where scripts.explain drew them at "
        f"random or took them by --ids<br>{describe(crossed)}",
        "".join(_block(run, album, images) for run in crossed),
        WIDTH,
    )


def _block(run: Run, album: Album, images: int) -> str:
    posts: dict[str, list[Row]] = {}
    for row in run.crossed:
        posts.setdefault(row["image_post"], []).append(row)
    users = list(dict.fromkeys(row["user"] for row in run.crossed))
    colours = {user: COLOURS[place % len(COLOURS)] for place, user in enumerate(users)}
    entries = [_entry(rows, run.task, colours, album) for rows in list(posts.values())[:images]]
    kind = "Hashtags" if run.task == "hashtag" else "Posts"
    return f'<h3>{kind}</h3><div class="entries">{"".join(entries)}</div>'


def _entry(rows: list[Row], task: str, colours: dict[str, str], album: Album) -> str:
    lines = [line(f"GT, by {rows[0]['image_user']}", truth(rows[0], task))]
    lines += [_line(row, task, colours[row["user"]]) for row in rows]
    return (
        f'<div class="entry">{album.html(rows[0]["image"])}<div class="lines">{"".join(lines)}'
        "</div></div>"
    )


def _line(row: Row, task: str, colour: str) -> str:
    own = " · <b>own image</b>" if row["user"] == row["image_user"] else ""
    words = " ".join(draw_as_pictures(word) for word in row.get("context", [])[:HINT_WORDS])
    hint = f'<div class="hint"><bdi>{escape(words)}</bdi>{own}</div>'
    return (
        f'<div class="who"><span class="person" style="color: {colour}"><bdi>'
        f"{escape(row['user'])}</bdi></span></div>"
        f'<div class="said"><span style="color: {colour}">{plain(row["prediction"], task)}</span>'
        f"{hint}</div>"
    )
