"""Decodes the frames of video clips to upright RGB pixels; what cannot be decoded gets a reason.

PyAV brings its own FFmpeg: the same decoders on every machine, frame by frame in this process,
with their times, rotation and errors. The ffmpeg program would be another thing to install, and
its frames would have to go through files or pipes, where times are lost and sizes must be guessed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import av
import av.container
import av.video.stream
import numpy as np
from PIL import Image

from data_loader.images import MediaError, check_file, lay_on_white

# Playlists are left out: a few lines of text would make FFmpeg open other files, or addresses.
FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,h264,hevc,m4v,ivf,rm,mxf,wtv"
)
USUAL_RATE = 25.0  # where neither the times nor the header of a clip say one
# FFmpeg's own decoders of these leave the transparency out.
DECODERS_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
NO_FRAME = "broken: no frame can be decoded"
SAME_RATE = 0.01  # as a share: times of Matroska files are whole milliseconds
ATTACHED_PICTURE = av.stream.Disposition.attached_pic


class ClipError(MediaError):
    """A clip that cannot be used."""


class ClipInfo(NamedTuple):
    """What is known of a clip without decoding it.

    Attributes:
        frames: as many as the file has packets of pictures; a damaged file decodes to fewer.
        seconds: from the beginning of the first frame to the end of the last.
        rate: frames per second, the mean where they vary.
        width, height: of the upright frames, in pixels as stored.
    """

    frames: int
    seconds: float
    rate: float
    width: int
    height: int


class Frame(NamedTuple):
    """A frame: [H, W, 3] uint8, RGB, upright, and the seconds since the first one."""

    seconds: float
    pixels: np.ndarray


@dataclass(frozen=True)
class Clip:
    """A video clip; every reading opens the file anew and closes it, so none is left open.

    Attributes:
        path: the file.
        info: its size and length.
        times: [info.frames] float64, seconds from the first frame to each.
    """

    path: Path
    info: ClipInfo
    times: np.ndarray = field(compare=False, repr=False)

    def frames(self, chosen: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Yields frames in the order of time.

        Args:
            chosen: their numbers, from 0, never decreasing; repeats are fine. None for all.

        Yields:
            [H, W, 3] uint8, RGB, turned upright, all of one size; transparency is laid on white.

        Raises:
            ClipError: no frame can be decoded, or there are fewer than chosen.
        """
        return (frame.pixels for frame in self.timed_frames(chosen))

    def timed_frames(self, chosen: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yields frames as `frames` does, each with its time."""
        if chosen is None:
            yield from (self._finish(number, frame) for number, frame in self._decode())
            return
        wanted, last = Counter(int(number) for number in chosen), max(chosen, default=-1)
        found = 0
        for number, frame in self._decode() if wanted else ():
            found = number + 1
            if number in wanted:
                finished = self._finish(number, frame)
                yield from [finished] * wanted[number]
            if number >= last:
                return
        if wanted:
            raise _Shorter(found)

    def sample(self, number: int, prepare: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Frames at even distances, from the first to the last that can be decoded.

        Args:
            number: how many; a clip of fewer frames repeats them.
            prepare: what becomes of each frame at once, so that large ones are not kept.

        Returns:
            [number, ...]

        Raises:
            ClipError: no frame can be decoded.
        """
        try:
            chosen = sample_frames(self.info.frames, number)
            return np.stack([prepare(frame) for frame in self.frames(chosen)])
        except _Shorter as shorter:
            chosen = sample_frames(shorter.found, number)
            return np.stack([prepare(frame) for frame in self.frames(chosen)])

    def _decode(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """The frames that can be decoded, counted from 0.

        Raises:
            ClipError: there is none.
        """
        number = -1
        with _opened(self.path) as (container, stream):
            for number, frame in enumerate(_decoded(container, stream)):
                yield number, frame
        if number < 0:
            raise ClipError(NO_FRAME)

    def _finish(self, number: int, frame: av.VideoFrame) -> Frame:
        # Not the decoder's own times: those of AVI files with reordered frames go back and forth.
        seconds = self.times[number] if number < len(self.times) else number / self.info.rate
        pixels = _upright(_to_rgb(frame), _orientation(frame))
        if pixels.shape[:2] != (self.info.height, self.info.width):  # some streams change in size
            size = (self.info.width, self.info.height)
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
        return Frame(float(seconds), pixels)


class _Shorter(ClipError):
    """Fewer frames than were chosen."""

    def __init__(self, found: int):
        super().__init__(f"broken: only {found} of its frames can be decoded")
        self.found = found


def open_clip(path: str | Path) -> Clip:
    """Opens a clip: its packets are counted and its first frame is decoded.

    Args:
        path: the file, in any of the usual formats, told apart by content and not by name. Its
            first video track is taken; covers of music are none.

    Raises:
        ClipError: missing, empty, no clip, without video or frames, cut off, broken, or of more
            pixels than `PIL.Image.MAX_IMAGE_PIXELS`.
    """
    path = Path(path)
    check_file(path, ClipError)
    with _opened(path) as (container, stream):
        packets = [Packet.of(packet) for packet in container.demux(stream) if packet.size]
        _check_whole(container, stream, packets)
        ticks = [packet.time for packet in packets if packet.shown]
        times, rate = _times(ticks, stream)
    size = _first_size(path)
    return Clip(path, ClipInfo(len(times), len(times) / rate, rate, *size), times)


def _first_size(path: Path) -> tuple[int, int]:
    """Width and height of the first frame, upright."""
    with _opened(path) as (container, stream):
        _check_size(stream.codec_context)
        first = next(_decoded(container, stream), None)
        if first is None:
            raise ClipError(NO_FRAME)
    if _orientation(first).swap:
        return first.height, first.width
    return first.width, first.height


def read_frames(path: str | Path, number: int) -> np.ndarray:
    """Frames of a clip at even distances: [number, H, W, 3] uint8, RGB, upright.

    Raises:
        ClipError: as `open_clip`.
    """
    return open_clip(path).sample(number, lambda frame: frame)


def sample_frames(frames: int, number: int) -> np.ndarray:
    """Places at even distances, from the first frame to the last.

    Args:
        frames: n, how many there are.
        number: how many are wanted; with fewer frames than that, some come twice.

    Returns:
        [number] int64, round(linspace(0, n - 1, number)), halves to the even number.

    >>> sample_frames(100, 26)[[0, 1, 25]].tolist()
    [0, 4, 99]
    """
    return np.rint(np.linspace(0, frames - 1, number)).astype(np.int64)


@contextmanager
def _opened(
    path: Path,
) -> Iterator[tuple[av.container.InputContainer, av.video.stream.VideoStream]]:
    """The file and its video track; what FFmpeg says becomes a ClipError."""
    try:
        # With `file:`, a colon in the name does not make it an address.
        name, options = f"file:{path}", {"format_whitelist": FORMATS}
        with av.open(name, options=options, metadata_errors="replace") as container:
            yield container, _video_of(container)
    except ClipError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ClipError(f"not a video clip, or broken: {reason}") from None


def _video_of(container: av.container.InputContainer) -> av.video.stream.VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & ATTACHED_PICTURE:
            if stream.codec_context is None:
                raise ClipError("broken, or a kind of video that nothing here decodes")
            stream.thread_type = "AUTO"
            _limit(stream.codec_context)
            return stream
    raise ClipError("no video in it" + (", only sound" if container.streams.audio else ""))


def _decoded(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.VideoFrame]:
    """All frames; packets that the decoder refuses are left out, as players do."""
    decoder = _decoder(stream)
    for packet in container.demux(stream):
        if packet.is_corrupt:
            continue
        try:
            frames = decoder.decode(packet)
        except av.error.FFmpegError:
            continue
        yield from frames


def _decoder(stream: av.video.stream.VideoStream) -> av.VideoCodecContext:
    context = stream.codec_context
    name = DECODERS_WITH_ALPHA.get(context.codec.canonical_name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return context
    decoder = av.CodecContext.create(name, "r")
    _limit(decoder)
    return decoder


def _limit(decoder: av.VideoCodecContext) -> None:
    """Makes FFmpeg refuse larger frames before it has made room for them."""
    if Image.MAX_IMAGE_PIXELS is not None:
        decoder.options = {**decoder.options, "max_pixels": str(Image.MAX_IMAGE_PIXELS)}


class Packet(NamedTuple):
    """What counts of a packet: its time in ticks, None without; whether it is whole, and shown."""

    time: int | None
    whole: bool
    shown: bool

    @classmethod
    def of(cls, packet: av.Packet) -> "Packet":
        """That of FFmpeg's; cuts keep packets that others need, and show them no longer."""
        whole = not packet.is_corrupt
        return cls(packet.pts, whole, whole and not packet.is_discard)


def _check_whole(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    packets: Sequence[Packet],
) -> None:
    """Refuses a file that ends before the frames it lists, as pictures that are cut off are.

    Only MP4 and its relatives list them; headers of others count frames that were left out.
    """
    promised = stream.frames if container.format.name.startswith("mov,") else 0
    found = sum(packet.whole for packet in packets)
    if found < promised:
        raise ClipError(f"cut off: {found} of its {promised} frames are there")


def _check_size(video: av.VideoCodecContext) -> None:
    width, height = video.width, video.height
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise ClipError(f"{width} x {height} is more than {Image.MAX_IMAGE_PIXELS} pixels")


def _times(
    ticks: Sequence[int | None], stream: av.video.stream.VideoStream
) -> tuple[np.ndarray, float]:
    """When frames are shown, and how many per second, as headers may lack it or lie about it.

    Args:
        ticks: of all packets, in any order; None where the file has no times.
        stream: their track.

    Returns:
        [frames] float64, seconds from the first frame, ascending; frames per second.
    """
    rate = float(stream.average_rate or stream.guessed_rate or USUAL_RATE)
    if len(ticks) < 2 or None in ticks or len(set(ticks)) == 1:
        return np.arange(len(ticks)) / rate, rate
    times = np.sort(np.array(ticks, np.float64)) * float(stream.time_base)
    measured = (len(times) - 1) / (times[-1] - times[0])
    known = abs(measured - rate) < SAME_RATE * rate
    return times - times[0], rate if known else float(measured)


class _Orientation(NamedTuple):
    """Rows and columns change places first; then the picture is mirrored along either."""

    swap: bool = False
    mirror_columns: bool = False
    mirror_rows: bool = False


def _orientation(frame: av.VideoFrame) -> _Orientation:
    """How a frame becomes upright, by its display matrix: x' = ax + cy, y' = bx + dy."""
    sides = (data for data in frame.side_data if data.type.name == "DISPLAYMATRIX")
    matrix = next(sides, None)
    if matrix is None:
        return _Orientation()
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5]
    if abs(int(b)) > abs(int(a)):
        return _Orientation(True, bool(c < 0), bool(b < 0))
    return _Orientation(False, bool(a < 0), bool(d < 0))


def _upright(pixels: np.ndarray, how: _Orientation) -> np.ndarray:
    if how.swap:
        pixels = pixels.swapaxes(0, 1)
    pixels = pixels[:: -1 if how.mirror_rows else 1, :: -1 if how.mirror_columns else 1]
    return np.ascontiguousarray(pixels)


def _to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """[H, W, 3] uint8; transparency is laid on white, as that of pictures is."""
    if not any(component.is_alpha for component in frame.format.components):
        return frame.to_ndarray(format="rgb24")
    return np.asarray(lay_on_white(Image.fromarray(frame.to_ndarray(format="rgba"))))
