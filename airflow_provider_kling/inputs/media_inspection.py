# SPDX-License-Identifier: Apache-2.0
"""Check by its content that the API accepts a file. Pure: no I/O."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from ..api.requests.field_types import MediaConstraints
from ..utils.media_types import detect_media_type
from .audio_duration import CorruptAudioError, audio_duration

MIMES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "wave": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mkv": "video/webm",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "mpg": "video/mpeg",
    "ts": "video/mp2t",
}
"""Media type of each format in ``MediaConstraints``."""

KIND_NAMES = {"image": "an image", "audio": "an audio file", "video": "a video"}

# Encoders round a duration up to whole frames and add padding: at most a tenth of a second.
_DURATION_TOLERANCE = 0.1

_M4A_WARNING = (
    "Kling is known to refuse some m4a and aac files with 'Audio format is invalid' (1201); "
    "mp3 and wav are safe"
)
_LENGTH_WARNING = "its duration cannot be read, so Kling will check it"

# The structure of PNG and JPEG files.
_PNG_START = 8
_PNG_CHUNK = 12
_PNG_WIDTH = 16
_BEST_PACKING = 1032
"""No deflate stream unpacks to more bytes for each of its own."""
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
_MARK = 0xFF
_LENGTH_BYTES = 2
_RESTARTS = range(0xD0, 0xD8)


class InvalidMediaError(ValueError):
    """The content violates a constraint of the API; the text names the content and the constraint."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Properties of a file.

    :param mime: media type by content.
    :param size: bytes.
    :param sha256: hash of the content, hexadecimal.
    :param width: pixels; images only.
    :param height: pixels; images only.
    :param seconds: duration; audio only; ``None`` if it is unknown.
    :param warnings: texts of warnings.
    """

    mime: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    warnings: tuple[str, ...] = ()


def inspect_media(data: bytes, rules: MediaConstraints) -> MediaInfo:
    """Check an image or audio file against the constraints of its field.

    :param data: the whole file; of a file above the limit, one byte more than the limit is enough.
    :param rules: constraints of the field.
    :return: properties of the file.
    :raises InvalidMediaError: the file violates a constraint.
    """
    check_size(len(data), rules)
    mime = check_type(data, rules)
    details: dict[str, Any] = {"mime": mime, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if rules.kind == "image":
        width, height = _image_size(data, mime, rules)
        return MediaInfo(width=width, height=height, **details)
    seconds, warnings = _audio_duration(data, mime, rules)
    return MediaInfo(seconds=seconds, warnings=warnings, **details)


def check_size(size: int, rules: MediaConstraints) -> None:
    """Check the size of a file.

    :param size: bytes.
    :param rules: constraints of the field.
    :raises InvalidMediaError: the file is empty or above the limit.
    """
    if not size:
        raise InvalidMediaError("is empty")
    if rules.max_bytes is not None and size > rules.max_bytes:
        limit = f"{rules.max_bytes / 1024**2:g} MB"
        raise InvalidMediaError(f"is larger than {limit}, the most that Kling accepts here")


def check_type(data: bytes, rules: MediaConstraints) -> str:
    """Detect the media type of a file and check that the field accepts it.

    :param data: the file; of a video its first 4 kB are enough.
    :param rules: constraints of the field.
    :return: the media type.
    :raises InvalidMediaError: the field does not accept the type.
    """
    mime = detect_media_type(data)
    accepted = {MIMES[name] for name in rules.formats}
    if mime in accepted:
        return str(mime)
    if mime == "video/mp4" and "audio/mp4" in accepted and not _has_images(data):
        return "audio/mp4"
    same_kind = mime is not None and mime.startswith(f"{rules.kind}/")
    expected = _format_names(rules)
    remedy = f"convert it to {expected}" if same_kind else f"give {KIND_NAMES[rules.kind]}: {expected}"
    raise InvalidMediaError(f"its content is {mime or 'of an unknown type'}; {remedy}")


def _format_names(rules: MediaConstraints) -> str:
    # One ending of each format, the first: "jpg" and "jpeg" are the same.
    names = list({MIMES[name]: name for name in reversed(rules.formats)}.values())[::-1]
    return f"{', '.join(names[:-1])} or {names[-1]}" if names[1:] else names[0]


def _has_images(data: bytes) -> bool:
    at = -1
    while (at := data.find(b"hdlr", at + 1)) >= 0:
        if data[at + 12 : at + 16] == b"vide":
            return True
    return False


def _image_size(data: bytes, mime: str, rules: MediaConstraints) -> tuple[int, int]:
    from imagesize import get

    try:
        width, height = get(BytesIO(data))
    except Exception:  # imagesize documents no exceptions for damaged files
        width, height = 0, 0
    if width <= 0 or height <= 0:
        raise InvalidMediaError(f"is a damaged {mime}: its width and height cannot be read")
    if problem := _image_problem(data, mime):
        raise InvalidMediaError(f"is a damaged {mime}: {problem}")
    size = f"is {width:g} x {height:g} pixels"
    if rules.min_side and min(width, height) < rules.min_side:
        raise InvalidMediaError(f"{size}; each side must measure at least {rules.min_side}")
    if rules.max_side and max(width, height) > rules.max_side:
        raise InvalidMediaError(f"{size}; each side must measure at most {rules.max_side}")
    if rules.ratio and not rules.ratio[0] <= width / height <= rules.ratio[1]:
        low, high = rules.ratio
        raise InvalidMediaError(f"{size}; its ratio must be between 1:{1 / low:g} and {high:g}:1")
    return int(width), int(height)


def _audio_duration(data: bytes, mime: str, rules: MediaConstraints) -> tuple[float | None, tuple[str, ...]]:
    warnings = (_M4A_WARNING,) if mime in ("audio/mp4", "audio/aac") else ()
    try:
        seconds = audio_duration(data, mime)
    except CorruptAudioError as error:
        raise InvalidMediaError(f"is a damaged {mime}: {error}") from None
    if seconds is None:
        return None, (_LENGTH_WARNING, *warnings)
    least, most = rules.seconds or (0.0, float("inf"))
    if not least - _DURATION_TOLERANCE <= seconds <= most + _DURATION_TOLERANCE:
        raise InvalidMediaError(f"is {seconds:.1f} s long; it must be {least:g} to {most:g} s long")
    return seconds, warnings


def _image_problem(data: bytes, mime: str) -> str | None:
    """Check the structure of an image.

    :param data: the whole file.
    :param mime: media type by content; only ``image/jpeg`` and ``image/png`` are checked.
    :return: the cause; ``None`` for a complete image.
    """
    if mime == "image/jpeg":
        return _jpeg_problem(data)
    return _png_problem(data) if mime == "image/png" else None


def _png_problem(data: bytes) -> str | None:
    at, packed = _PNG_START, 0
    while at + _PNG_CHUNK <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + _PNG_CHUNK + length
        if end > len(data):
            break
        # Decoders skip ancillary chunks: only critical ones must be intact.
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return f"its part {kind.decode('ascii', 'replace')!r} at byte {at} has a wrong checksum"
        packed += length if kind == b"IDAT" else 0
        if kind == b"IEND":
            return _png_pixels_problem(data, packed)
        at = end
    return "it is cut off: its end marker is missing"


def _png_pixels_problem(data: bytes, packed: int) -> str | None:
    """Compare the packed pixels of a PNG with its header, without unpacking them."""
    if not packed:
        return "it holds no pixels"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (_PNG_WIDTH, _PNG_WIDTH + 4))
    # Fewest bytes of pixels: one bit for each.
    least = height * (width // 8)
    return "it holds fewer pixels than its header says" if least > packed * _BEST_PACKING else None


def _jpeg_problem(data: bytes) -> str | None:
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
