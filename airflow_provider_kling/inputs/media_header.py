# SPDX-License-Identifier: Apache-2.0
"""Length, sides and frame rate of a media file, read from a few of its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from ..api.requests.field_types import MediaConstraints
from ..utils.media_types import detect_media_type, id3_length
from .audio_duration import parse_mpeg_frame, wav_byte_rate

_HEAD = 8
_LARGE_HEAD = 16
_MAX_HEADER_BYTES = 8 << 20
_MAX_BOXES = 1000
_TRACK_TAIL = 44
_TOLERANCE = 0.5
"""Seconds that a documented length may be off by: players and encoders count the last frame differently."""

_FPS_TOLERANCE = 0.1
"""24 frames a second may be 23.976."""

_RATIO_TOLERANCE = 0.02
"""1080p may be 1,920 x 1,088."""

UNREADABLE = "its header cannot be read, so Kling checks its length, sides and frame rate"

ReadAt = Callable[[int, int], bytes]
"""Returns bytes of the file from an offset on; fewer than asked for at its end."""

_FIRST_BYTES = 4096
_BOX_HEAD = 16
_MOST_OUTER_BOXES = 64
_MAX_SECONDS = 24 * 3600
_MP4 = ("video/mp4", "video/quicktime", "audio/mp4")
_FMT_BYTES = 16
_MPEG_SAMPLE = 16384
_INFO_AT = (36, 21, 13)
"""Offsets in the first frame at which a frame count may stand: by MPEG version and number of channels."""


class VideoInfo(NamedTuple):
    """Properties of a video from its header; 0 if unknown.

    :param seconds: length.
    :param width: pixels.
    :param height: pixels.
    :param fps: frames a second, on average.
    """

    seconds: float
    width: int
    height: int
    fps: float = 0.0


def read_video_info(file: BinaryIO) -> VideoInfo | None:
    """Read the header of a video.

    :param file: a file that can seek.
    :return: the properties; ``None`` if there is no header that can be read.
    """
    at = 0
    for _ in range(_MAX_BOXES):
        file.seek(at)
        head = file.read(_LARGE_HEAD)
        size, kind = int.from_bytes(head[:4], "big"), head[4:_HEAD]
        skip = _HEAD
        if size == 1:
            size, skip = int.from_bytes(head[_HEAD:], "big"), _LARGE_HEAD
        if len(head) < _HEAD or size < skip:
            return None
        if kind == b"moov":
            file.seek(at + skip)
            return _parse_movie(file.read(size - skip)) if size <= _MAX_HEADER_BYTES else None
        at += size
    return None


def video_warnings(info: VideoInfo, rules: MediaConstraints) -> list[str]:
    """Say what of a video is not as the vendor documents it.

    :param info: the properties from its header.
    :param rules: what the field takes.
    :return: a phrase for each fault.
    """
    return [
        *_duration_warnings(info, rules),
        *_frame_rate_warnings(info, rules),
        *_size_warnings(info, rules),
    ]


def _duration_warnings(info: VideoInfo, rules: MediaConstraints) -> Iterator[str]:
    if not rules.seconds or not info.seconds:
        return
    (minimum, maximum), gap = rules.seconds, rules.seconds_between
    if not minimum - _TOLERANCE <= info.seconds <= maximum + _TOLERANCE:
        yield f"lasts {info.seconds:.1f} s; {minimum:g} to {maximum:g} s are documented"
    elif gap and gap[0] + _TOLERANCE < info.seconds < gap[1] - _TOLERANCE:
        documented = f"{minimum:g} to {gap[0]:g} s or {gap[1]:g} to {maximum:g} s"
        yield f"lasts {info.seconds:.1f} s; {documented} are documented"


def _frame_rate_warnings(info: VideoInfo, rules: MediaConstraints) -> Iterator[str]:
    if not info.fps:
        return
    has = f"has {info.fps:.4g} frames a second"
    if rules.fps and not rules.fps[0] - _FPS_TOLERANCE <= info.fps <= rules.fps[1] + _FPS_TOLERANCE:
        yield f"{has}; {rules.fps[0]:g} to {rules.fps[1]:g} are documented"
    if rules.rates and all(abs(info.fps - rate) > _FPS_TOLERANCE for rate in rules.rates):
        yield f"{has}; {_format_values(rules.rates)} are documented"


def _size_warnings(info: VideoInfo, rules: MediaConstraints) -> Iterator[str]:
    if not info.width or not info.height:
        return
    sides = f"is {info.width} x {info.height} pixels"
    if rules.min_side and min(info.width, info.height) < rules.min_side:
        yield f"{sides}; sides of at least {rules.min_side} are documented"
    if rules.max_side and max(info.width, info.height) > rules.max_side:
        yield f"{sides}; sides of at most {rules.max_side} are documented"
    if rules.max_area and info.width * info.height > rules.max_area:
        yield f"{sides}; at most {rules.max_area:,} pixels in all are documented"
    if rules.ratio and not rules.ratio[0] <= info.width / info.height <= rules.ratio[1]:
        yield f"{sides}; a ratio of {rules.ratio[0]:g} to {rules.ratio[1]:g} is documented"
    if rules.ratios and not any(_has_ratio(info, ratio) for ratio in rules.ratios):
        documented = _format_values([f"{width}:{height}" for width, height in rules.ratios])
        yield f"{sides}; a ratio of {documented} is documented"


def _has_ratio(info: VideoInfo, ratio: tuple[int, int]) -> bool:
    """Whether a video has a ratio, but for a few pixels: encoders round sides to blocks."""
    return abs(info.width / info.height * ratio[1] / ratio[0] - 1) <= _RATIO_TOLERANCE


def _format_values(values: Iterable[object]) -> str:
    *first, last = map(str, values)
    return f"{', '.join(first)} or {last}" if first else last


def _parse_movie(data: bytes) -> VideoInfo:
    seconds, track = 0.0, VideoInfo(0.0, 0, 0)
    for kind, body in _boxes(data):
        if kind == b"mvhd":
            seconds = _box_duration(body)
        elif kind == b"trak" and not track.width:
            # A track of sound has no sides.
            track = _parse_track(dict(_boxes(body)))
    return track._replace(seconds=seconds)


def _parse_track(boxes: dict[bytes, bytes]) -> VideoInfo:
    header, media = boxes.get(b"tkhd", b""), dict(_boxes(boxes.get(b"mdia", b"")))
    # 16.16 numbers, the last two of the box, behind a matrix of nine that may turn the frames by a quarter.
    width, height = (int.from_bytes(header[-8:][at : at + 2], "big") for at in (0, 4))
    if len(header) >= _TRACK_TAIL and not any(header[-_TRACK_TAIL:][:4]):
        width, height = height, width
    table = dict(_boxes(media.get(b"minf", b""))).get(b"stbl", b"")
    return VideoInfo(0.0, width, height, _fps(media.get(b"mdhd", b""), dict(_boxes(table)).get(b"stts", b"")))


def _fps(header: bytes, times: bytes) -> float:
    """Return the mean rate by the table of the frames' durations."""
    scale_at = 20 if header[:1] == b"\1" else 12
    scale = int.from_bytes(header[scale_at : scale_at + 4], "big")
    rows = min(int.from_bytes(times[4:8], "big"), (len(times) - 8) // 8)
    frames = ticks = 0
    for row in range(rows):
        at = 8 + 8 * row
        count = int.from_bytes(times[at : at + 4], "big")
        frames += count
        ticks += count * int.from_bytes(times[at + 4 : at + 8], "big")
    return frames * scale / ticks if frames > 1 and ticks else 0.0


def _box_duration(body: bytes) -> float:
    long = body[:1] == b"\1"
    at, size = (20, 8) if long else (12, 4)
    scale = int.from_bytes(body[at : at + 4], "big")
    length = int.from_bytes(body[at + 4 : at + 4 + size], "big")
    unknown = length == (1 << 8 * size) - 1
    return length / scale if scale and not unknown else 0.0


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + _HEAD <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < _HEAD:
            return
        yield data[at + 4 : at + _HEAD], data[at + _HEAD : at + size]
        at += size


def media_length(read: ReadAt, size: int | None) -> float | None:
    """Return the length of an audio or video file by its header.

    :param read: reads from the file.
    :param size: bytes of the file; ``None`` where it is not known.
    :return: seconds; ``None`` if the header does not have it.
    """
    head = read(0, _FIRST_BYTES)
    mime = detect_media_type(head)
    if mime in _MP4:
        seconds = _mp4_length(read)
    elif mime == "audio/wav":
        seconds = _wav_length(head, size)
    elif mime == "audio/mpeg":
        seconds = _mpeg_length(read, size)
    else:
        seconds = None
    return seconds if seconds is not None and 0 < seconds <= _MAX_SECONDS else None


def _mp4_length(read: ReadAt) -> float | None:
    """Find the movie's header, wherever the index stands: before the media or behind them."""
    at, inside = 0, False
    for _ in range(_MOST_OUTER_BOXES):
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
