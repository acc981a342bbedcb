# SPDX-License-Identifier: Apache-2.0
"""API 2.0 and the solutions as the vendor documents them."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
import requests

from airflow_provider_kling.emulator.options import Dialect
from tests.unit.emulator.conftest import LONG, Client, png
from tests.unit.emulator.decoded_media import decode
from tests.unit.emulator.sample_bodies import URL, VIDEO_URL

TURBO = "/text-to-video/kling-3.0-turbo"
IMAGE_CONTENT = {"type": "first_frame", "url": URL}
WORDS = {"type": "prompt", "text": "a cat"}
DRESSED = [{"type": "product_image", "url": URL}, {"type": "person_image", "url": URL}]

GOOD: dict[str, Any] = {
    TURBO: {"prompt": "a cat", "settings": {"resolution": "1080p", "duration": 3}},
    "/text-to-video/kling-2.6": {"prompt": "a cat", "settings": {"audio": "native", "resolution": "1080p"}},
    "/image-to-video/kling-3.0": {"contents": [WORDS, IMAGE_CONTENT], "settings": {"multi_shot": False}},
    "/omni-video/kling-3.0-omni": {
        "contents": [WORDS, {"type": "base_video", "url": VIDEO_URL, "id": "film"}],
        "settings": {"audio": "original"},
    },
    "/omni-video/kling-o1": {"contents": [WORDS, {"type": "refer_image", "url": URL}]},
    "/motion-control/kling-3.0": {
        "contents": [{"type": "image", "url": png()}, {"type": "video", "url": VIDEO_URL}],
        "settings": {"character_orientation": "video"},
    },
}


def make(kling: Client, path: str = TURBO, body: Any = None, **options: Any) -> str:
    body = {**(body or GOOD[path]), "options": options}
    response = kling.post(path, body)
    assert response.status_code == 200, response.text
    return str(response.json()["data"]["id"])


def found(kling: Client, **query: str) -> list[dict[str, Any]]:
    response = kling.get("/tasks", **query)
    assert response.status_code == 200, response.text
    return list(response.json()["data"])


@pytest.mark.parametrize("path", list(GOOD))
def test_a_job_of_each_endpoint_returns_a_valid_video(start, path):
    kling = start(scale=0.15, strict=True)
    response = kling.post(path, GOOD[path]).json()["data"]
    assert response.keys() == {"id", "status", "message", "create_time", "update_time"}
    assert response["status"] == "submitted"
    kling.emulator.advance(LONG)
    (task,) = found(kling, task_ids=response["id"])
    assert task["status"] == "succeeded"
    (output,) = task["outputs"]
    assert output.keys() == {"type", "id", "url", "duration"}
    assert output["type"] == "video"
    seen = decode(requests.get(output["url"], timeout=60).content)
    assert seen.seconds == pytest.approx(float(output["duration"]), abs=0.1)
    (bill,) = task["billing"]
    assert (bill["charge_type"], bill["package_type"]) == ("unit", "video")
    assert float(bill["amount"]) > 0


@pytest.mark.parametrize(
    ("path", "units"),
    [
        (TURBO, "3"),
        ("/text-to-video/kling-2.6", "5"),
        ("/image-to-video/kling-3.0", "3"),
        ("/omni-video/kling-3.0-omni", "4.5"),
        ("/omni-video/kling-o1", "3"),
        ("/motion-control/kling-3.0", "4.5"),
    ],
)
def test_the_price_depends_on_model_and_settings(kling, path, units):
    task_id = make(kling, path)
    kling.emulator.advance(LONG)
    assert found(kling, task_ids=task_id)[0]["billing"][0]["amount"] == units


def test_several_tasks_can_be_queried_at_once(kling):
    ids = [make(kling, external_task_id=f"mine-{number}") for number in range(3)]
    assert {task["id"] for task in found(kling, task_ids=",".join([*ids, "999"]))} == set(ids)
    assert [task["id"] for task in found(kling, external_task_ids="mine-2,mine-0")] == [ids[2], ids[0]]
    assert found(kling, external_task_ids="yours") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 1200),
        ({"task_ids": "1", "external_task_ids": "a"}, 1200),
        ({"task_ids": ",".join(str(number) for number in range(21))}, 1201),
    ],
)
def test_invalid_queries_are_refused(kling, query, code):
    response = kling.get("/tasks", **query)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_an_external_id_can_be_used_only_once(kling):
    make(kling, external_task_id="mine")
    response = kling.post(TURBO, {"prompt": "a dog", "options": {"external_task_id": "mine"}})
    assert response.json()["code"] == 1201
    assert "already exists" in response.json()["message"]
    assert len(kling.emulator.jobs) == 1


def test_a_failed_job_has_its_reason(start):
    kling = start(faults={"failed_job": 1})
    task_id = make(kling)
    kling.emulator.advance(LONG)
    (task,) = found(kling, task_ids=task_id)
    assert task["status"] == "failed"
    assert task["message"]
    assert "billing" not in task


def test_signed_tokens_are_refused(kling):
    now = 1_900_000_000
    options = kling.emulator.options
    token = jwt.encode({"iss": options.access_key, "exp": now, "nbf": 0}, options.secret_key)
    for response in (
        requests.post(
            kling.emulator.url + TURBO,
            json=GOOD[TURBO],
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        ),
        requests.get(
            kling.emulator.url + "/tasks?task_ids=1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        ),
    ):
        assert (response.status_code, response.json()["code"]) == (401, 1002)
        assert "does not support AK/SK" in response.json()["message"]
    assert not kling.emulator.jobs


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/text-to-video/kling-4", GOOD[TURBO]),
        (TURBO, {"settings": {}}),
        (TURBO, {"prompt": "x" * 3073}),
        (TURBO, {"prompt": "a cat", "settings": {"audio": "native"}}),
        (TURBO, {"prompt": "a cat", "settings": {"resolution": "4k"}}),
        (TURBO, {"prompt": "a cat", "settings": {"duration": "5"}}),
        (TURBO, {"prompt": "a cat", "settings": {"multi_shot": True}}),
        ("/text-to-video/kling-2.6", {"prompt": "a cat", "settings": {"audio": "native"}}),
        ("/text-to-video/kling-2.6", {"prompt": "a cat", "settings": {"duration": 7}}),
        ("/text-to-video/kling-2.5-turbo", {"prompt": "x" * 2501}),
        ("/image-to-video/kling-3.0", {"contents": [WORDS]}),
        ("/image-to-video/kling-3.0", {"contents": [IMAGE_CONTENT, {"type": "refer_image", "url": URL}]}),
        ("/image-to-video/kling-3.0", {"contents": [IMAGE_CONTENT, {"url": URL}]}),
        ("/image-to-video/kling-3.0", {"contents": [IMAGE_CONTENT, {"type": "element", "element_id": "1"}]}),
        (
            "/image-to-video/kling-3.0-turbo",
            {"contents": [IMAGE_CONTENT, {"type": "last_frame", "url": URL}]},
        ),
        (
            "/image-to-video/kling-2.6",
            {"contents": [IMAGE_CONTENT, {"type": "voice", "voice_id": "1", "id": "a"}]},
        ),
        ("/omni-video/kling-3.0-omni", {"contents": [WORDS, {"type": "last_frame", "url": URL}]}),
        (
            "/omni-video/kling-3.0-omni",
            {"contents": [IMAGE_CONTENT, {"type": "base_video", "url": VIDEO_URL}]},
        ),
        (
            "/omni-video/kling-3.0-omni",
            {
                "contents": [{"type": "feature_video", "url": VIDEO_URL}],
                "settings": {"audio": "original"},
            },
        ),
        ("/omni-video/kling-o1", {"contents": [WORDS, IMAGE_CONTENT], "settings": {"duration": 6}}),
        ("/omni-video/kling-o1", {"contents": [WORDS], "settings": {"duration": 11}}),
        ("/motion-control/kling-3.0", {"contents": [{"type": "image", "url": URL}], "settings": {}}),
        ("/solutions/virtual_try_on", {"contents": DRESSED[:1]}),
    ],
)
def test_invalid_bodies_are_refused(kling, path, body):
    response = kling.post(path, body)
    assert response.status_code in (400, 404), response.text
    assert response.json()["code"] in (1200, 1201, 1203)
    assert not kling.emulator.jobs


def test_virtual_try_on_has_the_documented_result(start):
    kling = start(scale=0.15, strict=True)
    body = {"contents": DRESSED, "settings": {"keep_pose": False}, "options": {"external_task_id": "mine"}}
    response = kling.post("/solutions/virtual_try_on", body).json()["data"]
    kling.emulator.advance(LONG)
    assert kling.get("/tasks", task_ids=response["task_id"]).json()["data"] == []
    (task,) = kling.get("/solutions", external_task_ids="mine").json()["data"]
    assert (task["id"], task["status"]) == (response["task_id"], "succeed")
    assert [output["type"] for output in task["outputs"]] == ["image"]
    assert requests.get(task["outputs"][0]["url"], timeout=60).headers["Content-Type"] == "image/png"


def test_gateways_do_not_have_api_2(start):
    kling = start("/kling", dialect=Dialect.COMETAPI)
    assert kling.post(TURBO, GOOD[TURBO]).status_code == 404
    assert kling.get("/tasks", task_ids="1").status_code == 404


def test_requests_are_counted_without_the_model(kling):
    make(kling)
    found(kling, task_ids="1")
    assert kling.emulator.count("POST", "/text-to-video/{model_name}") == 1
    assert kling.emulator.count("GET", "/tasks") == 1


def test_ids_in_paths_may_contain_any_character(kling):
    kling.create(external_task_id="shop/red shoe#2?")
    response = kling.get("/v1/videos/image2video/shop%2Fred%20shoe%232%3F")
    assert response.json()["data"]["task_info"] == {"external_task_id": "shop/red shoe#2?"}


def test_a_list_is_paginated_by_cursor(kling):
    ids = [make(kling) for _ in range(5)]
    seen, cursor = [], ""
    for _ in range(3):
        data = kling.post("/tasks", {"limit": 2, "cursor": cursor}).json()["data"]
        assert data["count"] == len(data["result"])
        seen += [task["id"] for task in data["result"]]
        cursor = data["next_cursor"]
    assert seen == ids[::-1]
    assert (data["has_more"], cursor) == (False, "")


@pytest.mark.parametrize("body", [{"limit": 501}, {"limit": 0}, {"cursor": "x"}, {"limit": "2"}])
def test_invalid_list_calls_are_refused(kling, body):
    assert kling.post("/tasks", body).json()["code"] in (1200, 1201)
