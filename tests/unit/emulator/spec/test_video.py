# SPDX-License-Identifier: Apache-2.0
"""What image2video refuses and what it takes."""

from __future__ import annotations

import base64
import io
import os

import pytest
import requests
from PIL import Image

from tests.unit.emulator.conftest import IMAGE_TO_VIDEO, png

URL = "https://example.com/picture.png"
POINTS = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
SHOT = {"index": 1, "prompt": "a", "duration": "5"}


def _noise(width: int, height: int) -> str:
    stream = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(
        stream, "PNG", compress_level=0
    )
    return base64.b64encode(stream.getvalue()).decode()


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        pytest.param({"image": None}, 1201, "image must not be null", id="null"),
        pytest.param({"image": ""}, 1201, "image or image_tail is required", id="no picture"),
        pytest.param({"image": 5}, 1200, "image must be a string", id="picture a number"),
        pytest.param({"image": "data:image/png;base64," + png()}, 1201, "data:", id="data prefix"),
        pytest.param({"image": "no base64!"}, 1201, "base64", id="not base64"),
        pytest.param(
            {"image": base64.b64encode(b"words" * 99).decode()}, 1201, "format", id="words as a picture"
        ),
        pytest.param({"image": png()[:-400]}, 1201, "image", id="half a picture"),
        pytest.param({"image": png(kind="GIF")}, 1201, "format", id="gif"),
        pytest.param({"image": png(299, 400)}, 1201, "300px", id="too small"),
        pytest.param({"image": png(1000, 300)}, 1201, "ratio", id="too wide"),
        pytest.param({"image": "A" * (14 * 1024 * 1024)}, 1201, "10MB", id="too large"),
        pytest.param({"duration": 5.5}, 1200, "duration must be a string", id="duration a fraction"),
        pytest.param({"static_mask": URL}, 1201, "not supported by kling-v3", id="a mask"),
        pytest.param(
            {"camera_control": {"type": "down_back"}}, 1201, "not supported by kling-v3", id="a camera"
        ),
        pytest.param({"duration": "16"}, 1201, "duration value '16'", id="too long"),
        pytest.param({"duration": "2"}, 1201, "duration value '2'", id="too short"),
        pytest.param({"mode": "standard"}, 1201, "mode value 'standard'", id="mode"),
        pytest.param({"prompt": "x" * 2501}, 1201, "prompt length cannot exceed 2500", id="long prompt"),
        pytest.param({"prompt": ["x"]}, 1200, "prompt must be a string, got array", id="prompt a list"),
        pytest.param({"cfg_scale": "0.5"}, 1200, "cfg_scale must be a number", id="scale a string"),
        pytest.param({"cfg_scale": 1.1}, 1201, "cfg_scale must be in [0, 1]", id="scale"),
        pytest.param({"cfg_scale": True}, 1200, "cfg_scale must be a number", id="scale a bool"),
        pytest.param({"sound": True}, 1200, "sound must be a string", id="sound a bool"),
        pytest.param({"multi_shot": "true"}, 1200, "multi_shot must be a boolean", id="bool a string"),
        pytest.param({"callback_url": "ftp://x"}, 1201, "callback_url must be a url", id="callback"),
        pytest.param({"watermark_info": True}, 1200, "watermark_info must be an object", id="watermark"),
        pytest.param(
            {"watermark_info": {"enabled": 1}}, 1200, "watermark_info.enabled must be a boolean", id="nested"
        ),
        pytest.param({"element_list": [{}]}, 1200, "element_list[0].element_id is required", id="element"),
        pytest.param({"element_list": [{"element_id": "1"}]}, 1200, "must be an integer", id="element text"),
        pytest.param({"element_list": [{"element_id": 1}] * 4}, 1201, "[1, 3]", id="four elements"),
        pytest.param({"voice_list": [{"voice_id": "1"}]}, 1201, "sound must be on", id="silent voice"),
        pytest.param(
            {"voice_list": [{"voice_id": "1"}], "element_list": [{"element_id": 1}], "sound": "on"},
            1201,
            "cannot be used together",
            id="voice and element",
        ),
        pytest.param(
            {"image_tail": URL, "static_mask": URL}, 1201, "cannot be used together", id="tail and mask"
        ),
        pytest.param(
            {"dynamic_masks": [{"mask": URL, "trajectories": POINTS[:1]}]}, 1201, "[2, 77]", id="one point"
        ),
        pytest.param(
            {"dynamic_masks": [{"mask": URL, "trajectories": [[1, 2], [3, 4]]}]},
            1200,
            "dynamic_masks[0].trajectories[0] must be an object",
            id="points as arrays",
        ),
        pytest.param(
            {"camera_control": {"type": "simple", "config": {"zoom": 5, "pan": 1}}},
            1201,
            "exactly one",
            id="two axes",
        ),
        pytest.param({"camera_control": {"type": "simple"}}, 1201, "exactly one", id="no axis"),
        pytest.param(
            {"camera_control": {"type": "down_back", "config": {"zoom": 5}}}, 1201, "empty", id="config"
        ),
        pytest.param({"camera_control": {"config": {"zoom": 5}}}, 1200, "camera_control.type", id="no type"),
        pytest.param({"multi_shot": True}, 1201, "shot_type is required", id="no shot type"),
        pytest.param({"shot_type": "customize"}, 1201, "multi_shot is false", id="unused shot type"),
        pytest.param(
            {"multi_shot": True, "shot_type": "customize", "multi_prompt": [{**SHOT, "duration": "4"}]},
            1201,
            "sum of all shot durations",
            id="sum",
        ),
        pytest.param({"model_name": ""}, 1201, "'kling-v1' has been discontinued", id="default model"),
        pytest.param({"model_name": "kling-v2-master"}, 1201, "has been discontinued", id="retired"),
        pytest.param({"model_name": "kling-v9"}, 1203, "kling-v9", id="unknown model"),
        pytest.param({"model_name": "kling-v2-6", "duration": "7"}, 1201, "duration", id="v2-6 of 7 s"),
        pytest.param(
            {"model_name": "kling-v2-5-turbo", "image_tail": URL, "duration": "10"},
            1201,
            "model/mode/duration(kling-v2-5-turbo/std/10) is not supported with image_tail",
            id="tail in std",
        ),
        pytest.param(
            {"model_name": "kling-v2-6", "sound": "on"}, 1201, "not supported with sound", id="sound"
        ),
    ],
)
def test_invalid_bodies_are_refused(kling, body, code, words):
    response = kling.post(IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": URL, **body})
    assert response.status_code == (404 if code == 1203 else 400)
    assert response.json()["code"] == code
    assert words in response.json()["message"]
    assert kling.emulator.jobs == ()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="least"),
        pytest.param({"image": png()}, id="png"),
        pytest.param({"image": png(kind="JPEG")}, id="jpg"),
        pytest.param({"image": png(750, 300)}, id="widest"),
        pytest.param({"image": _noise(1000, 1000)}, id="3 MB"),
        pytest.param({"image": "", "image_tail": URL}, id="tail only"),
        pytest.param({"prompt": "x" * 2500, "negative_prompt": ""}, id="prompt"),
        pytest.param({"duration": "15", "mode": "4k", "sound": "on"}, id="longest"),
        pytest.param({"sound": "on", "voice_list": [{"voice_id": "1"}]}, id="voice"),
        pytest.param({"element_list": [{"element_id": 1}] * 3}, id="elements"),
        pytest.param({"duration": 5}, id="duration a number"),
        pytest.param(
            {"multi_shot": True, "shot_type": "customize", "multi_prompt": [SHOT]}, id="shots as told"
        ),
        pytest.param({"multi_shot": True, "shot_type": "intelligence", "prompt": "two shots"}, id="shots"),
        pytest.param({"model_name": "kling-v2-6", "mode": "pro", "image_tail": URL}, id="tail in pro"),
        pytest.param({"nonsense": 1}, id="unknown field"),
    ],
)
def test_valid_bodies_are_accepted(kling, body):
    response = kling.post(IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": URL, **body})
    assert response.status_code == 200, response.text


class TestNotJson:
    @pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"words"', b"\xff\xfe"])
    def test_a_body_that_is_no_json_object_is_refused(self, kling, raw):
        response = kling.session.post(
            kling.emulator.url + IMAGE_TO_VIDEO, raw, headers={"Content-Type": "application/json"}, timeout=60
        )
        assert (response.status_code, response.json()["code"]) == (400, 1200)

    def test_another_content_type_is_refused(self, kling):
        response = kling.session.post(kling.emulator.url + IMAGE_TO_VIDEO, {"image": URL}, timeout=60)
        assert response.json()["code"] == 1200
        assert "Content-Type" in response.json()["message"]


class TestStrict:
    """Finds what the vendor would silently ignore."""

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"pormpt": "x"}, "pormpt is not a field"),
            ({"watermark_info": {"enable": True}}, "watermark_info.enable is not a field"),
            ({"negative_prompt": ""}, "negative_prompt must not be empty"),
        ],
    )
    def test_invalid_bodies_are_refused(self, start, body, words):
        kling = start(strict=True)
        response = kling.post(IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": URL, **body})
        assert response.json()["code"] == 1201
        assert words in response.json()["message"]

    def test_a_job_records_ignored_fields(self, kling):
        kling.create(pormpt="x", watermark_info={"enable": True})
        assert kling.emulator.jobs[0].unknown_fields == ("pormpt", "watermark_info.enable")


def test_further_models_can_be_enabled(start):
    kling = start(models=("kling-v9",))
    assert kling.task(kling.create(model_name="kling-v9"))["task_status"] == "submitted"


class TestImagesByUrl:
    def test_an_image_url_on_this_machine_is_downloaded_and_checked(self, kling):
        result = kling.finish(kling.create())["task_result"]["videos"][0]["url"]
        response = kling.post(IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": result})
        assert "format is invalid" in response.json()["message"]

    def test_an_image_that_cannot_be_downloaded_is_refused(self, kling):
        response = kling.post(
            IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": kling.emulator.url + "/nothing.png"}
        )
        assert response.json()["code"] == 1201
        assert "failed to download" in response.json()["message"]

    def test_image_urls_of_other_hosts_are_not_downloaded(self, kling, monkeypatch):
        # 192.0.2.0/24 is reserved: a download would hang, and fail.
        kling.create(image="http://192.0.2.1/picture.png")
        assert requests.get(
            kling.finish(kling.emulator.jobs[0].task_id)["task_result"]["videos"][0]["url"]
        ).ok
