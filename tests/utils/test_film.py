"""Films: times, colours, and what cannot be written."""

import numpy as np
import pytest

from utils import film
from utils.errors import UserError
from utils.film import write_film


def read_film(path):
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(float(f.time), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
        return stream, frames, float(stream.duration * stream.time_base)


def test_frames_keep_their_times(tmp_path):
    rng = np.random.default_rng(3)
    seconds = np.concatenate([[0], np.cumsum(rng.uniform(0.01, 0.3, 16))])
    levels = rng.permutation(np.arange(17) * 14 + 10)
    frames = [np.full([34, 62, 3], level, np.uint8) for level in levels]
    count = write_film(tmp_path / "a.mp4", zip(seconds, frames, strict=True), 8, 0.5)
    stream, found, duration = read_film(tmp_path / "a.mp4")
    assert count == len(found) == 17
    np.testing.assert_allclose([time for time, _ in found], seconds, atol=1e-4)
    assert duration == pytest.approx(seconds[-1] + 0.5, abs=1e-3)
    assert [round(float(pixels.mean())) for _, pixels in found] == pytest.approx(levels, abs=3)
    assert stream.codec_context.pix_fmt == "yuv420p" and stream.codec_context.name == "h264"


def test_colours_and_places_survive(tmp_path):
    picture = np.full([48, 80, 3], 128, np.uint8)
    picture[:16, :40], picture[32:, 40:] = (220, 30, 40), (30, 60, 220)
    write_film(tmp_path / "a.mp4", [(0, picture)] * 2, 25, 0.04)
    _, found, _ = read_film(tmp_path / "a.mp4")
    for y, x in [(7, 20), (40, 60), (24, 40)]:
        assert np.abs(found[-1][1][y, x].astype(int) - picture[y, x]).max() < 12
    assert len({time for time, _ in found}) == 2  # two frames of one time are two frames


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path):
    frames = [(0.0, np.zeros([8, 8, 3], np.uint8))]
    with pytest.raises(UserError, match="cannot write"):
        write_film(tmp_path / "gone" / "a.mp4", frames, 25, 0.04)

    def broken():
        for number in range(90):  # so many that some are written before
            yield number / 25, np.random.default_rng(number).integers(0, 255, (64, 64, 3), np.uint8)
        raise UserError("the clip breaks off")

    with pytest.raises(UserError, match="breaks off"):
        write_film(tmp_path / "a.mp4", broken(), 25, 0.04)
    assert not list(tmp_path.iterdir())


def test_frames_larger_than_the_encoder_s_are_refused(tmp_path, monkeypatch):
    frames = [(0.0, np.zeros([film.MOST_SIDE + 2, 16, 3], np.uint8))]
    with pytest.raises(UserError, match=r"at most 16,384 pixels on a side, these .* 16 x 16,386: "):
        write_film(tmp_path / "a.mp4", frames, 25, 0.04)
    monkeypatch.setattr(film, "MOST_SIDE", 10**6)
    with pytest.raises(UserError, match=r"cannot write .*a.mp4: "):  # the encoder says so itself
        write_film(tmp_path / "a.mp4", frames, 25, 0.04)
    assert not list(tmp_path.iterdir())
