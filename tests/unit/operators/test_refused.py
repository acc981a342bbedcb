# SPDX-License-Identifier: Apache-2.0
"""``on_refused="return"``: refused content ends a task green, and says what was refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingContentRefused, KlingTaskFailed
from tests.unit.operators.conftest import IMAGE_URL, TaskInstance, context_of, image_to_video, posts, run

Make = Callable[..., Any]
RISK = "Failure to pass the risk control system"
LOCATIONS = ["at submission", "by the job"]


def refuse(kling: Emulator, location: str, text: str = "forbidden") -> None:
    """Let the emulator refuse prompts with a word, at submission or by failing the job."""
    defect = "refused_word" if location == "at submission" else "failed_word"
    kling.faults.set({defect: text, "fail_reason": RISK})


@pytest.fixture
def returning(make: Make) -> Make:
    """Make a task of forbidden content; each test runs with both ways of waiting."""
    defaults = {"prompt": "a forbidden thing", "on_refused": "return", "labels": {"team": "shop"}}
    return lambda **arguments: make(**{**defaults, **arguments})


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_refusal_is_the_result(
    location: str, returning: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, location)
    result = run(returning(), ti)
    job = next(iter(kling_emulator.jobs), None)
    assert (job is None) == (location == "at submission")
    reason = result.pop("reason")
    assert RISK in reason if job else "code 1301" in reason
    request = result.pop("request")
    assert (request["prompt"], request["image"]) == ("a forbidden thing", IMAGE_URL)
    assert result.pop("external_task_id").startswith("af-")
    assert result == {
        "status": "refused",
        "prompt": "a forbidden thing",
        "endpoint": "videos/image2video",
        "task_id": job and job.task_id,
        "units": None if job else "0",
        "charges": [],
        "labels": {"team": "shop"},
    }
    json.dumps(result)
    assert "error" not in ti.xcoms


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_retry_returns_the_same_refusal(
    location: str, returning: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, location)
    first = run(returning(), ti)
    created = len(kling_emulator.jobs)
    second = run(returning(), ti.retried())
    # The vendor's request id differs.
    assert second | {"reason": ""} == first | {"reason": ""}
    assert len(kling_emulator.jobs) == created, "no other job is made"


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_refusal_fails_the_task_otherwise(
    location: str, make: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, location)
    with pytest.raises(KlingContentRefused):
        run(make(prompt="a forbidden thing"), ti)
    assert ti.xcoms["error"]["type"] == "KlingContentRefused"


def test_other_failures_fail_the_task(returning: Make, ti: TaskInstance, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": "no face is found"})
    with pytest.raises(KlingTaskFailed):
        run(returning(), ti)


def test_a_task_that_the_triggerer_would_end(ti: TaskInstance, kling_emulator: Emulator) -> None:
    refuse(kling_emulator, "by the job")
    operator = image_to_video(prompt="forbidden", on_refused="return", deferrable=True, end_from_trigger=True)
    assert run(operator, ti)["status"] == "refused"


def test_a_task_without_xcom(returning: Make, ti: TaskInstance, kling_emulator: Emulator) -> None:
    refuse(kling_emulator, "by the job")
    result = run(returning(do_xcom_push=False), ti)
    assert (result["status"], result["prompt"]) == ("refused", "a forbidden thing")


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_task_that_has_waited_for_a_slot(
    location: str, ti: TaskInstance, kling_emulator: Emulator, quick_slots: None
) -> None:
    refuse(kling_emulator, location)
    kling_emulator.faults.set({"slots_taken": 1})
    arguments = {"prompt": "forbidden", "on_refused": "return"}
    assert run(image_to_video(**arguments), ti)["status"] == "refused"
    assert posts(kling_emulator) == (1 if location == "at submission" else 2)
    # What a worker does after the triggerer has waited for the slot.
    event = {"status": "slot", "message": "", "since": time.time(), "refusals": 1}
    other = image_to_video(**arguments)
    assert other.resume_submission(context_of(TaskInstance(task_id="b")), event)["status"] == "refused"


def test_a_task_that_does_not_wait(ti: TaskInstance, kling_emulator: Emulator) -> None:
    refuse(kling_emulator, "at submission")
    operator = image_to_video(prompt="forbidden", on_refused="return", wait_for_completion=False)
    assert run(operator, ti)["status"] == "refused"


@pytest.mark.parametrize("location", LOCATIONS)
def test_refused_content_releases_the_reservation(
    location: str, returning: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Any
) -> None:
    refuse(kling_emulator, location)
    budget = KlingBudget("films", 100, path=str(tmp_path))
    run(returning(budget=budget), ti)
    assert budget.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 0


def test_a_shared_job_that_was_refused_is_refused_for_all(
    returning: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, "by the job")
    first = run(returning(idempotency_scope="inputs"), ti)
    other = TaskInstance(dag_id="another")
    second = run(returning(idempotency_scope="inputs"), other)
    assert (second["status"], second["task_id"]) == ("refused", first["task_id"])
    assert (second["units"], second["reused_from"]) == ("0", {"kling_task_id": first["task_id"]})
    assert len(kling_emulator.jobs) == 1
