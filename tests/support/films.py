# SPDX-License-Identifier: Apache-2.0
"""Small films for tests, made with PyAV: right, black, frozen, silent, without audio, cut short."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np

SIZE = (160, 90)
FPS = 12
RATE = 48_000


def write_film(
    path: Path,
    *,
    seconds: float = 3.0,
    black: tuple[float, float] | None = None,
    frozen: tuple[float, float] | None = None,
    audio: str | None = "tone",
    level: float = 0.2,
    fps: int = FPS,
    size: tuple[int, int] = SIZE,
) -> Path:
    """Write an H.264 film of moving bars.

    :param path: the file, an MP4.
    :param seconds: its duration.
    :param black: from when to when it is black.
    :param frozen: from when to when nothing moves.
    :param audio: ``tone`` of 1 kHz, ``silence``, or ``None`` for no audio stream.
    :param level: amplitude of the tone.
    :param fps: frames per second.
    :param size: width and height.
    :return: the file.
    """
    width, height = size
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video: Any = container.add_stream(
            "libx264", rate=fps, options={"preset": "ultrafast", "threads": "1"}
        )
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound: Any = container.add_stream("aac", rate=RATE) if audio else None
        columns = np.arange(width)
        for number in range(round(seconds * fps)):
            at = number / fps
            moved = frozen[0] if frozen and frozen[0] <= at < frozen[1] else at
            line = (128 + 100 * np.sin((columns + moved * width / 3) / width * 12)).astype(np.uint8)
            image = np.repeat(np.tile(line, (height, 1))[:, :, None], 3, axis=2)
            if black and black[0] <= at < black[1]:
                image = np.zeros_like(image)
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        if sound:
            times = np.arange(round(seconds * RATE)) / RATE
            wave = np.sin(2 * np.pi * 1000 * times) * (level if audio == "tone" else 0.0)
            for start in range(0, wave.size, 1024):
                part = wave[None, start : start + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = RATE, start
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def cut_short(path: Path, share: float = 0.6) -> Path:
    """Cut off the end of a file whose index is at its beginning.

    :param path: the file.
    :param share: share of the bytes that stay.
    :return: the file.
    """
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


_MATRICES = {90: (0, -1, 0, 1, 0, 0), 180: (-1, 0, 0, 0, -1, 0), -90: (0, 1, 0, -1, 0, 0)}


def turn(path: Path, degrees: int) -> Path:
    """Let players turn a film counter-clockwise, as films of phones ask for.

    :param path: the film, an MP4 whose first track is the video.
    :param degrees: 90, 180 or -90.
    :return: the film.
    """
    data = bytearray(path.read_bytes())
    # The matrix of a track header of version 0 follows 40 bytes of times, lengths and layers.
    begin = data.index(b"tkhd") + 4 + 40
    values = [number << 16 for number in _MATRICES[degrees]]
    data[begin : begin + 24] = struct.pack(">6i", *values)
    path.write_bytes(bytes(data))
    return path


def write_hdr_film(path: Path, *, peak: float, seconds: float = 2.0) -> Path:
    """Write a film of moving bars in 10 bits with the colours of HDR10: BT.2020 and PQ.

    :param path: the file, an MP4.
    :param peak: signal of the brightest pixel, 0 to 1; 0.58 is the white of a film that is not HDR.
    :param seconds: its duration.
    :return: the file.
    """
    width, height = SIZE
    with av.open(str(path), "w", format="mp4") as container:
        options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=none"}
        video: Any = container.add_stream("libx265", rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p10le"
        codec = video.codec_context
        codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = 9, 16, 9, 1
        columns = np.arange(width)
        for number in range(round(seconds * FPS)):
            wave = 0.5 + 0.5 * np.sin((columns + 5 * number) / width * 12)
            frame = av.VideoFrame(width, height, "yuv420p10le")
            luma, *chroma = frame.planes
            line = np.zeros(luma.line_size // 2, "<u2")
            line[:width] = 64 + 876 * peak * wave
            luma.update(np.tile(line, (height, 1)).tobytes())
            for plane in chroma:
                plane.update(np.full(plane.buffer_size // 2, 512, "<u2").tobytes())
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path
