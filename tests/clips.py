"""Made-up clips for tests, written by PyAV itself."""

from fractions import Fraction

import av
import numpy as np


def scene(number, width=64, height=48):
    """[H, W, 3]: red in the upper left, grey elsewhere, lighter from frame to frame."""
    pixels = np.full([height, width, 3], 40 + 6 * number, np.uint8)
    pixels[: height // 3, : width // 2] = (250, 20, 20)
    return pixels


def write_clip(
    path,
    frames=7,
    *,
    codec="libx264",
    pixels="yuv420p",
    rate=10,
    ticks=None,
    turn=None,
    flip=(False, False),
    container=None,
    draw=scene,
    **options,
):
    """Writes a clip of `scene`s.

    Args:
        path: its name decides on the format, where `container` does not.
        frames: how many.
        codec, pixels: FFmpeg's names.
        rate: frames per second; one tick is 1 / rate.
        ticks: when each frame is shown, for clips whose rate varies.
        turn: degrees, against the clock, by which a player has to turn the frames.
        flip: whether it mirrors the turned frames, left to right and top to bottom.
        draw: number to [H, W, 3 or 4].
        options: of the format.
    """
    with av.open(str(path), "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.height, stream.width = draw(0).shape[:2]
        stream.pix_fmt = pixels
        if turn is not None:
            stream.set_display_rotation(turn, *flip)
        file.start_encoding()  # a clip without frames has a header too
        for number in range(frames):
            picture = draw(number)
            frame = av.VideoFrame.from_ndarray(
                picture, "rgba" if picture.shape[2] == 4 else "rgb24"
            )
            frame.pts = ticks[number] if ticks else number
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def write_sound(path, cover=None):
    """A second of silence in an MP4; `cover` is a JPEG picture that belongs to it."""
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=8000)
        if cover:
            picture = file.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
        silence = np.zeros([1, 8000], np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if cover:
            file.mux(packet_of(picture, cover, 0))
    return path


def write_packets(path, pictures):
    """A clip whose frames are JPEG pictures, or bytes that are said to be."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, data in enumerate(pictures):
            file.mux(packet_of(stream, data, number))
    return path


def packet_of(stream, data, number):
    """The packet of one frame, a tenth of a second after the one before."""
    packet = av.Packet(data)
    packet.stream, packet.time_base = stream, Fraction(1, 10)
    packet.pts = packet.dts = number
    return packet
