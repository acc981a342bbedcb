# SPDX-License-Identifier: Apache-2.0
"""Length of a media file from a few of its bytes, so that a file at a URL is not downloaded for its price."""

from __future__ import annotations

from collections.abc import Callable

from ..utils.media_types import detect_media_type, id3_length
from .audio_duration import parse_mpeg_frame, wav_byte_rate

ReadAt = Callable[[int, int], bytes]
"""Returns bytes of the file from an offset on; fewer than asked for at its end."""

_HEAD = 4096
_BOX_HEAD = 16
_MOST_BOXES = 64
_LONGEST = 24 * 3600
_MP4 = ("video/mp4", "video/quicktime", "audio/mp4")
_FMT_BYTES = 16
_MPEG_SAMPLE = 16384
_INFO_AT = (36, 21, 13)
"""Offsets in the first frame at which a frame count may stand: by MPEG version and number of channels."""


def media_length(read: ReadAt, size: int | None) -> float | None:
    """Return the length of an audio or video file by its header.

    :param read: reads from the file.
    :param size: bytes of the file; ``None`` where it is not known.
    :return: seconds; ``None`` if the header does not have it.
    """
    head = read(0, _HEAD)
    mime = detect_media_type(head)
    if mime in _MP4:
        seconds = _mp4_length(read)
    elif mime == "audio/wav":
        seconds = _wav_length(head, size)
    elif mime == "audio/mpeg":
        seconds = _mpeg_length(read, size)
    else:
        seconds = None
    return seconds if seconds is not None and 0 < seconds <= _LONGEST else None


def _mp4_length(read: ReadAt) -> float | None:
    """Find the movie's header, wherever the index stands: before the media or behind them."""
    at, inside = 0, False
    for _ in range(_MOST_BOXES):
        head = read(at, _BOX_HEAD)
        if len(head) < _BOX_HEAD:
            return None
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        start = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < start:
            return None
        if kind == b"mvhd" and inside:
            return _movie_header(read(at + start, 32))
        if kind == b"moov" and not inside:
            at, inside = at + start, True
        else:
            at += length
    return None


def _movie_header(data: bytes) -> float | None:
    long = data[:1] == b"\x01"
    scale_at = 20 if long else 12
    width = 8 if long else 4
    scale = int.from_bytes(data[scale_at : scale_at + 4], "big")
    ticks = data[scale_at + 4 : scale_at + 4 + width]
    # All bits set says that the length is not known.
    if not scale or len(ticks) < width or ticks == b"\xff" * width:
        return None
    return int.from_bytes(ticks, "big") / scale


def _wav_length(head: bytes, size: int | None) -> float | None:
    at, rate = 12, 0
    while at + 8 <= len(head):
        kind, length = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        start = at + 8
        if kind == b"fmt " and length >= _FMT_BYTES:
            rate = wav_byte_rate(head[start : start + _FMT_BYTES])
        elif kind == b"data":
            # A streamed file has no real sizes: what is there counts.
            there = None if size is None else size - start
            if there is None or there <= 0 or rate <= 0:
                return None
            return (there if length == 0 else min(length, there)) / rate
        at = start + length + length % 2
    return None


def _mpeg_length(read: ReadAt, size: int | None) -> float | None:
    """Take the frame count of the first frame, or the one rate that all frames of the beginning have."""
    at = id3_length(read(0, 10))
    data = read(at, _MPEG_SAMPLE)
    first = parse_mpeg_frame(data, 0)
    if first is None:
        return None
    for mark_at in _INFO_AT:
        if data[mark_at : mark_at + 4] in (b"Xing", b"Info") and data[mark_at + 7] & 1:
            return int.from_bytes(data[mark_at + 8 : mark_at + 12], "big") * first[1]
    if data[36:40] == b"VBRI":
        return int.from_bytes(data[50:54], "big") * first[1]
    return _constant_rate_length(data, None if size is None else size - at)


def _constant_rate_length(data: bytes, size: int | None) -> float | None:
    at, seconds, rates = 0, 0.0, set()
    while frame := parse_mpeg_frame(data, at):
        rates.add(data[at + 2] >> 4)
        at, seconds = at + frame[0], seconds + frame[1]
    if size is None or len(rates) != 1 or not seconds:
        return None
    return size * seconds / at
