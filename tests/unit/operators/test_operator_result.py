# SPDX-License-Identifier: Apache-2.0
"""The read of a paid job is retried, and an error about it names the job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, KlingWaitInterrupted
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from tests.unit.operators.conftest import (
    PATH,
    TaskInstance,
    context_of,
    gets,
    image_to_video,
    meanwhile,
    posts,
    run,
)


def succeeded(
    ti: TaskInstance, emulator: Emulator, **arguments: Any
) -> tuple[KlingImageToVideoOperator, Any]:
    """A task whose job has succeeded, and the event that says so."""
    run(image_to_video(wait_for_completion=False), ti)
    emulator.advance(3600)
    event = {"status": "succeed", "task_id": emulator.jobs[0].task_id, "message": ""}
    return image_to_video(deferrable=True, **arguments), event


def test_a_passing_refusal_costs_no_result(ti: TaskInstance, kling_emulator: Emulator) -> None:
    operator, event = succeeded(ti, kling_emulator)
    kling_emulator.faults.set({"bad_credentials": 2})
    assert operator.execute_complete(context_of(ti), event)["status"] == "succeed"
    assert gets(kling_emulator) == 3


def test_an_ended_job_is_read_with_the_same_retries_as_a_running_one(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a single read is repeated."""
    monkeypatch.setattr("airflow_provider_kling.hooks.flows.READ_ATTEMPTS", 2)
    operator, event = succeeded(ti, kling_emulator)
    kling_emulator.faults.set({"server_error": 1})
    meanwhile(lambda: gets(kling_emulator) >= 3, kling_emulator.faults.clear)
    assert operator.execute_complete(context_of(ti), event)["status"] == "succeed"


def test_a_connection_that_cannot_be_read_for_a_moment_costs_no_result(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, event = succeeded(ti, kling_emulator)
    remaining, original = [1, 2], KlingHook.get_connection

    def flaky(conn_id: str) -> Any:
        if remaining:
            remaining.pop()
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
        return original(conn_id)

    monkeypatch.setattr(KlingHook, "get_connection", staticmethod(flaky))
    assert operator.execute_complete(context_of(ti), event)["status"] == "succeed"


def test_an_ended_job_that_cannot_be_read_at_all(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, event = succeeded(ti, kling_emulator, timeout=0.5)
    dead = {"conn_type": "kling", "host": "http://127.0.0.1:9", "password": "key-of-nobody"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(dead))
    with pytest.raises(
        KlingWaitInterrupted, match=r"^Succeeded, but .*; if no retry follows, fetch \d+\."
    ) as failed:
        operator.execute_complete(context_of(ti), event)
    assert event["task_id"] in str(failed.value)
    assert "(no status was ever read; last poll failed: " in str(failed.value)
    assert "Still running" not in str(failed.value)
    assert (failed.value.task_id, failed.value.job) == (event["task_id"], JobState.ENDED)
    assert not isinstance(failed.value, AirflowFailException), "a retry attaches to it"


def test_a_key_that_stays_refused_is_left_to_a_retry_which_pays_nothing(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    operator, event = succeeded(ti, kling_emulator)
    kling_emulator.faults.set({"bad_credentials": 3})
    with pytest.raises(KlingWaitInterrupted, match=r"The job has ended at Kling\. A retry") as failed:
        operator.execute_complete(context_of(ti), event)
    assert failed.value.task_id == event["task_id"]
    assert not isinstance(failed.value, AirflowFailException)
    assert run(image_to_video(), ti.retried())["task_id"] == event["task_id"]
    assert posts(kling_emulator) == 1


def test_a_connection_that_is_missing_does_not_hide_what_became_of_the_job(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_KLING_DEFAULT")
    event: Any = {"status": "error", "task_id": "8", "message": "Connection 'kling_default' is gone."}
    with pytest.raises(KlingWaitInterrupted, match="Waiting for job 8 is over") as failed:
        image_to_video(deferrable=True).execute_complete(context_of(ti), event)
    assert "may be charged. Once that is fixed a retry attaches to it" in str(failed.value)


def test_one_refusal_while_a_worker_waits_ends_nothing(ti: TaskInstance, slow_emulator: Emulator) -> None:
    def refuse() -> None:
        slow_emulator.faults.set({"bad_credentials": 1})
        slow_emulator.advance(90)

    refuser = meanwhile(lambda: gets(slow_emulator) >= 2, refuse)
    assert run(image_to_video(), ti)["status"] == "succeed"
    refuser.join()
    assert slow_emulator.requests["GET", f"{PATH}/{{id}}", 401] == 1
