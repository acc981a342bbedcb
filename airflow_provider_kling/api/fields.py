# SPDX-License-Identifier: Apache-2.0
"""Field types that several requests share.

Limits are the widest that any source documents; what a single host documents more narrowly stands in
:mod:`.dialect`. Where no other source is named, a limit is from the vendor's documentation of 2026-09.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from .request import KlingObject


@dataclass(frozen=True, slots=True)
class Media:
    """Marks a field that takes a picture, a sound or a video.

    :param kind: what the file must be.
    :param inline: the API takes the file's content as base64; otherwise only a public URL will do.
    """

    kind: Literal["image", "audio", "video"]
    inline: bool = True


_DATA_URI = re.compile(r"^data:[^,]*;base64,", re.IGNORECASE)


def strip_data_uri(value: str) -> str:
    """Drop the ``data:…;base64,`` prefix, which the API takes for part of the picture."""
    return _DATA_URI.sub("", value, count=1)


def is_url(value: str) -> bool:
    """Whether the value is an address the vendor's servers could fetch."""
    return value.startswith(("http://", "https://"))


def is_base64(value: str) -> bool:
    """Whether the value can be decoded as base64 (length and alphabet; the content is not looked at)."""
    try:
        return bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False


def _http_url(value: str) -> str:
    if value and not is_url(value):
        raise ValueError("must be an http:// or https:// address")
    return value


def _as_text(value: Any) -> Any:
    # v1 wants "5", people write 5, and a template may give either.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Image = Annotated[str, Media("image"), AfterValidator(strip_data_uri), Field(min_length=1)]
"""A picture: URL, base64, ``data:`` URI, local path or object-storage URI. jpg or png, at most 10 MB,
at least 300 px a side, ratio 1:2.5 to 2.5:1."""

Audio = Annotated[str, Media("audio"), AfterValidator(strip_data_uri), Field(min_length=1)]
"""A sound: URL, base64, ``data:`` URI, local path or object-storage URI.
mp3, wav, m4a or aac, at most 5 MB."""

VideoUrl = Annotated[str, Media("video", inline=False), Field(min_length=1)]
"""A video: public URL, or an object-storage URI whose filesystem can sign addresses. mp4 or mov."""

Prompt = Annotated[str, Field(max_length=2500)]
"""What to make, in words; at most 2,500 characters."""

Text = Annotated[str, BeforeValidator(_as_text)]
"""A string on the wire that people like to write as a number."""

HttpUrl = Annotated[str, AfterValidator(_http_url)]

ExternalTaskId = Annotated[str, Field(max_length=128)]
"""The caller's own id of the task, unique in the account."""

Unit = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

OnOff = Literal["on", "off"]


FiveOrTen = Annotated[Literal["5", "10"], BeforeValidator(_as_text)]
"""Whole seconds; a string on the wire."""

ThreeToFifteen = Annotated[
    Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"], BeforeValidator(_as_text)
]
"""Whole seconds from 3 to 15; a string on the wire."""


class WatermarkInfo(KlingObject):
    """Whether the vendor also renders a copy with a watermark."""

    enabled: bool = False


class Element(KlingObject):
    """A subject of the account's element library."""

    element_id: Annotated[int, Field(gt=0)]


class Voice(KlingObject):
    """A voice of the account's or the vendor's custom voice catalogue (not a text-to-speech voice)."""

    voice_id: Annotated[str, Field(min_length=1)]


class Shot(KlingObject):
    """One shot of a multi-shot video."""

    index: Annotated[int, Field(ge=1)]
    prompt: Annotated[str, Field(min_length=1, max_length=512)]
    duration: Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^[1-9]\d*$")]


class Point(KlingObject):
    """A pixel of the picture; the origin is its lower left corner."""

    x: int
    y: int


class DynamicMask(KlingObject):
    """An area of the picture and the path it moves along."""

    mask: Image
    trajectories: Annotated[list[Point], Field(min_length=2, max_length=77)]


CameraAxis = Annotated[float, Field(ge=-10, le=10)]


class CameraConfig(KlingObject):
    """How the camera moves with ``type: simple``; exactly one of the six is other than zero."""

    horizontal: CameraAxis | None = None
    vertical: CameraAxis | None = None
    pan: CameraAxis | None = None
    tilt: CameraAxis | None = None
    roll: CameraAxis | None = None
    zoom: CameraAxis | None = None


class CameraControl(KlingObject):
    """How the camera moves."""

    type: Literal["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"]
    config: CameraConfig | None = None
