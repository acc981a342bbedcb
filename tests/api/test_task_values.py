# SPDX-License-Identifier: Apache-2.0
"""What a task cost, when it was made, why it failed, and how it looks as JSON; lists of tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_kling.api.task import Task, TaskStatus, read_task, read_tasks

VIDEO = {"id": "v1", "url": "https://cdn.example/v1.mp4", "duration": "5.1"}
CREATED, UPDATED = 1_777_385_361_501, 1_777_385_363_321


def official(**data: Any) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data}


def read(payload: dict[str, Any]) -> Task:
    task = read_task(payload)
    assert task is not None
    return task


@pytest.mark.parametrize(
    ("given", "units"), [("3.5", "3.5"), (2, "2"), (0, "0"), ("0", "0"), ("", None), (None, None)]
)
def test_units_are_never_made_up(given: Any, units: str | None) -> None:
    """An unknown charge is not a charge of nothing."""
    assert read(official(task_id="1", final_unit_deduction=given)).units == units


@pytest.mark.parametrize("row", [{}, {"amount": "much"}, {"amount": None}])
def test_a_bill_that_cannot_be_read_is_an_unknown_charge(row: dict[str, Any]) -> None:
    assert read({"id": "1", "status": "succeeded", "billing": [{"charge_type": "unit", **row}]}).units is None


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [(CREATED, CREATED), (1_777_385_361, 1_777_385_361_000), (str(CREATED), CREATED), ("soon", None)],
)
def test_times_are_milliseconds_whatever_the_host_sends(given: Any, milliseconds: int | None) -> None:
    assert read(official(task_id="1", created_at=given)).created_at == milliseconds


def test_a_new_status_word_is_kept_as_it_is_spelled() -> None:
    task = read(official(task_id="1", task_status="Reviewing"))
    assert (task.status, task.status_word, task.status.ended) == (TaskStatus.UNKNOWN, "Reviewing", False)


def test_reasons_lose_signatures() -> None:
    message = "cannot fetch https://bucket.example/a.png?X-Amz-Signature=secret"
    task = read(official(task_id="1", task_status="failed", task_status_msg=message))
    assert task.message == "cannot fetch https://bucket.example/a.png"


def test_lists() -> None:
    rows = [{"task_id": "2", "task_status": "succeed"}, {"task_id": "1", "task_status": "failed"}]
    for payload in ({"data": rows}, {"data": {"result": rows}}, {"data": {"data": rows}}):
        assert [task.task_id for task in read_tasks({"code": 0, **payload})] == ["2", "1"]
    assert read_tasks({"data": [None, 1, {}, rows[0]]}) == [read(rows[0])]
    assert read_tasks({"data": None}) == read_tasks({}) == []


def test_plain_json_holds_what_operators_return() -> None:
    task = read(
        official(
            task_id="878",
            task_status="succeed",
            updated_at=UPDATED,
            task_result={"videos": [VIDEO]},
            final_balance_deduction={"quota": "1.2"},
        )
    )
    shown = json.loads(json.dumps(task.to_json("videos/image2video")))
    assert shown == {
        "task_id": "878",
        "external_task_id": None,
        "endpoint": "videos/image2video",
        "status": "succeed",
        "created_at": None,
        "updated_at": UPDATED,
        "expires_at": UPDATED + 2_592_000_000,
        "units": None,
        "final_balance_deduction": {"quota": "1.2"},
        "videos": [VIDEO],
    }
