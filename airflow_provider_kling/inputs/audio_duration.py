# SPDX-License-Identifier: Apache-2.0
"""Measure the duration of an audio file by its content, not by its header. Pure: no I/O."""

from __future__ import annotations

from io import BytesIO

from ..utils.media_types import ADTS_MASK, ADTS_SYNC, id3_length

_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_ADTS_HEADER = 7
_AAC_BLOCK = 1024

_MPEG1, _MPEG2 = 3, 2
_MPEG_RATES = {_MPEG1: (44100, 48000, 32000), _MPEG2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# Kilobits per second by layer (1 to 3), of MPEG 1 and of MPEG 2 and 2.5.
_V1_KBITS = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_V2_SLOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_V2_KBITS = {1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256), 2: _V2_SLOW, 3: _V2_SLOW}
MPEG_INFO_MARKS = (b"Xing", b"Info", b"VBRI")
"""What marks a first frame that describes the file and is not heard."""
MPEG_INFO_WITHIN = 64
"""The mark stands within so many bytes of such a frame."""
_ID3V1, _APE_HEAD = 128, 32

_PCM_FORMATS = (1, 3)
_FMT_BYTES = 16
_BOX_HEAD = 8
_FRAME_SYNC = 0x7FF
_NO_RATE = 3
_LAYER_3 = 3
_MIN_BITS_PER_SECOND = 200
"""Minimum bit rate; a header that implies less states a wrong duration."""


class CorruptAudioError(ValueError):
    """The audio file is damaged."""


def audio_duration(data: bytes, mime: str) -> float | None:
    """Measure an audio file.

    :param data: the whole file.
    :param mime: its type by content: ``audio/mpeg``, ``audio/wav``, ``audio/mp4`` or ``audio/aac``.
    :return: seconds; ``None`` if it is unknown, or if header and content disagree.
    :raises CorruptAudioError: the file is damaged.
    """
    if mime == "audio/aac":
        return _adts_seconds(data)
    if mime == "audio/wav":
        return _wav_seconds(data)
    if mime == "audio/mpeg":
        return _mpeg_seconds(data)
    return _mp4_seconds(data)


def _mp4_seconds(data: bytes) -> float | None:
    from tinytag import TinyTag, TinyTagException

    if not _boxes_are_whole(data):
        return None
    try:
        length = TinyTag.get(file_obj=BytesIO(data), tags=False).duration
    except TinyTagException as error:
        raise CorruptAudioError(str(error) or type(error).__name__) from None
    if not length or length < 0 or len(data) * 8 / length < _MIN_BITS_PER_SECOND:
        return None
    return length


def _boxes_are_whole(data: bytes) -> bool:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:  # to the end of the file
            return True
        if size < _BOX_HEAD:
            return False
        at += size
    return at == len(data)


def _wav_seconds(data: bytes) -> float | None:
    """Divide the bytes present by the byte rate; the header of a streamed file has no real sizes."""
    at, rate = 12, 0
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        start = at + 8
        if kind == b"fmt " and size >= _FMT_BYTES:
            rate = wav_byte_rate(data[start : start + 16])
        elif kind == b"data":
            there = len(data) - start
            length = there if size == 0 else min(size, there)
            return length / rate if rate > 0 and length else None
        at = start + size + size % 2
    return None


def wav_byte_rate(fmt: bytes) -> int:
    """Return the byte rate of a WAV file.

    :param fmt: content of the ``fmt`` chunk.
    :return: bytes per second; 0 if the header is inconsistent.
    """
    if len(fmt) < _FMT_BYTES:
        return 0
    kind, channels, samples, rate, block, bits = (
        int.from_bytes(fmt[start:end], "little")
        for start, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16))
    )
    if kind not in _PCM_FORMATS:
        return rate
    by_samples = samples * channels * ((bits + 7) // 8)
    return rate if rate == by_samples == samples * block else 0


def _mpeg_seconds(data: bytes) -> float | None:
    """Add up the frames: a header covers only the first of several joined files."""
    at, seconds, unreadable_bytes = id3_length(data), 0.0, 0
    while at + 4 <= len(data):
        frame = parse_mpeg_frame(data, at)
        if frame is None:
            after = _next_frame(data, at)
            unreadable_bytes += after - at if data[at : at + 3] not in (b"TAG", b"APE", b"ID3") else 0
            at = after
            continue
        length, frame_seconds = frame
        if not any(mark in data[at + 4 : at + MPEG_INFO_WITHIN] for mark in MPEG_INFO_MARKS):
            # A truncated last frame counts in part.
            seconds += frame_seconds * min(1.0, (len(data) - at) / length)
        at += length
    if not seconds:
        raise CorruptAudioError("it holds no audio frames")
    return None if unreadable_bytes > len(data) // 4 else seconds


def _next_frame(data: bytes, at: int) -> int:
    """Return the offset of the next frame after a tag or after other bytes."""
    if data[at : at + 3] == b"TAG":
        return at + _ID3V1
    if data[at : at + 8] == b"APETAGEX":
        return at + _APE_HEAD + int.from_bytes(data[at + 12 : at + 16], "little")
    if data[at : at + 3] == b"ID3" and (tag := id3_length(data[at : at + 10])):
        return at + tag
    at += 1
    while (at := data.find(b"\xff", at)) >= 0:
        frame = parse_mpeg_frame(data, at)
        # One in two thousand offsets looks like a frame by chance; two consecutive frames are real.
        if frame and (at + frame[0] + 4 > len(data) or parse_mpeg_frame(data, at + frame[0])):
            return at
        at += 1
    return len(data)


def parse_mpeg_frame(data: bytes, at: int) -> tuple[int, float] | None:
    """Read the head of a frame of MPEG audio.

    :param data: bytes of the file.
    :param at: position of the head's four bytes.
    :return: length in bytes and seconds; ``None`` where no frame begins there.
    """
    head = int.from_bytes(data[at : at + 4], "big")
    version, layer = head >> 19 & 3, 4 - (head >> 17 & 3)
    bits, rate, padding = head >> 12 & 15, head >> 10 & 3, head >> 9 & 1
    if head >> 21 != _FRAME_SYNC or version == 1 or layer not in (1, 2, 3):
        return None
    if bits in (0, 15) or rate == _NO_RATE:
        return None
    hertz = _MPEG_RATES[version][rate]
    kbits = (_V1_KBITS if version == _MPEG1 else _V2_KBITS)[layer][bits - 1]
    if layer == 1:
        return (12_000 * kbits // hertz + padding) * 4, 384 / hertz
    samples = 576 if layer == _LAYER_3 and version != _MPEG1 else 1152
    return samples * 125 * kbits // hertz + padding, samples / hertz


def _adts_seconds(data: bytes) -> float | None:
    """Add up the frames of a raw AAC stream, which has no header with a duration."""
    at = id3_length(data)
    seconds = 0.0
    while at + _ADTS_HEADER <= len(data):
        if data[at : at + 3] == b"ID3" and (tag := id3_length(data[at : at + 10])):
            at += tag
            continue
        if int.from_bytes(data[at : at + 2], "big") & ADTS_MASK != ADTS_SYNC:
            # Other bytes: a tag at the end is small.
            return None if len(data) - at > len(data) // 4 else seconds or None
        rate = data[at + 2] >> 2 & 0x0F
        length = (data[at + 3] & 0x03) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        if rate >= len(_ADTS_RATES) or length < _ADTS_HEADER:
            raise CorruptAudioError(f"its frame at byte {at} is broken")
        blocks = (data[at + 6] & 0x03) + 1
        seconds += blocks * _AAC_BLOCK / _ADTS_RATES[rate]
        at += length
    return seconds or None
