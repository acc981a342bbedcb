# SPDX-License-Identifier: Apache-2.0
"""What a file is, told by its bytes. Pure: no I/O.

A file's name says little: what counts is what Kling will find when it opens the file, after it was paid for.
"""

from __future__ import annotations

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    b"qt  ": "video/quicktime",
}
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip")
_TEXT_HEAD = 512
_PRINTABLE = bytes({*range(0x20, 0x100), *b"\t\n\r\f"})
_MPEG_SYNC, _LAYER = 0xFFE0, 0x0006
ADTS_MASK, ADTS_SYNC = 0xFFF6, 0xFFF0
"""First word of a frame of raw AAC: ``word & ADTS_MASK == ADTS_SYNC``."""


def sniff(data: bytes) -> str | None:
    """Tell the media type.

    :param data: the file; its first 4 kB tell all but what lies behind a long ID3 tag.
    :return: media type, or ``None`` for what is not known.
    """
    for magic, mime in _MAGIC:
        if data.startswith(magic):
            return mime
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    if data[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    after_tags = id3_length(data)
    if found := _mpeg_audio(data[after_tags : after_tags + 2]):
        return found
    return "audio/mpeg" if after_tags else _text(data[:_TEXT_HEAD])


def id3_length(data: bytes) -> int:
    """Bytes that ID3 tags take at the beginning of a sound."""
    at = 0
    while data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        size = data[at + 6 : at + 10]
        at += 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return at


def _mpeg_audio(sync: bytes) -> str | None:
    word = int.from_bytes(sync, "big")
    # Both formats begin with eleven ones; the two bits of the layer are zero in AAC only.
    if word & ADTS_MASK == ADTS_SYNC:
        return "audio/aac"
    return "audio/mpeg" if word & _MPEG_SYNC == _MPEG_SYNC and word & _LAYER else None


def _text(head: bytes) -> str | None:
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith((b"<svg", b"<?xml")):
        return "image/svg+xml" if b"<svg" in start else "text/xml"
    if head and not head.translate(None, _PRINTABLE):
        return "text/plain"
    return None
