# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the endpoints that make a video of another one, and of the effects."""

from __future__ import annotations

from collections.abc import Mapping

from .bodies import (
    COMMON,
    ELEMENT,
    PICTURES,
    VIDEO_FORMATS,
    WATERMARK,
    Body,
    Media,
    Values,
    one_of_fields,
    the_clip,
)
from .checks import clip, clip_id, fields, number, picture, several, text
from .media_input import Limits

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
_LONGEST_EXTENDED = 180
_LONGEST_AS_IMAGE = 10
_MOST_ADDED = 2
_FACES_IN_EFFECT = 2


def _orientation(body: Values, media: Media) -> str | None:
    moved = the_clip(media)
    too_long = moved is not None and moved.seconds > _LONGEST_AS_IMAGE
    if body["character_orientation"] == "image" and too_long:
        return f"the video cannot exceed {_LONGEST_AS_IMAGE}s when character_orientation is image"
    if "element_list" in body and body.get("model_name", "kling-v2-6") != "kling-v3":
        return "element_list is supported by kling-v3 only"
    return None


def _extended(_: Values, media: Media) -> str | None:
    parent = the_clip(media)
    if parent is not None and parent.seconds + _ADDED_SECONDS > _LONGEST_EXTENDED:
        return f"the total duration of the video cannot exceed {_LONGEST_EXTENDED}s"
    return None


def _scene(body: Values, _: Media) -> str | None:
    if body["effect_scene"] in _DISCONTINUED:
        return f"effect_scene '{body['effect_scene']}' has been discontinued"
    return None


def _edit_images(body: Values, _: Media) -> str | None:
    count, mode = len(body.get("image_list", ())), body["edit_mode"]
    allowed = {"addition": range(1, _MOST_ADDED + 1), "swap": range(1, 2), "removal": range(1)}[mode]
    if count in allowed:
        return None
    return (
        f"the number of images must be in [{allowed[0]}, {allowed[-1]}] when edit_mode is {mode}, got {count}"
    )


RULES: Mapping[str, Body] = {
    "videos/motion-control": Body(
        fields(
            "image_url",
            "video_url",
            "character_orientation",
            "mode",
            **COMMON,
            **WATERMARK,
            model_name=text(),
            image_url=picture(),
            video_url=clip(Limits(VIDEO_FORMATS, (3, 30), (340, 3850))),
            character_orientation=text(one_of=("image", "video")),
            mode=text(one_of=("std", "pro")),
            prompt=text(2500),
            keep_original_sound=text(one_of=("yes", "no")),
            element_list=several(ELEMENT, 1, 1),
        ),
        (_orientation,),
        models=("kling-v2-6", "kling-v3"),
    ),
    "videos/video-extend": Body(
        fields(
            "video_id",
            **COMMON,
            video_id=clip_id(),
            prompt=text(2500),
            negative_prompt=text(2500),
            cfg_scale=number(0, 1),
        ),
        (_extended,),
    ),
    "videos/effects": Body(
        fields(
            "effect_scene",
            "input",
            **COMMON,
            **WATERMARK,
            effect_scene=text(),
            input=fields(
                image=picture(),
                images=several(picture(), _FACES_IN_EFFECT, _FACES_IN_EFFECT),
                model_name=text(),
                mode=text(one_of=("std", "pro")),
                duration=text(one_of=("5", "10")),
            ),
        ),
        (_scene, one_of_fields("image", "images", within="input")),
    ),
    "videos/multi-elements": Body(
        fields(
            "session_id",
            "edit_mode",
            "prompt",
            **COMMON,
            **WATERMARK,
            model_name=text(),
            session_id=text(),
            edit_mode=text(one_of=("addition", "swap", "removal")),
            image_list=several(PICTURES, 1, _MOST_ADDED),
            prompt=text(2500),
            negative_prompt=text(2500),
            mode=text(one_of=("std", "pro")),
            duration=text(one_of=("5", "10")),
        ),
        (_edit_images,),
        models=("kling-v1-6",),
    ),
}
