# SPDX-License-Identifier: Apache-2.0
"""How long a sound is. Pure: no I/O."""

from __future__ import annotations

from io import BytesIO

from ..api.sniff import ADTS_MASK, ADTS_SYNC, id3_length

_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_ADTS_HEADER = 7
_AAC_BLOCK = 1024


class Undecodable(ValueError):
    """The bytes are not the sound that their beginning promises."""


def seconds_of(data: bytes, mime: str) -> float | None:
    """Measure a sound.

    :param data: the whole file.
    :param mime: its type by content: ``audio/mpeg``, ``audio/wav``, ``audio/mp4`` or ``audio/aac``.
    :return: seconds; ``None`` where the file does not tell.
    :raises Undecodable: where the file is damaged.
    """
    if mime == "audio/aac":
        return _adts_seconds(data)
    from tinytag import TinyTag, TinyTagException

    try:
        # Tags are read and dropped: an mp3's sound begins behind them.
        length = TinyTag.get(file_obj=BytesIO(data)).duration
    except TinyTagException as error:
        raise Undecodable(str(error) or type(error).__name__) from None
    return length or None


def _adts_seconds(data: bytes) -> float | None:
    """Add up the frames of a raw AAC stream, which has no header that tells its length."""
    at = id3_length(data)
    seconds = 0.0
    while (
        at + _ADTS_HEADER <= len(data) and int.from_bytes(data[at : at + 2], "big") & ADTS_MASK == ADTS_SYNC
    ):
        rate = data[at + 2] >> 2 & 0x0F
        length = (data[at + 3] & 0x03) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        if rate >= len(_ADTS_RATES) or length < _ADTS_HEADER:
            raise Undecodable(f"its frame at byte {at} is broken")
        blocks = (data[at + 6] & 0x03) + 1
        seconds += blocks * _AAC_BLOCK / _ADTS_RATES[rate]
        at += length
    return seconds or None
