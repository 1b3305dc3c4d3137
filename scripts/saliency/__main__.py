"""Shows which region of a picture, or frame of a clip, each word of a sentence refers to.

    python -m scripts.saliency --run_dir runs/saliency-image-caption-shipped-none --media dog.jpg \
        --sentence "a dog runs on the beach" --html
    python -m scripts.saliency --run_dir runs/saliency-video-caption-shipped-none --media clip.mp4

Without a sentence, the model's own caption is explained. Writes OUT/NAME.png for a picture,
NAME.mp4 and NAME-strip.png for a clip, and the numbers in NAME.npz. Runs of attention captioners
(attend-tell, soft-attention, diya-*) show their attention in the same way; several runs of pictures
stand below one another.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from scripts.saliency.drawing import draw_clip, draw_picture
from scripts.saliency.maps import Maps, explain_clip, explain_picture
from scripts.saliency.media import find_media, open_film, read_picture
from scripts.saliency.options import Options
from scripts.saliency.page import write_page
from scripts.saliency.trained import Trained, describe, load, open_trained
from utils.command_line import parse
from utils.devices import quiet_tensorflow
from utils.errors import UserError, run_command
from utils.run_folder import newest_run


def main() -> None:
    """Runs, medium, maps, files."""
    options = parse(Options)
    options.check()
    runs = [open_trained(path, options) for path in options.run_dir or (newest_run(),)]
    path = find_media(options.media, options.images, runs[0].view)
    check_targets(targets(runs, path, options), path)
    make_folder(options.out)
    quiet_tensorflow()
    written = (
        show_clip(runs, path, options) if reads_clips(runs) else show_pictures(runs, path, options)
    )
    for file in written:
        print(f"wrote {file}")


def targets(runs: list[Trained], path: Path, options: Options) -> list[Path]:
    """What will be written about a medium.

    Raises:
        UserError: the runs do not go together.
    """
    pictures = [".mp4", "-strip.png"] if reads_clips(runs) else [".png"]
    numbers = [f"{name}.npz" for name in names_of([trained.run.path for trained in runs])]
    endings = [*numbers, *pictures, *([".html"] if options.html else [])]
    return [options.out / f"{path.stem}{ending}" for ending in endings]


def check_targets(files: Iterable[Path], medium: Path) -> None:
    """Refuses to write over the picture or clip itself.

    Raises:
        UserError: names the file.
    """
    for file in files:
        if file.exists() and file.samefile(medium):
            raise UserError(f"--out: {file} is --media {medium} itself: give another folder")


def reads_clips(runs: list[Trained]) -> bool:
    """Whether this is about clips.

    Raises:
        UserError: about clips and other runs.
    """
    clips = [trained.reads_clips for trained in runs]
    if any(clips) and len(runs) > 1:
        raise UserError(
            f"--run_dir: {runs[clips.index(True)].run.path} describes clips, and a film shows one "
            "run: name it alone"
        )
    return clips[0]


def show_pictures(runs: list[Trained], path: Path, options: Options) -> list[Path]:
    """One sheet for all runs; a file of numbers for each. Returns what was written."""
    picture = read_picture(path)
    names = names_of([trained.run.path for trained in runs])
    found = [explain(trained, picture, options) for trained in runs]
    stem = options.out / path.stem
    files = [save(Path(f"{stem}{name}.npz"), maps) for name, maps in zip(names, found, strict=True)]
    files.append(draw_picture(Path(f"{stem}.png"), picture, found, options))
    if options.html:
        files.append(write_page(Path(f"{stem}.html"), found, options, picture=picture))
    return files


def names_of(runs: list[Path]) -> list[str]:
    """What tells the files of several runs apart; nothing for a single one.

    Raises:
        UserError: two have the same name.
    """
    if len(runs) == 1:
        return [""]
    names = [f"-{run.resolve().name}" for run in runs]
    if len(set(names)) < len(names):
        raise UserError(f"--run_dir: two runs are called the same ({', '.join(map(str, runs))})")
    return names


def explain(trained: Trained, picture: np.ndarray, options: Options) -> Maps:
    """One run's maps of a picture."""
    loaded = load(trained, options)
    return explain_picture(trained, loaded, picture, options, describe(trained, loaded))


def show_clip(runs: list[Trained], path: Path, options: Options) -> list[Path]:
    """Film, strip and numbers of one run. Returns what was written."""
    from data_loader.clips import ClipError

    (trained,) = runs
    clip, stem = open_film(path), options.out / path.stem
    loaded = load(trained, options)
    try:
        maps = explain_clip(trained, loaded, clip, options, describe(trained, loaded))
        files = [save(Path(f"{stem}.npz"), maps), *draw_clip(stem, clip, maps, options)]
        if options.html:
            files.append(write_page(Path(f"{stem}.html"), [maps], options, clip=clip))
    except ClipError as error:
        raise UserError(f"{path} is no readable clip: {error}") from None
    return files


def save(path: Path, maps: Maps) -> Path:
    """The numbers, without anything pickled."""
    try:
        np.savez_compressed(path, **maps.arrays())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path


def make_folder(path: Path) -> None:
    """Makes the folder of the results, before the work."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: cannot make the folder {path}: {error.strerror}") from error


if __name__ == "__main__":
    run_command(main)
