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
from tests.unit.operators.conftest import PICTURE, TaskInstance, context_of, image_to_video, posts, run

Make = Callable[..., Any]
RISK = "Failure to pass the risk control system"
WHERE = ["at submission", "by the job"]


def refuse(kling: Emulator, where: str, word: str = "forbidden") -> None:
    """Let the emulator refuse prompts with a word, at submission or by failing the job."""
    fault = "refused_word" if where == "at submission" else "failed_word"
    kling.faults.set({fault: word, "fail_reason": RISK})


@pytest.fixture
def returning(make: Make) -> Make:
    """Make a task of forbidden content; each test runs with both ways of waiting."""
    defaults = {"prompt": "a forbidden thing", "on_refused": "return", "labels": {"team": "shop"}}
    return lambda **arguments: make(**{**defaults, **arguments})


@pytest.mark.parametrize("where", WHERE)
def test_a_refusal_is_the_result(
    where: str, returning: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, where)
    result = run(returning(), ti)
    job = next(iter(kling_emulator.jobs), None)
    assert (job is None) == (where == "at submission")
    reason = result.pop("reason")
    assert RISK in reason if job else "code 1301" in reason
    request = result.pop("request")
    assert (request["prompt"], request["image"]) == ("a forbidden thing", PICTURE)
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


@pytest.mark.parametrize("where", WHERE)
def test_a_retry_returns_the_same_refusal(
    where: str, returning: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, where)
    first = run(returning(), ti)
    made = len(kling_emulator.jobs)
    again = run(returning(), ti.retried())
    # The vendor's request id differs.
    assert again | {"reason": ""} == first | {"reason": ""}
    assert len(kling_emulator.jobs) == made, "no other job is made"


@pytest.mark.parametrize("where", WHERE)
def test_a_refusal_fails_the_task_otherwise(
    where: str, make: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, where)
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


@pytest.mark.parametrize("where", WHERE)
def test_a_task_that_has_waited_for_a_slot(
    where: str, ti: TaskInstance, kling_emulator: Emulator, quick_slots: None
) -> None:
    refuse(kling_emulator, where)
    kling_emulator.faults.set({"slots_taken": 1})
    arguments = {"prompt": "forbidden", "on_refused": "return"}
    assert run(image_to_video(**arguments), ti)["status"] == "refused"
    assert posts(kling_emulator) == (1 if where == "at submission" else 2)
    # What a worker does after the triggerer has waited for the slot.
    event = {"status": "slot", "message": "", "since": time.time(), "refusals": 1}
    other = image_to_video(**arguments)
    assert other.resume_submission(context_of(TaskInstance(task_id="b")), event)["status"] == "refused"


def test_a_task_that_does_not_wait(ti: TaskInstance, kling_emulator: Emulator) -> None:
    refuse(kling_emulator, "at submission")
    operator = image_to_video(prompt="forbidden", on_refused="return", wait_for_completion=False)
    assert run(operator, ti)["status"] == "refused"


@pytest.mark.parametrize("where", WHERE)
def test_a_budget_gets_its_reservation_back(
    where: str, returning: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Any
) -> None:
    refuse(kling_emulator, where)
    budget = KlingBudget("films", 100, path=str(tmp_path))
    run(returning(budget=budget), ti)
    assert budget.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 0


def test_a_shared_job_that_was_refused_is_refused_for_all(
    returning: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    refuse(kling_emulator, "by the job")
    first = run(returning(idempotency_scope="inputs"), ti)
    other = TaskInstance(dag_id="another")
    again = run(returning(idempotency_scope="inputs"), other)
    assert (again["status"], again["task_id"]) == ("refused", first["task_id"])
    assert (again["units"], again["reused_from"]) == ("0", {"kling_task_id": first["task_id"]})
    assert len(kling_emulator.jobs) == 1
