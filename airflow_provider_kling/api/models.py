# SPDX-License-Identifier: Apache-2.0
"""One row of the tables of models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Values = tuple[str, ...]
EMPTY: Mapping[str, Any] = MappingProxyType({})

UNCONDITIONAL: Mapping[str, Values] = EMPTY
"""No condition."""


class ModelCapabilities(NamedTuple):
    """What one model can do at one endpoint.

    :param allowed: field to the values the model accepts; a field that is not named takes any value.
    :param features: feature to the conditions it needs (field to accepted values; none for always). A feature
        that other models of the endpoint have and this one does not name cannot be used with it.
    :param retired: day on which the vendor switched the model off, ISO date; empty while it lives.
    :param successor: what to use instead, in words.
    """

    allowed: Mapping[str, Values] = EMPTY
    features: Mapping[str, Mapping[str, Values]] = EMPTY
    retired: str = ""
    successor: str = ""


_HD: Values = ("720p", "1080p")
_UHD: Values = ("720p", "1080p", "4k")
_FULL_HD = {"resolution": ("1080p",)}
_FIVE_TEN: Values = ("5", "10")
_THREE_TO_TEN: Values = tuple(str(seconds) for seconds in range(3, 11))

_TURBO = {"resolution": _HD, "audio": (), "multi_shot": ()}
_V3 = {"resolution": _UHD}
_V26 = {"resolution": _HD, "duration": _FIVE_TEN, "multi_shot": ()}
_V25 = {"resolution": _HD, "duration": _FIVE_TEN, "audio": (), "multi_shot": ()}

V2_MODELS: Mapping[str, Mapping[str, ModelCapabilities]] = {
    "text-to-video": {
        "kling-3.0-turbo": ModelCapabilities(_TURBO),
        "kling-3.0": ModelCapabilities(_V3, {"native_audio": UNCONDITIONAL}),
        "kling-2.6": ModelCapabilities(_V26, {"native_audio": _FULL_HD}),
        "kling-2.5-turbo": ModelCapabilities(_V25),
    },
    "image-to-video": {
        "kling-3.0-turbo": ModelCapabilities(_TURBO),
        "kling-3.0": ModelCapabilities(
            _V3, {"native_audio": UNCONDITIONAL, "last_frame": UNCONDITIONAL, "elements": UNCONDITIONAL}
        ),
        "kling-2.6": ModelCapabilities(
            _V26, {"native_audio": _FULL_HD, "last_frame": _FULL_HD, "voices": {"audio": ("native",)}}
        ),
        "kling-2.5-turbo": ModelCapabilities(_V25, {"last_frame": _FULL_HD}),
    },
    "omni-video": {
        "kling-3.0-omni": ModelCapabilities(_V3),
        "kling-o1": ModelCapabilities(
            {
                "resolution": _HD,
                "duration": _THREE_TO_TEN,
                "audio": ("original", "off"),
                "multi_shot": (),
            }
        ),
    },
    "motion-control": {
        "kling-3.0": ModelCapabilities({}, {"elements": UNCONDITIONAL}),
        "kling-2.6": ModelCapabilities(),
    },
}
"""As :data:`.models.MODELS`."""

V2_TO_V1_NAMES: Mapping[str, str] = {
    "kling-3.0-turbo": "",
    "kling-3.0": "kling-v3",
    "kling-3.0-omni": "kling-v3-omni",
    "kling-o1": "kling-video-o1",
    "kling-2.6": "kling-v2-6",
    "kling-2.5-turbo": "kling-v2-5-turbo",
}
"""Names of models in API 2.0 to what v1 calls them; empty for what v1 does not have."""


_RETIREMENT = "2026-09-15"

_STD_PRO: Values = ("std", "pro")
_ULTRA: Values = ("std", "pro", "4k")
_THREE_TO_FIFTEEN: Values = tuple(str(seconds) for seconds in range(3, 16))

_SHORT = {"mode": _STD_PRO, "duration": _FIVE_TEN}
_LONG = {"mode": _ULTRA, "duration": _THREE_TO_FIFTEEN}
_NO_MODE: Mapping[str, Values] = {"mode": (), "duration": _FIVE_TEN}
_PRO = {"mode": ("pro",)}
_PRO_FIVE = {"mode": ("pro",), "duration": ("5",)}
_FIVE = {"duration": ("5",)}


def _retired(
    allowed: Mapping[str, Values] = EMPTY, successor: str = "kling-v3", **features: Any
) -> ModelCapabilities:
    return ModelCapabilities(allowed, features, _RETIREMENT, successor)


_TEXT_TO_VIDEO = {
    "kling-v3": ModelCapabilities(
        _LONG, {"sound": UNCONDITIONAL, "multi_shot": UNCONDITIONAL, "voice_list": UNCONDITIONAL}
    ),
    "kling-v2-6": ModelCapabilities(_SHORT, {"sound": _PRO, "voice_list": _PRO}),
    "kling-v2-5-turbo": ModelCapabilities(_SHORT),
    "kling-v2-1-master": _retired(_NO_MODE),
    "kling-v2-master": _retired(_NO_MODE),
    "kling-v1-6": _retired(_SHORT),
    "kling-v1": _retired(_SHORT, camera_control={"mode": ("std",), "duration": ("5",)}),
}

_IMAGE_TO_VIDEO = {
    "kling-v3": ModelCapabilities(
        _LONG,
        {
            "sound": UNCONDITIONAL,
            "multi_shot": UNCONDITIONAL,
            "voice_list": UNCONDITIONAL,
            "element_list": UNCONDITIONAL,
            "image_tail": UNCONDITIONAL,
        },
    ),
    "kling-v2-6": ModelCapabilities(
        _SHORT, {"sound": _PRO, "voice_list": _PRO, "image_tail": {"mode": ("pro",), "sound": ("off",)}}
    ),
    "kling-v2-5-turbo": ModelCapabilities(_SHORT, {"image_tail": _PRO}),
    "kling-v2-1-master": _retired(_NO_MODE),
    "kling-v2-1": _retired(_SHORT, image_tail=_PRO),
    "kling-v2-master": _retired(_NO_MODE),
    "kling-v1-6": _retired(_SHORT, image_tail=_PRO, tail_only=_PRO),
    "kling-v1-5": _retired(
        _SHORT,
        image_tail=_PRO,
        tail_only=_PRO,
        static_mask=_PRO_FIVE,
        dynamic_masks=_PRO_FIVE,
        camera_control={**_PRO_FIVE, "camera_control.type": ("simple",)},
    ),
    "kling-v1": _retired(_SHORT, image_tail=_FIVE, static_mask=_FIVE, dynamic_masks=_FIVE),
}

_OMNI_VIDEO = {
    "kling-v3-omni": ModelCapabilities(_LONG, {"sound": UNCONDITIONAL, "multi_shot": UNCONDITIONAL}),
    "kling-video-o1": ModelCapabilities({"mode": _STD_PRO, "duration": _THREE_TO_TEN}),
}

_MOTION_CONTROL = {
    "kling-v3": ModelCapabilities({}, {"element_list": UNCONDITIONAL}),
    "kling-v2-6": ModelCapabilities(),
}

_IMAGES = {
    "kling-v3": ModelCapabilities({}, {"element_list": UNCONDITIONAL}),
    "kling-v2-1": ModelCapabilities(
        {},
        {"image_reference": UNCONDITIONAL, "image_fidelity": UNCONDITIONAL, "human_fidelity": UNCONDITIONAL},
    ),
    "kling-v2-new": _retired(),
    "kling-v2": _retired(),
    "kling-v1-5": _retired(
        image_reference=UNCONDITIONAL, image_fidelity=UNCONDITIONAL, human_fidelity=UNCONDITIONAL
    ),
    "kling-v1": _retired(image_fidelity=UNCONDITIONAL),
}

_OMNI_IMAGE = {
    "kling-v3-omni": ModelCapabilities({"resolution": ("1k", "2k", "4k")}, {"series": UNCONDITIONAL}),
    "kling-image-o1": ModelCapabilities({"resolution": ("1k", "2k")}),
}

_TRY_ON_SUCCESSOR = "solutions/virtual_try_on (KlingVirtualTryOn2Operator)"

MODELS: Mapping[str, Mapping[str, ModelCapabilities]] = {
    "videos/text2video": _TEXT_TO_VIDEO,
    "videos/image2video": _IMAGE_TO_VIDEO,
    "videos/multi-image2video": {
        "kling-v1-6": _retired(successor="kling-v3-omni at videos/omni-video, which takes several images")
    },
    "videos/omni-video": _OMNI_VIDEO,
    "videos/motion-control": _MOTION_CONTROL,
    "videos/multi-elements": {"kling-v1-6": _retired(successor="leave model_name unset")},
    "images/generations": _IMAGES,
    "images/omni-image": _OMNI_IMAGE,
    "images/multi-image2image": {
        "kling-v2-1": ModelCapabilities(),
        "kling-v2": _retired(successor="kling-v2-1"),
    },
    "images/kolors-virtual-try-on": {
        "kolors-virtual-try-on-v1-5": _retired(successor=_TRY_ON_SUCCESSOR),
        "kolors-virtual-try-on-v1": _retired(successor=_TRY_ON_SUCCESSOR),
    },
    **V2_MODELS,
}
"""Endpoint slug to model name to what the model can do there; the newest model comes first."""


def is_known_model(name: Any) -> bool:
    """Return whether a table names a model, at whatever endpoint.

    :param name: what ``model_name`` holds.
    :return: true for a model of a table, retired or not.
    """
    return isinstance(name, str) and any(name in models for models in MODELS.values())


def active_models(slug: str) -> list[str]:
    """Return the models of an endpoint that are not retired.

    :param slug: the endpoint.
    :return: their names, newest first.
    """
    return [name for name, model in MODELS[slug].items() if not model.retired]
