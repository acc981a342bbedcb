# SPDX-License-Identifier: Apache-2.0
"""What the other endpoints refuse: bodies that are good but for one thing."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api import ENDPOINTS
from tests.unit.emulator.conftest import png
from tests.unit.emulator.sample_bodies import URL, VIDEO_URL, body

FRAME = {"image_url": URL, "type": "first_frame"}
END = {"image_url": URL, "type": "end_frame"}


@pytest.mark.parametrize(
    ("slug", "changes", "words"),
    [
        ("videos/text2video", {"prompt": ""}, "prompt is required"),
        ("videos/text2video", {"aspect_ratio": "4:3"}, "aspect_ratio value '4:3'"),
        ("videos/text2video", {"model_name": "kling-v1"}, "has been discontinued"),
        ("videos/multi-image2video", {"image_list": [{"image": URL}] * 5}, "[1, 4]"),
        ("videos/multi-image2video", {"image_list": []}, "[1, 4]"),
        ("videos/multi-image2video", {"duration": "7"}, "duration value '7'"),
        ("videos/omni-video", {"aspect_ratio": ""}, "aspect_ratio is required"),
        ("videos/omni-video", {"prompt": ""}, "prompt is required"),
        ("videos/omni-video", {"image_list": [END]}, "first_frame is required"),
        ("videos/omni-video", {"image_list": [FRAME, END, {"image_url": URL}]}, "more than 2 images"),
        ("videos/omni-video", {"sound": "on"}, "sound is not supported by kling-video-o1"),
        ("videos/omni-video", {"mode": "4k"}, "mode is not supported by kling-video-o1"),
        ("videos/omni-video", {"duration": "12"}, "must be in 3 to 10"),
        (
            "videos/omni-video",
            {"video_list": [{"video_url": VIDEO_URL}], "image_list": [FRAME]},
            "not supported when a base video",
        ),
        (
            "videos/omni-video",
            {
                "model_name": "kling-v3-omni",
                "sound": "on",
                "video_list": [{"video_url": VIDEO_URL, "refer_type": "feature"}],
            },
            "sound must be off",
        ),
        (
            "videos/omni-video",
            {"image_list": [{"image_url": URL}] * 4, "element_list": [{"element_id": 1}] * 4},
            "cannot exceed 7 in total",
        ),
        ("videos/motion-control", {"mode": ""}, "mode is required"),
        ("videos/motion-control", {"character_orientation": "left"}, "character_orientation value"),
        ("videos/motion-control", {"element_list": [{"element_id": 1}]}, "kling-v3 only"),
        ("videos/video-extend", {"video_id": "nothing"}, "Video not found by id: nothing"),
        ("videos/effects", {"effect_scene": "hug"}, "has been discontinued"),
        ("videos/effects", {"input": {}}, "one and only one of image and images"),
        ("videos/effects", {"input": {"images": [URL]}}, "[2, 2]"),
        ("images/generations", {"prompt": ""}, "prompt is required"),
        ("images/generations", {"n": 10}, "n must be in [1, 9]"),
        ("images/generations", {"n": "2"}, "n must be an integer"),
        ("images/generations", {"resolution": "4k"}, "resolution value '4k'"),
        ("images/generations", {"aspect_ratio": "auto"}, "aspect_ratio value 'auto'"),
        ("images/generations", {"model_name": "kling-v2"}, "has been discontinued"),
        ("images/generations", {"negative_prompt": "x", "image": png()}, "negative_prompt is not supported"),
        ("images/generations", {"image_reference": "face", "image": png()}, "not supported by kling-v3"),
        (
            "images/generations",
            {"image_reference": "face", "model_name": "kling-v2-1"},
            "image is required with image_reference",
        ),
        ("images/omni-image", {"result_type": "series"}, "not supported by kling-image-o1"),
        ("images/omni-image", {"resolution": "4k"}, "not supported by kling-image-o1"),
        (
            "images/omni-image",
            {"image_list": [{"image": URL}] * 6, "element_list": [{"element_id": 1}] * 5},
            "cannot exceed 10 in total",
        ),
        ("images/multi-image2image", {"subject_image_list": [{"subject_image": URL}] * 5}, "[1, 4]"),
        ("images/editing/expand", {"up_expansion_ratio": 2.1}, "must be in [0, 2]"),
        ("images/editing/expand", {"up_expansion_ratio": 1.0}, "cannot exceed 3 times"),
        ("images/kolors-virtual-try-on", {"human_image": ""}, "human_image is required"),
        ("images/kolors-virtual-try-on", {"human_image": png(299, 400)}, "at least 300px"),
        ("audio/text-to-audio", {"duration": 2.9}, "must be in [3.0, 10.0]"),
        ("audio/text-to-audio", {"duration": "5"}, "duration must be a number"),
        ("audio/text-to-audio", {"duration": 5.25}, "one decimal place"),
        ("audio/text-to-audio", {"prompt": "x" * 201}, "cannot exceed 200"),
        ("audio/video-to-audio", {"video_id": "1"}, "Video not found"),
    ],
)
def test_invalid_bodies_are_refused(kling, slug, changes, words):
    good = body(slug, kling)
    made = len(kling.emulator.jobs)
    response = kling.post(ENDPOINTS[slug].path, {**good, **changes})
    assert response.json()["code"] in (1200, 1201)
    assert words in response.json()["message"]
    assert len(kling.emulator.jobs) == made


@pytest.mark.parametrize(
    ("slug", "changes"),
    [
        ("videos/text2video", {"aspect_ratio": "9:16", "duration": "15", "sound": "on"}),
        ("videos/multi-image2video", {"static_mask": URL, "cfg_scale": 0.3, "aspect_ratio": "1:1"}),
        ("videos/omni-video", {"aspect_ratio": "", "image_list": [FRAME, END]}),
        ("videos/omni-video", {"aspect_ratio": "", "video_list": [{"video_url": VIDEO_URL}]}),
        (
            "videos/omni-video",
            {"aspect_ratio": "", "video_list": [{"video_url": VIDEO_URL}], "duration": "15"},
        ),
        ("videos/image2video", {"image_tail": png(300, 1200)}),
        ("images/kolors-virtual-try-on", {"human_image": png(400, 1100), "cloth_image": png(1100, 400)}),
        ("videos/motion-control", {"model_name": "kling-v3", "element_list": [{"element_id": 1}]}),
        ("videos/effects", {"input": {"images": [URL, URL]}}),
        ("images/generations", {"model_name": "kling-v2-1", "image": URL, "image_reference": "subject"}),
        ("images/omni-image", {"model_name": "kling-v3-omni", "aspect_ratio": "auto", "resolution": "4k"}),
        ("audio/text-to-audio", {"duration": 10}),
    ],
)
def test_valid_bodies_are_accepted(kling, slug, changes):
    response = kling.post(ENDPOINTS[slug].path, {**body(slug, kling), **changes})
    assert response.status_code == 200, response.text


def test_a_retired_model_is_refused_unless_it_is_enabled(start):
    path, good = ENDPOINTS["videos/text2video"].path, {"prompt": "a cat", "model_name": "kling-v1-6"}
    response = start().post(path, good)
    assert response.status_code == 400
    assert response.json()["message"] == (
        "The model 'kling-v1-6' has been discontinued and is no longer available."
    )
    assert start(models=("kling-v1-6",)).post(path, good).status_code == 200


@pytest.mark.parametrize("slug", ["videos/multi-image2video", "images/kolors-virtual-try-on"])
def test_the_last_models_of_an_endpoint_are_accepted(kling, slug):
    given = {name: value for name, value in body(slug, kling).items() if name != "model_name"}
    assert kling.post(ENDPOINTS[slug].path, given).status_code == 200


def test_an_image_is_checked_for_each_field(start):
    kling = start()
    wide = png(1200, 300)
    good = {"model_name": "kling-v3", "image": png()}
    assert kling.post("/v1/videos/image2video", {**good, "image_tail": wide}).status_code == 200
    response = kling.post("/v1/videos/image2video", {**good, "image": wide})
    assert "aspect ratio must be between" in response.json()["message"]


def test_an_external_id_may_be_long(kling):
    name = "x" * 300
    assert kling.task(kling.create(external_task_id=name))["task_info"]["external_task_id"] == name
    assert kling.task(name)


def test_a_video_can_be_extended_to_three_minutes(start):
    kling = start(slots=0)
    video_id = kling.result("/v1/videos/image2video", model_name="kling-v3", image=png(), duration="15")[
        "videos"
    ][0]["id"]
    lengths = []
    while True:
        response = kling.post("/v1/videos/video-extend", {"video_id": video_id}).json()
        if response["code"]:
            break
        video = kling.finish(response["data"]["task_id"], "/v1/videos/video-extend")["task_result"]["videos"][
            0
        ]
        video_id = video["id"]
        lengths.append(float(video["duration"]))
    assert lengths[:2] == [20, 25]
    assert lengths[-1] == 180
    assert "cannot exceed 180s" in response["message"]
