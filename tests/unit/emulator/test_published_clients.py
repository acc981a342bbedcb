# SPDX-License-Identifier: Apache-2.0
"""Requests that published clients and the vendor's own examples send, replayed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.unit.emulator.conftest import IMAGE_TO_VIDEO, LONG, Client, png
from tests.unit.emulator.sample_bodies import URL

TEXT_TO_VIDEO = "/v1/videos/text2video"
ELEMENTS = "/v1/general/advanced-custom-elements"
TRY_ON = "/v1/images/kolors-virtual-try-on"
IMAGES = "/v1/images/generations"
OMNI_IMAGE = "/v1/images/omni-image"
TURBO = "/text-to-video/kling-3.0-turbo"
BOAT = {"model_name": "kling-v3", "prompt": "A boat"}
OMNI = {"model_name": "kling-v3-omni", "prompt": "A boat"}


def ids(response: Any) -> list[str]:
    """The ids of a list of API 2.0."""
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    return [task["id"] for task in (data["result"] if isinstance(data, dict) else data)]


@pytest.mark.parametrize("path", ["/v1/general/presets-voices", "/v1/general/custom-voices"])
def test_a_page_of_voices_may_have_a_thousand_entries(kling: Client, path: str) -> None:
    assert kling.get(path, pageSize=1000).status_code == 200
    assert kling.get(path, pageSize=1001).status_code == 400
    assert kling.get(IMAGE_TO_VIDEO, pageSize=501).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        f"{IMAGE_TO_VIDEO}/",
        f"/v1//videos/image2video{''}",
        f"{IMAGE_TO_VIDEO}//",
        "//v1/videos//image2video/",
    ],
)
def test_redundant_slashes_are_ignored(kling: Client, path: str) -> None:
    made = kling.post(path, {**BOAT, "image": png()})
    assert made.status_code == 200, made.text
    ident = made.json()["data"]["task_id"]
    for asked in (f"{path}/{ident}", f"{IMAGE_TO_VIDEO}/{ident}/", f"/v1/videos/image2video//{ident}"):
        assert kling.get(asked).json()["data"]["task_id"] == ident
    assert kling.get(path).json()["data"][0]["task_id"] == ident


def test_paths_of_elements_may_end_with_a_slash(kling: Client) -> None:
    assert kling.get(f"{ELEMENTS}/", pageNum=1, pageSize=30).status_code == 200
    # A body that is refused has been read: the path is known.
    assert kling.post(f"{ELEMENTS}/", {}).json()["code"] in (1200, 1201)
    assert kling.get(f"{TRY_ON}//8").json()["code"] != 1202


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (TEXT_TO_VIDEO, {**BOAT, "duration": 5}),
        (IMAGE_TO_VIDEO, {**BOAT, "image": png(), "duration": 10}),
        ("/v1/videos/omni-video", {**OMNI, "aspect_ratio": "16:9", "duration": 5}),
        (OMNI_IMAGE, {**OMNI, "result_type": "series", "series_amount": "3"}),
        (OMNI_IMAGE, {**OMNI, "result_type": "series", "series_amount": "auto"}),
    ],
    ids=["text2video", "image2video", "omni-video", "series as text", "series auto"],
)
def test_numbers_may_be_text_and_text_may_be_numbers(kling: Client, path: str, body: dict[str, Any]) -> None:
    response = kling.post(path, body)
    assert response.status_code == 200, response.text
    kling.emulator.advance(LONG)
    task = kling.task(response.json()["data"]["task_id"], path)
    assert task["task_status"] == "succeed"
    if body.get("series_amount") == "3":
        assert len(task["task_result"]["series_images"]) == 3


@pytest.mark.parametrize("value", [True, 5.5, 7.0, 99, [5]])
def test_other_numbers_are_refused_as_durations(kling: Client, value: Any) -> None:
    assert kling.post(TEXT_TO_VIDEO, {**BOAT, "duration": value}).json()["code"] in (1200, 1201)


@pytest.mark.parametrize("kind", ["single", "series"])
def test_a_result_of_omni_image_has_its_type(kling: Client, kind: str) -> None:
    ident = kling.create(OMNI_IMAGE, **OMNI, result_type=kind)
    assert kling.finish(ident, OMNI_IMAGE)["task_result"]["result_type"] == kind
    (task,) = kling.get("/tasks", task_ids=ident).json()["data"]
    assert {output["type"] for output in task["outputs"]} == {"image" if kind == "single" else "series_image"}


NODES = "the vendor's ComfyUI nodes"
REPLAYED: dict[str, tuple[str, dict[str, Any]]] = {
    # Whole numbers as text, as its duration is sent; the watermark as an object.
    "Vercel's SDK, text to video": (
        TEXT_TO_VIDEO,
        {
            **{"model_name": "kling-v3", "prompt": "A boat", "negative_prompt": "rain", "sound": "on"},
            **{"mode": "pro", "aspect_ratio": "16:9", "duration": "5", "watermark_info": {"enabled": True}},
        },
    ),
    "Vercel's SDK, shots": (
        TEXT_TO_VIDEO,
        {
            **{"model_name": "kling-v3", "prompt": "", "duration": "5", "multi_shot": True},
            "shot_type": "customize",
            "multi_prompt": [
                {"index": 1, "prompt": "A boat", "duration": "2"},
                {"index": 2, "prompt": "A storm", "duration": "3"},
            ],
        },
    ),
    "Vercel's SDK, image to video": (
        IMAGE_TO_VIDEO,
        {**BOAT, "image": png(), "image_tail": png(), "mode": "pro", "duration": "10"},
    ),
    "Vercel's SDK, motion control": (
        "/v1/videos/motion-control",
        {
            **{"model_name": "kling-v2-6", "video_url": URL, "image_url": png(), "mode": "std"},
            **{"character_orientation": "image", "keep_original_sound": "yes"},
        },
    ),
    f"{NODES}, text to video": (
        TEXT_TO_VIDEO,
        {**BOAT, "cfg_scale": 0.8, "mode": "std", "aspect_ratio": "16:9", "duration": "5"},
    ),
    f"{NODES}, an image": (IMAGES, {**BOAT, "model": "kling-v3", "n": 1, "negative_prompt": "rain"}),
    # The ratios as whole numbers.
    f"{NODES}, expansion": (
        "/v1/images/editing/expand",
        {
            **{"image": png(), "n": 1, "prompt": "A harbour", "up_expansion_ratio": 1},
            **{"down_expansion_ratio": 0, "right_expansion_ratio": 0, "left_expansion_ratio": 0},
        },
    ),
    f"{NODES}, text to audio": ("/v1/audio/text-to-audio", {"prompt": "Rain", "duration": 3.0}),
    # Its code had the misspelt key, which the API ignores.
    f"{NODES}, video to audio": (
        "/v1/audio/video-to-audio",
        {"video_url": URL, "sound_effect_prompt": "Rain", "bgm_prompt": "Jazz", "asmr_mod": False},
    ),
    "a Python client whose durations are numbers": (
        "/v1/videos/omni-video",
        {
            **{"model_name": "kling-v3-omni", "mode": "std", "aspect_ratio": "16:9", "duration": 10},
            **{
                "external_task_id": "ep15-clip1-1",
                "prompt": "<<<image_1>>> sails",
                "negative_prompt": "ghost",
            },
            "image_list": [{"image_url": png()}],
        },
    ),
    "a Python client that sends three fields": (IMAGE_TO_VIDEO, {**BOAT, "image": png()}),
    "a Python client that sends unused fields as empty text": (
        IMAGE_TO_VIDEO,
        {**BOAT, "image": png(), "image_tail": "", "negative_prompt": "", "duration": 5, "callback_url": ""},
    ),
}


@pytest.mark.parametrize(("path", "body"), REPLAYED.values(), ids=REPLAYED)
def test_complete_requests_of_clients_are_accepted(kling: Client, path: str, body: dict[str, Any]) -> None:
    made = kling.post(path, body)
    assert made.status_code == 200, made.text
    response = made.json()
    assert (response["code"], type(response["message"]), type(response["request_id"])) == (0, str, str)
    ident = response["data"]["task_id"]
    kling.emulator.advance(LONG)
    task = kling.task(ident, path)
    # The types that the schema of Vercel's SDK and the classes of the nodes require.
    assert (task["task_status"], type(task["task_id"])) == ("succeed", str)
    assert isinstance(task["final_unit_deduction"], str)
    assert isinstance(task["created_at"], int)
    items = [item for kind in task["task_result"].values() for item in kind]
    assert items
    for item in items:
        texts = [value for name, value in item.items() if name != "index"]
        assert texts
        assert all(isinstance(value, str) for value in texts), item


class TestTasks:
    def test_tasks_of_v1_are_listed_too(self, kling: Client) -> None:
        image = kling.create(IMAGES, **BOAT, external_task_id="mine")
        film = str(kling.post(TURBO, {"prompt": "a cat"}).json()["data"]["id"])
        kling.emulator.advance(LONG)
        old, new = kling.get("/tasks", task_ids=f"{image},{film}").json()["data"]
        assert (old["id"], old["status"], new["id"]) == (image, "succeeded", film)
        assert (old["external_id"], old["outputs"][0]["type"]) == ("mine", "image")
        assert old["outputs"][0]["url"].startswith("http")
        assert old["billing"][0]["charge_type"] == "unit"
        assert ids(kling.get("/tasks", external_task_ids="mine")) == [image]
        assert ids(kling.post("/tasks", {})) == [film, image]

    def test_tasks_can_be_filtered(self, kling: Client) -> None:
        kling.emulator.faults.set({"failed_word": "storm"})
        film = str(kling.post(TURBO, {"prompt": "a cat"}).json()["data"]["id"])
        lost = str(kling.post(TURBO, {"prompt": "a storm"}).json()["data"]["id"])
        image = kling.create(IMAGES, **BOAT)
        kling.emulator.advance(LONG)
        for filters, right in (
            ([("status", ["failed"])], [lost]),
            ([("status", ["succeeded"])], [image, film]),
            ([("status", ["succeed", "failed"])], [image, lost, film]),
            ([("product_type", ["image"])], [image]),
            ([("product_type", ["video"]), ("status", ["succeeded"])], [film]),
            ([("product_type", ["try_on"])], []),
            ([("status", [])], [image, lost, film]),
        ):
            asked = [{"key": key, "values": values} for key, values in filters]
            assert ids(kling.post("/tasks", {"filters": asked})) == right, filters
        assert kling.post("/tasks", {"filters": [{"key": "colour", "values": ["red"]}]}).status_code == 400

    def test_tasks_can_be_filtered_by_time(self, kling: Client) -> None:
        early = str(kling.post(TURBO, {"prompt": "a cat"}).json()["data"]["id"])
        (task,) = kling.get("/tasks", task_ids=early).json()["data"]
        kling.emulator.advance(LONG)
        late = str(kling.post(TURBO, {"prompt": "a cat"}).json()["data"]["id"])
        between = task["create_time"] + 1000
        for kind in (int, str):
            assert ids(kling.post("/tasks", {"start_time": kind(between)})) == [late]
            assert ids(kling.post("/tasks", {"end_time": kind(between)})) == [early]
        assert kling.post("/tasks", {"start_time": "yesterday"}).status_code == 400
        kling.emulator.advance(31 * 86_400)
        assert ids(kling.post("/tasks", {})) == [], "the last 30 days unless asked for more"
        assert ids(kling.post("/tasks", {"start_time": 0})) == [late, early]


class TestCameraAndMasks:
    """As the request models judge: no model that is served takes them."""

    @pytest.mark.parametrize("model", ["kling-v2-5-turbo", "kling-v2-6", "kling-v3"])
    @pytest.mark.parametrize(
        "more",
        [{"camera_control": {"type": "down_back"}}, {"static_mask": URL}],
        ids=["camera", "mask"],
    )
    def test_current_models_refuse_camera_and_masks(
        self, kling: Client, model: str, more: dict[str, Any]
    ) -> None:
        response = kling.post(IMAGE_TO_VIDEO, {"model_name": model, "image": png(), **more})
        assert (response.status_code, response.json()["code"]) == (400, 1201)
        assert f"is not supported by {model}" in response.json()["message"]

    @pytest.fixture
    def old(self) -> Iterator[Client]:
        with Emulator(models=("kling-v1",)) as emulator:
            yield Client(emulator)

    @pytest.mark.parametrize(
        ("camera", "taken"),
        [
            ({"type": "simple", "config": {"zoom": -10}}, True),
            ({"type": "down_back"}, True),
            ({"type": "down_back", "config": {"zoom": 0, "pan": 0}}, True),
            ({"type": "down_back", "config": {"zoom": 1}}, False),
            ({"type": "simple", "config": {"zoom": 0}}, False),
        ],
    )
    def test_retired_models_accept_camera_and_masks(
        self, old: Client, camera: dict[str, Any], taken: bool
    ) -> None:
        response = old.post(
            TEXT_TO_VIDEO, {"model_name": "kling-v1", "prompt": "A", "camera_control": camera}
        )
        assert (response.status_code == 200) is taken, response.text
