# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the video endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bodies import (
    COMMON,
    SECONDS,
    SHOTS,
    VOICES,
    WATERMARK,
    Body,
    any_of_fields,
    one_group,
    shots,
)
from .checks import fields, number, picture, several, text

_MODES = ("std", "pro", "4k")
_RETIRED = ("kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master")
_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
_AXIS = number(-10, 10)
_POINT = fields("x", "y", x=number(whole=True), y=number(whole=True))
_CAMERA = fields(
    "type",
    type=text(one_of=("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")),
    config=fields(**dict.fromkeys(_AXES, _AXIS)),
)


def _model(body: Mapping[str, Any]) -> str:
    return str(body.get("model_name", "kling-v1"))


def _capabilities(body: Mapping[str, Any]) -> str | None:
    """What the living models of the two classic endpoints can do."""
    model, mode, seconds = _model(body), body.get("mode", "std"), body.get("duration", "5")
    tail = "image_tail" in body
    if model in ("kling-v2-5-turbo", "kling-v2-6"):
        if seconds not in ("5", "10"):
            return f"duration value '{seconds}' is invalid, must be one of 5, 10"
        if mode == "4k":
            return f"mode value '4k' is not supported by {model}"
        if tail and mode == "std":
            return f"model/mode/duration({model}/{mode}/{seconds}) is not supported with image_tail"
    if body.get("sound") == "on":
        return _sound(model, mode, tail)
    return "sound must be on when voice_list is given" if "voice_list" in body else None


def _sound(model: str, mode: str, tail: bool) -> str | None:
    if model == "kling-v2-5-turbo":
        return f"sound is not supported by {model}"
    if model == "kling-v2-6" and (mode != "pro" or tail):
        return f"model/mode({model}/{mode}) is not supported with sound" + (" and image_tail" if tail else "")
    return None


def _camera(body: Mapping[str, Any]) -> str | None:
    camera = body.get("camera_control")
    if camera is None:
        return None
    config = camera.get("config")
    if camera["type"] != "simple":
        return "camera_control.config must be empty unless type is simple" if config else None
    if sum(1 for value in (config or {}).values() if value) != 1:
        return "exactly one value of camera_control.config must be other than 0"
    return None


_CLASSIC = {
    **COMMON,
    **WATERMARK,
    **SHOTS,
    "model_name": text(),
    "prompt": text(2500),
    "negative_prompt": text(2500),
    "voice_list": VOICES,
    "sound": text(one_of=("on", "off")),
    "cfg_scale": number(0, 1),
    "mode": text(one_of=_MODES),
    "camera_control": _CAMERA,
    "duration": text(one_of=SECONDS),
}

RULES: Mapping[str, Body] = {
    "videos/image2video": Body(
        fields(
            **_CLASSIC,
            image=picture(),
            image_tail=picture(),
            element_list=several(fields("element_id", element_id=number(1, whole=True)), 1, 3),
            static_mask=picture(),
            dynamic_masks=several(
                fields("mask", "trajectories", mask=picture(), trajectories=several(_POINT, 2, 77)), 1, 6
            ),
        ),
        (
            any_of_fields("image", "image_tail"),
            one_group(("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",)),
            one_group(("element_list",), ("voice_list",)),
            shots,
            _camera,
            _capabilities,
        ),
        models=("kling-v1", "kling-v2-5-turbo", "kling-v2-6", "kling-v3"),
        retired=_RETIRED,
    ),
}
