# SPDX-License-Identifier: Apache-2.0
"""Check that an image is complete. Pure: no I/O."""

from __future__ import annotations

import zlib

_PNG_START = 8
_PNG_CHUNK = 12
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
_MARK = 0xFF
_LENGTH_BYTES = 2
_RESTARTS = range(0xD0, 0xD8)


def fault_of(data: bytes, mime: str) -> str | None:
    """Check the structure of an image.

    :param data: the whole file.
    :param mime: media type by content; only ``image/jpeg`` and ``image/png`` are checked.
    :return: the cause; ``None`` for a complete image.
    """
    if mime == "image/jpeg":
        return _jpeg_fault(data)
    return _png_fault(data) if mime == "image/png" else None


def _png_fault(data: bytes) -> str | None:
    at, has_pixels = _PNG_START, False
    while at + _PNG_CHUNK <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + _PNG_CHUNK + length
        if end > len(data):
            break
        # Decoders skip ancillary chunks: only critical ones must be intact.
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return f"its part {kind.decode('ascii', 'replace')!r} at byte {at} has a wrong checksum"
        has_pixels |= kind == b"IDAT"
        if kind == b"IEND":
            return None if has_pixels else "it holds no pixels"
        at = end
    return "it is cut off: its end marker is missing"


def _jpeg_fault(data: bytes) -> str | None:
    """Walk the segments: an embedded thumbnail has its own end marker, which does not count."""
    at, has_pixels = 2, False
    while at + 2 <= len(data):
        if data[at] != _MARK:
            return f"there is no marker at byte {at}"
        marker = data[at + 1]
        if marker == _MARK:  # fill byte
            at += 1
            continue
        if marker == _EOI:
            return None if has_pixels else "it holds no pixels"
        if marker in (_SOI, _TEM) or marker in _RESTARTS:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < _LENGTH_BYTES:
            break
        at += 2 + length
        if marker == _SOS:
            has_pixels = True
            at = _after_scan(data, at)
    return "it is cut off: its end marker is missing"


def _after_scan(data: bytes, at: int) -> int:
    """Return the offset of the next marker after compressed pixels."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] == _MARK:
            at += 1
        elif data[at + 1] and data[at + 1] not in _RESTARTS:
            return at
        else:
            at += 2
    return len(data)
