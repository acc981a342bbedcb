# SPDX-License-Identifier: Apache-2.0
"""Jobs that usually end within seconds are waited for in place before a task defers."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.api.registry import ENDPOINTS
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.operators import _task_run
from airflow_provider_kling.operators.library import KlingCustomVoiceOperator
from tests.unit.operators.conftest import TaskInstance, context_of, run


def clone(**arguments: Any) -> KlingCustomVoiceOperator:
    return KlingCustomVoiceOperator(
        task_id="clone",
        voice_name="Anna",
        voice_url="https://example.com/anna.mp3",
        deferrable=True,
        **{"poll_interval": 0.2, "retries": 2, **arguments},
    )


def test_voices_and_elements_end_soon() -> None:
    soon = {slug for slug, endpoint in ENDPOINTS.items() if endpoint.ends_soon}
    assert soon == {"general/custom-voices", "general/advanced-custom-elements"}


def test_a_short_job_is_waited_for_in_the_worker(ti: TaskInstance, kling_emulator: Emulator) -> None:
    result = clone().execute(context_of(ti))
    assert result["status"] == "succeed"
    assert len(kling_emulator.jobs) == 1


def test_what_takes_longer_is_waited_for_in_the_triggerer(
    ti: TaskInstance, slow_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_task_run, "SHORT_WAIT", 0.5)
    with pytest.raises(TaskDeferred) as deferred:
        clone().execute(context_of(ti))
    (job,) = slow_emulator.jobs
    assert deferred.value.trigger.serialize()[1]["kling_task_id"] == job.task_id
    assert deferred.value.method_name == "execute_complete"


def test_the_deadline_of_the_task_comes_first(
    ti: TaskInstance, slow_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_task_run, "SHORT_WAIT", 30.0)
    with pytest.raises(_task_run.KlingTaskTimeout, match="continues at Kling"):
        run(clone(timeout=1), ti)
