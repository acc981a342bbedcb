# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the endpoints of v1 that make videos of text, images or other videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..media.inputs import MediaLimits
from .rules import (
    ANY_RATIO,
    COMMON,
    ELEMENT,
    IMAGES,
    OMNI_VIDEO,
    SECONDS,
    SHOTS,
    VIDEO_FORMATS,
    WATERMARK,
    Body,
    BodySpec,
    Media,
    at_least_one,
    at_most_one_group,
    exactly_one,
    first_video,
    prompt_or_shots,
    shots,
)
from .schema import array, image, number, number_as_text, object_, string, video, video_id

_RETIRED = ("kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master")
_MODELS = ("kling-v1", "kling-v2-5-turbo", "kling-v2-6", "kling-v3")
RATIOS = ("16:9", "9:16", "1:1")
_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
_AXIS = number(-10, 10)
_POINT = object_("x", "y", x=number(whole=True), y=number(whole=True))
_CAMERA = object_(
    "type",
    type=string(one_of=("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")),
    config=object_(**dict.fromkeys(_AXES, _AXIS)),
)
_WITHOUT_CAMERA = ("kling-v2-5-turbo", "kling-v2-6", "kling-v3")
_MAX_REFERENCES = 7
_MAX_REFERENCES_WITH_VIDEO = 4
_MAX_IMAGES_WITH_END_FRAME = 2
_DISCONTINUED = (
    "celebration",
    "c4d_cartoon",
    "kiss",
    "fight",
    "hug",
    "thumbs_up",
    "tiger_hug",
    "pet_lion",
    "3d_cartoon_1",
    "magic_match_tree",
)
_ADDED_SECONDS = 5
_MAX_EXTENDED_SECONDS = 180
_MAX_SECONDS_AS_IMAGE = 10
_MAX_ADDED_IMAGES = 2
_FACES_IN_EFFECT = 2


def _capabilities(body: Body, _: Media) -> str | None:
    """Check that the model supports the sent values."""
    model, mode, seconds = _model_values(body)
    has_tail = "image_tail" in body
    if model in ("kling-v2-5-turbo", "kling-v2-6"):
        if seconds not in ("5", "10"):
            return f"duration value '{seconds}' is invalid, must be one of 5, 10"
        if mode == "4k":
            return f"mode value '4k' is not supported by {model}"
        if has_tail and mode == "std":
            return f"model/mode/duration({model}/{mode}/{seconds}) is not supported with image_tail"
    if body.get("sound") == "on":
        return _audio(model, mode, has_tail)
    return "sound must be on when voice_list is given" if "voice_list" in body else None


def _camera_and_masks(body: Body, _: Media) -> str | None:
    """Refuse camera and masks for current models: only retired ones support them."""
    model = body.get("model_name", "kling-v1")
    if model not in _WITHOUT_CAMERA:
        return None
    field_name = next(
        (name for name in ("camera_control", "static_mask", "dynamic_masks") if name in body), None
    )
    return f"{field_name} is not supported by {model}" if field_name else None


def _model_values(body: Body) -> tuple[str, str, str]:
    return body.get("model_name", "kling-v1"), body.get("mode", "std"), body.get("duration", "5")


def _audio(model: str, mode: str, has_tail: bool) -> str | None:
    if model == "kling-v2-5-turbo":
        return f"sound is not supported by {model}"
    if model == "kling-v2-6" and (mode != "pro" or has_tail):
        return f"model/mode({model}/{mode}) is not supported with sound" + (
            " and image_tail" if has_tail else ""
        )
    return None


def _camera(body: Body, _: Media) -> str | None:
    camera = body.get("camera_control")
    if camera is None:
        return None
    nonzero = sum(1 for value in camera.get("config", {}).values() if value)
    if camera["type"] != "simple":
        return "camera_control.config must be empty unless type is simple" if nonzero else None
    if nonzero != 1:
        return "exactly one value of camera_control.config must be other than 0"
    return None


def _frames(body: Body) -> list[str]:
    return [item["type"] for item in body.get("image_list", ()) if "type" in item]


def _has_base_video(body: Body) -> bool:
    return any(item.get("refer_type", "base") == "base" for item in body.get("video_list", ()))


def _omni_frames(body: Body, _: Media) -> str | None:
    frames = _frames(body)
    if "end_frame" in frames and "first_frame" not in frames:
        return "first_frame is required when end_frame is given"
    if "end_frame" in frames and len(body["image_list"]) > _MAX_IMAGES_WITH_END_FRAME:
        return "end_frame is not supported when there are more than 2 images"
    if frames and _has_base_video(body):
        return "first_frame and end_frame are not supported when a base video is given"
    return None


def _omni_references(body: Body, _: Media) -> str | None:
    max_references = _MAX_REFERENCES_WITH_VIDEO if "video_list" in body else _MAX_REFERENCES
    count = len(body.get("image_list", ())) + len(body.get("element_list", ()))
    return (
        f"the number of images and elements cannot exceed {max_references} in total"
        if count > max_references
        else None
    )


def _omni_ratio(body: Body, _: Media) -> str | None:
    ratio_is_known = "first_frame" in _frames(body) or _has_base_video(body)
    return None if ratio_is_known or "aspect_ratio" in body else "aspect_ratio is required"


def _omni_model(body: Body, _: Media) -> str | None:
    if body.get("sound") == "on" and "video_list" in body:
        return "sound must be off when video_list is given"
    if body.get("model_name", "kling-video-o1") != "kling-video-o1":
        return None
    if not _has_base_video(body) and int(body.get("duration", "5")) not in range(3, 11):
        return f"duration value '{body['duration']}' is invalid, must be in 3 to 10"
    unknown = [name for name in ("multi_shot",) if body.get(name)]
    unknown += [name for name, value in (("mode", "4k"), ("sound", "on")) if body.get(name) == value]
    return f"{unknown[0]} is not supported by kling-video-o1" if unknown else None


def _orientation(body: Body, media: Media) -> str | None:
    motion_video = first_video(media)
    too_long = motion_video is not None and motion_video.seconds > _MAX_SECONDS_AS_IMAGE
    if body["character_orientation"] == "image" and too_long:
        return f"the video cannot exceed {_MAX_SECONDS_AS_IMAGE}s when character_orientation is image"
    if "element_list" in body and body.get("model_name", "kling-v2-6") != "kling-v3":
        return "element_list is supported by kling-v3 only"
    return None


def _extended(_: Body, media: Media) -> str | None:
    parent = first_video(media)
    if parent is not None and parent.seconds + _ADDED_SECONDS > _MAX_EXTENDED_SECONDS:
        return f"the total duration of the video cannot exceed {_MAX_EXTENDED_SECONDS}s"
    return None


def _scene(body: Body, _: Media) -> str | None:
    if body["effect_scene"] in _DISCONTINUED:
        return f"effect_scene '{body['effect_scene']}' has been discontinued"
    return None


def _edit_images(body: Body, _: Media) -> str | None:
    count, mode = len(body.get("image_list", ())), body["edit_mode"]
    allowed = {"addition": range(1, _MAX_ADDED_IMAGES + 1), "swap": range(1, 2), "removal": range(1)}[mode]
    if count in allowed:
        return None
    return (
        f"the number of images must be in [{allowed[0]}, {allowed[-1]}] when edit_mode is {mode}, got {count}"
    )


_CLASSIC: dict[str, Any] = {
    **COMMON,
    **WATERMARK,
    **SHOTS,
    "model_name": string(),
    "prompt": string(2500),
    "negative_prompt": string(2500),
    "voice_list": array(object_("voice_id", voice_id=string()), 1, 2),
    "sound": string(one_of=("on", "off")),
    "cfg_scale": number(0, 1),
    "mode": string(one_of=("std", "pro", "4k")),
    "camera_control": _CAMERA,
    "duration": number_as_text(one_of=SECONDS),
}
_MASKS: dict[str, Any] = {
    "static_mask": image(),
    "dynamic_masks": array(
        object_("mask", "trajectories", mask=image(), trajectories=array(_POINT, 2, 77)), 1, 6
    ),
}


def text_to_video(ratios: tuple[str, ...]) -> BodySpec:
    """Build the rules of text to video.

    :param ratios: allowed aspect ratios.
    :return: the rules.
    """
    return BodySpec(
        object_(**_CLASSIC, aspect_ratio=string(one_of=ratios), element_list=array(ELEMENT, 1, 3)),
        (prompt_or_shots, shots, _camera, _camera_and_masks, _capabilities),
        models=_MODELS,
        retired=_RETIRED,
    )


RULES: Mapping[str, BodySpec] = {
    "videos/text2video": text_to_video(RATIOS),
    "videos/image2video": BodySpec(
        object_(
            **_CLASSIC,
            **_MASKS,
            image=image(),
            image_tail=image(ANY_RATIO),
            element_list=array(ELEMENT, 1, 3),
        ),
        (
            at_least_one("image", "image_tail"),
            at_most_one_group(("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",)),
            at_most_one_group(("element_list",), ("voice_list",)),
            shots,
            _camera,
            _camera_and_masks,
            _capabilities,
        ),
        models=_MODELS,
        retired=_RETIRED,
    ),
    # The masks and cfg_scale stand in a gateway's page only.
    "videos/multi-image2video": BodySpec(
        object_(
            "image_list",
            **COMMON,
            **_MASKS,
            model_name=string(),
            image_list=array(IMAGES, 1, 4),
            prompt=string(2500),
            negative_prompt=string(2500),
            cfg_scale=number(0, 1),
            mode=string(one_of=("std", "pro")),
            duration=number_as_text(one_of=("5", "10")),
            aspect_ratio=string(one_of=RATIOS),
        ),
        # Announced as retired; that the vendor refuses the only model of this path is written nowhere.
        models=("kling-v1-6",),
        gateway_models=tuple(
            name for name in (*_RETIRED, *_MODELS, "kling-video-o1", "kling-v3-omni") if name != "kling-v1-6"
        ),
    ),
    "videos/omni-video": BodySpec(
        object_(
            **COMMON,
            **WATERMARK,
            **SHOTS,
            model_name=string(),
            prompt=string(2500),
            image_list=array(
                object_("image_url", image_url=image(), type=string(one_of=("first_frame", "end_frame"))),
                1,
                7,
            ),
            element_list=array(ELEMENT, 1, 7),
            video_list=array(
                object_(
                    "video_url",
                    video_url=video(OMNI_VIDEO),
                    refer_type=string(one_of=("feature", "base")),
                    keep_original_sound=string(one_of=("yes", "no")),
                ),
                1,
                1,
            ),
            sound=string(one_of=("on", "off")),
            mode=string(one_of=("std", "pro", "4k")),
            aspect_ratio=string(one_of=RATIOS),
            duration=number_as_text(one_of=SECONDS),
        ),
        (prompt_or_shots, shots, _omni_frames, _omni_references, _omni_ratio, _omni_model),
        models=("kling-video-o1", "kling-v3-omni"),
    ),
    "videos/motion-control": BodySpec(
        object_(
            "image_url",
            "video_url",
            "character_orientation",
            "mode",
            **COMMON,
            **WATERMARK,
            model_name=string(),
            image_url=image(),
            video_url=video(MediaLimits(VIDEO_FORMATS, (3, 30), (340, 3850))),
            character_orientation=string(one_of=("image", "video")),
            mode=string(one_of=("std", "pro")),
            prompt=string(2500),
            keep_original_sound=string(one_of=("yes", "no")),
            element_list=array(ELEMENT, 1, 1),
        ),
        (_orientation,),
        models=("kling-v2-6", "kling-v3"),
    ),
    "videos/video-extend": BodySpec(
        object_(
            "video_id",
            **COMMON,
            video_id=video_id(),
            prompt=string(2500),
            negative_prompt=string(2500),
            cfg_scale=number(0, 1),
        ),
        (_extended,),
    ),
    "videos/effects": BodySpec(
        object_(
            "effect_scene",
            "input",
            **COMMON,
            **WATERMARK,
            effect_scene=string(),
            input=object_(
                image=image(),
                images=array(image(), _FACES_IN_EFFECT, _FACES_IN_EFFECT),
                model_name=string(),
                mode=string(one_of=("std", "pro")),
                duration=string(one_of=("5", "10")),
            ),
        ),
        (_scene, exactly_one("image", "images", within="input")),
    ),
    "videos/multi-elements": BodySpec(
        object_(
            "session_id",
            "edit_mode",
            "prompt",
            **COMMON,
            **WATERMARK,
            model_name=string(),
            session_id=string(),
            edit_mode=string(one_of=("addition", "swap", "removal")),
            image_list=array(IMAGES, 1, _MAX_ADDED_IMAGES),
            prompt=string(2500),
            negative_prompt=string(2500),
            mode=string(one_of=("std", "pro")),
            duration=string(one_of=("5", "10")),
        ),
        (_edit_images,),
        models=("kling-v1-6",),
    ),
}
