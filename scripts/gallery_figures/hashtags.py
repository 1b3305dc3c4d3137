"""Figure 4: hashtags; right ones are bold, those from the user's words coloured."""

from html import escape

from scripts.gallery_figures.parts import Album, Figure, Row, chosen, draw, line
from scripts.gallery_figures.runs import Run, describe
from utils import figures
from utils.emoji_pattern import draw_as_pictures

COLUMNS, WIDTH = 4, 1160


def figure(
    runs: list[Run], album: Album, posts: int, seed: int, ids: tuple[str, ...]
) -> Figure | None:
    """Draws posts of our run: of its attention file, which has the users' words, where it is there.

    Args:
        runs: of hashtags, ours first; baselines are not shown, as in the paper.
        album: the images.
        posts: how many at most.
        seed, ids: choose them.

    Returns:
        None where there is no run, or none of the named posts.
    """
    if not runs:
        return None
    ours = runs[0]
    rows = draw(ours.attention or ours.predictions, posts, seed, ids)
    if not rows:
        print(f"figure 4 is left out: {ours.folder} has none of --ids")
        return None
    words = bool(ours.attention) and "user" in ours.attention[0]["slots"]
    cards = [_card(row, album) for row in rows]
    file = "attention.jsonl" if ours.attention else "predictions.jsonl"
    among = f"among the {len(ours.attention or ours.predictions):,} of {file}"
    return Figure(
        "figure4",
        "Figure 4: hashtag prediction",
        f"{chosen(len(rows), seed, ids, among)}<br>{describe([ours])}",
        figures.grid([*cards, _key(words)], COLUMNS),
        WIDTH,
    )


def _card(row: Row, album: Album) -> str:
    references, said = row["references"][0].split(), row["prediction"].split()
    context = set(row.get("slots", {}).get("user", []))
    truth = tags(references, set(said), set())
    ours = tags(said, {tag for text in row["references"] for tag in text.split()}, context)
    return (
        f'<div class="card">{album.html(row["image"])}<div class="text"><div class="lines">'
        f"{line('GT', truth)}{line('Ours', ours, ours=True)}</div></div></div>"
    )


def tags(words: list[str], matching: set[str], context: set[str]) -> str:
    """Hashtags as HTML: bold where they are matching, coloured where they are in the context."""
    if not words:
        return '<span class="none">nothing</span>'
    return " ".join(_tag(word, word in matching, word in context) for word in words)


def _tag(word: str, matches: bool, remembered: bool) -> str:
    kinds = " ".join(["hit"] * matches + ["fact"] * remembered)
    text = f"<bdi>#{escape(draw_as_pictures(word))}</bdi>"
    return f'<span class="{kinds}">{text}</span>' if kinds else text


def _key(coloured: bool) -> str:
    colour = '<span class="fact">Coloured</span>: also in the user\'s context memory.<br>'
    return (
        '<div class="key"><span class="hit">Bold</span>: in the truth (GT) and in the '
        f"prediction (Ours).<br>{colour if coloured else ''}GT: what the user wrote.</div>"
    )
