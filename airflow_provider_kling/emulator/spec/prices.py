# SPDX-License-Identifier: Apache-2.0
"""Prices of jobs in units, by the vendor's price page of 2026-09.

A table of the emulator's own: the provider's estimates are not confirmed by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Body = Mapping[str, Any]

_PER_SECOND: Mapping[tuple[str, str], tuple[str, str, str]] = {
    # (model, audio mode): std, pro, 4k
    ("kling-v3", "silent"): ("0.6", "0.8", "3.0"),
    ("kling-v3", "sound"): ("0.9", "1.2", "3.0"),
    ("kling-v3", "motion"): ("0.9", "1.2", "1.2"),
    ("kling-v3-omni", "silent"): ("0.6", "0.8", "3.0"),
    ("kling-v3-omni", "sound"): ("0.8", "1.0", "3.0"),
    ("kling-v3-omni", "video"): ("0.9", "1.2", "3.0"),
    ("kling-video-o1", "silent"): ("0.6", "0.8", "0.8"),
    ("kling-video-o1", "video"): ("0.9", "1.2", "1.2"),
    ("kling-v2-6", "silent"): ("0.3", "0.5", "0.5"),
    ("kling-v2-6", "sound"): ("1.0", "1.0", "1.0"),
    ("kling-v2-6", "voice"): ("1.2", "1.2", "1.2"),
    ("kling-v2-6", "motion"): ("0.5", "0.8", "0.8"),
    ("kling-v2-5-turbo", "silent"): ("0.3", "0.5", "0.5"),
    ("kling-3.0-turbo", "sound"): ("0.8", "1.0", "1.0"),
    ("avatar", "sound"): ("0.4", "0.8", "0.8"),
}
_PER_VIDEO: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    # model: std 5 s, 10 s; pro 5 s, 10 s
    "kling-v1": (("1", "2"), ("3.5", "7")),
    "kling-v1-5": (("2", "4"), ("3.5", "7")),
    "kling-v1-6": (("2", "4"), ("3.5", "7")),
    "kling-v2-1": (("2", "4"), ("3.5", "7")),
    "kling-v2-master": (("10", "20"), ("10", "20")),
    "kling-v2-1-master": (("10", "20"), ("10", "20")),
    "multi-elements": (("3", "6"), ("5", "10")),
}
_FLAT: Mapping[str, str] = {
    "videos/identify-face": "0.05",
    "videos/image-recognize": "0.1",
    "videos/video-extend": "2",
    # The real price differs from scene to scene.
    "videos/effects": "2",
    "audio/tts": "0.05",
    "audio/text-to-audio": "0.25",
    "audio/video-to-audio": "0.25",
    "general/custom-voices": "0.05",
    "general/advanced-custom-elements": "0",
    "general/ai-multi-shot": "20",
    "images/kolors-virtual-try-on": "20",
    "solutions/virtual_try_on": "20",
    # The real prices are not known here.
    "solutions/e-commerce/goods_studio": "15",
    "solutions/e-commerce/clothing_dupe": "15",
    "solutions/talking_agent": "10",
    "solutions/drama_subtitle": "5",
}
_API_2_NAMES = {
    "kling-3.0": "kling-v3",
    "kling-3.0-omni": "kling-v3-omni",
    "kling-o1": "kling-video-o1",
    "kling-2.6": "kling-v2-6",
    "kling-2.5-turbo": "kling-v2-5-turbo",
}
USD_PER_UNIT: Mapping[str, Decimal] = {"video": Decimal("0.14"), "image": Decimal("0.0035")}
"""List price of a unit of each resource pack."""

_IMAGE_PACK = ("images/", "general/ai-multi-shot", "solutions/virtual_try_on")
_MODES = ("std", "pro", "4k")
_LONG = 10


def unit_type(slug: str) -> str:
    """Return the resource pack that is charged.

    :param slug: the endpoint.
    :return: ``image`` or ``video``.
    """
    return "image" if slug.startswith(_IMAGE_PACK) else "video"


def price_in_units(slug: str, body: Body, seconds: float, count: int) -> Decimal:
    """Return the price of a job that succeeds.

    :param slug: the endpoint's public name.
    :param body: the create call's body.
    :param seconds: length of the result.
    :param count: number of images.
    :return: the price in units.
    """
    if slug in _FLAT:
        return Decimal(_FLAT[slug])
    if slug.startswith("images/"):
        return _image(slug, body) * count
    if slug.endswith("lip-sync"):
        return Decimal("0.5") * math.ceil(seconds / 5)
    return _video(slug, body, seconds)


def _image(slug: str, body: Body) -> Decimal:
    if slug == "images/multi-image2image":
        return Decimal(16)
    if body.get("model_name") == "kling-v2-1":
        return Decimal(8) if "image" in body else Decimal(4)
    return Decimal(16) if body.get("resolution") == "4k" else Decimal(8)


def _video(slug: str, body: Body, seconds: float) -> Decimal:
    model, mode = _model(slug, body), body.get("mode", "pro" if slug == "videos/omni-video" else "std")
    if model in _PER_VIDEO:
        return Decimal(_PER_VIDEO[model][mode != "std"][seconds >= _LONG])
    rates = _rates(model, _audio_mode(slug, body))
    return Decimal(rates[_MODES.index(mode)]) * round(seconds)


def _rates(model: str, audio_mode: str) -> tuple[str, str, str]:
    for key in ((model, audio_mode), ("kling-v3-omni", audio_mode), ("kling-v3", "silent")):
        if key in _PER_SECOND:
            return _PER_SECOND[key]
    raise KeyError(model)


def _model(slug: str, body: Body) -> str:
    if slug.startswith("videos/avatar"):
        return "avatar"
    defaults = {
        "videos/omni-video": "kling-video-o1",
        "videos/motion-control": "kling-v2-6",
        "videos/multi-image2video": "kling-v1-6",
        "videos/multi-elements": "multi-elements",
    }
    name = "multi-elements" if slug == "videos/multi-elements" else body.get("model_name", defaults.get(slug))
    return _API_2_NAMES.get(str(name), str(name))


def _audio_mode(slug: str, body: Body) -> str:
    if slug.startswith("videos/avatar"):
        return "sound"
    if slug.endswith("motion-control"):
        return "motion"
    if "video_list" in body:
        return "video"
    if body.get("sound") != "on":
        return "silent"
    return "voice" if "voice_list" in body and _model(slug, body) == "kling-v2-6" else "sound"
