# SPDX-License-Identifier: Apache-2.0
"""Pictures that come in with a request: decoded, checked against the vendor's limits, kept on disk.

Nothing is fetched from outside this machine. An address on a loopback host is fetched; for any other one
a picture is drawn whose looks depend on the address alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, UnidentifiedImageError

from .options import is_loopback
from .refusal import bad_value

MEGABYTE = 1024 * 1024
_PICTURE_BYTES = 10 * MEGABYTE
_PICTURE_SIDE = 300
_PICTURE_RATIO = 2.5
_FETCH_SECONDS = 20
_FETCH_BYTES = 200 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a request.

    :param digest: what names it: the hash of its content, or of its address where it was not fetched.
    :param width: in pixels.
    :param height: in pixels.
    :param file: where it is kept; ``None`` for one that has to be drawn.
    """

    digest: str
    width: int
    height: int
    file: Path | None = None


class MediaLibrary:
    """The media of all requests, by content.

    :param folder: directory to keep them in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pictures: dict[str, Picture] = {}

    def picture(self, value: str, field: str) -> Picture:
        """Return the picture that a request's field holds.

        :param value: an http(s) address, or the picture's content as base64.
        :param field: the field's name, for error texts.
        :raises Refusal: when the vendor would not take it.
        """
        data = self.content(value, field)
        if data is None:
            return Picture(_digest(value.encode()), 1280, 720)
        if len(data) > _PICTURE_BYTES:
            raise bad_value(f"{field}: image size cannot exceed 10MB")
        digest = _digest(data)
        if digest not in self._pictures:
            width, height = _measured(data, field)
            self._pictures[digest] = Picture(digest, width, height, self.keep(data, digest))
        return self._pictures[digest]

    def content(self, value: str, field: str) -> bytes | None:
        """Return the bytes that a field stands for, or ``None`` for an address outside this machine."""
        if value.startswith("data:"):
            raise bad_value(f"{field}: base64 must be sent without the data: prefix")
        if value.startswith(("http://", "https://")):
            return _fetched(value, field) if is_loopback(urlsplit(value).hostname) else None
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise bad_value(f"{field} is neither a url nor valid base64") from None

    def keep(self, data: bytes, digest: str) -> Path:
        """Write the bytes to the library's folder and return where they are."""
        path = self._folder / digest
        path.write_bytes(data)
        return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _measured(data: bytes, field: str) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            image.load()
            width, height = image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise bad_value(f"{field}: image format is invalid, only jpg, jpeg and png are supported") from None
    if min(width, height) < _PICTURE_SIDE:
        raise bad_value(f"{field}: image width and height must be at least 300px, got {width}x{height}")
    if max(width, height) / min(width, height) > _PICTURE_RATIO:
        raise bad_value(f"{field}: image aspect ratio must be between 1:2.5 and 2.5:1, got {width}:{height}")
    return width, height


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        # A redirect could lead away from this machine.
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _fetched(url: str, field: str) -> bytes:
    try:
        with _opener.open(url, timeout=_FETCH_SECONDS) as answer:
            data: bytes = answer.read(_FETCH_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise bad_value(f"{field}: failed to download the file from its url: {error}") from None
    if len(data) > _FETCH_BYTES:
        raise bad_value(f"{field}: the file behind the url is too large")
    return data
