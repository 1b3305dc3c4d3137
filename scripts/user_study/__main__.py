"""The paper's user study: `make` writes what workers get, `score` counts what they answer.

python -m scripts.user_study make --ours runs/csmn-p5-caption-users-others \\
    --baselines runs/1nn-usrim-caption-users-others runs/seq2seq-caption-users-others \\
    --images data/images --out study
python -m scripts.user_study score --studies study --answers answers-*.json
"""

import random
from dataclasses import dataclass
from pathlib import Path

from scripts.user_study import sheets, tables
from scripts.user_study.answers import Answers, read_answers
from scripts.user_study.choice import Choice, choose
from scripts.user_study.contenders import Comparison, Contender, open_comparison
from scripts.user_study.key import (
    CROWD,
    CROWDSOURCING,
    KEY,
    PAGE,
    PAGES,
    Key,
    read_key,
    sheet_items,
    write_key,
)
from scripts.user_study.plan import ID_BITS, Item, plan_sheets
from scripts.user_study.votes import Pair, count_again, count_votes, total_first
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.files import new_folder, sha256_of_json, write_bytes, write_text


@dataclass(frozen=True)
class Make:
    """Draws posts and writes a page per worker, files for a crowdsourcing site, and the key."""

    ours: Path
    """The run whose texts are held against the others'; eval has been through it."""
    baselines: tuple[Path, ...]
    """Runs of the same task, split and context; posts are drawn from those that all runs have."""
    images: Path
    """The folder that image names are relative to."""
    out: Path = Path("study")
    """A new folder: pages and crowdsourcing are for workers, secret is not."""
    data_dir: Path | None = None
    """The data root, where it has moved since training."""
    posts: int = 100
    """Posts to ask about, the same for every baseline (the paper: 100)."""
    workers: int = 3
    """Workers who judge each post and baseline (the paper: 3). With several baselines there are
    as many pages and batches for each, so that nobody sees a post twice."""
    seed: int = 0
    """Decides posts, clues, sides and order."""
    image_url: str = ""
    """crowdsourcing: where its folder images will lie, such as https://example.org/study/."""


@dataclass(frozen=True)
class Score:
    """Counts the answers and prints votes, shares and 95% intervals beside the paper's Table 4."""

    answers: tuple[Path, ...]
    """Files that pages saved (.json), and results of a crowdsourcing site (.csv, .tsv)."""
    studies: tuple[Path, ...] = (Path("study"),)
    """Folders that make wrote, with their keys."""
    out: Path | None = None
    """Folder for table4.txt, .md and .csv; by default results in the (first) study's folder."""
    answer_column: str = "choice"
    """What the crowdsourcing site calls the answer; its values are 1 and 2."""


def main() -> None:
    """Makes a study, or scores it."""
    options = parse(Make | Score)
    make(options) if isinstance(options, Make) else score(options)


def make(options: Make) -> None:
    """Draws a study and writes it, all of it or nothing.

    Raises:
        UserError: runs that cannot be compared, too few posts, or a folder that exists.
    """
    _check(options)
    comparison = open_comparison([options.ours, *options.baselines], options.data_dir)
    rng = _random(options, comparison.contenders)
    study = f"{rng.getrandbits(ID_BITS):012x}"
    contenders, view = comparison.contenders, comparison.view
    choice = choose(contenders, view, options.images, options.posts, rng)
    size = (options.posts, len(options.baselines))
    pages = plan_sheets(*size, options.workers, rng)
    batches = plan_sheets(*size, options.workers, rng)
    key = _key(options, comparison, choice, study, pages, batches)
    try:
        with new_folder(options.out) as folder:
            _write_pages(folder / PAGES, key, choice, pages)
            _write_crowdsourcing(folder / CROWDSOURCING, key, choice, batches, options.image_url)
            write_key(folder, key)
    except OSError as error:
        raise UserError(f"cannot write {options.out}: {error.strerror}") from error
    _print_made(options, key, len(pages), len(batches))


def _check(options: Make) -> None:
    for name in ("posts", "workers"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} is {getattr(options, name)}, expected 1 or more")
    if not options.baselines:
        raise UserError("--baselines names no run: a study compares ours with at least one")
    if not options.images.is_dir():
        raise UserError(f"no folder {options.images}: --images is where the posts' images lie")
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise UserError(f"{options.out} exists: workers may have it; give --out a new name")


def _random(options: Make, contenders: list[Contender]) -> random.Random:
    """The source of all chance: of the seed, and of texts that workers do not have.

    The public seed alone would let anybody with this code find out which side is ours. Whose text
    is whose has no part in it: exchange two runs, and only the texts change places.
    """
    texts = {
        id_: sorted(one.rows[id_]["prediction"] for one in contenders) for id_ in contenders[0].rows
    }
    size = [options.seed, options.posts, options.workers, len(options.baselines)]
    return random.Random(sha256_of_json([size, texts]))


def _key(
    options: Make,
    comparison: Comparison,
    choice: Choice,
    study: str,
    pages: list[list[Item]],
    batches: list[list[Item]],
) -> Key:
    posts = [question.post for question in choice.questions]
    ours, *baselines = (one.description() for one in comparison.contenders)
    return Key(
        study=study,
        task=comparison.view.settings["task"],
        seed=options.seed,
        workers=options.workers,
        posts=posts,
        ours=ours,
        baselines=baselines,
        notes=[*comparison.notes, *choice.notes()],
        items=sheet_items(PAGE, pages, posts) | sheet_items(CROWD, batches, posts),
    )


def _write_pages(folder: Path, key: Key, choice: Choice, pages: list[list[Item]]) -> None:
    folder.mkdir()
    for number, items in enumerate(pages, 1):
        html = sheets.page(key.study, number, key.task, choice.questions, items)
        write_text(folder / f"page-{number:02d}.html", html)


def _write_crowdsourcing(
    folder: Path, key: Key, choice: Choice, batches: list[list[Item]], image_url: str
) -> None:
    (folder / sheets.CROWD_IMAGES).mkdir(parents=True)
    write_text(folder / "template.html", sheets.crowd_template(key.task))
    for number, items in enumerate(batches, 1):
        table = sheets.crowd_csv(choice.questions, items, image_url)
        write_text(folder / f"batch-{number}.csv", table)
    for name, image in sheets.crowd_images(choice.questions).items():
        write_bytes(folder / sheets.CROWD_IMAGES / name, image)


def _print_made(options: Make, key: Key, pages: int, batches: int) -> None:
    names = ", ".join(baseline["name"] for baseline in key.baselines)
    print(f"{key.task}: {key.ours['name']} against {names}, {len(key.posts)} posts each")
    for note in key.notes:
        print(f"note: {note}")
    out = options.out
    print(f"{out / PAGES}: {pages} pages, one for each worker, of {len(key.posts)} questions")
    print(
        f"{out / CROWDSOURCING}: {batches} batches for a crowdsourcing site, one worker for each "
        "row, and nobody in two batches: they have the same posts"
    )
    print(f"{out / KEY}: the secret key; do not give it to workers")


def score(options: Score) -> None:
    """Reads keys and answers, prints and writes the table.

    Raises:
        UserError: no study, or answers that are not to it.
    """
    if not options.answers or not options.studies:
        raise UserError("score needs files of --answers and the folders of --studies")
    keys = [read_key(study) for study in options.studies]
    if len({key.study for key in keys}) < len(keys):
        raise UserError("--studies names one study twice")
    answers = read_answers(options.answers, keys, options.answer_column)
    pairs = [pair for key in keys for pair in count_votes(key, answers)]
    notes = [*_notes(pairs), *answers.notes(), *_again(keys, answers)]
    notes += [note for key in keys for note in key.notes]
    print(tables.render(pairs, "text"))
    print("\n".join(f"note: {note}" for note in notes))
    _write_results(options.out or options.studies[0] / "results", pairs, notes)


def _notes(pairs: list[Pair]) -> list[str]:
    missing = sum(pair.missing for pair in pairs)
    wanted = sum(pair.wanted * len(pair.counts) for pair in pairs)
    first = f"{100 * total_first(pairs):.1f}% of the votes are for the text that stood first"
    return [
        "by votes: Wilson interval; by posts: bootstrap that draws whole posts, since the votes on "
        "one post are not independent",
        f"{missing:,} of {wanted:,} votes are missing",
        *([first] if sum(pair.votes for pair in pairs) else []),
    ]


def _again(keys: list[Key], answers: Answers) -> list[str]:
    count = sum(count_again(key, answers) for key in keys)
    if not count:
        return []
    return [
        f"{count:,} answers are by a worker who judged the same post in another batch too: votes "
        "on it are not independent"
    ]


def _write_results(folder: Path, pairs: list[Pair], notes: list[str]) -> None:
    listed = "\n".join(f"- {note}" for note in notes)
    files = {
        "table4.txt": f"{tables.render(pairs, 'text')}\n\n{listed}\n",
        "table4.md": f"{tables.render(pairs, 'markdown')}\n\n{listed}\n",
        "table4.csv": tables.to_csv(pairs),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_text(folder / name, text)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}") from error
    print(f"written: {folder}/{', '.join(files)}")


if __name__ == "__main__":
    run_command(main)
