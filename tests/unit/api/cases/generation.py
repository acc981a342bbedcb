# SPDX-License-Identifier: Apache-2.0
"""Bodies of text2video, image2video and multi-image2video."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.video import ImageToVideo, MultiImageToVideo, TextToVideo

from .common import IMAGE_URL, LONG, OTHER_IMAGE_URL, Accepted, Refused, mask, shots

SIMPLE_CAMERA = {"type": "simple", "config": {"zoom": 5}}
V1_CAMERA = {"model_name": "kling-v1", "camera_control": SIMPLE_CAMERA}
V15 = {"image": IMAGE_URL, "model_name": "kling-v1-5", "mode": "pro", "duration": "5"}


def text(**values: Any) -> dict[str, Any]:
    return {"prompt": "a fox in the snow", **values}


def image_case(**values: Any) -> dict[str, Any]:
    return {"image": IMAGE_URL, **values}


def several(count: int = 2, **values: Any) -> dict[str, Any]:
    return {"image_list": [{"image": IMAGE_URL}] * count, **values}


CUSTOM = {"multi_shot": True, "shot_type": "customize"}
VOICES = [{"voice_id": "829"}]

ACCEPTED = [
    Accepted(TextToVideo, text()),
    Accepted(TextToVideo, text(duration=15, mode="4k", sound="on", aspect_ratio="9:16")),
    Accepted(TextToVideo, text(aspect_ratio="4:3", cfg_scale="0.5", negative_prompt="rain")),
    Accepted(TextToVideo, {**CUSTOM, "multi_prompt": shots(2, 3), "prompt": ""}),
    Accepted(TextToVideo, {**CUSTOM, "multi_prompt": shots(2, 3, 3, 3, 3, 1), "duration": "15"}),
    Accepted(TextToVideo, text(multi_shot="true", shot_type="intelligence")),
    Accepted(TextToVideo, text(sound=True, voice_list=VOICES)),
    Accepted(TextToVideo, text(model_name="kling-v2-6", mode="pro", sound="on", voice_list=VOICES)),
    Accepted(TextToVideo, text(model_name="kling-v2-6", duration="10")),
    Accepted(TextToVideo, text(model_name="kling-v2-master", duration=10)),
    Accepted(TextToVideo, text(model_name="kling-v2-master", mode="std", duration="5")),
    Accepted(TextToVideo, text(**V1_CAMERA)),
    Accepted(TextToVideo, text(model_name="kling-v1", camera_control={"type": "down_back"})),
    Accepted(TextToVideo, text(model_name="kling-v9", duration="13", sound="on", mode="4k")),
    Accepted(ImageToVideo, image_case()),
    Accepted(
        ImageToVideo, image_case(image_tail=OTHER_IMAGE_URL, duration=7, watermark_info={"enabled": True})
    ),
    Accepted(ImageToVideo, image_case(element_list=[{"element_id": "829836802793406551"}] * 3)),
    Accepted(ImageToVideo, image_case(voice_list=VOICES, sound="on", model_name="kling-v2-6", mode="pro")),
    Accepted(
        ImageToVideo, image_case(image_tail=IMAGE_URL, model_name="kling-v2-6", mode="pro", sound="off")
    ),
    Accepted(ImageToVideo, {"image_tail": IMAGE_URL, "model_name": "kling-v1-6", "mode": "pro"}),
    Accepted(ImageToVideo, {**V15, "static_mask": IMAGE_URL, "dynamic_masks": [mask(77)] * 6}),
    Accepted(ImageToVideo, {**V15, "camera_control": SIMPLE_CAMERA}),
    Accepted(ImageToVideo, {"image_tail": IMAGE_URL, "model_name": "kling-v9"}),
    Accepted(
        ImageToVideo,
        # As the vendor's own sample sends it.
        image_case(
            prompt="", negative_prompt="", callback_url="", external_task_id="", duration="5", mode="pro"
        ),
    ),
    Accepted(MultiImageToVideo, several(1)),
    Accepted(MultiImageToVideo, several(4, prompt="a walk", duration=10, mode="pro", aspect_ratio="1:1")),
    *(
        # CometAPI: kling-v1-6 "or another current model" that was tried there.
        Accepted(MultiImageToVideo, several(model_name=name))
        for name in ("kling-v1-6", "kling-v2-1", "kling-v2-6", "kling-v3", "kling-video-o1")
    ),
    Accepted(MultiImageToVideo, several(cfg_scale=0.7, static_mask=IMAGE_URL, dynamic_masks=[mask()])),
]

REFUSED = [
    Refused(TextToVideo, {}, "prompt must be given"),
    Refused(TextToVideo, text(prompt=LONG), "2500"),
    Refused(TextToVideo, text(negative_prompt=LONG), "2500"),
    Refused(TextToVideo, text(multi_shot=True), "shot_type must be given"),
    Refused(TextToVideo, text(shot_type="intelligence"), "only when multi_shot is true"),
    Refused(TextToVideo, text(**CUSTOM), "1 to 6 shots"),
    Refused(TextToVideo, text(**CUSTOM, multi_prompt=shots(*[1] * 7), duration=7), "at most 6"),
    Refused(TextToVideo, {"multi_shot": True, "shot_type": "intelligence"}, "intelligence"),
    Refused(TextToVideo, text(**CUSTOM, multi_prompt=shots(2, 4)), "add up to 6 s"),
    Refused(TextToVideo, text(model_name="kling-v1", camera_control={"type": "simple"}), "config"),
    Refused(TextToVideo, text(voice_list=VOICES), "sound='on'"),
    Refused(TextToVideo, text(voice_list=VOICES * 3, sound="on"), "at most 2"),
    Refused(TextToVideo, text(model_name="kling-v2-6", duration=7), "duration 7 is possible with kling-v3"),
    Refused(TextToVideo, text(model_name="kling-v2-5-turbo", mode="4k"), "mode 4k is possible with kling-v3"),
    Refused(TextToVideo, text(model_name="kling-v2-5-turbo", sound="on"), "kling-v3 or kling-v2-6"),
    Refused(TextToVideo, text(model_name="kling-v2-6", sound="on"), "unset, which means std"),
    Refused(
        TextToVideo,
        text(model_name="kling-v2-6", multi_shot=True, shot_type="intelligence"),
        "cannot use multi_shot",
    ),
    Refused(
        TextToVideo, text(model_name="kling-v2-5-turbo", voice_list=VOICES), "voice_list needs sound='on'"
    ),
    Refused(TextToVideo, text(model_name="kling-v2-6", voice_list=VOICES, sound="on"), "mode pro"),
    Refused(TextToVideo, text(camera_control=SIMPLE_CAMERA), "kling-v3 cannot use camera_control"),
    Refused(TextToVideo, text(mode="standard"), "std"),
    Refused(TextToVideo, text(duration=16), "duration"),
    Refused(TextToVideo, text(duration="5.5"), "duration"),
    Refused(TextToVideo, text(aspect_ratio="21:9"), "aspect_ratio"),
    Refused(TextToVideo, text(cfg_scale=1.1), "cfg_scale"),
    Refused(TextToVideo, text(cfg_scale=float("nan")), "cfg_scale"),
    Refused(TextToVideo, text(sound="loud"), "sound"),
    Refused(TextToVideo, text(callback_url="ftp://x"), "http"),
    Refused(TextToVideo, text(durration="5"), "durration"),
    Refused(ImageToVideo, {}, "at least one of image or image_tail"),
    Refused(ImageToVideo, {"image": ""}, "none is"),
    Refused(ImageToVideo, {"image": "data:image/png;base64,"}, "no content"),
    Refused(ImageToVideo, image_case(image_tail=IMAGE_URL, camera_control=SIMPLE_CAMERA), "only one of"),
    Refused(
        ImageToVideo,
        image_case(element_list=[{"element_id": 1}], voice_list=VOICES, sound="on"),
        "only one of",
    ),
    Refused(ImageToVideo, image_case(element_list=[{"element_id": 1}] * 4), "at most 3"),
    Refused(ImageToVideo, image_case(element_list=[{"element_id": 0}]), "element_id"),
    Refused(ImageToVideo, image_case(multi_shot=True), "shot_type must be given"),
    Refused(ImageToVideo, image_case(multi_prompt=shots(5)), "only when multi_shot is true"),
    Refused(ImageToVideo, image_case(**CUSTOM), "1 to 6 shots"),
    Refused(ImageToVideo, image_case(multi_shot=True, shot_type="intelligence"), "prompt must be given"),
    Refused(ImageToVideo, image_case(**CUSTOM, multi_prompt=shots(5), duration=6), "add up to 5 s"),
    Refused(ImageToVideo, {**V15, "camera_control": {"type": "simple", "config": {}}}, "exactly one value"),
    Refused(
        ImageToVideo,
        {**V15, "camera_control": {"type": "down_back", "config": {"pan": 1}}},
        "exactly one value",
    ),
    Refused(ImageToVideo, {**V15, "camera_control": {"type": "simple", "config": {"pan": 11}}}, "pan"),
    Refused(ImageToVideo, image_case(voice_list=VOICES), "sound='on'"),
    Refused(ImageToVideo, image_case(model_name="kling-v2-6", duration="3"), "accepts duration 5 or 10"),
    Refused(
        ImageToVideo, image_case(model_name="kling-v2-6", mode="4k"), "mode 4k is possible with kling-v3"
    ),
    Refused(ImageToVideo, image_case(model_name="kling-v2-5-turbo", sound="on"), "cannot use sound='on'"),
    Refused(
        ImageToVideo, image_case(model_name="kling-v2-5-turbo", voice_list=VOICES, sound="on"), "cannot use"
    ),
    Refused(ImageToVideo, image_case(model_name="kling-v2-6", sound="on", mode="std"), "only with mode pro"),
    Refused(
        ImageToVideo,
        image_case(model_name="kling-v2-5-turbo", multi_shot=True, shot_type="intelligence", prompt="x"),
        "cannot use multi_shot",
    ),
    Refused(ImageToVideo, image_case(model_name="kling-v2-6", voice_list=VOICES, sound="on"), "mode pro"),
    Refused(ImageToVideo, image_case(model_name="kling-v2-6", element_list=[{"element_id": 1}]), "kling-v3"),
    Refused(
        ImageToVideo, image_case(model_name="kling-v2-5-turbo", image_tail=IMAGE_URL), "not so with kling-v3"
    ),
    Refused(
        ImageToVideo,
        image_case(model_name="kling-v2-6", image_tail=IMAGE_URL, mode="pro", sound="on"),
        "only with sound off",
    ),
    Refused(ImageToVideo, {"image_tail": IMAGE_URL}, "image_tail without image"),
    Refused(ImageToVideo, image_case(static_mask=IMAGE_URL), "cannot use static_mask"),
    Refused(ImageToVideo, image_case(dynamic_masks=[mask()]), "cannot use dynamic_masks"),
    Refused(ImageToVideo, {**V15, "dynamic_masks": [mask()] * 7}, "at most 6"),
    Refused(ImageToVideo, {**V15, "dynamic_masks": [mask(1)]}, "at least 2"),
    Refused(ImageToVideo, {**V15, "dynamic_masks": [mask(78)]}, "at most 77"),
    Refused(ImageToVideo, image_case(camera_control=SIMPLE_CAMERA), "kling-v3 cannot use camera_control"),
    Refused(MultiImageToVideo, {}, "required"),
    Refused(MultiImageToVideo, several(5), "at most 4"),
    Refused(MultiImageToVideo, {"image_list": []}, "at least 1"),
    Refused(MultiImageToVideo, {"image_list": [{"image": ""}]}, "at least 1 character"),
    Refused(MultiImageToVideo, several(duration="7"), "duration"),
    Refused(MultiImageToVideo, several(mode="4k"), "mode"),
]
