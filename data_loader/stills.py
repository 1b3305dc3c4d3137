"""One picture of a post for people to look at: its own, or the middle frame of its clip."""

from pathlib import Path

import numpy as np

from data_loader.images import ImageError, read_image


def read_still(path: Path) -> np.ndarray:
    """A picture, or of a clip the frame in its middle: uint8 [H, W, 3], RGB, upright.

    Raises:
        ImageError: neither can be read.
    """
    try:
        return read_image(path)
    except ImageError as error:
        from data_loader.clips import ClipError, read_frames

        try:
            return read_frames(path, 3)[1]
        except ClipError:
            raise error from None
