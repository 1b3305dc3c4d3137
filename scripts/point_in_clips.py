"""Do the words of a clip point to the frames and places of what they name? On planted clips.

    python -m scripts.make_planted_set --clips --out toy/clips --train 1000 --val 50 --test 100
    python -m scripts.build_dataset --source folder --input toy/clips --out toy/clips-data
    python -m scripts.extract_features --images toy/clips --data_dir toy/clips-data \\
        --extractor patches --layer frames26
    python -m train --data_dir toy/clips-data --run_dir toy/clips-run --preset saliency-video \\
        --extractor patches --hidden_dim 96 --word_dim 24 --batch_size 50 --learning_rate 0.004 \\
        --epochs 20
    python -m scripts.point_in_clips --run_dir toy/clips-run --planted toy/clips

The pointing game in time: the model is told the caption of each clip, and asked for the frame that
speaks most for each thing's word, then for the cell that does in this frame. Prints the shares
that show the thing, beside those of a guess.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from scripts.make_planted_set import PLANTED
from scripts.saliency import options as saliency
from scripts.saliency.maps import Maps, explain_clip
from scripts.saliency.media import open_film
from scripts.saliency.trained import describe, load, open_trained
from utils.checks import check_range
from utils.command_line import parse
from utils.devices import quiet_tensorflow
from utils.errors import UserError, run_command
from utils.reports import write_report
from utils.run_folder import newest_run
from utils.tables import format_number, format_table

KEYS = ("file", "caption", "subset", "things")  # of a line of planted.jsonl
REPORT = "point_in_clips.json"


@dataclass(frozen=True)
class Options:
    """Do the words of a clip point to the frames and places of what they name?"""

    planted: Path
    """The folder that `python -m scripts.make_planted_set --clips` wrote."""
    run_dir: Path | None = None
    """Folder of a run on such clips; by default the newest in runs."""
    checkpoint: str = "best"
    """best, last, or a step."""
    subset: str = "test"
    """Whose clips: train, val or test."""
    limit: int | None = None
    """Ask about this many clips at most."""
    data_dir: Path | None = None
    """The data root, where it has moved."""
    num_gpus: int | None = None
    """0 for the CPU, 1 for a GPU; by default a GPU if there is one."""

    def about(self, run: Path, clip: dict[str, Any]) -> saliency.Options:
        """The flags of `python -m scripts.saliency` for one clip and its caption."""
        kept = {name: getattr(self, name) for name in ("checkpoint", "data_dir", "num_gpus")}
        media, sentence = str(self.planted / clip["file"]), clip["caption"]
        return saliency.Options(media, run_dir=(run,), sentence=sentence, **kept)


class Pointed(NamedTuple):
    """Where a word pointed, and how often a guess would have been as right.

    Attributes:
        time: the frame shows the thing.
        place: the cell of this frame is one of the thing's.
        random_time, random_place: shares of frames, and of cells of all frames, that are.
    """

    time: bool
    place: bool
    random_time: float
    random_place: float


def main() -> None:
    """Clips, run, maps, shares."""
    options = parse(Options)
    check_range("limit", options.limit, 1)
    check_range("num_gpus", options.num_gpus, 0, 1)
    clips = read_planted(options.planted, options.subset)[: options.limit]
    run = options.run_dir or newest_run()
    quiet_tensorflow()
    pointed = list(play(run, clips, options))
    shares = dict(zip(Pointed._fields, np.mean(pointed, axis=0).tolist(), strict=True))
    print(f"{len(pointed):,} words of {len(clips):,} clips of {options.subset}, {run}\n")
    print(table(shares))
    write_report(run / REPORT, {**shares, "words": len(pointed), "clips": len(clips)})
    print(f"\nwritten: {run / REPORT}")


def read_planted(folder: Path, subset: str) -> list[dict[str, Any]]:
    """What was planted in the clips of a subset: lines of planted.jsonl.

    Raises:
        UserError: no such file or subset, or pictures.
    """
    path = folder / PLANTED
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = [{key: row[key] for key in KEYS} for row in rows if row["subset"] == subset]
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}): --planted is a folder that "
            "python -m scripts.make_planted_set --clips wrote"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not as make_planted_set writes it: make it anew") from error
    if not found:
        raise UserError(f"--subset {subset} has no clips in {path}: choose train, val or test")
    if not found[0]["file"].endswith(".mp4"):
        raise UserError(f"{folder} has pictures: python -m scripts.pointing_game plays with those")
    return found


def play(run: Path, clips: Sequence[dict[str, Any]], options: Options) -> Iterator[Pointed]:
    """Asks about every thing of every clip.

    Raises:
        UserError: the run is of pictures or of other words, or a clip cannot be read.
    """
    flags = options.about(run, clips[0])
    trained = open_trained(run, flags)
    if not trained.reads_clips:
        raise UserError(f"{run} is a {trained.config.preset} run: expected one of saliency-video")
    loaded = load(trained, flags)
    note = describe(trained, loaded)
    for clip in tqdm(clips, unit="clip", disable=None, leave=False):
        film, flags = open_film(options.planted / clip["file"]), options.about(run, clip)
        maps = explain_clip(trained, loaded, film, flags, note)
        yield from (point(maps, thing) for thing in clip["things"])


def point(maps: Maps, thing: dict[str, Any]) -> Pointed:
    """Where the word of a thing points.

    Args:
        maps: of the clip's caption.
        thing: its word, cells and frames, as planted.
    """
    word = maps.words.index(thing["word"])
    values = maps.values[:, word]  # [F, h, w]
    shows = np.zeros(values.shape, bool)
    rows = slice(thing["top"], thing["top"] + thing["height"])
    columns = slice(thing["left"], thing["left"] + thing["width"])
    shows[slice(*thing["frames"]), rows, columns] = True
    frame = maps.frame_values[:, word].argmax()
    in_time, in_place = shows[frame].any(), shows[frame].ravel()[values[frame].argmax()]
    return Pointed(in_time, in_place, shows.any((1, 2)).mean(), shows.mean())


def table(shares: dict[str, float]) -> str:
    """The shares beside those of a guess."""
    names = {"time": "the strongest frame shows it", "place": "the strongest cell, then, is its"}
    rows = [
        [title, format_number(shares[name], 3), format_number(shares[f"random_{name}"], 3)]
        for name, title in names.items()
    ]
    return format_table(["of the things that are named", "share", "a guess"], rows)


if __name__ == "__main__":
    run_command(main)
