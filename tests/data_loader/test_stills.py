"""Pictures of posts for people, also of clips: what contact sheets and galleries show."""

import numpy as np
import pytest
from PIL import Image

from data_loader.images import ImageError
from data_loader.stills import read_still
from scripts.contact_sheet import Post, load_images
from scripts.gallery_figures.parts import Album
from tests.clips import write_clip


def grey(number):
    return np.full([32, 48, 3], 20 * number, np.uint8)


def test_a_clip_is_shown_by_its_middle_frame(tmp_path, capsys):
    write_clip(tmp_path / "clip.mp4", 9, draw=grey)
    Image.fromarray(grey(7)).save(tmp_path / "picture.png")
    (tmp_path / "broken.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes()[:200])
    names = ("clip.mp4", "picture.png", "broken.mp4", "gone.mp4")
    images = load_images([Post("anna", name, ()) for name in names], tmp_path)
    assert [None if image is None else round(image.mean() / 20) for image in images] == [
        4,
        7,
        None,
        None,
    ]
    assert "2 of 4 images are missing or broken" in capsys.readouterr().out
    album = Album(tmp_path)
    assert album.pixels("clip.mp4") is not None and album.pixels("gone.mp4") is None
    assert album.gone == {"gone.mp4"}
    with pytest.raises(ImageError):
        read_still(tmp_path / "broken.mp4")
