# SPDX-License-Identifier: Apache-2.0
"""Every endpoint of the provider's API is served, with the result the vendor documents."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.endpoint import Endpoint, ResultType
from airflow_provider_kling.api.http import create_request
from airflow_provider_kling.api.requests.base import KlingRequest
from airflow_provider_kling.emulator.handlers import billing, resources, tasks
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.emulator.spec.validation import RULES
from tests.unit.emulator.conftest import Client
from tests.unit.emulator.decoded_media import decode
from tests.unit.emulator.sample_bodies import body

# The tests of API 2.0 are in test_api2.py.
ASYNC = [slug for slug, endpoint in ENDPOINTS.items() if not endpoint.synchronous and not endpoint.tasks_path]

SHAPES: dict[str, dict[str, set[str]]] = {
    "images/generations": {"images": {"index", "url"}},
    "images/omni-image": {"images": {"index", "url"}},
    "images/multi-image2image": {"images": {"index", "url"}},
    "images/editing/expand": {"images": {"index", "url"}},
    "images/kolors-virtual-try-on": {"images": {"index", "url"}},
    "general/ai-multi-shot": {"images": {"index", "url_1", "url_2", "url_3"}},
    "audio/text-to-audio": {"audios": {"id", "url_mp3", "url_wav", "duration_mp3", "duration_wav"}},
    "audio/video-to-audio": {
        "videos": {"id", "url", "duration"},
        "audios": {"id", "url_mp3", "url_wav", "duration_mp3", "duration_wav"},
    },
    "general/custom-voices": {"voices": {"voice_id", "voice_name", "trial_url", "owned_by"}},
    "general/advanced-custom-elements": {
        "elements": {
            "element_id",
            "element_name",
            "element_description",
            "reference_type",
            "element_image_list",
            "element_video_list",
            "element_voice_info",
            "tag_list",
            "owned_by",
            "status",
        }
    },
    "videos/effects": {"videos": {"id", "url"}},
    "videos/multi-elements": {"videos": {"id", "session_id", "url", "duration"}},
}
VIDEO = {"videos": {"id", "url", "duration"}}
PARENTS = {"videos/video-extend", "videos/lip-sync", "videos/advanced-lip-sync", "audio/video-to-audio"}


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("http://127.0.0.1"):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _urls(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _urls(entry)


def _check_files(result: Any) -> int:
    urls = list(_urls(result))
    for url in urls:
        response = requests.get(url, timeout=60)
        assert response.status_code == 200
        if response.headers["Content-Type"] == "image/png":
            with Image.open(io.BytesIO(response.content)) as image:
                image.load()
        else:
            seen = decode(response.content)
            assert seen.seconds > 0
            assert (seen.frames > 0) == (response.headers["Content-Type"] == "video/mp4")
    return len(urls)


def test_every_endpoint_has_its_own_rules():
    assert set(RULES) == set(ENDPOINTS)


@pytest.mark.parametrize("slug", ASYNC)
def test_a_job_of_each_endpoint_has_the_documented_result_with_valid_files(start, slug):
    kling = start(scale=0.15, strict=True)
    path = ENDPOINTS[slug].path
    task = kling.finish(kling.create(path, **body(slug, kling)), path)
    assert task["task_status"] == "succeed"
    wanted = SHAPES.get(slug, VIDEO)
    result = task["task_result"]
    # The kind of an omni-image result is next to its files.
    assert {name: set(rows[0]) for name, rows in result.items() if isinstance(rows, list)} == wanted
    assert _check_files(task["task_result"]) >= 1
    assert ("parent_video" in task["task_info"]) == (slug in PARENTS)
    if slug in PARENTS:
        assert task["task_info"]["parent_video"].keys() == {"id", "url", "duration"}
    assert kling.get(path).json()["data"][0] == task


@pytest.mark.parametrize("slug", list(ENDPOINTS))
def test_requests_of_the_providers_models_are_accepted(strict, slug):
    strict.emulator.reset()
    endpoint = ENDPOINTS[slug]
    call = create_request(endpoint, endpoint.request(**body(slug, strict)).wire())
    response = strict.post(call.path, call.body)
    assert response.status_code == 200, response.text


@pytest.fixture(scope="module")
def strict() -> Iterator[Client]:
    with Emulator(strict=True) as emulator:
        yield Client(emulator)


@pytest.mark.parametrize("slug", [slug for slug in ASYNC if ENDPOINTS[slug].external_id])
def test_a_job_of_each_endpoint_is_found_by_its_external_id(kling, slug):
    path = ENDPOINTS[slug].path
    task_id = kling.create(path, **body(slug, kling), external_task_id="mine")
    assert kling.task("mine", path)["task_id"] == task_id


@pytest.mark.parametrize("slug", [slug for slug in ASYNC if not ENDPOINTS[slug].external_id])
def test_undocumented_look_ups_by_external_id_find_nothing(kling, slug):
    path = ENDPOINTS[slug].path
    kling.create(path, **body(slug, kling), external_task_id="mine")
    assert kling.get(f"{path}/mine").json()["code"] == 1201


def test_a_task_is_found_only_at_its_own_endpoint(kling):
    task_id = kling.create()
    assert kling.get(f"/v1/videos/text2video/{task_id}").json()["code"] == 1201


def test_the_two_avatar_endpoints_are_distinguished(kling):
    avatar = kling.create("/v1/videos/avatar", **body("videos/avatar", kling))
    assert [task["task_id"] for task in kling.get("/v1/videos/avatar").json()["data"]] == [avatar]
    assert kling.get("/v1/videos/avatar/image2video").json()["data"] == []


class TestSynchronous:
    def test_tts_responds_with_the_audio(self, kling):
        data = kling.post("/v1/audio/tts", body("audio/tts", kling)).json()["data"]
        assert data["task_status"] == "succeed"
        assert data["final_unit_deduction"] == "0.05"
        (audio,) = data["task_result"]["audios"]
        assert audio.keys() == {"id", "url", "duration"}
        seen = decode(requests.get(audio["url"], timeout=60).content)
        assert (seen.audio or "").startswith("mp3")
        assert seen.seconds == pytest.approx(float(audio["duration"]), abs=0.1)

    def test_longer_texts_take_longer(self, kling):
        def seconds(**changes: Any) -> float:
            response = kling.post("/v1/audio/tts", {**body("audio/tts", kling), **changes}).json()
            return float(response["data"]["task_result"]["audios"][0]["duration"])

        assert seconds(text="x" * 60) == 2 * seconds(text="x" * 30)
        assert seconds(text="x" * 60, voice_speed=2.0) == seconds(text="x" * 30)

    def test_identify_face_responds_with_a_session_and_faces(self, kling):
        data = kling.post("/v1/videos/identify-face", body("videos/identify-face", kling)).json()["data"]
        assert data.keys() == {"session_id", "final_unit_deduction", "face_data"}
        assert data["final_unit_deduction"] == "0.05"
        (face,) = data["face_data"]
        assert face.keys() == {"face_id", "face_image", "start_time", "end_time"}
        assert (face["start_time"], face["end_time"]) == (0, 5000)
        assert _check_files(data) == 1

    def test_image_recognize_responds_with_four_masks(self, kling):
        response = kling.post("/v1/videos/image-recognize", body("videos/image-recognize", kling))
        images = response.json()["data"]["task_result"]["images"]
        assert [image["type"] for image in images] == ["object_seg", "head_seg", "face_seg", "cloth_seg"]
        assert images[0].keys() == {"type", "is_contain", "url"}
        assert _check_files(images) == 4

    def test_synchronous_calls_use_no_slots_and_cannot_be_queried(self, start):
        kling = start(slots=1)
        kling.create()
        response = kling.post("/v1/audio/tts", body("audio/tts", kling))
        assert response.status_code == 200
        task_id = response.json()["data"]["task_id"]
        assert kling.get(f"/v1/audio/tts/{task_id}").json()["code"] == 1202
        assert kling.get("/v1/audio/tts").json()["code"] == 1202

    def test_responses_of_synchronous_calls_can_be_lost(self, kling):
        kling.emulator.faults.set({"lost_response": 1})
        with pytest.raises(requests.ConnectionError):
            kling.post("/v1/audio/tts", body("audio/tts", kling))
        assert kling.emulator.summary["charged_units"] == "0.05"


class TestImages:
    PATH = "/v1/images/generations"

    def test_n_images_use_n_slots(self, start):
        kling = start(slots=5)
        kling.create(self.PATH, model_name="kling-v3", prompt="a cat", n=4)
        response = kling.post(self.PATH, {"model_name": "kling-v3", "prompt": "a cat", "n": 2})
        assert response.json()["code"] == 1303
        assert kling.emulator.summary["active"] == 4

    def test_images_of_one_job_differ(self, kling):
        result = kling.result(self.PATH, model_name="kling-v3", prompt="a cat", n=3)
        assert [image["index"] for image in result["images"]] == [0, 1, 2]
        assert len({requests.get(image["url"], timeout=60).content for image in result["images"]}) == 3

    @pytest.mark.parametrize(
        ("fields", "size"),
        [
            ({}, (672, 378)),
            ({"aspect_ratio": "9:16"}, (378, 672)),
            ({"aspect_ratio": "1:1", "resolution": "2k"}, (1344, 1344)),
            ({"aspect_ratio": "21:9"}, (672, 288)),
        ],
    )
    def test_the_size_of_images_follows_ratio_and_resolution(self, kling, fields, size):
        result = kling.result(self.PATH, model_name="kling-v3", prompt="a cat", **fields)
        with Image.open(io.BytesIO(requests.get(result["images"][0]["url"], timeout=60).content)) as image:
            assert image.size == size

    @pytest.mark.parametrize(("amount", "count"), [(2, 2), (9, 9), ("auto", 3), (None, 4)])
    def test_a_series_has_the_requested_number_of_images(self, kling, amount, count):
        body = {"series_amount": amount} if amount else {}
        result = kling.result(
            "/v1/images/omni-image",
            model_name="kling-v3-omni",
            prompt="a story",
            result_type="series",
            **body,
        )
        assert [image["index"] for image in result["series_images"]] == list(range(count))
        assert "images" not in result

    def test_an_expanded_image_contains_the_original(self, kling):
        from tests.unit.emulator.conftest import png

        result = kling.result(
            "/v1/images/editing/expand",
            image=png(600, 400, "red"),
            up_expansion_ratio=0,
            down_expansion_ratio=0,
            left_expansion_ratio=1.0,
            right_expansion_ratio=1.0,
            n=2,
        )
        one, two = (requests.get(image["url"], timeout=60).content for image in result["images"])
        assert one != two
        with Image.open(io.BytesIO(requests.get(result["images"][0]["url"], timeout=60).content)) as image:
            assert image.width / image.height == pytest.approx(4.5, rel=0.01)
            middle = image.getpixel((image.width // 2, image.height // 2))
            edge = image.getpixel((10, image.height // 2))
        assert middle[0] > 240
        assert edge[0] < 200

    def test_multi_shot_returns_three_groups_of_views(self, kling):
        result = kling.result("/v1/general/ai-multi-shot", **body("general/ai-multi-shot", kling))
        assert [image["index"] for image in result["images"]] == [0, 1, 2]
        assert _check_files(result) == 9


class _NewRequest(KlingRequest):
    """An endpoint of tomorrow."""

    prompt: str


@pytest.mark.parametrize(
    "result",
    [ResultType.VIDEOS, ResultType.IMAGES, ResultType.AUDIOS, ResultType.VOICES, ResultType.ELEMENTS],
)
def test_an_endpoint_without_rules_of_its_own_is_served(start, monkeypatch, result):
    endpoint = Endpoint("/v1/videos/from-tomorrow", _NewRequest, result)
    others = {**resources.HANDLERS, **billing.HANDLERS}
    find = tasks.build_router({endpoint.slug: endpoint}, others)
    monkeypatch.setattr("airflow_provider_kling.emulator.server.tasks.build_router", lambda *_: find)
    kling = start(scale=0.15)
    made = kling.result(endpoint.path, prompt="a cat", something_new=True)
    assert _check_files(made) >= 1
    assert kling.post(endpoint.path, {"prompt": None}).json()["code"] == 1201
