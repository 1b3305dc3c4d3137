"""Writes films that any player and browser shows: H.264 in mp4, each frame at its own time.

PyAV brings its own FFmpeg, so no program has to be installed.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from utils.errors import UserError
from utils.files import temporary_beside

CLOCK = 90_000  # ticks per second, MPEG's
# Without frames that wait for later ones, the last packet is the last frame and keeps its duration.
QUALITY = {"crf": "18", "preset": "veryfast", "bf": "0"}
MOST_SIDE = 16_384  # pixels; x264 takes no more
BT709 = 1  # in FFmpeg's lists of colour spaces, primaries and transfers
LIMITED = 1  # 16 to 235, what players expect


def write_film(
    path: Path, frames: Iterable[tuple[float, np.ndarray]], rate: float, last_seconds: float
) -> int:
    """Writes a film; the file appears when all of it is there.

    Args:
        path: the .mp4 file to make or replace.
        frames: (seconds from the beginning, uint8 [H, W, 3]) in time's order, H and W even; times
            need not be evenly spaced.
        rate: frames per second, about; players show it.
        last_seconds: how long the last frame stays.

    Returns:
        How many frames it has.

    Raises:
        UserError: the file cannot be written, or the frames are too large.
    """
    import av

    temporary = temporary_beside(path)
    try:
        count = _encode(temporary, frames, rate, last_seconds)
        temporary.replace(path)
        return count
    except (OSError, av.FFmpegError) as error:  # of FFmpeg's kinds only some are OSErrors
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_size(height: int, width: int, remedy: str = "make them smaller") -> None:
    """Refuses frames that H.264's encoder does not take.

    Raises:
        UserError: ends with the remedy.
    """
    if max(height, width) > MOST_SIDE:
        raise UserError(
            f"frames of a film have at most {MOST_SIDE:,} pixels on a side, these would have "
            f"{width:,} x {height:,}: {remedy}"
        )


def _encode(
    path: Path, frames: Iterable[tuple[float, np.ndarray]], rate: float, last_seconds: float
) -> int:
    import av

    shown = [Fraction(rate).limit_denominator(1001), Fraction(1, CLOCK)]
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream, count, tick = None, 0, -1
        for seconds, pixels in frames:
            stream = stream or _add_stream(container, pixels.shape, *shown)
            tick = max(tick + 1, round(seconds * CLOCK))  # two frames of one time are two frames
            container.mux(stream.encode(_frame(pixels, tick)))
            count += 1
        for packet in stream.encode() if stream else ():
            if packet.pts == tick:
                packet.duration = round(last_seconds * CLOCK)
            container.mux(packet)
    return count


def _add_stream(container, shape: tuple[int, ...], rate: Fraction, clock: Fraction):
    check_size(*shape[:2])
    stream = container.add_stream("libx264", rate=rate, options=QUALITY)
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = clock
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED
    return stream


def _frame(pixels: np.ndarray, tick: int):
    from av import VideoFrame
    from av.video.reformatter import Colorspace

    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
    frame.pts, frame.time_base = tick, Fraction(1, CLOCK)
    return frame
