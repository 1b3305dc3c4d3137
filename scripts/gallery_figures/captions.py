"""Figure 3: query images, what their users wrote, what we and the baselines predict."""

from scripts.cards import marked_prediction
from scripts.gallery_figures.parts import Album, Figure, Row, chosen, draw, line, sign, truth
from scripts.gallery_figures.runs import Run, describe

WIDTH = 960


def figure(
    runs: list[Run], album: Album, posts: int, seed: int, ids: tuple[str, ...]
) -> Figure | None:
    """Draws posts that every run speaks of.

    Args:
        runs: of captions, ours first.
        album: the images.
        posts: how many at most.
        seed, ids: choose them.

    Returns:
        None where there is no run, or no post that all have.
    """
    if not runs:
        return None
    said = [{str(row["id"]): row for row in run.predictions} for run in runs]
    shared = [row for row in runs[0].predictions if all(str(row["id"]) in one for one in said)]
    rows = draw(shared, posts, seed, ids)
    if not rows:
        print("figure 3 is left out: no such post is in all caption runs (of the same subset?)")
        return None
    entries = [_entry(row, runs, [one[str(row["id"])] for one in said], album) for row in rows]
    among = f"among the {len(shared):,} test posts that all runs have"
    return Figure(
        "figure3",
        "Figure 3: post generation",
        f"{chosen(len(rows), seed, ids, among)} · <mark>marked</mark> words are in the truth<br>"
        + describe(runs),
        f'<div class="entries">{"".join(entries)}</div>',
        WIDTH,
    )


def _entry(row: Row, runs: list[Run], said: list[Row], album: Album) -> str:
    lines = [line("GT", truth(row, runs[0].task))]
    for place, (run, one) in enumerate(zip(runs, said, strict=True)):
        html = marked_prediction(one, sign(run.task))
        lines.append(line(_name(run, place), html, ours=place == 0))
    return (
        f'<div class="entry">{album.html(row["image"])}<div class="lines">{"".join(lines)}</div>'
        "</div>"
    )


def _name(run: Run, place: int) -> str:
    return f"Ours ({run.label})" if place == 0 else run.label
