"""Writes a view in the text layout of the original attend2u repository.

    python -m scripts.export_released --data_dir data --task caption --out caption_dataset

`<size>.vocab` has one word per line; `train.txt`, `test1.txt`, ... have one post per line,

    user_@_post.npy,context_length,caption_length,context_ids,caption_ids

with ids joined by `_`, sorted by caption length (YFCC: `user_post.npy`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from data_loader.view import Subset, View, open_view
from data_loader.vocabulary import PAD, UNK
from utils.command_line import parse
from utils.errors import UserError, run_command


@dataclass(frozen=True)
class Arguments:
    """Writes a view in the released text layout."""

    out: Path
    """Folder to write; existing files of these names are replaced."""
    data_dir: Path = Path("data")
    """The data root that holds the view."""
    task: Literal["caption", "hashtag"] = "caption"
    """Which view: its task."""
    split: Literal["users", "posts", "shipped"] = "users"
    """Which view: its split; `shipped` is the split that InstaPIC and YFCC come with."""
    context: Literal["others", "previous", "all"] = "others"
    """Which view: its user context."""


def export_view(view: View, out: Path) -> list[Path]:
    """Writes the vocabulary and one text file per subset that has posts.

    Args:
        view: an open view, of any source.
        out: the folder to write into, made when it is missing.

    Returns:
        The files written.

    Raises:
        UserError: `out` cannot be written.
    """
    size = view.settings.get("vocab_size") or len(view.vocabulary)
    paths = [out / f"{size}.vocab"]
    try:
        out.mkdir(parents=True, exist_ok=True)
        view.vocabulary.save(paths[0])
        for name, subset in view.subsets.items():
            if len(subset):
                paths.append(out / f"{name}.txt")
                with open(paths[-1], "w", encoding="utf-8", newline="\n") as file:
                    file.writelines(_lines(view, subset))
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror or error}") from error
    return paths


def _lines(view: View, subset: Subset) -> Iterator[str]:
    """The posts of a subset as lines, the shortest first."""
    written = subset.caption_ids != PAD
    if _drops_unknown(view, subset):
        written &= subset.caption_ids != UNK
    for row in np.argsort(written.sum(1), kind="stable"):
        caption = subset.caption_ids[row, written[row]].tolist()
        context = subset.context_ids[row, : subset.context_length[row]].tolist()
        ids = ",".join("_".join(map(str, part)) for part in (context, caption))
        yield f"{_feature_file(view, subset, row)},{len(context)},{len(caption)},{ids}\n"


def _is_yfcc(view: View) -> bool:
    return view.settings.get("source") == "yfcc"


def _drops_unknown(view: View, subset: Subset) -> bool:
    """The original YFCC hashtag script takes unknown tags out of its training posts alone."""
    return _is_yfcc(view) and view.settings["task"] == "hashtag" and subset.name == "train"


def _feature_file(view: View, subset: Subset, row: int) -> str:
    user, post = view.users[subset.user[row]], subset.text("post_id", row)
    name = f"{user}_{post}.npy" if _is_yfcc(view) else f"{user}_@_{post}.npy"
    if "," in name or "\n" in name:
        raise UserError(
            f"post {post!r} of user {user!r}: a comma or line break in a name breaks the layout; "
            "rename it and build the view again"
        )
    return name


def main() -> None:
    """Exports the view that the command line names."""
    arguments = parse(Arguments)
    view = open_view(arguments.data_dir, arguments.task, arguments.split, arguments.context)
    for path in export_view(view, arguments.out):
        print(path)


if __name__ == "__main__":
    run_command(main)
