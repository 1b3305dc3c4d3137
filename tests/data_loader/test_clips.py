"""Clips of every odd kind: each is decoded, or refused with a reason in one line."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from data_loader.clips import ClipError, open_clip, sample_frames
from tests.clips import scene, write_clip, write_packets, write_sound
from tests.shared_data import shared

LOSSY = 12  # of 255, between a frame and what a codec makes of it, on flat areas


def assert_scene(pixels, number, tolerance=LOSSY):
    """The flat parts of a `scene`."""
    expected = scene(number)
    assert pixels.dtype == np.uint8 and pixels.shape == expected.shape
    for row, column in ((6, 10), (40, 20), (6, 50)):
        np.testing.assert_allclose(
            pixels[row, column].astype(int), expected[row, column], atol=tolerance
        )


def assert_clip(path, frames=7):
    clip = open_clip(path)
    assert clip.info.frames == frames and (clip.info.width, clip.info.height) == (64, 48)
    found = list(clip.frames())
    assert len(found) == frames
    for number, pixels in enumerate(found):
        assert_scene(pixels, number)
    return clip


def test_places_of_frames():
    places = sample_frames(100, 26)
    assert places.shape == (26,) and places[[0, 1, 25]].tolist() == [0, 4, 99]
    assert sample_frames(1, 26).tolist() == [0] * 26
    assert sample_frames(3, 6).tolist() == [0, 0, 1, 1, 2, 2]  # halves to the even number
    assert sample_frames(26, 26).tolist() == list(range(26))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.avi"])
def test_the_usual_formats(tmp_path, name):
    clip = assert_clip(write_clip(tmp_path / name))
    assert (
        clip.times.shape == (7,)
        and clip.info.seconds == pytest.approx(0.7)
        and clip.info.rate == pytest.approx(10)
    )
    seconds = [frame.seconds for frame in clip.timed_frames()]
    np.testing.assert_allclose(seconds, np.arange(7) / 10, atol=1e-6)


def test_formats_are_told_by_content(tmp_path):
    write_clip(tmp_path / "a.mkv").rename(tmp_path / "picture.jpg")
    assert_clip(tmp_path / "picture.jpg")


def test_a_name_with_a_colon_is_no_address(tmp_path, monkeypatch):
    write_clip(tmp_path / "a.mp4").rename(tmp_path / "http: a film")
    monkeypatch.chdir(tmp_path)
    assert_clip("http: a film")


def test_playlists_do_not_lead_to_other_files(tmp_path):
    write_clip(tmp_path / "a.ts")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:9", "#EXTINF:9,", "a.ts", "#EXT-X-ENDLIST", ""]
    (tmp_path / "list.m3u8").write_text("\n".join(lines))
    with av.open(str(tmp_path / "list.m3u8")) as found:
        assert found.streams.video  # FFmpeg would
    with pytest.raises(ClipError, match=r"^not a video clip, or broken: "):
        open_clip(tmp_path / "list.m3u8")


def test_chosen_frames(tmp_path):
    clip = open_clip(write_clip(tmp_path / "a.mp4"))
    first, again, last = clip.frames([2, 2, 6])
    assert_scene(first, 2)
    assert_scene(last, 6)
    np.testing.assert_array_equal(first, again)
    assert list(clip.frames([])) == []
    with pytest.raises(ClipError, match="only 7 of its frames can be decoded"):
        list(clip.frames([1, 7]))


def test_a_sample_covers_the_clip_and_repeats_the_frames_of_a_short_one(tmp_path):
    clip = open_clip(write_clip(tmp_path / "a.mp4"))
    lightness = clip.sample(5, lambda frame: frame[40, 20, :1].astype(int))
    np.testing.assert_allclose(lightness[:, 0], [40, 52, 58, 64, 76], atol=LOSSY / 4)
    assert clip.sample(26, lambda frame: frame[0]).shape == (26, 64, 3)


TURNS = [(turn, flip) for turn in (0, 90, 180, 270) for flip in ((False, False), (True, False))]


@pytest.mark.parametrize(("turn", "flip"), [*TURNS, (90, (False, True))])
def test_clips_are_turned_upright(tmp_path, turn, flip):
    clip = open_clip(write_clip(tmp_path / "a.mp4", 2, turn=turn, flip=flip))
    expected = np.rot90(scene(1), turn // 90)
    expected = expected[:: -1 if flip[1] else 1, :: -1 if flip[0] else 1]
    _, found = clip.frames()
    assert found.shape == expected.shape == (clip.info.height, clip.info.width, 3)
    assert np.abs(found.astype(int) - expected).mean() < LOSSY / 2


def test_variable_frame_rate(tmp_path):
    ticks = [0, 1, 2, 10, 11, 30, 31]
    clip = assert_clip(write_clip(tmp_path / "a.mp4", ticks=ticks))
    seconds = [frame.seconds for frame in clip.timed_frames()]
    np.testing.assert_allclose(seconds, np.array(ticks) / 10, atol=1e-6)
    assert clip.info.rate == pytest.approx(6 / 3.1) and clip.info.seconds == pytest.approx(
        7 * 3.1 / 6
    )


def test_missing_duration(tmp_path):
    path = write_clip(tmp_path / "a.mkv", live="1")
    with av.open(str(path)) as file:
        assert file.duration is None and not file.streams.video[0].frames
    assert assert_clip(path).info.seconds == pytest.approx(0.7)


def test_no_times_at_all(tmp_path):
    clip = assert_clip(write_clip(tmp_path / "a", container="h264"))
    seconds = [frame.seconds for frame in clip.timed_frames()]
    assert clip.info.rate == 25 and seconds[3] == pytest.approx(3 / 25)


def test_times_count_from_the_first_frame(tmp_path):
    clip = open_clip(write_clip(tmp_path / "a.mkv", 3, ticks=[50, 51, 52]))
    seconds = [frame.seconds for frame in clip.timed_frames([1, 2])]
    np.testing.assert_allclose(seconds, [0.1, 0.2], atol=1e-6)


def see_through(number):
    """A scene whose right half is transparent."""
    pixels = np.dstack([scene(number), np.full([48, 64], 255, np.uint8)])
    pixels[:, 32:, 3] = 0
    return pixels


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("a.webm", "libvpx-vp9", "yuva420p"), ("a.mov", "png", "rgba"), ("a.mov", "qtrle", "argb")],
)
def test_transparency_is_laid_on_white(tmp_path, name, codec, pixels):
    path = write_clip(tmp_path / name, 3, codec=codec, pixels=pixels, draw=see_through)
    (frame,) = open_clip(path).frames([1])
    np.testing.assert_allclose(frame[6, 10].astype(int), (250, 20, 20), atol=LOSSY)
    np.testing.assert_allclose(frame[40, 50].astype(int), 255, atol=LOSSY)


def test_gray(tmp_path):
    clip = open_clip(write_clip(tmp_path / "a.avi", 2, codec="png", pixels="gray"))
    assert next(clip.frames())[40, 20].tolist() == pytest.approx([40] * 3, abs=LOSSY)


def pictures(*sizes):
    for size in sizes:
        buffer = io.BytesIO()
        Image.new("RGB", size, (10, 200, 30)).save(buffer, "JPEG")
        yield buffer.getvalue()


def test_a_size_that_changes_is_that_of_the_first_frame(tmp_path):
    clip = open_clip(write_packets(tmp_path / "a.mkv", pictures((64, 48), (32, 40))))
    assert [frame.shape for frame in clip.frames()] == [(48, 64, 3)] * 2


def test_broken_frames_are_left_out(tmp_path):
    good = list(pictures(*[(64, 48)] * 3))
    clip = open_clip(write_packets(tmp_path / "a.mkv", [good[0], b"no picture", *good[1:]]))
    assert clip.info.frames == 4 and len(list(clip.frames())) == 3
    assert clip.sample(4, lambda frame: frame[0, 0]).shape == (4, 3)
    with pytest.raises(ClipError, match="no frame can be decoded"):
        open_clip(write_packets(tmp_path / "b.mkv", [b"no picture"] * 3))


def test_a_file_that_is_cut_off_is_refused_or_ends_early(tmp_path):
    whole = write_clip(tmp_path / "a.mp4", 30, movflags="faststart", codec="mpeg4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(ClipError, match=r"^cut off: \d+ of its 30 frames are there$"):
        open_clip(tmp_path / "a.mp4")
    late = write_clip(tmp_path / "b.mp4").read_bytes()  # its table of frames comes last
    (tmp_path / "b.mp4").write_bytes(late[: len(late) // 2])
    with pytest.raises(ClipError, match=r"^not a video clip, or broken: "):
        open_clip(tmp_path / "b.mp4")
    # Other formats do not say how many frames they should have.
    whole = write_clip(tmp_path / "c.ts", 30, codec="mpeg2video").read_bytes()
    (tmp_path / "c.ts").write_bytes(whole[: len(whole) // 2])
    clip = open_clip(tmp_path / "c.ts")
    assert 5 < clip.info.frames < 30
    assert clip.sample(26, lambda frame: frame).shape == (26, 48, 64, 3)


def write(content):
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "^missing$"),
        (lambda path: path.mkdir(), "^not a file$"),
        (write(b""), "^empty file$"),
        (write(b"some words\n" * 90), "^not a video clip, or broken: Invalid data found"),
        (write(bytes(4000)), "^not a video clip, or broken: "),
        (write_sound, "^no video in it, only sound$"),
        (lambda path: write_sound(path, *pictures((64, 48))), "^no video in it, only sound$"),
        (lambda path: write_clip(path, 0), "^no video in it$"),
        (lambda path: write_clip(path, 0, container="matroska"), "^not a .*broken: End of file$"),
    ],
    ids=[
        "missing",
        "folder",
        "zero bytes",
        "text",
        "zeros",
        "sound",
        "cover",
        "no frames",
        "only a header",
    ],
)
def test_what_is_no_clip_is_refused_with_a_reason(tmp_path, make, words):
    make(tmp_path / "a.mp4")
    with pytest.raises(ClipError, match=words) as refused:
        open_clip(tmp_path / "a.mp4")
    assert "\n" not in str(refused.value)


def test_too_many_pixels_are_refused(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    with pytest.raises(ClipError, match="64 x 48 is more than 3000 pixels"):
        open_clip(path)


def test_real_clips():
    expected = {
        "bigbuckbunny.mp4": (132, 5.28, 25, 1280, 720),
        "transparent.webm": (150, 5, 30, 200, 200),
        "video_0.mov": (3, 0.1, 30, 568, 320),
    }
    folder = shared("data/video")
    for name, info in expected.items():
        clip = open_clip(folder / name)
        assert clip.info == pytest.approx(info)
        (frame,) = clip.frames([2])
        assert frame.shape == (clip.info.height, clip.info.width, 3)
    (frame,) = open_clip(folder / "transparent.webm").frames([0])
    assert frame[0, 0].tolist() == [255, 255, 255]  # black without its transparency
