# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the endpoints that make a video of another one, and of the effects."""

from __future__ import annotations

from collections.abc import Mapping

from ..media.inputs import MediaLimits
from .rules import (
    COMMON,
    ELEMENT,
    IMAGES,
    VIDEO_FORMATS,
    WATERMARK,
    Body,
    BodySpec,
    Media,
    exactly_one,
    first_video,
)
from .schema import array, image, number, object_, string, video, video_id

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


def _orientation(body: Body, media: Media) -> str | None:
    moved = first_video(media)
    too_long = moved is not None and moved.seconds > _MAX_SECONDS_AS_IMAGE
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


RULES: Mapping[str, BodySpec] = {
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
