# SPDX-License-Identifier: Apache-2.0
"""Which model can do what in the vendor's API 2.0.

Source: the vendor's pages of 2026-09, one for each model and endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping

from .model import ALWAYS, Model, Values

_HD: Values = ("720p", "1080p")
_UHD: Values = ("720p", "1080p", "4k")
_FULL_HD = {"resolution": ("1080p",)}
_FIVE_TEN: Values = ("5", "10")
_THREE_TO_TEN: Values = tuple(str(seconds) for seconds in range(3, 11))

_TURBO = {"resolution": _HD, "audio": (), "multi_shot": ()}
_V3 = {"resolution": _UHD}
_V26 = {"resolution": _HD, "duration": _FIVE_TEN, "multi_shot": ()}
_V25 = {"resolution": _HD, "duration": _FIVE_TEN, "audio": (), "multi_shot": ()}

MODELS_2: Mapping[str, Mapping[str, Model]] = {
    "text-to-video": {
        "kling-3.0-turbo": Model(_TURBO),
        "kling-3.0": Model(_V3, {"native_audio": ALWAYS}),
        "kling-2.6": Model(_V26, {"native_audio": _FULL_HD}),
        "kling-2.5-turbo": Model(_V25),
    },
    "image-to-video": {
        "kling-3.0-turbo": Model(_TURBO),
        "kling-3.0": Model(_V3, {"native_audio": ALWAYS, "last_frame": ALWAYS, "elements": ALWAYS}),
        "kling-2.6": Model(
            _V26, {"native_audio": _FULL_HD, "last_frame": _FULL_HD, "voices": {"audio": ("native",)}}
        ),
        "kling-2.5-turbo": Model(_V25, {"last_frame": _FULL_HD}),
    },
    "omni-video": {
        "kling-3.0-omni": Model(_V3),
        "kling-o1": Model(
            {
                "resolution": _HD,
                "duration": _THREE_TO_TEN,
                "audio": ("original", "off"),
                "multi_shot": (),
            }
        ),
    },
    "motion-control": {
        "kling-3.0": Model({}, {"elements": ALWAYS}),
        "kling-2.6": Model(),
    },
}
"""As :data:`.models.MODELS`."""

NAMES_IN_V1: Mapping[str, str] = {
    "kling-3.0-turbo": "",
    "kling-3.0": "kling-v3",
    "kling-3.0-omni": "kling-v3-omni",
    "kling-o1": "kling-video-o1",
    "kling-2.6": "kling-v2-6",
    "kling-2.5-turbo": "kling-v2-5-turbo",
}
"""Names of models in API 2.0 to what v1 calls them; empty for what v1 does not have."""
