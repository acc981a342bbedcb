# SPDX-License-Identifier: Apache-2.0
"""Check while a media file is streamed that its container is complete. Pure: no I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from .stream_completeness import EbmlStream, MpegAudioStream, OggStream


class Container(Protocol):
    """Check one file: feed all its bytes, then read :meth:`defect`."""

    def feed(self, data: bytes) -> None:
        """Feed the next bytes of the file.

        :param data: the bytes.
        """

    def defect(self) -> str | None:
        """Return what is missing.

        :return: a short text; ``None`` for a complete file.
        """

    @property
    def closed(self) -> bool:
        """Return whether the container proves that the file is complete."""


_BOXES = frozenset(
    ("video/mp4", "video/quicktime", "audio/mp4", "image/heic", "image/avif"),
)
_STREAMS: dict[str | None, type[Container]] = {
    "audio/ogg": OggStream,
    "video/ogg": OggStream,
    "audio/mpeg": MpegAudioStream,
    "video/webm": EbmlStream,
}
_MOVIE = frozenset((b"moov", b"moof", b"meta"))
# Some writers fill a file up; no end marker consists of these bytes alone.
_PADDING = b"\0\r\n \t"
_TAIL_BYTES = 16
_HEADER_BYTES = 8
_NAME_BYTES = bytes((*range(0x20, 0x7F), 0xA9))


def container_of(mime: str | None) -> Container:
    """Return the check for a media type.

    :param mime: media type by content, ``None`` if it is unknown.
    :return: the check; it accepts any content of types without an end marker.
    """
    if mime in _BOXES:
        return _Boxes(images=mime.startswith("image/"))
    if mime == "image/png":
        return _Png()
    if mime in ("image/webp", "audio/wav"):
        return _Riff(strict=mime == "image/webp")
    if mime in _STREAMS:
        return _STREAMS[mime]()
    markers = {"image/jpeg": b"\xff\xd9", "image/gif": b"\x3b"}
    return _Marker(markers[mime]) if mime in markers else _Unknown()


_MAX_AUDIO_BYTES = 512 * 1024**2


class _Unknown:
    closed = False

    def feed(self, data: bytes) -> None:
        pass

    def defect(self) -> str | None:
        return None


class _Marker:
    """Check a format that ends with fixed bytes."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._tail = b""

    def feed(self, data: bytes) -> None:
        if last := (self._tail + data[-65_536:]).rstrip(_PADDING):
            self._tail = last[-_TAIL_BYTES:]

    @property
    def closed(self) -> bool:
        return self._tail.endswith(self._marker)

    def defect(self) -> str | None:
        return None if self.closed else "its end marker is missing"


class _Riff:
    """Check the length in a RIFF header; that of streamed audio holds the largest number, or none."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._head = b""
        self._received = 0

    def feed(self, data: bytes) -> None:
        self._head += data[: _HEADER_BYTES - len(self._head)]
        self._received += len(data)

    @property
    def _expected_size(self) -> int:
        return _HEADER_BYTES + int.from_bytes(self._head[4:8], "little")

    @property
    def closed(self) -> bool:
        return self._received >= self._expected_size > _HEADER_BYTES

    @property
    def _is_plausible(self) -> bool:
        return _HEADER_BYTES < self._expected_size < _MAX_AUDIO_BYTES

    def defect(self) -> str | None:
        # Not every writer pads audio of an odd length.
        streamed = not self._strict and (not self._is_plausible or self._received + 1 == self._expected_size)
        if self.closed or streamed:
            return None
        return f"{self._received} bytes came, and its header says {self._expected_size}"


class _ChunkedFormat(ABC):
    """Check a sequence of parts that each begin with their length; only the headers are held in memory."""

    def __init__(self, skip: int = 0) -> None:
        self._skip = skip
        self._head = b""
        self._invalid = False
        self._open = False

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self._stopped:
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            wanted = self._head_bytes() - len(self._head)
            self._head += data[at : at + wanted]
            at += wanted
            if len(self._head) >= self._head_bytes():
                self._begin(self._head)
                self._head = b""

    @property
    def _stopped(self) -> bool:
        return self._invalid or self._open

    def _head_bytes(self) -> int:
        return _HEADER_BYTES

    @abstractmethod
    def _begin(self, head: bytes) -> None:
        """Take a header, and say how many bytes belong to it."""

    @property
    def _cut(self) -> bool:
        return bool(self._skip or self._head)


class _Boxes(_ChunkedFormat):
    """Check MP4, QuickTime and HEIF: the last box ends with the file, and one box describes the media."""

    def __init__(self, *, images: bool) -> None:
        super().__init__()
        self._needed = _MOVIE if images else _MOVIE - {b"meta"}
        self._seen: set[bytes] = set()
        self._last = b""

    def _head_bytes(self) -> int:
        return (
            2 * _HEADER_BYTES
            if self._head[:4] == b"\0\0\0\1" and len(self._head) >= _HEADER_BYTES
            else _HEADER_BYTES
        )

    def _begin(self, head: bytes) -> None:
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        # A type has four printable characters; only media data may extend to the end of the file.
        if kind.translate(None, _NAME_BYTES) or (size < len(head) and not (size == 0 and kind == b"mdat")):
            self._invalid = True
            return
        self._open = size == 0
        self._skip = max(0, size - len(head))
        self._seen.add(kind)
        if kind in (b"moof", b"mdat"):
            self._last = kind

    @property
    def closed(self) -> bool:
        return self.defect() is None and not self._open and b"mdat" in self._seen

    def defect(self) -> str | None:
        if self._invalid:
            return "what follows in it is no part of its container"
        if self._cut:
            return "its last part is cut off"
        if not self._seen & self._needed:
            return "the part that describes its media is missing"
        return "its last fragment has no media" if self._last == b"moof" else None


class _Png(_ChunkedFormat):
    """Check PNG chunks (length, type, content, checksum) up to ``IEND``."""

    def __init__(self) -> None:
        super().__init__(skip=8)
        self._ended = False

    def _begin(self, head: bytes) -> None:
        self._skip = int.from_bytes(head[:4], "big") + 4
        self._ended = head[4:8] == b"IEND"
        self._invalid = not head[4:8].isalpha()

    @property
    def _stopped(self) -> bool:
        # Bytes after the last chunk are ignored.
        return self._invalid or self.closed

    @property
    def closed(self) -> bool:
        return self._ended and not self._skip

    def defect(self) -> str | None:
        return None if self.closed else "its end marker is missing"
