# SPDX-License-Identifier: Apache-2.0
"""Which model can do what at which endpoint, and when it was retired.

Source: the vendor's capability maps (video and image, 2026-05) and update notes up to 2026-09-15; for
models that were retired by then, the capability map of 2025-12. A model that is not in the table passes
with a warning: new models must work on the day they appear. :mod:`.capability` makes rules of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .model import ALWAYS, NOTHING, Model, Values
from .models2 import MODELS_2

_RETIREMENT = "2026-09-15"

_STD_PRO: Values = ("std", "pro")
_FIVE_TEN: Values = ("5", "10")
_ULTRA: Values = ("std", "pro", "4k")
_THREE_TO_TEN: Values = tuple(str(seconds) for seconds in range(3, 11))
_THREE_TO_FIFTEEN: Values = tuple(str(seconds) for seconds in range(3, 16))

_SHORT = {"mode": _STD_PRO, "duration": _FIVE_TEN}
_LONG = {"mode": _ULTRA, "duration": _THREE_TO_FIFTEEN}
_NO_MODE: Mapping[str, Values] = {"mode": (), "duration": _FIVE_TEN}
_PRO = {"mode": ("pro",)}
_PRO_FIVE = {"mode": ("pro",), "duration": ("5",)}
_FIVE = {"duration": ("5",)}


def _gone(takes: Mapping[str, Values] = NOTHING, successor: str = "kling-v3", **can: Any) -> Model:
    return Model(takes, can, _RETIREMENT, successor)


_TEXT_TO_VIDEO = {
    "kling-v3": Model(_LONG, {"sound": ALWAYS, "multi_shot": ALWAYS, "voice_list": ALWAYS}),
    "kling-v2-6": Model(_SHORT, {"sound": _PRO, "voice_list": _PRO}),
    "kling-v2-5-turbo": Model(_SHORT),
    "kling-v2-1-master": _gone(_NO_MODE),
    "kling-v2-master": _gone(_NO_MODE),
    "kling-v1-6": _gone(_SHORT),
    "kling-v1": _gone(_SHORT, camera_control={"mode": ("std",), "duration": ("5",)}),
}

_IMAGE_TO_VIDEO = {
    "kling-v3": Model(
        _LONG,
        {
            "sound": ALWAYS,
            "multi_shot": ALWAYS,
            "voice_list": ALWAYS,
            "element_list": ALWAYS,
            "image_tail": ALWAYS,
        },
    ),
    "kling-v2-6": Model(
        _SHORT, {"sound": _PRO, "voice_list": _PRO, "image_tail": {"mode": ("pro",), "sound": ("off",)}}
    ),
    "kling-v2-5-turbo": Model(_SHORT, {"image_tail": _PRO}),
    "kling-v2-1-master": _gone(_NO_MODE),
    "kling-v2-1": _gone(_SHORT, image_tail=_PRO),
    "kling-v2-master": _gone(_NO_MODE),
    "kling-v1-6": _gone(_SHORT, image_tail=_PRO, tail_only=_PRO),
    "kling-v1-5": _gone(
        _SHORT,
        image_tail=_PRO,
        tail_only=_PRO,
        static_mask=_PRO_FIVE,
        dynamic_masks=_PRO_FIVE,
        camera_control={**_PRO_FIVE, "camera_control.type": ("simple",)},
    ),
    "kling-v1": _gone(_SHORT, image_tail=_FIVE, static_mask=_FIVE, dynamic_masks=_FIVE),
}

_OMNI_VIDEO = {
    "kling-v3-omni": Model(_LONG, {"sound": ALWAYS, "multi_shot": ALWAYS}),
    "kling-video-o1": Model({"mode": _STD_PRO, "duration": _THREE_TO_TEN}),
}

_MOTION_CONTROL = {
    "kling-v3": Model({}, {"element_list": {"character_orientation": ("video",)}}),
    "kling-v2-6": Model(),
}

_IMAGES = {
    "kling-v3": Model({}, {"element_list": ALWAYS}),
    "kling-v2-1": Model({}, {"image_reference": ALWAYS, "image_fidelity": ALWAYS, "human_fidelity": ALWAYS}),
    "kling-v2-new": _gone(),
    "kling-v2": _gone(),
    "kling-v1-5": _gone(image_reference=ALWAYS, image_fidelity=ALWAYS, human_fidelity=ALWAYS),
    "kling-v1": _gone(image_fidelity=ALWAYS),
}

_OMNI_IMAGE = {
    "kling-v3-omni": Model({"resolution": ("1k", "2k", "4k")}, {"series": ALWAYS}),
    "kling-image-o1": Model({"resolution": ("1k", "2k")}),
}

_TRY_ON_SUCCESSOR = "solutions/virtual_try_on (KlingVirtualTryOn2Operator)"

MODELS: Mapping[str, Mapping[str, Model]] = {
    "videos/text2video": _TEXT_TO_VIDEO,
    "videos/image2video": _IMAGE_TO_VIDEO,
    "videos/multi-image2video": {
        "kling-v1-6": _gone(successor="kling-v3-omni at videos/omni-video, which takes several pictures")
    },
    "videos/omni-video": _OMNI_VIDEO,
    "videos/motion-control": _MOTION_CONTROL,
    "videos/multi-elements": {"kling-v1-6": _gone(successor="leave model_name unset")},
    "images/generations": _IMAGES,
    "images/omni-image": _OMNI_IMAGE,
    "images/multi-image2image": {"kling-v2-1": Model(), "kling-v2": _gone(successor="kling-v2-1")},
    "images/kolors-virtual-try-on": {
        "kolors-virtual-try-on-v1-5": _gone(successor=_TRY_ON_SUCCESSOR),
        "kolors-virtual-try-on-v1": _gone(successor=_TRY_ON_SUCCESSOR),
    },
    **MODELS_2,
}
"""Endpoint slug to model name to what the model can do there; the newest model comes first."""


def living(slug: str) -> list[str]:
    """Names of the models of one endpoint that are not retired, newest first."""
    return [name for name, model in MODELS[slug].items() if not model.retired]
