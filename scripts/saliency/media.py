"""From what `--media` names to pixels: a file of anybody's, or one of the run's own."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from data_loader.images import ImageError, read_image
from data_loader.view import View
from utils.errors import UserError

if TYPE_CHECKING:
    from data_loader.clips import Clip


def find_media(name: str, images: Path | None, view: View) -> Path:
    """The file that `--media` names.

    Args:
        name: a path; or a post's id (`user/post` or `post`), a file name as it stands in the
            data root, or its last part with or without the ending.
        images: the folder that the data root's names are relative to.
        view: of the run.

    Raises:
        UserError: neither a file nor anything in the run's data, several things, or an id without
            `images`.
    """
    if _is_there(Path(name)):
        return Path(name)
    found = sorted(set(_names_of_posts(name, view)) or set(_names_like(name, view.image_names)))
    if not found:
        raise UserError(
            f"--media {name} is no file, and {view.folder} has no post or file of this name, such "
            f"as {view.image_names[0] if view.image_names else 'none'}"
        )
    if len(found) > 1:
        raise UserError(f"--media {name} may be {', '.join(found[:3])}: give one of these names")
    if images is None:
        raise UserError(f"--media {name} is {found[0]} of the run's data: --images says where")
    if not _is_there(images / found[0]):
        raise UserError(f"--images {images} has no {found[0]}, which --media {name} is")
    return images / found[0]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or has a zero byte
        return False


def _names_of_posts(name: str, view: View) -> list[str]:
    """The images of the posts with an id."""
    last = name.rsplit("/", 1)[-1]
    posts = (
        view.describe(subset, row)
        for subset in view.subsets.values()
        for row, post in enumerate(subset.columns.texts("post_id"))
        if post == last
    )
    return [post["image"] for post in posts if post["id"] == name or "/" not in name]


def _names_like(name: str, names: list[str]) -> list[str]:
    return [one for one in names if name in (one, Path(one).name, Path(one).stem)]


def read_picture(path: Path) -> np.ndarray:
    """A picture for a run of pictures: uint8 [H, W, 3].

    Raises:
        UserError: a clip, or nothing that can be read.
    """
    try:
        return read_image(path)
    except ImageError as error:
        if _is_clip(path):
            raise UserError(
                f"{path} is a clip, and this run describes pictures: give a picture, or a run of "
                "--preset saliency-video"
            ) from None
        raise UserError(f"{path} is no readable picture: {error}") from None


def open_film(path: Path) -> "Clip":
    """A clip for a run of clips.

    Raises:
        UserError: a picture, or nothing that can be read.
    """
    from data_loader.clips import ClipError, open_clip

    if _is_still(path):
        raise UserError(
            f"{path} is a picture, and this run describes clips: give a clip, or a run of "
            "--preset saliency-image"
        )
    try:
        return open_clip(path)
    except ClipError as error:
        raise UserError(f"{path} is no readable clip: {error}") from None


def _is_clip(path: Path) -> bool:
    from data_loader.clips import ClipError, open_clip

    try:
        open_clip(path)
    except ClipError:
        return False
    return True


def _is_still(path: Path) -> bool:
    """Whether the file is a picture that does not move; FFmpeg takes it for a clip of one frame."""
    try:
        read_image(path)
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1) == 1
    except (ImageError, OSError):
        return False
