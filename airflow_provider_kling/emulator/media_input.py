# SPDX-License-Identifier: Apache-2.0
"""Media that come in with a request: decoded, checked against the vendor's limits, kept on disk.

Nothing is fetched from outside this machine. An address on a loopback host is fetched; for any other one
something is made up that depends on the address alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .media_kinds import Clip, Picture, Sound
from .media_probe import Unreadable, measure_clip, measure_picture, measure_sound
from .refusal import Refusal, bad_value
from .this_machine import leads_here, opener

MEGABYTE = 1024 * 1024
SOUND_FORMATS = ("mp3", "wav", "m4a", "aac")
PICTURE_MEGABYTES = 10
RESULTS = "/results"
"""Where the emulator's own files are."""

_PICTURE_SIDE = 300
_PICTURE_RATIO = 2.5
_SECONDS_TOLERANCE = 0.1
_MADE_UP_SECONDS = 5.0
_FETCH_SECONDS = 20
_FETCH_BYTES = 200 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sound or a clip must be.

    :param formats: names of file formats.
    :param seconds: least and most.
    :param sides: least and most pixels a side.
    :param megabytes: most.
    """

    formats: tuple[str, ...]
    seconds: tuple[float, float]
    sides: tuple[int, int] = (1, 100_000)
    megabytes: int = 100

    def check_seconds(self, field: str, seconds: float) -> None:
        """Refuse what is too short or too long; encoders pad, so a little is let pass."""
        low, high = self.seconds
        if not low - _SECONDS_TOLERANCE <= seconds <= high + _SECONDS_TOLERANCE:
            raise bad_value(f"{field}: duration must be in [{low:g}s, {high:g}s], got {seconds:.1f}s")


class MediaLibrary:
    """The media of all requests, by content.

    :param folder: directory to keep them in.
    :param scale: size of the emulator's own videos relative to the real ones, for which they are taken.
    """

    def __init__(self, folder: Path, scale: float = 1.0) -> None:
        self._folder = folder
        self._scale = scale
        self._pictures: dict[str, Picture] = {}
        self._sounds: dict[str, Sound] = {}
        self._clips: dict[str, Clip] = {}

    def picture(
        self, value: str, field: str, megabytes: int = PICTURE_MEGABYTES, *, any_ratio: bool = False
    ) -> Picture:
        """Return the picture that a request's field holds.

        :param value: an http(s) address, or the picture's content as base64.
        :param field: the field's name, for error texts.
        :param megabytes: how large it may be.
        :param any_ratio: whether its width to height does not matter.
        :raises Refusal: when the vendor would not take it.
        """
        data = _content(value, field)
        if data is None:
            return Picture(_digest(value.encode()), 1280, 720)
        if len(data) > megabytes * MEGABYTE:
            raise bad_value(f"{field}: image size cannot exceed {megabytes}MB")
        digest = _digest(data)
        if digest not in self._pictures:
            width, height = _measured_picture(data, field)
            self._pictures[digest] = Picture(digest, width, height, self._kept(data, digest))
        found = self._pictures[digest]
        # Not when it is measured: another field may take what this one does not.
        if not any_ratio and not 1 / _PICTURE_RATIO <= found.ratio <= _PICTURE_RATIO:
            size = f"{found.width}:{found.height}"
            raise bad_value(f"{field}: image aspect ratio must be between 1:2.5 and 2.5:1, got {size}")
        return found

    def sound(self, value: str, field: str, limits: Limits) -> Sound:
        """Return the sound that a request's field holds, as :meth:`picture`."""
        data = _content(value, field)
        if data is None:
            return Sound(_digest(value.encode()), _MADE_UP_SECONDS)
        if len(data) > limits.megabytes * MEGABYTE:
            raise bad_value(f"{field}: audio size cannot exceed {limits.megabytes}MB")
        digest = _digest(data)
        if digest not in self._sounds:
            try:
                kind, seconds = measure_sound(data)
            except Unreadable:
                raise bad_value("Audio format is invalid") from None
            self._sounds[digest] = Sound(digest, seconds, self._kept(data, digest), kind)
        found = self._sounds[digest]
        if found.kind not in limits.formats:
            raise bad_value("Audio format is invalid")
        limits.check_seconds(field, found.seconds)
        return found

    def clip(self, value: str, field: str, limits: Limits) -> Clip:
        """Return the video that an address in a request leads to, as :meth:`picture`."""
        data = _content(value, field)
        if data is None:
            picture = Picture(_digest(value.encode()), 1280, 720)
            return Clip(picture, _MADE_UP_SECONDS, url=value)
        if len(data) > limits.megabytes * MEGABYTE:
            raise bad_value(f"{field}: video size cannot exceed {limits.megabytes}MB")
        digest = _digest(data)
        if digest not in self._clips:
            self._clips[digest] = self._measured_clip(data, field, digest)
        found = self._clips[digest]
        limits.check_seconds(field, found.seconds)
        low, high = limits.sides
        shrunk = self._scale if urlsplit(value).path.startswith(f"{RESULTS}/") else 1.0
        for side in (found.picture.width, found.picture.height):
            if not low <= side / shrunk <= high:
                raise bad_value(
                    f"{field}: video width and height must be in [{low}px, {high}px], got {side}px"
                )
        return Clip(found.picture, found.seconds, url=value)

    def _measured_clip(self, data: bytes, field: str, digest: str) -> Clip:
        try:
            width, height, seconds, frame = measure_clip(data)
        except Unreadable:
            raise bad_value(f"{field}: video format is invalid, only mp4 and mov are supported") from None
        return Clip(Picture(digest, width, height, self._kept(frame, digest)), seconds)

    def _kept(self, data: bytes, digest: str) -> Path:
        path = self._folder / digest
        path.write_bytes(data)
        return path


def _measured_picture(data: bytes, field: str) -> tuple[int, int]:
    try:
        width, height = measure_picture(data)
    except Unreadable:
        raise bad_value(f"{field}: image format is invalid, only jpg, jpeg and png are supported") from None
    if min(width, height) < _PICTURE_SIDE:
        raise bad_value(f"{field}: image width and height must be at least 300px, got {width}x{height}")
    return width, height


def _content(value: str, field: str) -> bytes | None:
    """Return the bytes that a field stands for, or ``None`` for an address outside this machine."""
    if value.startswith("data:"):
        raise bad_value(f"{field}: base64 must be sent without the data: prefix")
    if value.startswith(("http://", "https://")):
        return _fetched(value, field) if leads_here(value) else None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise bad_value(f"{field} is neither a url nor valid base64") from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fetched(url: str, field: str) -> bytes:
    try:
        with opener.open(url, timeout=_FETCH_SECONDS) as answer:
            data: bytes = answer.read(_FETCH_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise _unfetched(field, str(error)) from None
    return data


def _unfetched(field: str, why: str) -> Refusal:
    return bad_value(f"{field}: failed to download the file from its url: {why}")
