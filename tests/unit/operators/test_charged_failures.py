# SPDX-License-Identifier: Apache-2.0
"""The error for a job that has failed says what Kling charged for it, where Kling reports that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingContentRefused, KlingTaskFailed
from tests.unit.hooks.scripted_server import Reply, ScriptedServer
from tests.unit.operators.conftest import TaskInstance, image_to_video, run

SUBMITTED = Reply(200, {"code": 0, "data": {"task_id": "8", "task_status": "submitted"}})
CHARGES = {
    "units": ({"final_unit_deduction": "3"}, " It was charged 3 units. "),
    "none": ({"final_unit_deduction": "0"}, " It was charged 0 units. "),
    "cash": (
        {"final_balance_deduction": {"quota": "0.35", "currency": "USD"}},
        " It was charged 0.35 USD. ",
    ),
    "not reported": ({}, None),
    "not readable": ({"final_unit_deduction": "-3"}, None),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        fields = {"conn_type": "kling", "host": running.url, "password": "sk-test-key"}
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
        yield running


@pytest.mark.parametrize(
    ("deferrable", "reason"),
    [(False, "it broke"), (True, "it broke"), (True, "Failure to pass the risk control system")],
    ids=["sync", "deferrable", "refused"],
)
@pytest.mark.parametrize(("charge", "text"), CHARGES.values(), ids=list(CHARGES))
def test_the_error_says_what_a_failed_job_was_charged(
    ti: TaskInstance, server: ScriptedServer, *, charge: Any, text: str | None, reason: str, deferrable: bool
) -> None:
    data = {"task_id": "8", "task_status": "failed", "task_status_msg": reason, **charge}
    server.replies, server.always = [SUBMITTED], Reply(200, {"code": 0, "data": data})
    with pytest.raises((KlingTaskFailed, KlingContentRefused)) as failed:
        run(image_to_video(deferrable=deferrable), ti)
    assert (text or "It was charged") in str(failed.value) or not text
    assert ("It was charged" in str(failed.value)) is (text is not None)
    assert ti.xcoms["error"]["message"] == str(failed.value)
    assert len([call for call in server.calls if call.startswith("POST")]) == 1
