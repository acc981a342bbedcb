# SPDX-License-Identifier: Apache-2.0
"""The same jobs behind other hosts: their envelopes, limits and gaps."""

from __future__ import annotations

import json

import pytest
import requests

from tests.unit.emulator.conftest import IMAGE_TO_VIDEO, png
from tests.unit.emulator.sample_bodies import audio_file, body

GOOD = {"model_name": "kling-v3", "image": png()}
AVATAR = "/v1/videos/avatar/image2video"
WORDS = {"model_name": "kling-v3", "prompt": "x"}
TEXT_TO_VIDEO = "/v1/videos/text2video"
SEVERAL = "/v1/videos/multi-image2video"
IMAGES = "/v1/images/generations"


@pytest.fixture
def open_(start):
    return lambda dialect, **settings: start("/kling", dialect=dialect, **settings)


class TestCometApi:
    def test_cometapi_has_the_official_envelope_at_another_path(self, open_):
        kling = open_("cometapi")
        task = kling.finish(kling.create(external_task_id="mine"))
        assert task["task_status"] == "succeed"
        assert kling.task("mine") == task
        assert requests.post(kling.emulator.url + IMAGE_TO_VIDEO, json=GOOD, timeout=60).status_code == 401

    @pytest.mark.parametrize("path", [IMAGE_TO_VIDEO, "/account/costs"])
    def test_cometapi_has_no_lists_and_no_billing(self, open_, path):
        response = open_("cometapi").get(path)
        assert response.status_code == 404
        assert "data" not in response.json()

    def test_errors_of_cometapi_itself_have_no_vendor_code(self, open_):
        kling = open_("cometapi")
        kling.session.headers["Authorization"] = "Bearer wrong"
        response = kling.get(f"{IMAGE_TO_VIDEO}/1")
        assert response.status_code == 401
        assert response.json()["error"]["type"] == "invalid_request_error"

    @pytest.mark.parametrize(
        ("path", "changes", "words"),
        [
            (IMAGE_TO_VIDEO, {**GOOD, "prompt": "x" * 501}, "prompt length cannot exceed 500"),
            (IMAGE_TO_VIDEO, {**GOOD, "negative_prompt": "x" * 201}, "cannot exceed 200"),
            (IMAGE_TO_VIDEO, {**GOOD, "duration": "7"}, "must be one of 5, 10"),
            (IMAGE_TO_VIDEO, {**GOOD, "mode": "4k"}, "must be one of std, pro"),
            (TEXT_TO_VIDEO, {**WORDS, "duration": "7"}, "must be one of 5, 10"),
            (TEXT_TO_VIDEO, {**WORDS, "mode": "4k"}, "must be one of std, pro"),
            (IMAGES, {**WORDS, "prompt": "x" * 501}, "prompt length cannot exceed 500"),
            (IMAGES, {**WORDS, "negative_prompt": "x" * 201}, "cannot exceed 200"),
            (IMAGES, {**WORDS, "aspect_ratio": "21:9"}, "aspect_ratio value '21:9'"),
            (AVATAR, {"image": png(), "sound_file": audio_file(3)}, "prompt is required"),
            (AVATAR, {"image": png(), "sound_file": audio_file(61, "wav"), "prompt": "x"}, "[2s, 60s]"),
            (SEVERAL, {"image_list": [{"image": png()}]}, "[2, 4], got 1"),
            (
                "/v1/videos/omni-video",
                {"model_name": "kling-v3-omni", "prompt": "x", "aspect_ratio": "1:1"},
                "model_name",
            ),
        ],
    )
    def test_cometapi_has_narrower_limits(self, open_, start, path, changes, words):
        response = open_("cometapi").post(path, changes)
        assert response.json()["code"] == 1201
        assert words in response.json()["message"]
        official = start()
        assert official.post(path, changes).status_code == 200

    def test_cometapi_accepts_times_as_strings_and_several_faces(self, open_, start):
        kling = open_("cometapi")
        good = body("videos/advanced-lip-sync", kling)
        (face,) = good["face_choose"]
        # As CometAPI's own example has it.
        face.update(sound_start_time="0", sound_end_time="2000", sound_insert_time="0")
        face.update(sound_volume=1, original_sound_volume=0)
        good["face_choose"] = [face, {**face, "sound_insert_time": "1000"}]
        video = kling.result("/v1/videos/advanced-lip-sync", **good)["videos"][0]
        assert float(video["duration"]) == 5
        official = start()
        good = body("videos/advanced-lip-sync", official)
        response = official.post(
            "/v1/videos/advanced-lip-sync", {**good, "face_choose": good["face_choose"] * 2}
        )
        assert response.json()["message"] == "the size of face_choose must be in [1, 1], got 2"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"face_id": "9"}, "face_id 9 not found"),
            ({"sound_end_time": "1999"}, "at least 2000ms"),
            ({"sound_end_time": "9000"}, "after the end of the audio"),
            ({"sound_insert_time": "4000"}, "must overlap the face"),
            ({"sound_start_time": "soon"}, "must be milliseconds"),
        ],
    )
    def test_every_face_is_checked(self, open_, changes, words):
        kling = open_("cometapi")
        good = body("videos/advanced-lip-sync", kling)
        good["face_choose"].append({**good["face_choose"][0], **changes})
        assert words in kling.post("/v1/videos/advanced-lip-sync", good).json()["message"]

    @pytest.mark.parametrize("ratio", ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3"])
    def test_cometapi_accepts_seven_ratios(self, open_, ratio):
        kling = open_("cometapi", scale=0.1)
        assert kling.result(TEXT_TO_VIDEO, **WORDS, aspect_ratio=ratio)["videos"]

    def test_cometapi_refuses_other_ratios(self, open_):
        response = open_("cometapi").post(TEXT_TO_VIDEO, {**WORDS, "aspect_ratio": "21:9"})
        assert "aspect_ratio value '21:9'" in response.json()["message"]

    def test_retired_models_still_run(self, open_):
        kling = open_("cometapi")
        # As CometAPI's page has it.
        assert kling.create(model_name="kling-v2-master", mode="std", duration="5")

    @pytest.mark.parametrize("model", ["kling-v1-6", "kling-v2-1", "kling-v2-6", "kling-v3"])
    def test_multi_image_accepts_another_current_model(self, open_, model):
        kling = open_("cometapi", scale=0.1)
        images = {"image_list": [{"image": png()}] * 2, "prompt": "x", "model_name": model}
        assert kling.result(SEVERAL, **images)["videos"]
        assert kling.post(SEVERAL, {**images, "model_name": "kling-v9"}).json()["error"]["code"] == "1203"


class TestGateway:
    def test_a_gateway_wraps_every_response(self, open_):
        kling = open_("gateway")
        created = kling.post(IMAGE_TO_VIDEO, GOOD).json()
        task_id = created["data"]["task_id"]
        assert (created["code"], created["message"]) == ("success", "")
        assert created["data"] == {
            "task_id": task_id,
            "action": "IMAGE2VIDEO",
            "status": "SUBMITTED",
            "progress": "0%",
        }
        words = []
        for seconds in (0, 30, 31):
            kling.emulator.advance(seconds)
            response = kling.get(f"{IMAGE_TO_VIDEO}/{task_id}").json()
            words.append((response["data"]["status"], response["data"]["data"]["data"]["task_status"]))
        assert words == [("SUBMITTED", "submitted"), ("IN_PROGRESS", "processing"), ("SUCCESS", "succeed")]
        assert response["data"]["progress"] == "100%"
        video = response["data"]["data"]["data"]["task_result"]["videos"][0]
        assert requests.get(video["url"], timeout=60).ok

    def test_the_vendors_task_id_cannot_be_queried_at_a_gateway(self, open_):
        kling = open_("gateway")
        task_id = kling.create()
        inner = kling.get(f"{IMAGE_TO_VIDEO}/{task_id}").json()["data"]["data"]["data"]["task_id"]
        assert inner != task_id
        assert kling.get(f"{IMAGE_TO_VIDEO}/{inner}").status_code == 400

    def test_a_failed_job_has_its_reason(self, open_):
        kling = open_("gateway", faults={"failed_job": 1})
        task = kling.finish(kling.create())
        assert (task["status"], task["fail_reason"]) == ("FAILURE", "Failure to pass the risk control system")

    def test_errors_of_a_gateway_have_no_vendor_code(self, open_):
        response = open_("gateway", faults={"slots_taken": 1}).post(IMAGE_TO_VIDEO, GOOD)
        assert response.status_code == 429
        assert response.json() == {
            "code": "fail_to_fetch_task",
            "message": "parallel task over resource pack limit",
            "data": None,
        }

    def test_a_gateway_has_no_lists_and_no_external_ids(self, open_):
        kling = open_("gateway")
        kling.create(external_task_id="mine")
        assert kling.get(IMAGE_TO_VIDEO).status_code == 404
        assert kling.get(f"{IMAGE_TO_VIDEO}/mine").status_code == 400

    def test_a_gateway_wraps_synchronous_responses(self, open_):
        response = open_("gateway").post(
            "/v1/audio/tts", {"text": "x", "voice_id": "v", "voice_language": "en"}
        )
        assert response.json()["data"]["data"]["data"]["task_result"]["audios"][0]["id"]


class TestOpenAiVideo:
    def test_a_video_is_an_openai_video_object(self, open_):
        kling = open_("openai-video")
        created = kling.post(IMAGE_TO_VIDEO, GOOD).json()
        assert (created["object"], created["status"], created["model"]) == ("video", "queued", "kling-v3")
        kling.emulator.advance(30)
        path = f"{IMAGE_TO_VIDEO}/{created['id']}"
        assert kling.get(path).json()["status"] == "in_progress"
        kling.emulator.advance(31)
        video = kling.get(path).json()
        assert (video["status"], video["progress"]) == ("completed", 100)
        assert video["completed_at"] - video["created_at"] in (59, 60, 61)
        assert requests.get(video["metadata"]["url"], timeout=60).ok

    def test_a_failed_job_has_its_reason(self, open_):
        kling = open_("openai-video", faults={"failed_job": 1})
        created = kling.post(IMAGE_TO_VIDEO, GOOD).json()
        kling.emulator.advance(60)
        video = kling.get(f"{IMAGE_TO_VIDEO}/{created['id']}").json()
        assert video["status"] == "failed"
        assert video["error"]["message"] == "Failure to pass the risk control system"
        assert "metadata" not in video

    def test_errors_have_the_openai_format(self, open_):
        response = open_("openai-video").post(IMAGE_TO_VIDEO, {})
        assert response.status_code == 400
        assert response.json()["error"].keys() == {"message", "type", "param", "code"}


class TestConnection:
    @pytest.mark.parametrize(
        ("dialect", "extra"),
        [
            ("cometapi", {"dialect": "cometapi", "base_path": "/kling"}),
            ("gateway", {"dialect": "gateway", "base_path": "/kling"}),
            ("openai-video", {"dialect": "gateway", "base_path": "/kling"}),
        ],
    )
    def test_the_connection_contains_the_dialect(self, start, monkeypatch, dialect, extra):
        from airflow.providers.common.compat.sdk import BaseHook

        emulator = start(dialect=dialect).emulator
        assert json.loads(emulator.connection_json())["extra"] == extra
        monkeypatch.setenv("AIRFLOW_CONN_BY_URI", emulator.connection_uri())
        monkeypatch.setenv("AIRFLOW_CONN_BY_JSON", emulator.connection_json())
        for name in ("by_uri", "by_json"):
            connection = BaseHook.get_connection(name)
            assert connection.host == emulator.url
            assert connection.extra_dejson == extra

    def test_an_unknown_dialect_is_refused(self, start):
        with pytest.raises(ValueError, match="nonsense"):
            start(dialect="nonsense")
