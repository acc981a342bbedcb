# SPDX-License-Identifier: Apache-2.0
"""Retries attach, clears make new jobs, and full slots are waited for: who pays for what."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.pytest_plugin import SPEED
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingContentRefused,
    KlingError,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from tests.unit.operators.conftest import (
    IMAGE_URL,
    LogLines,
    Store,
    TaskInstance,
    context_of,
    gets,
    image_to_video,
    meanwhile,
    posts,
    run,
)

Make = Callable[..., KlingImageToVideoOperator]
Outcome = dict[str, Any]


def test_a_retry_attaches(make: Make, ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines) -> None:
    with pytest.raises(KlingTaskTimeout):
        run(make(timeout=0.3), ti)
    slow_emulator.advance(90)
    second = ti.retried()
    result = run(make(timeout=0.3), second)
    (job,) = slow_emulator.jobs
    assert result["task_id"] == job.task_id
    assert second.xcoms["task_id"] == job.task_id, "a retry must push what Airflow has dropped"
    assert posts(slow_emulator) == 1
    assert log_lines("nothing new is charged")


def test_an_attached_job_that_has_ended_is_not_waited_for(ti: TaskInstance, slow_emulator: Emulator) -> None:
    with pytest.raises(TaskDeferred):
        image_to_video(deferrable=True).execute(context_of(ti))
    slow_emulator.advance(90)
    result = image_to_video(deferrable=True).execute(context_of(ti.retried()))
    assert result["status"] == "succeed"


def test_a_clear_makes_a_new_job(make: Make, ti: TaskInstance, kling_emulator: Emulator) -> None:
    first = run(make(), ti)
    cleared = ti.cleared()
    second = run(make(), cleared)
    assert second["task_id"] != first["task_id"]
    assert len(kling_emulator.jobs) == 2
    third = run(make(), cleared.retried())
    assert third["task_id"] == second["task_id"], "a retry after the clear attaches to the clear's job"


@pytest.mark.parametrize(
    "change",
    [{"dag_id": "other"}, {"task_id": "other"}, {"run_id": "other"}, {"map_index": 1}],
    ids=lambda change: next(iter(change)),
)
def test_another_task_instance_has_another_job(
    ti: TaskInstance, kling_emulator: Emulator, change: dict[str, Any]
) -> None:
    run(image_to_video(wait_for_completion=False), ti)
    run(image_to_video(wait_for_completion=False), TaskInstance(**change, try_number=2))
    assert len(kling_emulator.jobs) == 2


def test_changed_inputs_are_another_job(ti: TaskInstance, kling_emulator: Emulator) -> None:
    run(image_to_video(wait_for_completion=False, prompt="waves"), ti)
    changes: list[dict[str, Any]] = [
        {"prompt": "clouds"},
        {"prompt": "waves", "duration": "10"},
        {"prompt": "waves", "image": "https://pictures.example/b.png"},
        {"prompt": "waves", "extra_body": {"new": 1}},
    ]
    second = ti.retried()
    for change in changes:
        run(image_to_video(wait_for_completion=False, **change), second)
    assert len(kling_emulator.jobs) == 1 + len(changes)


def test_the_same_inputs_written_otherwise_are_the_same_job(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    """A signed URL is a different text each time, and so is a number of seconds."""
    signed = "https://bucket.example/a.png?X-Amz-Date={0}&X-Amz-Signature={0}"
    run(image_to_video(wait_for_completion=False, image=signed.format(1), duration="5"), ti)
    run(
        image_to_video(wait_for_completion=False, image=signed.format(2), duration=5, prompt=""), ti.retried()
    )
    assert len(kling_emulator.jobs) == 1


def test_a_retry_after_a_failed_job_makes_the_next(
    make: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": "no face"})
    for _ in range(2):
        with pytest.raises(KlingTaskFailed):
            run(make(), ti)
        ti = ti.retried()
    kling_emulator.faults.clear()
    result = run(make(), ti)
    assert [job.failure for job in kling_emulator.jobs] == ["no face", "no face", None]
    assert len({job.external_task_id for job in kling_emulator.jobs}) == 3
    assert result["task_id"] == kling_emulator.jobs[-1].task_id


def test_an_external_task_id_of_the_user(ti: TaskInstance, kling_emulator: Emulator) -> None:
    run(image_to_video(wait_for_completion=False, external_task_id="order-17"), ti)
    run(image_to_video(wait_for_completion=False, external_task_id="order-17"), ti.retried())
    assert [job.external_task_id for job in kling_emulator.jobs] == ["order-17"]
    assert ti.xcoms["external_task_id"] == "order-17"


@pytest.fixture
def gateway(kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """A host that cannot be asked by external id."""
    fields = {**kling_emulator.connection(), "extra": {"dialect": "gateway", "base_path": "/"}}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    kling_emulator.faults.set({"no_external_id": True})
    return kling_emulator


def test_at_a_gateway_a_lost_response_is_never_paid_twice(
    make: Make, ti: TaskInstance, gateway: Emulator
) -> None:
    gateway.faults.set({"lost_response": 1})
    with pytest.raises(KlingSubmissionUnknown, match="if there is none, clear the task"):
        run(make(), ti)
    with pytest.raises(KlingSubmissionUnknown):
        run(make(), ti.retried())
    assert posts(gateway) == 1
    gateway.faults.set({"lost_response": 0})
    assert run(make(), ti.retried().cleared())["status"] == "succeed"


def test_at_a_gateway_airflows_state_store_lets_a_retry_attach(
    make: Make, ti: TaskInstance, gateway: Emulator
) -> None:
    store = Store()
    first = run(make(wait_for_completion=False), ti, task_state_store=store)
    second = run(make(), ti.retried(), task_state_store=store)
    assert second["task_id"] == first["task_id"]
    assert posts(gateway) == 1


def test_at_a_gateway_airflows_state_store_knows_of_a_lost_response(
    ti: TaskInstance, gateway: Emulator
) -> None:
    store = Store()
    gateway.faults.set({"lost_response": 1})
    for each in (ti, ti, ti.retried()):
        with pytest.raises(KlingSubmissionUnknown):
            run(image_to_video(), each, task_state_store=store)
    assert posts(gateway) == 1


@pytest.mark.usefixtures("quick_slots")
@pytest.mark.parametrize(
    ("defects", "seconds"),
    # Back-off that doubles, and the server's Retry-After of one second each time.
    [({"slots_taken": 2}, 0.2 + 0.4), ({"rate_limited": 2}, 1 + 1)],
)
def test_without_a_slot_the_worker_waits(
    ti: TaskInstance, kling_emulator: Emulator, defects: dict[str, Any], seconds: float
) -> None:
    kling_emulator.faults.set(defects)
    started = time.monotonic()
    result = run(image_to_video(wait_for_completion=False), ti)
    assert time.monotonic() - started >= seconds
    assert result["status"] == "submitted"
    assert posts(kling_emulator) == 3
    assert len(kling_emulator.jobs) == 1


@pytest.mark.usefixtures("quick_slots")
def test_slots_are_not_waited_for_longer_than_the_timeout(ti: TaskInstance, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"slots_taken": 1000})
    with pytest.raises(KlingSlotsTaken, match="No job was made and nothing is charged"):
        run(image_to_video(timeout=0.5), ti)
    assert 2 <= posts(kling_emulator) <= 5


def test_while_deferred_no_worker_waits_for_a_slot(ti: TaskInstance, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"slots_taken": 1})
    operator = image_to_video(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context_of(ti))
    assert deferred.value.method_name == "resume_submission"
    event = {"status": "slot", "message": "", "since": 0.0, "refusals": 1}
    with pytest.raises(TaskDeferred) as deferred:
        operator.resume_submission(context_of(ti), event)
    assert deferred.value.method_name == "execute_complete"
    assert len(kling_emulator.jobs) == 1


def test_a_slot_wait_that_times_out_names_the_remedy(ti: TaskInstance, kling_emulator: Emulator) -> None:
    event = {"status": "timeout", "message": "Kling had no free slot", "since": 0.0, "refusals": 7}
    with pytest.raises(
        KlingSlotsTaken,
        match=r"No slot came free in time: use a pool .* After 7 refusals: Kling had no free slot",
    ):
        image_to_video(deferrable=True).resume_submission(context_of(ti), event)
    assert kling_emulator.requests == {}
    assert (ti.xcoms["error"]["type"], ti.xcoms["error"]["job"]) == ("KlingSlotsTaken", "not_created")


@pytest.mark.parametrize(("may_exist", "spent"), [(False, 0), (True, 3)])
def test_units_reserved_for_a_job_without_a_slot_are_released(
    may_exist: bool, spent: int, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    kling_emulator.faults.set({"slots_taken": 1})
    budget = KlingBudget("clips", 100, path=str(tmp_path))
    operator = image_to_video(deferrable=True, budget=budget)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context_of(ti))
    assert budget.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 3
    event = {"status": "timeout", "message": "", "since": 0.0, "refusals": 7, "may_exist": may_exist}
    with pytest.raises(KlingSlotsTaken):
        image_to_video(deferrable=True, budget=budget).resume_submission(
            context_of(ti), event, **(deferred.value.kwargs or {})
        )
    assert budget.spent(dag_id=ti.dag_id, run_id=ti.run_id) == spent


def test_a_deferral_that_airflow_ends_is_reported_with_advice(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    ti.xcoms["task_id"] = "8"
    ended = {
        "next_method": "__fail__",
        "next_kwargs": {"error": "Trigger timeout"},
        "context": context_of(ti),
    }
    with pytest.raises(KlingTaskTimeout, match=r"^No triggerer .* fetch 8\. .*A retry .* attaches to it"):
        image_to_video(deferrable=True).resume_execution(**ended)
    assert (ti.xcoms["error"]["task_id"], ti.xcoms["error"]["job"]) == ("8", "exists")


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"status": "failed", "task_id": "8", "message": "no face"}, KlingTaskFailed),
        ({"status": "failed", "task_id": "8", "message": "risk control"}, KlingContentRefused),
        ({"status": "timeout", "task_id": "8", "message": "last status: processing"}, KlingTaskTimeout),
    ],
)
def test_what_a_trigger_reports_is_raised(
    kling_emulator: Emulator, event: Any, kind: type[KlingError]
) -> None:
    with pytest.raises(kind) as failed:
        image_to_video(deferrable=True).execute_complete(context_of(TaskInstance()), event)
    assert failed.value.task_id == "8"
    # For what Kling charged for it; that it cannot be read changes nothing.
    reads = [call for call in kling_emulator.requests if call[0] == "GET"]
    assert len(reads) == len(kling_emulator.requests) == (event["status"] == "failed")


def test_on_kill_reports_what_continues_at_kling(
    ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines
) -> None:
    operator = image_to_video(poll_interval=60)
    killer = meanwhile(lambda: gets(slow_emulator) > 0, operator.on_kill)
    with pytest.raises(KlingError, match=r"stopped: retry to attach\. The job continues at Kling"):
        operator.execute(context_of(ti))
    killer.join()
    (line,) = log_lines("cannot cancel")
    assert f"job {slow_emulator.jobs[0].task_id} continues and may be charged" in line
    assert "A retry of this task attaches to it" in line


def test_on_kill_before_a_submission_logs_nothing(log_lines: LogLines) -> None:
    image_to_video().on_kill()
    assert log_lines("") == []


def test_on_kill_while_waiting_for_a_slot(
    ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    kling_emulator.faults.set({"slots_taken": 1000})
    operator = image_to_video()
    killer = meanwhile(lambda: posts(kling_emulator) > 0, operator.on_kill)
    with pytest.raises(KlingSlotsTaken):
        operator.execute(context_of(ti))
    killer.join()
    (line,) = log_lines("cannot cancel")
    assert "a job with external_task_id af-" in line
    assert "if it was made" in line


def test_the_image_is_not_in_the_log(
    make: Make, ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    secret = f"{IMAGE_URL}?X-Amz-Signature=secret"
    run(make(image=secret, callback_url="http://127.0.0.1:9/hook?token=hush"), ti)
    lines = log_lines("")
    assert lines
    assert not [line for line in lines if "secret" in line or "hush" in line]
    assert "secret" not in str(ti.xcoms)
    assert "hush" not in str(ti.xcoms)


@pytest.mark.parametrize("stored", [False, True], ids=["nothing recorded", "recorded"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("prompt", {"prompt": "try {{ ti.try_number }}"}),
        ("take", {"take": "{{ ti.try_number }}"}),
        ("take", {"take": "{{ ti.try_number }}", "idempotency_scope": "inputs"}),
        ("prompt", {"prompt": "{{ ti.start_date }}"}),
        ("kling_conn_id", {"kling_conn_id": "kling_{{ ti.try_number }}", "external_task_id": "shot"}),
    ],
    ids=["prompt", "take", "take of shared jobs", "start of the try", "account"],
)
def test_a_task_whose_job_changes_in_each_try_warns(
    *,
    name: str,
    arguments: dict[str, Any],
    stored: bool,
    ti: TaskInstance,
    kling_emulator: Emulator,
    log_lines: LogLines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Emulator(speed=SPEED) as other:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_1", kling_emulator.connection_json())
        monkeypatch.setenv("AIRFLOW_CONN_KLING_2", other.connection_json())
        store = Store() if stored else None

        def try_once(instance: TaskInstance) -> dict[str, Any]:
            created = image_to_video(**arguments)
            created.render_template_fields({"ti": instance})
            return dict(run(created, instance, **({"task_state_store": store} if store else {})))

        first = try_once(ti)
        assert log_lines(f"{name} differs in each try, so a retry asks for another job and pays for it")
        try_once(ti.retried())
        assert len(kling_emulator.jobs) + len(other.jobs) == 2
    if stored and name != "kling_conn_id":
        (line,) = log_lines("This try asks for another job than the earlier try did")
        assert f"external_task_id {first['external_task_id']};" in line
        assert f"What differs: {name}: " in line
    else:
        assert log_lines(
            f"{name} differs in each try, so this one asks for another job than the earlier try did"
        )


def test_without_a_retry_values_that_change_cause_no_warning(
    ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    created = image_to_video(take="{{ ti.try_number }}")
    created.render_template_fields({"ti": ti})
    run(created, replace(ti, max_tries=0))
    assert not log_lines("differs in each try")
