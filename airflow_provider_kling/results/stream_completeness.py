# SPDX-License-Identifier: Apache-2.0
"""Check while an Ogg, MP3 or WebM file is streamed that it is complete. Pure: no I/O.

These formats are made to be sent while they are recorded. The end of an Ogg file is marked in the last page
of each of its streams. A WebM segment has a length, or consists of elements that have one. An MP3 consists of
frames of a known length, and its first frame may hold their number.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod

from ..inputs.audio_duration import MPEG_INFO_WITHIN, parse_mpeg_frame

_OGG_HEAD = 27
_OGG_LAST = 0x04
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF

_ID3_HEAD, _APE_HEAD, _ID3V1 = 10, 32, 128
_APE_IS_HEADER = 1 << 29

_EBML_HEADER = 0x1A45DFA3
_SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675
_MAX_ID_BYTES, _MAX_SIZE_BYTES = 4, 8

TRUNCATED = "its last part is cut off"
NOT_THIS_FORMAT = "what follows in it is no part of its container"


class _StreamParser(ABC):
    """A file that is parsed in pieces; only unparsed bytes are held in memory."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0
        self._foreign = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        if self._foreign:
            return
        passed = min(self._skip, len(data))
        self._skip -= passed
        self._buffer += data[passed:]
        at = 0
        while not self._foreign and at < len(self._buffer) and (length := self._read(at)):
            at += length
        self._skip += max(0, at - len(self._buffer))
        del self._buffer[:at]

    @abstractmethod
    def _read(self, at: int) -> int:
        """Return the length of the piece at that place, 0 where more bytes are needed."""

    @property
    def _cut(self) -> bool:
        return bool(self._skip or self._buffer)

    def defect(self) -> str | None:
        """Return what is missing; ``None`` for a complete file."""
        if self._foreign:
            return NOT_THIS_FORMAT
        return TRUNCATED if self._cut else None


class OggStream(_StreamParser):
    """Pages with a checksum each; the last page of each stream says that it is the last."""

    def __init__(self) -> None:
        super().__init__()
        self._streams: dict[bytes, bool] = {}

    def _read(self, at: int) -> int:
        page = self._buffer[at:]
        if len(page) < _OGG_HEAD:
            return 0
        head = _OGG_HEAD + page[_OGG_HEAD - 1]
        length = head + sum(page[_OGG_HEAD:head])
        if page[:4] != b"OggS":
            self._foreign = True
            return 0
        if len(page) < max(head, length):
            return 0
        checksum = int.from_bytes(page[22:26], "little")
        if _ogg_checksum(bytes(page[:22] + bytes(4) + page[26:length])) != checksum:
            self._foreign = True
            return 0
        self._streams[bytes(page[14:18])] = bool(page[5] & _OGG_LAST)
        return length

    @property
    def closed(self) -> bool:
        """Whether each stream has its last page."""
        return not self.defect() and bool(self._streams) and all(self._streams.values())


def _ogg_checksum(page: bytes) -> int:
    """Compute Ogg's CRC-32, which is zlib's with the bits of each byte in the other order."""
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), _ALL_ONES) ^ _ALL_ONES
    return int(f"{reflected:032b}"[::-1], 2)


class MpegAudioStream(_StreamParser):
    """Frames of MPEG audio, with tags before, between and behind them."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = 0
        self._announced = 0
        self._last_is_whole = False
        self._in_sequence = False

    def _read(self, at: int) -> int:
        held = self._buffer
        if len(held) - at < 4:
            return 0
        if frame := parse_mpeg_frame(bytes(held[at : at + 4]), 0):
            if not self._frames:
                if len(held) - at < min(frame[0], MPEG_INFO_WITHIN):
                    return 0
                self._announced = _announced_frames(bytes(held[at : at + MPEG_INFO_WITHIN]))
            # Other bytes look like a frame by chance; those that follow a frame are one.
            self._in_sequence = self._last_is_whole or not self._frames
            self._frames += 1
            self._last_is_whole = True
            return frame[0]
        self._in_sequence = False
        return self._read_tag(at)

    def _read_tag(self, at: int) -> int:
        head = self._buffer[at : at + _APE_HEAD]
        if head[:3] == b"TAG":
            return _ID3V1
        if head[:3] == b"ID3":
            size = head[6:_ID3_HEAD]
            whole = len(head) >= _ID3_HEAD
            return _ID3_HEAD + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3]) if whole else 0
        if head[:4] == b"APET":
            if len(head) < _APE_HEAD:
                return 0
            flags = int.from_bytes(head[20:24], "little")
            # A footer follows its content, which was skipped as unknown bytes.
            return _APE_HEAD + (int.from_bytes(head[12:16], "little") if flags & _APE_IS_HEADER else 0)
        self._last_is_whole = False
        following = self._buffer.find(b"\xff", at + 1)
        return (following if following >= 0 else len(self._buffer)) - at

    def defect(self) -> str | None:
        """Return what is missing; ``None`` for a complete file."""
        if not self._frames:
            return "it holds no audio frames"
        # Not every writer counts the first frame, which holds their number.
        missing = self._frames < self._announced - 1
        return TRUNCATED if missing or (self._in_sequence and self._ends_within_frame) else None

    @property
    def _ends_within_frame(self) -> bool:
        return bool(self._skip) or self._buffer[:1] == b"\xff"

    @property
    def closed(self) -> bool:
        """Whether the last frame ends with the file, and no frame is missing that the first one announces."""
        return self._last_is_whole and not self._cut and self._frames >= max(self._announced, 2)


def _announced_frames(frame: bytes) -> int:
    """Return the number of frames in a first frame's header, itself included; 0 if there is none."""
    for mark in (b"Xing", b"Info"):
        at = frame.find(mark)
        if at >= 0 and int.from_bytes(frame[at + 4 : at + 8], "big") & 1:
            return int.from_bytes(frame[at + 8 : at + 12], "big") + 1
    return 0


class EbmlStream(_StreamParser):
    """WebM and Matroska: a header, and a segment that has a length or consists of elements that have one."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[int] = set()
        self._sized_segment = False

    def _read(self, at: int) -> int:
        head = self._buffer[at : at + _MAX_ID_BYTES + _MAX_SIZE_BYTES]
        id_bytes = _length_of_number(head[0], _MAX_ID_BYTES)
        if not id_bytes:
            self._foreign = True
            return 0
        if len(head) <= id_bytes:
            return 0
        name = int.from_bytes(head[:id_bytes], "big")
        size_bytes = _length_of_number(head[id_bytes], _MAX_SIZE_BYTES)
        if not size_bytes or not self._fits(name):
            self._foreign = True
            return 0
        if len(head) < id_bytes + size_bytes:
            return 0
        self._seen.add(name)
        value = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & ((1 << 7 * size_bytes) - 1)
        unknown = value == (1 << 7 * size_bytes) - 1
        if unknown and name not in (_SEGMENT, _CLUSTER):
            self._foreign = True
            return 0
        self._sized_segment |= name == _SEGMENT and not unknown
        # The content of an element without length is read as its siblings.
        return id_bytes + size_bytes + (0 if unknown else value)

    def _fits(self, name: int) -> bool:
        if not self._seen:
            return name == _EBML_HEADER
        return name in (_EBML_HEADER, _SEGMENT, 0xEC) or (_SEGMENT in self._seen and not self._sized_segment)

    def defect(self) -> str | None:
        """Return what is missing; ``None`` for a complete file."""
        if defect := super().defect():
            return defect
        if _SEGMENT not in self._seen:
            return "the part that holds its media is missing"
        if not self._sized_segment and _CLUSTER not in self._seen:
            return "it holds no media"
        return None

    @property
    def closed(self) -> bool:
        """Whether its last element ends with the file."""
        return self.defect() is None


def _length_of_number(first: int, longest: int) -> int:
    """Return how many bytes an EBML number takes, by its first byte; 0 for too many."""
    length = 9 - first.bit_length()
    return length if length <= longest else 0
