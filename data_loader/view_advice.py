"""What to do about a view that is not there: commands and flags that can work, and no others."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from data_loader.sources import ONLY_TASK, SHIPPED, WITHOUT_USERS
from utils.errors import UserError

Wanted = tuple[str, str, str]


def missing_view(root: Path, wanted: Wanted, there: Mapping[str, str | None]) -> UserError:
    """Words for a view that is not there.

    Args:
        root: the data root.
        wanted: task, split and context.
        there: views of this root and the source of each, None where it does not say.
    """
    sources = set(there.values())
    command = _build_command(root, wanted, next(iter(sources)) if len(sources) == 1 else None)
    if not root.is_dir():
        return UserError(f"no data root at {root}; make one: {command}")
    advice = []
    if not there or any(_offers(source, *wanted) for source in sources):
        advice.append(f"build it: {command}")
    if there:
        advice.append(f"take the one of {_nearest_flags(there, wanted)}")
    name, listed = "-".join(wanted), ", ".join(there) or "none"
    return UserError(f"no view {name} in {root} (views there: {listed}); {', or '.join(advice)}")


def _build_command(root: Path, wanted: Wanted, source: str | None) -> str:
    task, split, context = wanted
    source = source or ("DATA_SET" if split == "shipped" else "crawl")
    given = "POSTS" if source == "crawl" else "FOLDER"
    divided = "" if split == "shipped" else f" --split {split}"
    return (
        f"python -m scripts.build_dataset --source {source} --input {given}{divided} --task {task} "
        f"--context {context} --out {root}"
    )


def _offers(source: str | None, task: str, split: str, context: str) -> bool:
    """Whether a source has what such a view needs; one that nobody names may have it."""
    if source is None:
        return True
    divided = source not in SHIPPED or (source == "folder" and split == "posts")
    return (
        ONLY_TASK.get(source, task) == task
        and (split != "shipped") == divided
        and (context == "none" or source not in WITHOUT_USERS)
    )


def _nearest_flags(there: Iterable[str], wanted: Wanted) -> str:
    """The flags of the view that has most in common with the wanted one, its task first."""
    parts = [name.split("-") for name in there]
    nearest = max(parts, key=lambda found: [x == y for x, y in zip(found, wanted, strict=False)])
    flags = ("--task", "--split", "--context")
    return " ".join(f"{flag} {value}" for flag, value in zip(flags, nearest, strict=False))
