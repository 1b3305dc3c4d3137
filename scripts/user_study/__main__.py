"""User studies: `make` writes what workers get, `score` counts what they answer.

The paper's asks which of two texts is better; that of hashtags and stories has three questions by
yes or no on each picture.

python -m scripts.user_study make --ours runs/csmn-p5-caption-users-others \\
    --baselines runs/1nn-usrim-caption-users-others runs/seq2seq-caption-users-others \\
    --images data/images --out study
python -m scripts.user_study make --form relevance --predictions runs/my-hashtags \\
    --stories stories.jsonl --images data/images --out study
python -m scripts.user_study score --studies study --answers answers-*.json
"""

from dataclasses import dataclass
from pathlib import Path

from scripts.user_study import rating_tables, tables
from scripts.user_study.answers import Answers, read_answers
from scripts.user_study.key import CROWDSOURCING, KEY, PAGES, Key, read_key, write_key
from scripts.user_study.making import (
    Drawn,
    Make,
    check,
    draw_comparison,
    draw_ratings,
    write_sheets,
)
from scripts.user_study.ratings import RELEVANCE
from scripts.user_study.votes import count_again, count_votes
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.files import new_folder, write_text


@dataclass(frozen=True)
class Score:
    """Counts the answers and prints votes, shares and 95% intervals beside the reported ones."""

    answers: tuple[Path, ...]
    """Files that pages saved (.json), and results of a crowdsourcing site (.csv, .tsv)."""
    studies: tuple[Path, ...] = (Path("study"),)
    """Folders that make wrote, with their keys."""
    out: Path | None = None
    """Folder for table4.txt, .md and .csv, or relevance.txt ...; by default results in the (first)
    study's folder."""
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
    check(options)
    drawn = draw_ratings(options) if options.form == RELEVANCE else draw_comparison(options)
    try:
        with new_folder(options.out) as folder:
            write_sheets(folder, drawn, options.image_url)
            write_key(folder, drawn.key)
    except OSError as error:
        raise UserError(f"cannot write {options.out}: {error.strerror}") from error
    _print_made(options.out, drawn)


def _print_made(out: Path, drawn: Drawn) -> None:
    key = drawn.key
    names = ", ".join(baseline["name"] for baseline in key.baselines)
    against = "asked for" if key.task == RELEVANCE else "against"
    print(f"{key.task}: {key.ours['name']} {against} {names}, {len(key.posts)} posts each")
    for note in key.notes:
        print(f"note: {note}")
    pages, asked = len(drawn.pages), len(drawn.pages[0])
    print(f"{out / PAGES}: {pages} pages, one for each worker, of {asked} questions")
    print(
        f"{out / CROWDSOURCING}: {len(drawn.batches)} batches for a crowdsourcing site, one worker "
        "for each row, and nobody in two batches: they have the same posts"
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
    ratings = {key.task == RELEVANCE for key in keys}
    if len(ratings) > 1:
        raise UserError("--studies are of two forms: score those of relevance by themselves")
    answers = read_answers(options.answers, keys, options.answer_column)
    pairs = [pair for key in keys for pair in count_votes(key, answers)]
    kind, name = (rating_tables, RELEVANCE) if ratings == {True} else (tables, "table4")
    notes = [*kind.notes(pairs), *answers.notes(), *_again(keys, answers)]
    notes += [note for key in keys for note in key.notes]
    print(kind.render(pairs, "text"))
    print("\n".join(f"note: {note}" for note in notes))
    listed = "\n".join(f"- {note}" for note in notes)
    files = {
        f"{name}.txt": f"{kind.render(pairs, 'text')}\n\n{listed}\n",
        f"{name}.md": f"{kind.render(pairs, 'markdown')}\n\n{listed}\n",
        f"{name}.csv": kind.to_csv(pairs),
    }
    _write_results(options.out or options.studies[0] / "results", files)


def _again(keys: list[Key], answers: Answers) -> list[str]:
    count = sum(count_again(key, answers) for key in keys)
    if not count:
        return []
    return [
        f"{count:,} answers are by a worker who judged the same post in another batch too: votes "
        "on it are not independent"
    ]


def _write_results(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_text(folder / name, text)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}") from error
    print(f"written: {folder}/{', '.join(files)}")


if __name__ == "__main__":
    run_command(main)
