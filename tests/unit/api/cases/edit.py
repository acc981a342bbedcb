# SPDX-License-Identifier: Apache-2.0
"""Bodies of the endpoints that work on an existing video."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.video_editing import (
    AddSelection,
    ClearSelection,
    DeleteSelection,
    InitSelection,
    MotionControl,
    MultiElements,
    PreviewSelection,
    VideoEffects,
    VideoExtend,
)

from .common import IMAGE_URL, LONG, VIDEO, Accepted, Refused

ITEM = {"image": IMAGE_URL}
POINT = {"x": 0.7738498789346246, "y": "0.25"}


def motion(**values: Any) -> dict[str, Any]:
    base = {"image_url": IMAGE_URL, "video_url": VIDEO, "character_orientation": "video", "mode": "std"}
    return {**base, **values}


def edit(edit_mode: str, pictures: int, **values: Any) -> dict[str, Any]:
    base = {"session_id": 847570360458960960, "edit_mode": edit_mode, "image_list": [ITEM] * pictures}
    return {**base, "prompt": "swap the chick", **values}


ACCEPTED = [
    Accepted(MotionControl, motion()),
    Accepted(MotionControl, motion(character_orientation="image", keep_original_sound="no", prompt="a hall")),
    Accepted(
        MotionControl,
        motion(model_name="kling-v3", element_list=[{"element_id": 1}], character_orientation="image"),
    ),
    Accepted(MotionControl, motion(model_name="kling-v3", element_list=[{"element_id": 1}], mode="pro")),
    Accepted(VideoExtend, {"video_id": "851", "prompt": "on", "negative_prompt": "no", "cfg_scale": 0}),
    Accepted(VideoEffects, {"effect_scene": "color_mixing", "input": {"image": IMAGE_URL}}),
    Accepted(VideoEffects, {"effect_scene": "hug_pro", "input": {"images": [IMAGE_URL, IMAGE_URL]}}),
    Accepted(
        VideoEffects,
        {
            "effect_scene": "hug",
            "input": {"images": [IMAGE_URL] * 2, "model_name": "kling-v1-6", "mode": "pro", "duration": 5},
        },
    ),
    Accepted(VideoEffects, {"effect_scene": "new", "input": {"words": ["a", {"b": None, "c": 1.5}]}}),
    Accepted(MultiElements, edit("addition", 2)),
    Accepted(MultiElements, edit("swap", 1, mode="pro", duration=10)),
    Accepted(MultiElements, edit("removal", 0, model_name="kling-v1-6", negative_prompt="")),
    Accepted(InitSelection, {"video_url": VIDEO, "video_id": ""}),
    Accepted(InitSelection, {"video_id": 5}),
    Accepted(AddSelection, {"session_id": "8", "frame_index": "0", "points": [POINT] * 10}),
    Accepted(DeleteSelection, {"session_id": "8", "frame_index": 3, "points": [POINT]}),
    Accepted(ClearSelection, {"session_id": "8"}),
    Accepted(PreviewSelection, {"session_id": "8"}),
]

REFUSED = [
    Refused(MotionControl, motion(image_url=""), "image_url"),
    Refused(MotionControl, motion(mode=None), "mode"),
    Refused(MotionControl, motion(mode="4k"), "mode"),
    Refused(MotionControl, motion(character_orientation="front"), "character_orientation"),
    Refused(MotionControl, motion(element_list=[{"element_id": 1}]), "kling-v2-6 cannot use element_list"),
    Refused(MotionControl, motion(element_list=[{"element_id": 1}] * 2), "at most 1"),
    Refused(VideoExtend, {"prompt": "on"}, "video_id"),
    Refused(VideoExtend, {"video_id": "8", "prompt": LONG}, "2500"),
    Refused(VideoExtend, {"video_id": "8", "cfg_scale": -0.1}, "cfg_scale"),
    Refused(VideoEffects, {"input": {"image": IMAGE_URL}}, "effect_scene"),
    Refused(VideoEffects, {"effect_scene": "hug_pro", "input": {}}, "input must hold"),
    Refused(VideoEffects, {"effect_scene": "x", "input": {"a": "", "b": [None, {}]}}, "input must hold"),
    Refused(VideoEffects, {"effect_scene": "hug_pro", "input": {"images": [IMAGE_URL]}}, "at least 2"),
    Refused(VideoEffects, {"effect_scene": "hug_pro", "input": {"images": [IMAGE_URL] * 3}}, "at most 2"),
    Refused(MultiElements, edit("addition", 0), "1 or 2 images"),
    Refused(MultiElements, edit("addition", 3), "at most 2"),
    Refused(MultiElements, edit("swap", 2), "hold 1 images"),
    Refused(MultiElements, edit("removal", 1), "hold 0 images"),
    Refused(MultiElements, edit("paint", 1), "edit_mode"),
    Refused(MultiElements, edit("swap", 1, prompt=""), "prompt"),
    Refused(InitSelection, {}, "exactly one of video_id or video_url"),
    Refused(InitSelection, {"video_id": "5", "video_url": VIDEO}, "video_id and video_url are"),
    Refused(AddSelection, {"session_id": "8", "frame_index": 0, "points": []}, "at least 1"),
    Refused(AddSelection, {"session_id": "8", "frame_index": 0, "points": [POINT] * 11}, "at most 10"),
    Refused(AddSelection, {"session_id": "8", "frame_index": -1, "points": [POINT]}, "frame_index"),
    Refused(AddSelection, {"session_id": "8", "frame_index": 0, "points": [{"x": 1.1, "y": 0}]}, "less"),
    Refused(DeleteSelection, {"session_id": "8", "points": [POINT]}, "frame_index"),
    Refused(ClearSelection, {}, "session_id"),
    Refused(PreviewSelection, {"session_id": None}, "session_id"),
]
