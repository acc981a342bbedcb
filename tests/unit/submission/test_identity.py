# SPDX-License-Identifier: Apache-2.0
"""An answer counts only for the job that was asked for, and an unclear answer is no refusal."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.errors import ErrorKind, classify
from airflow_provider_kling.api.http import ApiRequest, parse_response, select_task
from airflow_provider_kling.api.task import KlingTask
from airflow_provider_kling.exceptions import JobState
from airflow_provider_kling.hooks.responses import _job_state_after

OURS = {"task_id": "7", "task_status": "submitted", "task_info": {"external_task_id": "af-1"}}
OTHER = {"task_id": "9", "task_status": "succeed", "task_info": {"external_task_id": "another"}}
BARE = {"task_id": "g-1", "task_status": "submitted"}


@pytest.mark.parametrize(
    ("data", "requested", "by_external_id", "strict", "found"),
    [
        pytest.param([OTHER, OURS], "7", False, True, "7", id="second by id"),
        pytest.param([OTHER, OURS], "af-1", True, True, "7", id="second by name"),
        pytest.param([OTHER], "af-1", True, True, "other", id="a list of another"),
        pytest.param(OTHER, "af-1", True, False, "other", id="another name"),
        pytest.param(OTHER, "7", False, True, "other", id="another id"),
        pytest.param(BARE, "af-1", True, True, "g-1", id="names nothing"),
        pytest.param(BARE, "task_abc", False, False, "g-1", id="inner id of a gateway"),
        pytest.param({"task_id": "task_abc", "data": OURS}, "task_abc", False, True, "7", id="outer id"),
        pytest.param([], "7", False, True, None, id="none"),
        pytest.param({**OURS, "task_id": 7}, "7", False, True, "7", id="a number"),
        pytest.param({**OURS, "task_id": " 7\n"}, "7", False, True, "7", id="blanks in the answer"),
        pytest.param(OURS, " af-1\u200b", True, True, "7", id="blanks in the question"),
        pytest.param({"tasks": [OTHER, OURS]}, "7", False, True, "7", id="a list under another name"),
        pytest.param({"items": [OTHER]}, "af-1", True, True, "other", id="another one there"),
        pytest.param({**BARE, "task_id": 870.0}, "870", False, True, "870", id="a whole number as float"),
        pytest.param(
            {**BARE, "task_id": 9e17}, "900000000000000001", False, True, "900000000000000001", id="rounded"
        ),
        pytest.param(
            {**BARE, "task_id": 9e17}, "900000000000009001", False, True, "other", id="rounded, another"
        ),
        pytest.param(
            [{**BARE, "task_id": 9e17}], "900000000000000001", False, True, "other", id="rounded in a list"
        ),
    ],
)
def test_only_the_task_that_was_requested(
    data: Any, requested: str, by_external_id: bool, strict: bool, found: str | None
) -> None:
    task = select_task({"code": 0, "data": data}, requested, by_external_id=by_external_id, strict=strict)
    seen = task.task_id if isinstance(task, KlingTask) else task
    assert seen == found or (found == "7" and seen == "task_abc")


UNCLEAR = (
    100,
    300,
    412,
    424,
    440,
    449,
    599,
    600,
    301,
    302,
    303,
    307,
    308,
    408,
    409,
    421,
    425,
    444,
    499,
    500,
    502,
    503,
    504,
    520,
    999,
)


@pytest.mark.parametrize(
    ("status", "body", "job"),
    [
        *((status, b"<html>x</html>", JobState.MAY_EXIST) for status in (204, 302, 404, 429, 460, 494, 999)),
        *((status, b'{"message": "x"}', JobState.MAY_EXIST) for status in UNCLEAR),
        *((status, b'{"code": 1201, "message": "x"}', JobState.NOT_CREATED) for status in UNCLEAR),
        (409, b'{"code": 409, "message": "conflict"}', JobState.MAY_EXIST),
        (400, b'{"code": 1201, "message": "bad value"}', JobState.NOT_CREATED),
        (429, b'{"code": 1102, "message": "no credit"}', JobState.NOT_CREATED),
        (429, b"<html>slow</html>", JobState.MAY_EXIST),
        (200, b'{"code": 1201, "message": "x", "data": {"task_id": "8"}}', JobState.MAY_EXIST),
        (200, b'{"code": -1, "message": "insufficient user quota"}', JobState.NOT_CREATED),
        (200, b'{"success": false, "message": "sorry"}', JobState.MAY_EXIST),
        (500, b'{"code": 1201, "message": "External_task_id x already exists"}', JobState.EXISTS),
        (500, b'{"code": 5000, "message": "down"}', JobState.MAY_EXIST),
    ],
)
def test_only_a_refusal_of_the_api_reports_that_no_job_was_made(
    status: int, body: bytes, job: JobState
) -> None:
    error = parse_response(status, {}, body)
    assert not isinstance(error, dict)
    assert _job_state_after(ApiRequest("POST", "/v1/x", creates_task=True), error, body) is job


@pytest.mark.parametrize(
    "expected_text",
    [
        "External_task_id x already exists",
        "external task id already exists",
        "External_task_id x is duplicated",
        "external_task_id x has been used",
        "duplicate external_task_id",
    ],
)
def test_a_duplicate_in_any_wording(expected_text: str) -> None:
    assert classify(400, 1201, expected_text) is ErrorKind.DUPLICATE
