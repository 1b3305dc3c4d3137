"""Reproduces Figures 3 to 6 of the paper, and draws attention, from the files of evaluated runs.

    python -m eval --run_dir RUN; python -m scripts.explain --run_dir RUN
    python -m scripts.gallery --runs OURS BASELINE ... --images data/images --out gallery

Writes gallery.html, one page that needs no other file, and each figure as a PNG with its own page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.gallery_figures import attention, captions, hashtags, images, users
from scripts.gallery_figures.parts import STYLE, Album, Figure
from scripts.gallery_figures.runs import Run, load_runs
from utils import figures
from utils.checks import check_range
from utils.chromium import render_html
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.explanations import ATTENTION, CROSSED


@dataclass(frozen=True)
class Arguments:
    """Figures 3 to 6 of the paper and the attention at each word."""

    runs: tuple[Path, ...]
    """Run folders after eval: the first of each task (captions, hashtags) is ours, the others of
    that task are baselines."""
    images: Path
    """The folder that the posts' image names are relative to."""
    out: Path = Path("gallery")
    """The folder to write."""
    posts: int = 7
    """Posts in Figures 3 and 4, drawn at random."""
    crossed_images: int = 3
    """Images of each run in Figure 5."""
    attention_posts: int = 2
    """Posts of each run whose attention is drawn."""
    seed: int = 0
    """Draws posts and users."""
    ids: tuple[str, ...] = ()
    """Posts (user/post) for Figures 3 and 4 and the attention, instead of random ones."""
    user: str | None = None
    """The user of Figure 6, instead of a random one."""
    labels: tuple[str, ...] = ()
    """A name for each run, by default that of its method in the paper."""
    png: bool = True
    """Also draw each figure as a PNG (Chromium does it)."""


def main() -> None:
    """Runs, figures, page, pictures."""
    arguments = parse(Arguments)
    check(arguments)
    runs = load_runs(arguments.runs, arguments.labels)
    check_ids(runs, arguments.ids)
    hint(ours(runs))
    album = Album(arguments.images)
    drawn = draw_figures(runs, arguments, album)
    if album.gone:
        print(f"{len(album.gone)} images are missing or broken in {album.folder}: grey boxes")
    if not drawn:
        raise UserError("there is nothing to draw: see above what is missing")
    print(f"wrote {save_page(drawn, arguments.out)}")
    for one in drawn if arguments.png else []:
        print(f"wrote {render_html(one.page(), arguments.out / f'{one.name}.png', one.width)}")


def check(arguments: Arguments) -> None:
    """Refuses flags that cannot work."""
    for name in ("posts", "crossed_images", "attention_posts"):
        check_range(name, getattr(arguments, name), 1)
    if not arguments.runs:
        raise UserError(
            "--runs names no run folder: python -m train makes one, then python -m eval"
        )
    if not arguments.images.is_dir():
        raise UserError(f"no folder {arguments.images}: --images is where the posts' images lie")


def check_ids(runs: list[Run], ids: tuple[str, ...]) -> None:
    """Refuses an id that no run has."""
    known = {str(row["id"]) for run in runs for row in run.predictions}
    for name in ids:
        if name not in known:
            raise UserError(f"--ids {name}: no run has this post; one is {min(known)}")


def ours(runs: list[Run]) -> list[Run]:
    """The first run of each task, hashtags first."""
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.task, run)
    return [first[task] for task in ("hashtag", "caption") if task in first]


def hint(runs: list[Run]) -> None:
    """Says which files of our runs are missing or of another checkpoint, and what makes them."""
    for run in runs:
        if run.step is None:
            continue
        remedy = f"python -m scripts.explain --run_dir {run.folder}"
        for name, rows in ((ATTENTION, run.attention), (CROSSED, run.crossed)):
            if not run.attention and not run.crossed:
                print(f"{run.folder} has no {name} (not all methods have): {remedy}")
            elif not rows:
                continue  # of this method there is none: explain writes both at once
            elif rows[0].get("step", run.step) != run.step:
                step = rows[0]["step"]
                print(f"{run.folder}: {name} is of step {step}, not {run.step}: {remedy}")


def draw_figures(runs: list[Run], arguments: Arguments, album: Album) -> list[Figure]:
    """The figures for which files exist."""
    choice = (arguments.seed, arguments.ids)
    first, of = ours(runs), {t: [r for r in runs if r.task == t] for t in ("caption", "hashtag")}
    makers: list[Callable[[], Figure | None]] = [
        lambda: captions.figure(of["caption"], album, arguments.posts, *choice),
        lambda: hashtags.figure(of["hashtag"], album, arguments.posts, *choice),
        lambda: users.figure(first, album, arguments.crossed_images),
        lambda: images.figure(first, album, arguments.seed, arguments.user),
        lambda: attention.figure(runs, album, arguments.attention_posts, *choice),
    ]
    return [one for one in (make() for make in makers) if one is not None]


def save_page(drawn: list[Figure], folder: Path) -> Path:
    """Writes the page with all figures.

    Raises:
        UserError: the folder cannot be written.
    """
    path = folder / "gallery.html"
    width = max(one.width for one in drawn)
    style = f"{STYLE} body {{ max-width: {width}px; margin: 0 auto; }}"
    body = "".join(one.section() for one in drawn)
    html = figures.page("Attend to You: figures", "Drawn from files of predictions", body, style)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    return path


if __name__ == "__main__":
    run_command(main)
