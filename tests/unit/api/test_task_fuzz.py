# SPDX-License-Identifier: Apache-2.0
"""No JSON, however strange, makes the reading of a task fail."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_kling.api.task import TaskStatus, parse_task, parse_task_list, row_summary

NAMES = st.sampled_from(
    [
        *["data", "task_id", "id", "task_status", "status", "task_info", "task_result", "external_task_id"],
        *["external_id", "videos", "url", "metadata", "outputs", "type", "billing", "amount", "charge_type"],
        *["final_unit_deduction", "final_balance_deduction", "created_at", "updated_at", "create_time"],
        *["completed_at", "face_data", "session_id", "error", "message", "fail_reason", "result"],
    ]
)
WORDS = st.sampled_from(
    ["succeed", "failed", "SUCCESS", "FAILURE", "processing", "unit", "1e999", "NaN", "-1"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
OBJECTS = st.dictionaries(NAMES, JSON, max_size=8)


@PATIENT
@given(OBJECTS)
def test_any_object_is_read(payload: dict[str, Any]) -> None:
    task = parse_task(payload)
    if task is not None:
        assert isinstance(task.task_id, str)
        assert task.status in TaskStatus
        assert task.message == "" or task.status is TaskStatus.FAILED
        assert task.created_at is None or isinstance(task.created_at, int)
        assert json.dumps(task.to_json("videos/image2video"))


@PATIENT
@given(OBJECTS)
def test_any_list_is_read(payload: dict[str, Any]) -> None:
    assert len(parse_task_list(payload)) <= len(json.dumps(payload))


@PATIENT
@given(OBJECTS)
def test_any_row_has_a_label(row: dict[str, Any]) -> None:
    ident, _, text = row_summary(row)
    assert isinstance(ident, str)
    assert isinstance(text, str)


@PATIENT
@given(
    task_id=st.text(min_size=1),
    external_task_id=st.none() | st.text(min_size=1),
    word=st.sampled_from(["submitted", "processing", "succeed", "failed", "reviewing"]),
)
def test_the_short_reading_of_a_row_reports_what_the_full_one_reports(
    task_id: str, external_task_id: str | None, word: str
) -> None:
    row = {
        "task_id": task_id,
        "task_status": word,
        "task_info": {"external_task_id": external_task_id} if external_task_id else {},
    }
    task = parse_task(row)
    assert task is not None
    assert row_summary(row) == (task.task_id, task.external_task_id, task.raw_status)
