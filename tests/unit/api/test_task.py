# SPDX-License-Identifier: Apache-2.0
"""Every envelope in use is read as the same task: official, gateway, new API, callback."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.task import RESULT_DAYS, KlingTask, TaskStatus, parse_task

VIDEO = {"id": "v1", "url": "https://cdn.example/v1.mp4", "duration": "5.1"}
CREATED, UPDATED = 1_777_385_361_501, 1_777_385_363_321


def official(**data: Any) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data}


def wrapped(inner: Any, **outer: Any) -> dict[str, Any]:
    """The form of new-api gateways: their own record around the vendor's last answer."""
    record = {"task_id": "gw-1", "action": "OMNI_VIDEO", "fail_reason": "", "progress": "50%", **outer}
    return {"code": "success", "message": "", "data": {**record, "data": inner}}


def read(payload: dict[str, Any]) -> KlingTask:
    task = parse_task(payload)
    assert task is not None
    return task


def test_official_create_response() -> None:
    task = read(
        official(
            task_id="878",
            task_status="submitted",
            task_info={"external_task_id": "af-1"},
            created_at=CREATED,
            updated_at=CREATED,
        )
    )
    assert task == KlingTask("878", TaskStatus.SUBMITTED, "submitted", "af-1", "", CREATED, CREATED)
    assert task.expires_at is None


def test_official_query_of_a_finished_task() -> None:
    task = read(
        official(
            task_id="878",
            task_status="succeed",
            task_status_msg="",
            task_info={"parent_video": {}, "external_task_id": "af-1"},
            created_at=CREATED,
            updated_at=UPDATED,
            final_unit_deduction="3.5",
            task_result={"videos": [VIDEO], "images": []},
        )
    )
    assert task.status is TaskStatus.SUCCEED
    assert task.result == {"videos": [VIDEO]}
    assert task.units == "3.5"
    assert task.expires_at == UPDATED + RESULT_DAYS * 24 * 3600 * 1000


def test_a_failed_task_names_the_cause_though_its_envelope_reports_succeed() -> None:
    task = read(official(task_id="1", task_status="failed", task_status_msg="no face found"))
    assert (task.status, task.message) == (TaskStatus.FAILED, "no face found")


def test_a_task_that_has_not_failed_has_no_message() -> None:
    assert read(official(task_id="1", task_status="processing", task_status_msg="queueing")).message == ""


def test_data_as_an_array_of_one() -> None:
    payload = official() | {"data": [{"task_id": "9", "task_status": "processing"}]}
    assert read(payload) == KlingTask("9", TaskStatus.PROCESSING, "processing")


def test_cometapi_query() -> None:
    task = read(
        official(
            task_id="878106242831892487",
            task_info={},
            created_at=CREATED,
            updated_at=UPDATED,
            task_result={},
            task_status="processing",
        )
    )
    assert (task.task_id, task.status, task.result) == ("878106242831892487", TaskStatus.PROCESSING, {})


def test_flat_create_response() -> None:
    task = read({"code": 0, "message": "", "task_id": "task_7"})
    assert (task.task_id, task.status) == ("task_7", TaskStatus.SUBMITTED)


@pytest.mark.parametrize("depth", ["data.data", "data.data.data"])
def test_wrapped_success_has_the_gateways_id_and_the_vendors_result(depth: str) -> None:
    inner: dict[str, Any] = {"task_id": "878", "task_status": "succeed", "task_result": {"videos": [VIDEO]}}
    if depth == "data.data.data":
        inner = official(**inner)
    task = read(wrapped(inner, status="SUCCESS"))
    assert (task.task_id, task.status, task.raw_status) == ("gw-1", TaskStatus.SUCCEED, "succeed")
    assert task.result == {"videos": [VIDEO]}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("NOT_START", TaskStatus.SUBMITTED),
        ("SUBMITTED", TaskStatus.SUBMITTED),
        ("QUEUED", TaskStatus.SUBMITTED),
        ("IN_PROGRESS", TaskStatus.PROCESSING),
        ("SUCCESS", TaskStatus.SUCCEED),
        ("FAILURE", TaskStatus.FAILED),
        ("UNKNOWN", TaskStatus.UNKNOWN),
    ],
)
@pytest.mark.parametrize("inner", [None, {}, "", []])
def test_wrapped_task_whose_vendor_has_not_answered_yet(text: str, status: TaskStatus, inner: Any) -> None:
    task = read(wrapped(inner, status=text))
    assert (task.task_id, task.status, task.raw_status) == ("gw-1", status, text)


def test_wrapped_failure_gives_the_gateways_reason() -> None:
    task = read(wrapped(None, status="FAILURE", fail_reason="upstream refused"))
    assert (task.status, task.message) == (TaskStatus.FAILED, "upstream refused")


def test_the_vendors_reason_goes_before_the_gateways() -> None:
    inner = official(task_id="878", task_status="failed", task_status_msg="risk control")
    task = read(wrapped(inner, status="FAILURE", fail_reason="task failed"))
    assert task.message == "risk control"


def test_a_gateway_that_gave_up_is_trusted_over_the_vendors_last_word() -> None:
    """It never asks again, so a wait for the vendor's word would only end by timeout."""
    inner = official(task_id="878", task_status="processing")
    task = read(wrapped(inner, status="FAILURE", fail_reason="timed out"))
    assert (task.status, task.raw_status, task.message) == (TaskStatus.FAILED, "FAILURE", "timed out")


def test_a_result_is_trusted_over_a_gateway_that_gave_up() -> None:
    inner = official(task_id="878", task_status="succeed", task_result={"videos": [VIDEO]})
    assert read(wrapped(inner, status="FAILURE")).status is TaskStatus.SUCCEED


def test_openai_form() -> None:
    create = {
        "id": "x-1",
        "task_id": "x-1",
        "object": "video",
        "status": "queued",
        "created_at": 1_777_385_361,
    }
    assert read(create) == KlingTask("x-1", TaskStatus.SUBMITTED, "queued", created_at=1_777_385_361_000)
    done = {
        **create,
        "status": "completed",
        "completed_at": 1_777_385_400,
        "metadata": {"url": "https://cdn.example/x.mp4"},
    }
    assert read(done).result == {"videos": [{"url": "https://cdn.example/x.mp4"}]}
    assert read(done).updated_at == 1_777_385_400_000
    other = {"task_id": "x-1", "status": "completed", "url": "https://cdn.example/y.mp4", "format": "mp4"}
    assert read(other).result == {"videos": [{"url": "https://cdn.example/y.mp4"}]}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": "policy", "message": "not allowed"}, "not allowed"),
        ({"code": "policy"}, "policy"),
        ("refused", "refused"),
        (None, ""),
    ],
)
def test_openai_form_of_a_failed_task(error: Any, reason: str) -> None:
    task = read({"task_id": "x-1", "status": "failed", "error": error})
    assert (task.status, task.message) == (TaskStatus.FAILED, reason)


def test_callback_of_v1() -> None:
    task = read(
        {
            "task_id": "878",
            "task_status": "failed",
            "task_status_msg": "no",
            "created_at": CREATED,
            "updated_at": UPDATED,
            "task_info": {"external_task_id": "af-1"},
            "task_result": {},
        }
    )
    assert (task.task_id, task.external_task_id, task.message) == ("878", "af-1", "no")


def test_api_2_task_and_callback() -> None:
    body = {
        "id": "878",
        "status": "succeeded",
        "message": "",
        "create_time": CREATED,
        "update_time": UPDATED,
        "external_id": "af-1",
        "outputs": [{"type": "video", "url": "u"}, {"type": "image", "url": "i"}, {"url": "w"}],
        "billing": [
            {"charge_type": "unit", "amount": "2.4"},
            {"charge_type": "unit", "amount": 1.5},
            {"charge_type": "cash", "amount": "9"},
        ],
    }
    for payload in (body, official() | {"data": [body]}):
        task = read(payload)
        assert (task.task_id, task.status, task.external_task_id) == ("878", TaskStatus.SUCCEED, "af-1")
        assert [output["url"] for output in task.result["videos"]] == ["u"]
        assert [output["url"] for output in task.result["files"]] == ["w"]
        shown = task.to_json("videos/text2video")
        assert [output["url"] for output in shown["videos"]] == ["u", "w"]
        assert "files" not in shown
        assert [output["url"] for output in task.result["images"]] == ["i"]
        assert (task.units, task.created_at, task.updated_at) == ("3.9", CREATED, UPDATED)
    assert read({**body, "status": "failed", "message": "bad frame"}).message == "bad frame"


def test_synchronous_responses_are_results_without_a_task() -> None:
    speech = official(task_result={"audios": [{"id": "a", "url": "u", "duration": "3.0"}]})
    assert (read(speech).task_id, read(speech).status) == ("", TaskStatus.SUCCEED)
    faces = read(official(session_id=87, face_data=[{"face_id": "0", "start_time": 0}]))
    assert (faces.session_id, faces.result) == ("87", {"faces": [{"face_id": "0", "start_time": 0}]})


def test_a_video_without_faces_is_a_response() -> None:
    faces = read(official(session_id="s", face_data=[]))
    assert (faces.status, faces.session_id) == (TaskStatus.SUCCEED, "s")
    assert faces.to_json("videos/identify-face")["faces"] == []


@pytest.mark.parametrize(
    "payload",
    [{}, official(), {"code": 0, "data": None}, {"data": []}, {"data": [1]}, {"data": {"task_id": ""}}],
)
def test_a_response_without_a_task_has_none(payload: dict[str, Any]) -> None:
    assert parse_task(payload) is None


def test_a_gateway_cannot_set_the_path_of_a_stored_file() -> None:
    """What stands there is opened, read for lineage, and shown."""
    theirs = {
        "path": "/etc/passwd",
        "watermark_path": "/etc/passwd",
        "bytes": 1,
        "sha256": "0",
        "path_wav": "/",
    }
    task = read(official(task_id="8", task_status="succeed", task_result={"videos": [{**VIDEO, **theirs}]}))
    assert task.result == {"videos": [VIDEO]}
    assert read({"id": "8", "status": "done", "outputs": [{**VIDEO, **theirs}]}).result == {"videos": [VIDEO]}


def test_ids_and_words_of_the_api_cannot_forge_lines_of_a_log() -> None:
    task = read(official(task_id="8\nINFO - forged\x1b[2J", task_status="odd\nINFO - forged" + "!" * 999))
    assert task.task_id == "8 INFO - forged[2J"
    assert len(task.raw_status) <= 51
    assert "\n" not in task.raw_status


def test_a_long_id_that_looks_like_base64_stays_what_a_gateway_knows() -> None:
    task_id = "video_" + "bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVy" * 6
    assert read(official(task_id=task_id)).task_id == task_id


@pytest.mark.parametrize(
    ("created", "updated", "seconds"),
    [
        pytest.param(CREATED, CREATED + 61_500, 61.5, id="usual"),
        pytest.param(CREATED, CREATED - 300, 0.0, id="the clocks of two servers differ"),
        pytest.param(CREATED, CREATED, 0.0, id="at once"),
        pytest.param(None, CREATED, None, id="not created"),
        pytest.param(CREATED, None, None, id="not ended"),
    ],
)
def test_the_seconds_to_the_end_are_never_negative(
    created: int | None, updated: int | None, seconds: float | None
) -> None:
    task = KlingTask("8", TaskStatus.SUCCEED, "succeed", created_at=created, updated_at=updated)
    assert task.seconds_to_end == seconds
