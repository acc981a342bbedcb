# SPDX-License-Identifier: Apache-2.0
"""Field types that several requests share.

Limits are the widest that any source documents; what a single host documents more narrowly stands in
:mod:`..host_limits`. Where no other source is named, a limit is from the vendor's documentation of 2026-09.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ...utils.urls import is_url, normalize_url, strip_data_uri

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MediaConstraints:
    """Marks a field for an image, audio or video, with the vendor's limits.

    :param kind: what the file must be.
    :param inline: the API takes the file's content as base64.
    :param url: the API takes a URL that its servers can fetch.
    :param formats: names of the accepted formats, as file endings without the dot.
    :param max_bytes: largest size of the file.
    :param min_side: smallest width and height of an image or video, in pixels.
    :param max_side: largest width and height of an image or video, in pixels.
    :param ratio: smallest and largest width divided by height.
    :param seconds: shortest and longest sound or video.
    :param max_area: largest width times height of a video, in pixels.
    :param fps: least and most frames a second of a video.
    :param rates: the only frames a second of a video; any when empty.
    :param ratios: the only widths to heights of a video; any when empty.
    :param seconds_between: no video of a length between these two is accepted.
    """

    kind: Literal["image", "audio", "video"]
    inline: bool = True
    url: bool = True
    formats: tuple[str, ...] = ()
    max_bytes: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    ratio: tuple[float, float] | None = None
    seconds: tuple[float, float] | None = None
    max_area: int | None = None
    fps: tuple[float, float] | None = None
    rates: tuple[int, ...] = ()
    ratios: tuple[tuple[int, int], ...] = ()
    seconds_between: tuple[float, float] | None = None


MAX_VIDEO_AREA = 8_294_400
"""Most pixels of a frame where the vendor limits them: 3,840 x 2,160."""

IMAGE = MediaConstraints(
    "image", formats=("jpg", "jpeg", "png"), max_bytes=10 * MEGABYTE, min_side=300, ratio=(0.4, 2.5)
)
"""What the vendor accepts wherever it takes an image."""


IMAGE_ANY_RATIO = replace(IMAGE, ratio=None)
"""The same where no source says anything of width to height."""


def audio(
    shortest: float | None = None, longest: float | None = None, *, inline: bool = True, url: bool = True
) -> MediaConstraints:
    """Build the constraints of an audio field: the vendor's formats and size, and the allowed length.

    :param shortest: shortest length in seconds; without both limits any length is allowed.
    :param longest: longest length in seconds.
    :param inline: base64 is allowed.
    :param url: a URL is allowed.
    :return: the constraints.
    """
    formats = ("mp3", "wav", "m4a", "aac")
    seconds = None if shortest is None or longest is None else (shortest, longest)
    return MediaConstraints("audio", inline, url, formats, max_bytes=5 * MEGABYTE, seconds=seconds)


def video(
    shortest: float,
    longest: float,
    *,
    megabytes: int | None = 100,
    min_side: int | None = None,
    max_side: int | None = None,
    ratio: tuple[float, float] | None = None,
    max_area: int | None = None,
    fps: tuple[float, float] | None = None,
) -> MediaConstraints:
    """Build the constraints of a video field, which the vendor accepts by URL only.

    :param shortest: shortest length in seconds.
    :param longest: longest length in seconds.
    :param megabytes: largest size; ``None`` if the vendor documents none.
    :param min_side: least width and height in pixels.
    :param max_side: greatest width and height in pixels.
    :param ratio: least and greatest width divided by height.
    :param max_area: greatest width times height in pixels.
    :param fps: least and most frames a second.
    :return: the constraints.
    """
    size = None if megabytes is None else megabytes * MEGABYTE
    return MediaConstraints(
        *("video", False, True, ("mp4", "mov"), size, min_side, max_side, ratio),
        seconds=(shortest, longest),
        max_area=max_area,
        fps=fps,
    )


def _bare_base64(value: str) -> str:
    bare = strip_data_uri(value)
    if not bare:
        raise ValueError("holds the data: prefix only, and no content")
    return bare


def _http_url(value: str) -> str:
    if not is_url(value):
        raise ValueError("must be an http:// or https:// URL")
    return normalize_url(value)


def _one_decimal(value: float) -> float:
    if round(value, 1) != value:
        raise ValueError("must have at most one decimal place")
    return value


_WHOLE_WITH_DECIMALS = re.compile(r"^([0-9]+)\.0+$")


def int_to_str(value: Any) -> Any:
    """Convert a whole number to text without decimals; anything else is returned as it is.

    :param value: value of the field.
    :return: the text.
    """
    # v1 wants "5"; people write 5, and a template or an XCom may give "5", 5, 5.0 or "5.0".
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return _WHOLE_WITH_DECIMALS.sub(r"\1", value) if isinstance(value, str) and "." in value else value


_FLOAT = re.compile(r"[0-9]+\.[0-9]+|[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+")


def _as_id(value: Any) -> Any:
    # Ids look like numbers. A float has lost digits by then, so it is not taken.
    if isinstance(value, str):
        value = value.strip()
    if isinstance(value, float) or (isinstance(value, str) and _FLOAT.fullmatch(value)):
        raise ValueError("must be the id as text: as a float it has lost digits")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_name(value: Any) -> Any:
    # A job is found by its name: blanks around it would name another one, and no query holds a line's end.
    if not isinstance(value, str):
        return value
    if not value.strip().isprintable():
        raise ValueError("must be printable characters")
    return value.strip()


def _as_on_off(value: Any) -> Any:
    # YAML reads a bare "on" as true.
    return ("off", "on")[value] if isinstance(value, bool) else value


def _as_yes_no(value: Any) -> Any:
    return ("no", "yes")[value] if isinstance(value, bool) else value


StripDataUri = AfterValidator(_bare_base64)

Image = Annotated[str, IMAGE, Field(min_length=1), StripDataUri]
"""An image: URL, base64, ``data:`` URI, local path or object-storage URI. jpg or png, at most 10 MB,
at least 300 px per side, aspect ratio 1:2.5 to 2.5:1."""

ImageOfAnyRatio = Annotated[str, IMAGE_ANY_RATIO, Field(min_length=1), StripDataUri]
"""An image as above, of any ratio."""

AvatarAudio = Annotated[str, audio(2, 300), Field(min_length=1), StripDataUri]
"""Audio: URL, base64, ``data:`` URI, local path or object-storage URI. mp3, wav, m4a or aac, at most
5 MB, 2 to 300 s."""

LipSyncAudio = Annotated[str, audio(2, 60), Field(min_length=1), StripDataUri]
"""Audio as for an avatar, of 2 to 60 s."""

LipSyncInlineAudio = Annotated[str, audio(url=False), Field(min_length=1), StripDataUri]
"""Audio of any length whose content is sent: base64, ``data:`` URI, local path or object-storage URI."""

Name20 = Annotated[str, Field(min_length=1, max_length=20)]

Prompt = Annotated[str, Field(min_length=1, max_length=2500)]
"""What to make, in words; at most 2,500 characters."""

Id = Annotated[str, BeforeValidator(_as_id), Field(min_length=1)]
"""An id that the vendor gave: a string on the wire that often looks like a number."""

ElementId = Annotated[int, BeforeValidator(_as_id), Field(gt=0, lt=2**63)]

HttpUrl = Annotated[str, AfterValidator(_http_url)]

UnitInterval = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

OneDecimal = AfterValidator(_one_decimal)

OnOff = Annotated[Literal["on", "off"], BeforeValidator(_as_on_off)]
YesNo = Annotated[Literal["yes", "no"], BeforeValidator(_as_yes_no)]
StdPro = Literal["std", "pro"]
StdPro4k = Literal["std", "pro", "4k"]
Language = Literal["zh", "en"]

VideoRatio = Literal["16:9", "9:16", "1:1"]
ImageRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]

FiveOrTen = Annotated[Literal["5", "10"], BeforeValidator(int_to_str)]
"""Whole seconds; a string on the wire."""

ThreeToFifteen = Annotated[
    Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"],
    BeforeValidator(int_to_str),
]
"""Whole seconds from 3 to 15; a string on the wire."""

OneToFifteen = Annotated[
    Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"],
    BeforeValidator(int_to_str),
]
"""Whole seconds from 1 to 15; a string on the wire."""

ModelName = Annotated[str, Field(min_length=1, description="Model that does the work.")]

NegativePrompt = Annotated[Prompt | None, Field(description="What to avoid; at most 2,500 characters.")]

CfgScale = Annotated[
    UnitInterval | None,
    Field(description="How closely to follow the prompt, 0 to 1; 0.5 when unset. Only v1 models use it."),
]

ImageCount = Annotated[
    Annotated[int, Field(ge=1, le=9)] | None,
    Field(description="Number of images to generate, 1 to 9; 1 when unset. Each occupies one slot."),
]

CallbackUrl = Annotated[
    HttpUrl | None, Field(description="URL that Kling calls when the job's status changes.")
]

ExternalTaskId = Annotated[
    Annotated[str, BeforeValidator(_as_name)] | None,
    Field(description="Your own id of the job, unique in the account; generated by the operator if unset."),
]
