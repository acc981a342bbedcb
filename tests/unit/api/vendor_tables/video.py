# SPDX-License-Identifier: Apache-2.0
"""The pages of the first API on videos."""

from __future__ import annotations

from .common import FILM, IMAGE_URL, MARKED, NEEDED_IMAGE, TASK, Field, Page, Rule, shots

_V3 = {"model_name": "kling-v3"}
_STORY = {"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize", "prompt": None}
_VOICED = {"model_name": "kling-v2-6", "mode": "pro", "sound": "on"}
_THREE_TO_15 = tuple(str(seconds) for seconds in range(3, 16))
_RATIOS = Field(values=("16:9", "9:16", "1:1"))
_PROMPT = Field(longest=2500)

_SHARED = {
    **MARKED,
    "negative_prompt": _PROMPT,
    "duration": Field(values=_THREE_TO_15, given=_V3),
    "mode": Field(values=("std", "pro", "4k"), given=_V3),
    "sound": Field(values=("on", "off"), given=_V3),
    "cfg_scale": Field(low=0, high=1),
    "multi_shot": Field(values=(False,), given=_V3, closed=False),
    "shot_type": Field(values=("customize",), given={**_STORY, "duration": "5", "multi_prompt": shots(5)}),
    "multi_prompt": Field(values=(shots(5), shots(2, 3)), closed=False, given={**_STORY, "duration": None}),
}
_STORY_RULES = (
    Rule(
        "with multi_shot and shot_type customize, multi_prompt is required; 1 to 6 shots of 512 characters",
        refused=(
            {**_STORY, "duration": "5"},
            {**_STORY, "duration": "7", "multi_prompt": shots(*[1] * 7)},
            {**_STORY, "duration": "5", "multi_prompt": [{"index": 1, "prompt": "x" * 513, "duration": "5"}]},
        ),
        accepted=(
            {**_STORY, "duration": "6", "multi_prompt": shots(*[1] * 6)},
            {**_STORY, "duration": "5", "multi_prompt": [{"index": 1, "prompt": "x" * 512, "duration": "5"}]},
        ),
    ),
    Rule(
        "the shots' lengths are at least 1 s each and add up to the duration",
        refused=(
            {**_STORY, "duration": "5", "multi_prompt": shots(2, 2)},
            {**_STORY, "duration": "5", "multi_prompt": shots(5, 0)},
        ),
        accepted=({**_STORY, "duration": "15", "multi_prompt": shots(7, 8)},),
    ),
    Rule("multi_shot requires shot_type", refused=({**_V3, "multi_shot": True},)),
    Rule(
        "kling-v2-5-turbo and kling-v2-6 make 5 or 10 s, and no 4k",
        refused=(
            {"model_name": "kling-v2-6", "duration": "7"},
            {"model_name": "kling-v2-5-turbo", "duration": "3"},
            {"model_name": "kling-v2-6", "mode": "4k"},
        ),
        accepted=(
            {"model_name": "kling-v2-6", "duration": "10"},
            {"model_name": "kling-v2-5-turbo", "duration": "5"},
        ),
    ),
    Rule(
        "kling-v2-6 has sound in pro mode only",
        refused=({"model_name": "kling-v2-6", "mode": "std", "sound": "on"},),
        accepted=({"model_name": "kling-v2-6", "mode": "pro", "sound": "on"},),
    ),
)

VIDEO = (
    Page(
        "Text to Video",
        "videos/text2video",
        {"prompt": "A boat"},
        {
            **_SHARED,
            "model_name": Field(values=("kling-v2-5-turbo", "kling-v2-6", "kling-v3"), closed=False),
            "prompt": Field(required=True, longest=2500),
            "aspect_ratio": _RATIOS,
            "voice_list": Field(),
            "camera_control": Field(),
        },
        _STORY_RULES,
    ),
    Page(
        "Image to Video",
        "videos/image2video",
        {"image": IMAGE_URL},
        {
            **_SHARED,
            "model_name": Field(values=("kling-v2-5-turbo", "kling-v2-6", "kling-v3"), closed=False),
            "prompt": _PROMPT,
            "image": NEEDED_IMAGE,
            "image_tail": Field(values=(IMAGE_URL,), closed=False, given=_V3),
            "element_list": Field(most=3, item={"element_id": 1}, given=_V3),
            "voice_list": Field(
                most=2, item={"voice_id": "1"}, given={**_VOICED, "prompt": "<<<voice_1>>> A boat"}
            ),
            "static_mask": Field(),
            "dynamic_masks": Field(),
            "camera_control": Field(),
        },
        (
            *_STORY_RULES,
            Rule(
                "element_list and voice_list exclude each other",
                refused=(
                    {
                        **_V3,
                        "sound": "on",
                        "prompt": "<<<voice_1>>> A boat",
                        "element_list": [{"element_id": 1}],
                        "voice_list": [{"voice_id": "1"}],
                    },
                ),
            ),
            Rule(
                "kling-v2-5-turbo and kling-v2-6 take image_tail in pro mode, silent",
                refused=(
                    {"model_name": "kling-v2-6", "mode": "std", "image_tail": IMAGE_URL},
                    {"model_name": "kling-v2-6", "mode": "pro", "sound": "on", "image_tail": IMAGE_URL},
                ),
                accepted=(
                    {"model_name": "kling-v2-6", "mode": "pro", "image_tail": IMAGE_URL},
                    {"model_name": "kling-v2-5-turbo", "mode": "pro", "image_tail": IMAGE_URL},
                ),
            ),
        ),
    ),
    Page(
        "Omni Video",
        "videos/omni-video",
        {"prompt": "A boat", "aspect_ratio": "16:9"},
        {
            **MARKED,
            "model_name": Field(values=("kling-video-o1", "kling-v3-omni"), closed=False),
            "prompt": Field(longest=2500),
            "image_list": Field(most=7, item={"image_url": IMAGE_URL}),
            "element_list": Field(most=7, item={"element_id": 1}),
            "video_list": Field(most=1, item={"video_url": FILM, "refer_type": "feature"}),
            "duration": Field(values=_THREE_TO_15, given={"model_name": "kling-v3-omni"}),
            "aspect_ratio": _RATIOS,
            "mode": Field(values=("std", "pro", "4k"), given={"model_name": "kling-v3-omni"}),
            "sound": Field(values=("on", "off"), given={"model_name": "kling-v3-omni"}),
            "multi_shot": Field(values=(False,), closed=False, given={"model_name": "kling-v3-omni"}),
            "shot_type": Field(),
            "multi_prompt": Field(),
        },
        (
            Rule(
                "aspect_ratio is required without a first frame and without a video to edit",
                refused=({"aspect_ratio": None},),
                accepted=(
                    {"aspect_ratio": None, "image_list": [{"image_url": IMAGE_URL, "type": "first_frame"}]},
                    {"aspect_ratio": None, "video_list": [{"video_url": FILM, "refer_type": "base"}]},
                ),
            ),
            Rule(
                "an end frame needs a first frame",
                refused=({"image_list": [{"image_url": IMAGE_URL, "type": "end_frame"}]},),
                accepted=(
                    {
                        "image_list": [
                            {"image_url": IMAGE_URL, "type": "first_frame"},
                            {"image_url": IMAGE_URL, "type": "end_frame"},
                        ]
                    },
                ),
            ),
            Rule(
                "with a video, there is no sound, and images and elements are at most 4",
                refused=(
                    {"model_name": "kling-v3-omni", "video_list": [{"video_url": FILM}], "sound": "on"},
                    {"video_list": [{"video_url": FILM, "refer_type": "feature"}]}
                    | {"image_list": [{"image_url": IMAGE_URL}] * 5},
                ),
                accepted=(
                    {"video_list": [{"video_url": FILM, "refer_type": "feature"}]}
                    | {"image_list": [{"image_url": IMAGE_URL}] * 4},
                ),
            ),
            Rule(
                "a video to edit excludes frames",
                refused=(
                    {"video_list": [{"video_url": FILM, "refer_type": "base"}]}
                    | {"image_list": [{"image_url": IMAGE_URL, "type": "first_frame"}]},
                ),
            ),
        ),
    ),
    Page(
        "Motion Control",
        "videos/motion-control",
        {"image_url": IMAGE_URL, "video_url": FILM, "character_orientation": "video", "mode": "std"},
        {
            **MARKED,
            "model_name": Field(values=("kling-v2-6", "kling-v3"), closed=False),
            "image_url": NEEDED_IMAGE,
            "video_url": Field(required=True, values=(FILM,), closed=False),
            "character_orientation": Field(required=True, values=("image", "video")),
            "mode": Field(required=True, values=("std", "pro")),
            "prompt": Field(longest=2500),
            "keep_original_sound": Field(values=("yes", "no")),
            "element_list": Field(most=1, item={"element_id": 1}, given=_V3),
        },
    ),
    Page(
        "Multi-Image to Video",
        "videos/multi-image2video",
        {"image_list": [{"image": IMAGE_URL}], "prompt": "A boat"},
        {
            **TASK,
            "model_name": Field(values=("kling-v1-6",), closed=False),
            "image_list": Field(required=True, fewest=1, most=4, item={"image": IMAGE_URL}),
            "prompt": Field(longest=2500),
            "negative_prompt": Field(longest=2500),
            "duration": Field(values=("5", "10")),
            "mode": Field(values=("std", "pro")),
            "aspect_ratio": _RATIOS,
            # A gateway lists these, and they are sent to it.
            "cfg_scale": Field(),
            "static_mask": Field(),
            "dynamic_masks": Field(),
        },
        date="2025-12",
    ),
    Page(
        "Video Extension",
        "videos/video-extend",
        {"video_id": "1"},
        {
            **TASK,
            "video_id": Field(required=True, values=("870000000000000001",), closed=False),
            "prompt": Field(longest=2500),
            "negative_prompt": Field(longest=2500),
            "cfg_scale": Field(low=0, high=1),
        },
        date="2025-12",
    ),
    Page(
        "Video Effects",
        "videos/effects",
        {"effect_scene": "pet_lion", "input": {"image": IMAGE_URL}},
        {
            **TASK,
            "effect_scene": Field(required=True, values=("a_scene_of_next_year",), closed=False),
            "input": Field(
                required=True, values=({"image": IMAGE_URL}, {"images": [IMAGE_URL, IMAGE_URL]}), closed=False
            ),
        },
    ),
    Page(
        "Multi-Elements",
        "videos/multi-elements",
        {"session_id": "1", "edit_mode": "removal", "prompt": "Delete <<<video_1>>>"},
        {
            **MARKED,
            "model_name": Field(values=("kling-v1-6",), closed=False),
            "session_id": Field(required=True, values=("1",), closed=False),
            "edit_mode": Field(required=True, values=("removal",), closed=False),
            "image_list": Field(fewest=1, most=2, item={"image": IMAGE_URL}, given={"edit_mode": "addition"}),
            "prompt": Field(required=True, longest=2500),
            "negative_prompt": Field(longest=2500),
            "mode": Field(values=("std", "pro")),
            "duration": Field(values=("5", "10")),
        },
        (
            Rule(
                "addition takes 1 or 2 images, swap 1, removal none",
                refused=(
                    {"edit_mode": "addition"},
                    {"edit_mode": "swap", "image_list": [{"image": IMAGE_URL}] * 2},
                    {"edit_mode": "removal", "image_list": [{"image": IMAGE_URL}]},
                    {"edit_mode": "paint"},
                ),
                accepted=({"edit_mode": "swap", "image_list": [{"image": IMAGE_URL}]},),
            ),
        ),
    ),
    Page("Image Recognition", "videos/image-recognize", {"image": IMAGE_URL}, {"image": NEEDED_IMAGE}),
)
