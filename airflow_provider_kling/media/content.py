# SPDX-License-Identifier: Apache-2.0
"""Whether the API would take a file, told by its bytes. Pure: no I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from ..api.fields import Media
from ..api.sniff import sniff
from .sound import Undecodable, seconds_of

MIMES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
}
"""Media type of each format that a :class:`~airflow_provider_kling.api.fields.Media` may name."""

NOUNS = {"image": "a picture", "audio": "a sound", "video": "a video"}

# Encoders round a length up to whole frames and add a few of their own: at most a tenth of a second.
_PADDING_SECONDS = 0.1

_M4A_ADVICE = (
    "Kling is known to refuse some m4a and aac files with 'Audio format is invalid' (1201); "
    "mp3 and wav are safe"
)
_LENGTH_ADVICE = "its length cannot be read and is left to Kling to check"


class ContentRefused(ValueError):
    """The content breaks a rule of the API; the text names what was found and the rule."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was found in a file.

    :param mime: media type by content.
    :param size: bytes.
    :param sha256: hash of the bytes, hexadecimal.
    :param width: pixels, pictures only.
    :param height: pixels, pictures only.
    :param seconds: length, sounds only; ``None`` where the file does not tell.
    :param advice: what is worth a warning.
    """

    mime: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    advice: tuple[str, ...] = ()


def inspect(data: bytes, rules: Media) -> Content:
    """Check a picture or a sound against the rules of its field.

    :param data: the whole file; one byte more than the limit is enough to refuse a larger one.
    :param rules: the field's marker.
    :raises ContentRefused: with what was found and the rule.
    """
    check_size(len(data), rules)
    mime = check_type(data, rules)
    facts: dict[str, Any] = {"mime": mime, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if rules.kind == "image":
        width, height = _picture_size(data, mime, rules)
        return Content(width=width, height=height, **facts)
    seconds, advice = _sound_length(data, mime, rules)
    return Content(seconds=seconds, advice=advice, **facts)


def check_size(size: int, rules: Media) -> None:
    """Check the number of bytes.

    :raises ContentRefused: for an empty file and for one above the limit.
    """
    if not size:
        raise ContentRefused("is empty")
    if rules.max_bytes is not None and size > rules.max_bytes:
        limit = f"{rules.max_bytes / 1024**2:g} MB"
        raise ContentRefused(f"is larger than {limit}, the most that Kling takes here")


def check_type(data: bytes, rules: Media) -> str:
    """Return the content's media type where the field takes it.

    :param data: the file; its first 4 kB are enough for a video.
    :raises ContentRefused: for any other content.
    """
    mime = sniff(data)
    accepted = {MIMES[name] for name in rules.formats}
    if mime in accepted:
        return str(mime)
    if mime == "video/mp4" and "audio/mp4" in accepted and not _has_pictures(data):
        return "audio/mp4"
    wanted = ", ".join(rules.formats)
    found = f"its content is {mime}" if mime else "its content is of no known type"
    raise ContentRefused(f"is not {NOUNS[rules.kind]} that Kling takes ({wanted}): {found}")


def _has_pictures(data: bytes) -> bool:
    at = -1
    while (at := data.find(b"hdlr", at + 1)) >= 0:
        if data[at + 12 : at + 16] == b"vide":
            return True
    return False


def _picture_size(data: bytes, mime: str, rules: Media) -> tuple[int, int]:
    from imagesize import get

    try:
        width, height = get(BytesIO(data))
    except Exception:  # the package does not say what it raises for broken files
        width, height = 0, 0
    if width <= 0 or height <= 0:
        raise ContentRefused(f"is a damaged {mime}: its width and height cannot be read")
    size = f"is {width:g} x {height:g} pixels"
    if rules.min_side and min(width, height) < rules.min_side:
        raise ContentRefused(f"{size}; each side must measure at least {rules.min_side}")
    if rules.max_side and max(width, height) > rules.max_side:
        raise ContentRefused(f"{size}; each side must measure at most {rules.max_side}")
    if rules.ratio and not rules.ratio[0] <= width / height <= rules.ratio[1]:
        low, high = rules.ratio
        raise ContentRefused(f"{size}; its ratio must be between 1:{1 / low:g} and {high:g}:1")
    return int(width), int(height)


def _sound_length(data: bytes, mime: str, rules: Media) -> tuple[float | None, tuple[str, ...]]:
    advice = (_M4A_ADVICE,) if mime in ("audio/mp4", "audio/aac") else ()
    try:
        seconds = seconds_of(data, mime)
    except Undecodable as error:
        raise ContentRefused(f"is a damaged {mime}: {error}") from None
    if seconds is None:
        return None, (_LENGTH_ADVICE, *advice)
    least, most = rules.seconds or (0.0, float("inf"))
    if not least - _PADDING_SECONDS <= seconds <= most + _PADDING_SECONDS:
        raise ContentRefused(f"is {seconds:.1f} s long; it must be {least:g} to {most:g} s long")
    return seconds, advice
