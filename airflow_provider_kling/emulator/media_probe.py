# SPDX-License-Identifier: Apache-2.0
"""How large and how long media are, by their content."""

from __future__ import annotations

import io
import logging

import av
from PIL import Image, UnidentifiedImageError

# What is wrong with a client's file is told to the client; FFmpeg need not print it too.
av.logging.set_level(av.logging.PANIC)
logging.getLogger("PIL").setLevel(logging.WARNING)

_KINDS = {"mp3": "mp3", "wav": "wav", "aac": "aac", "mov,mp4,m4a,3gp,3g2,mj2": "m4a"}

_COVERS = ("mjpeg", "png")


class Unreadable(Exception):
    """The content is none of the formats that the API takes."""


def measure_picture(data: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG or PNG that can be decoded to its end.

    :raises Unreadable: when it is none.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            image.load()
            return image.size
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable from error


def measure_sound(data: bytes) -> tuple[str, float]:
    """Return format and length in seconds of a sound, or of the sound of a video.

    :raises Unreadable: when it is none.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            kind = _KINDS.get(container.format.name)
            if kind is None or not container.streams.audio:
                raise Unreadable
            if kind == "m4a" and _is_film(container):
                kind = "mp4"
            stream = container.streams.audio[0]
            ticks = sum(int(packet.duration or 0) for packet in container.demux(stream))
            seconds = float(ticks * stream.time_base) if stream.time_base else 0.0
    except (av.FFmpegError, ValueError) as error:
        raise Unreadable from error
    if seconds <= 0:
        raise Unreadable
    return kind, seconds


def _is_film(container: av.container.InputContainer) -> bool:
    # The cover of a record is a stream of one picture.
    return any(stream.codec_context.name not in _COVERS for stream in container.streams.video)


def measure_clip(data: bytes) -> tuple[int, int, float, bytes]:
    """Return width, height, length in seconds and the first frame (as PNG) of an MP4 or MOV.

    :raises Unreadable: when it is none.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if _KINDS.get(container.format.name) != "m4a" or not container.streams.video:
                raise Unreadable
            frame = next(container.decode(video=0))
            seconds = (container.duration or 0) / 1_000_000
    except (av.FFmpegError, ValueError, StopIteration) as error:
        raise Unreadable from error
    stream = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(stream, "PNG")
    return frame.width, frame.height, seconds, stream.getvalue()
