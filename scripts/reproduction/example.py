"""The whole chain as an example: a picture, its hashtag, and five stories that begin with it."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from scripts.reproduction.options import Options
from scripts.reproduction.plan import Job, command
from scripts.reproduction.prepare import Command
from scripts.reproduction.runner import Execute, attempt
from scripts.reproduction.tables import STORY
from utils.predictions import read_predictions

FILE = "stories.txt"


def tell_stories(
    jobs: Iterable[Job], failed: Collection[str], options: Options, execute: Execute
) -> dict[str, str]:
    """Writes OUT/stories.txt, where a run of each kind and the pictures are there.

    Args:
        jobs: all runs; the first that is done of each kind is taken.
        failed: names of the runs that failed.
        options: the command line.
        execute: runs a command.

    Returns:
        Why it failed, by name; empty where it did not.
    """
    done = [job for job in jobs if job.run.name not in failed and _is_evaluated(job)]
    chosen = story_command(done, options)
    if chosen is None:
        return {}
    path = options.out / FILE
    path.unlink(missing_ok=True)
    failure = attempt(chosen, execute, path)
    if failure:
        return {"the example": failure}
    if path.exists():
        print(f"\n{path}:\n{path.read_text(encoding='utf-8')}")
    return {}


def story_command(done: Sequence[Job], options: Options) -> Command | None:
    """The command of the example; None where something that it needs is not there."""
    tellers = [job for job in done if job.run.task == STORY]
    lookers = [job for job in done if job.run.task == "hashtag"]
    if not tellers or not lookers or not options.images:
        return None
    looker = lookers[0]
    picture = _find_picture(looker.folder / "predictions.jsonl", options.images)
    if picture is None:
        return None
    runs = ["--run_dir", tellers[0].folder, "--hashtag_run", looker.folder]
    return command("scripts.story", [*runs, "--image", picture])


def _find_picture(predictions: Path, images: Path) -> Path | None:
    """The first test picture for which there is a hashtag."""
    rows = read_predictions(predictions) if predictions.exists() else []
    pictures = (images / row["image"] for row in rows if row["prediction"])
    return next((picture for picture in pictures if picture.is_file()), None)


def _is_evaluated(job: Job) -> bool:
    return all(path.exists() for path in job.metrics.values())
