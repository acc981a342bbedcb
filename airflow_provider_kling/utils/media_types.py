# SPDX-License-Identifier: Apache-2.0
"""Detect the media type of a file by its content. Pure: no I/O.

File names are not used: what counts is the content that Kling reads after the job is paid for.
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
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\1\xba", "video/mpeg"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL ", "image/jxl"),
    (b"#!AMR", "audio/amr"),
)
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"),
        "image/heic",
    ),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    b"qt  ": "video/quicktime",
}
_AIFF = (b"AIFF", b"AIFC")
_FRAGMENTS = (b"styp", b"moof", b"sidx")
_TRANSPORT_SYNC, _TRANSPORT_PACKET = 0x47, 188
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip")
_TEXT_HEAD = 512
_PRINTABLE = bytes({*range(0x20, 0x100), *b"\t\n\r\f"})
_MPEG_SYNC, _LAYER = 0xFFE0, 0x0006
ADTS_MASK, ADTS_SYNC = 0xFFF6, 0xFFF0
"""First word of a raw AAC frame: ``word & ADTS_MASK == ADTS_SYNC``."""


def detect_media_type(data: bytes) -> str | None:
    """Detect the media type of a file.

    :param data: content of the file; its first 4 kB are enough, except after a long ID3 tag.
    :return: media type such as ``video/mp4``; ``None`` if it is unknown.
    """
    for magic, mime in _MAGIC:
        if data.startswith(magic):
            return mime
    return _container(data) or _stream(data)


def _container(data: bytes) -> str | None:
    kind = data[4:8]
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if kind == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    if kind in _FRAGMENTS or kind in _QUICKTIME_ATOMS:
        return "video/mp4" if kind in _FRAGMENTS else "video/quicktime"
    if data[:4] == b"FORM" and data[8:12] in _AIFF:
        return "audio/aiff"
    packets = data[: 3 * _TRANSPORT_PACKET : _TRANSPORT_PACKET]
    return "video/mp2t" if len(packets) > 1 and set(packets) == {_TRANSPORT_SYNC} else None


def _stream(data: bytes) -> str | None:
    after_tags = id3_length(data)
    if found := _mpeg_audio(data[after_tags : after_tags + 2]):
        return found
    return "audio/mpeg" if after_tags else _text(data[:_TEXT_HEAD])


def id3_length(data: bytes) -> int:
    """Return the length of the ID3 tags at the beginning of an audio file.

    :param data: the file.
    :return: bytes; 0 without a tag.
    """
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
