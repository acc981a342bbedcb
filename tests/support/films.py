# SPDX-License-Identifier: Apache-2.0
"""Small films for tests, made with PyAV: right, black, frozen, silent, without audio, cut short."""

from __future__ import annotations

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
