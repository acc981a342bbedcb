# SPDX-License-Identifier: Apache-2.0
"""Voices and elements: made, listed, found by name, deleted as often as one likes."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api.requests.library import CustomElement
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingAuthError, KlingRequestInvalid, KlingServerError
from airflow_provider_kling.hooks.kling import KlingHook
from scripts.local_airflow import EXAMPLES

IMAGE_URL = base64.b64encode(Path(EXAMPLES / "assets" / "city.jpg").read_bytes()).decode()


def element(name: str) -> CustomElement:
    return CustomElement(
        element_name=name,
        element_description="a harbour town",
        reference_type="image_refer",
        element_image_list={"frontal_image": IMAGE_URL, "refer_images": [{"image_url": IMAGE_URL}]},
    )


def test_a_voice_is_found_by_its_name_until_it_is_deleted(
    hook: KlingHook, voice: Callable[[str], str]
) -> None:
    voice_id = voice("Anna")
    found = hook.voices.find("Anna")
    assert found is not None
    assert found["voice_id"] == voice_id
    assert found["owned_by"] != "kling"

    assert hook.voices.delete(voice_id) is True
    assert hook.voices.find("Anna") is None
    assert list(hook.voices.own()) == []


def test_an_element_is_found_by_its_name_until_it_is_deleted(hook: KlingHook) -> None:
    created = hook.elements.create(element("Harbour"))
    done = hook.wait("general/advanced-custom-elements", created.task_id, 0.2, timeout=20)
    found = hook.elements.find("Harbour")
    assert found is not None
    assert found["element_id"] == done.result["elements"][0]["element_id"]

    assert hook.elements.delete(found["element_id"]) is True
    # The API goes on listing it, as deleted.
    (listed,) = hook.list_tasks("general/advanced-custom-elements")
    assert [item["status"] for item in listed.result["elements"]] == ["deleted"]
    assert hook.elements.find("Harbour") is None


def test_presets_are_found_by_name_too(hook: KlingHook) -> None:
    voices, elements = list(hook.voices.presets()), list(hook.elements.presets())
    assert voices
    assert elements
    assert {item["owned_by"] for item in [*voices, *elements]} == {"kling"}
    assert hook.voices.find(voices[-1]["voice_name"]) is not None
    assert hook.elements.find(elements[-1]["element_name"]) is not None


def test_ones_own_come_before_presets_of_the_same_name(hook: KlingHook, voice: Callable[[str], str]) -> None:
    preset = next(hook.voices.presets())
    voice_id = voice(preset["voice_name"])
    found = hook.voices.find(preset["voice_name"])
    assert found is not None
    assert found["voice_id"] == voice_id


@pytest.mark.parametrize("kind", ["voices", "elements"])
def test_deleting_what_does_not_exist_succeeds_with_a_log_line(
    hook: KlingHook, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert getattr(hook, kind).delete("123456") is False
    assert f"There is no {kind[:-1]} 123456: nothing to delete" in caplog.text


def test_deleting_twice_is_fine(hook: KlingHook, voice: Callable[[str], str]) -> None:
    voice_id = voice("Bert")
    assert [hook.voices.delete(voice_id), hook.voices.delete(voice_id)] == [True, False]


def test_a_response_without_data_is_a_deletion(scripted: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "message": "SUCCEED", "request_id": "x"})
    assert hook.voices.delete("77") is True
    assert hook.elements.delete(88) is True
    assert script.requests == [
        ("/v1/general/delete-voices", {"voice_id": "77"}),
        ("/v1/general/delete-advanced-elements", {"element_id": "88"}),
    ]


def test_a_deletion_is_requested_again_when_the_server_fails(scripted: Any) -> None:
    hook, script = scripted
    script.add({"code": 5000, "message": "internal"}, 500)
    script.add({"code": 1201, "message": "Voice id not found"}, 400)
    assert hook.voices.delete("77") is False
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        (400, 1201, "voice_id 77 belongs to the platform and cannot be deleted", KlingRequestInvalid),
        (404, 1202, "The requested method does not exist", KlingRequestInvalid),
        (401, 1002, "Authorization not found", KlingAuthError),
    ],
)
def test_other_refusals_are_no_success(
    scripted: Any, status: int, code: int, message: str, error: type[Exception]
) -> None:
    hook, script = scripted
    script.add({"code": code, "message": message}, status)
    with pytest.raises(error) as caught:
        hook.voices.delete("77")
    assert message in str(caught.value)
    assert "charged" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"message": "voice 77 not found"}),
        (404, {"code": 404, "message": "Voice does not exist"}),
        (410, {"code": "gone", "message": "voice_id 77: no such voice"}),
        (400, {"code": 1201, "message": "voice has been deleted"}),
        (400, {"code": 1201, "message": "cannot find voice by id: 77"}),
        (400, {"code": 1201, "message": "音色不存在"}),
    ],
)
def test_what_does_not_exist_is_deleted_in_the_words_of_any_host(
    scripted: Any, status: int, body: dict[str, Any]
) -> None:
    hook, script = scripted
    script.add({"code": 5000, "message": "internal"}, 500)
    script.add(body, status)
    assert hook.voices.delete("77") is False


@pytest.mark.parametrize(
    "body",
    [
        {"detail": "Not Found"},
        {"message": "path /v1/general/delete-voices not found"},
        {"message": "element 77 not found"},
    ],
)
def test_a_path_that_does_not_exist_is_no_deletion(scripted: Any, body: dict[str, Any]) -> None:
    hook, script = scripted
    script.add(body, 404)
    with pytest.raises(KlingRequestInvalid, match="Wrong URL"):
        hook.voices.delete("77")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"task_id": "5", "task_status": "failed", "task_status_msg": "in use"}, "did not delete voice 77"),
        ({"voice_id": "78"}, "the response is about another one, 78"),
    ],
)
def test_a_deletion_counts_only_if_its_answer_says_so(scripted: Any, data: dict[str, Any], text: str) -> None:
    hook, script = scripted
    script.add({"code": 0, "message": "SUCCEED", "data": data})
    with pytest.raises(KlingServerError, match=text):
        hook.voices.delete("77")
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "data",
    [
        {"voice_id": "77"},
        {"voice_id": 77},
        {"voice_id": 77.0},
        {"task_id": "5", "task_status": "submitted"},
        None,
        [],
    ],
)
def test_other_answers_to_a_deletion_are_successes(scripted: Any, data: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "message": "SUCCEED", "data": data})
    assert hook.voices.delete("77") is True


@pytest.mark.parametrize(("kind", "wrong"), [("voices", ""), ("elements", ""), ("elements", "anna")])
def test_what_cannot_be_an_id_is_not_sent(scripted: Any, kind: str, wrong: str) -> None:
    hook, script = scripted
    with pytest.raises(KlingRequestInvalid, match=f"{kind[:-1]}_id"):
        getattr(hook, kind).delete(wrong)
    assert script.requests == []


def task(number: int) -> dict[str, Any]:
    voices = [{"voice_id": str(number), "voice_name": f"voice {number}"}]
    return {"task_id": f"t{number}", "task_status": "succeed", "task_result": {"voices": voices}}


def page(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "data": list(tasks)}


def test_all_pages_are_read_however_small_the_host_makes_them(scripted: Any) -> None:
    hook, script = scripted
    unfinished = {"task_id": "t9", "task_status": "processing"}
    for response in (page(task(1), task(2)), page(unfinished), page(task(3)), page()):
        script.add(response)
    assert [item["voice_id"] for item in hook.voices.own()] == ["1", "2", "3"]
    assert [path for path, _ in script.requests] == [
        f"/v1/general/custom-voices?pageNum={number}&pageSize=500" for number in (1, 2, 3, 4)
    ]


def test_a_host_that_knows_no_pages_is_read_once_and_once_more(scripted: Any) -> None:
    hook, script = scripted
    script.add(page(task(1), task(2)))
    assert [item["voice_id"] for item in hook.voices.own()] == ["1", "2"]
    assert len(script.requests) == 2


def test_a_rounded_id_in_an_answer_is_the_one_that_was_asked_for(scripted: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "data": {"element_id": 829900000000001300}})
    assert hook.elements.delete("829900000000001234") is True


def test_a_list_of_one_may_be_an_object(scripted: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "message": "SUCCEED", "data": task(1)})
    assert [item["voice_id"] for item in hook.voices.own()] == ["1"]


def test_what_has_no_id_is_no_voice(scripted: Any) -> None:
    hook, script = scripted
    nameless = task(1)
    nameless["task_result"]["voices"] = [
        *({"voice_id": None, "voice_name": "voice 2"}, {"voice_name": "voice 2"}, "text", None),
        {"voice_id": 7, "voice_name": "voice 7"},
    ]
    script.add(page(nameless, task(2)))
    assert [item["voice_id"] for item in hook.voices.own()] == [7, "2"]
    assert hook.voices.find("voice 2")["voice_id"] == "2"


def test_finding_reads_no_further_than_it_must(scripted: Any) -> None:
    hook, script = scripted
    script.add(page(task(1), task(2)))
    assert hook.voices.find("voice 2")["voice_id"] == "2"
    assert len(script.requests) == 1


def test_creating_is_never_repeated(hook: KlingHook, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"late_error": 1})
    with pytest.raises(KlingServerError, match="may be charged"):
        hook.elements.create(element("Twice"))
    assert len(kling_emulator.jobs) == 1
