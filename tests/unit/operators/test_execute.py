# SPDX-License-Identifier: Apache-2.0
"""A task makes its job once, waits for it in either way, and returns what was made."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    JobState,
    KlingContentRefused,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from tests.unit.operators.conftest import (
    IMAGE_URL,
    PATH,
    LogLines,
    TaskInstance,
    context_of,
    fire,
    gets,
    image_to_video,
    meanwhile,
    posts,
    run,
)

Make = Callable[..., KlingImageToVideoOperator]


def test_the_result_has_the_documented_fields(make: Make, ti: TaskInstance, kling_emulator: Emulator) -> None:
    result = run(make(prompt="waves"), ti)
    (job,) = kling_emulator.jobs
    video = result["videos"][0]
    assert result["task_id"] == job.task_id
    assert result["external_task_id"] == job.external_task_id
    assert (result["endpoint"], result["status"]) == ("videos/image2video", "succeed")
    assert result["expires_at"] == result["updated_at"] + 30 * 24 * 3600 * 1000
    assert float(result["units"]) > 0
    assert video["url"].startswith(kling_emulator.url)
    assert float(video["duration"]) == pytest.approx(5, abs=0.1)


def test_what_is_sent(make: Make, ti: TaskInstance, kling_emulator: Emulator) -> None:
    run(make(prompt="waves", duration="5", negative_prompt="", watermark_info={"enabled": False}), ti)
    (job,) = kling_emulator.jobs
    assert job.body == {
        "model_name": "kling-v3",
        "image": IMAGE_URL,
        "prompt": "waves",
        "duration": "5",
        "watermark_info": {"enabled": False},
        "external_task_id": job.external_task_id,
    }


def test_a_fresh_job_is_not_polled_before_deferring(ti: TaskInstance, kling_emulator: Emulator) -> None:
    operator = image_to_video(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context_of(ti))
    (job,) = kling_emulator.jobs
    assert kling_emulator.requests == {("POST", PATH, 200): 1}
    assert deferred.value.method_name == "execute_complete"
    arguments = deferred.value.trigger.serialize()[1]
    assert arguments["kling_task_id"] == job.task_id
    assert arguments["endpoint"] == "videos/image2video"
    assert set(fire(deferred.value)) == {"status", "task_id", "message"}


def test_the_ids_are_pushed_before_any_waiting(
    make: Make, ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: dict[str, Any] = {}

    def wait(*_: Any, **__: Any) -> Any:
        pushed.update(ti.xcoms)
        raise KlingError("stop here")

    operator = make()
    monkeypatch.setattr(type(operator.hook), "wait", wait)
    with pytest.raises((KlingError, TaskDeferred)):
        operator.execute(context_of(ti))
    (job,) = kling_emulator.jobs
    seen = pushed or ti.xcoms
    assert (seen["task_id"], seen["external_task_id"]) == (job.task_id, job.external_task_id)


def test_a_job_without_an_id_of_ours_pushes_nothing_that_an_airflow_refuses(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    speech = KlingTextToSpeechOperator(
        task_id="speak", text="Good evening", voice_id="genshin_vindi2", voice_language="en"
    )
    run(speech, ti)
    assert len(kling_emulator.jobs) == 1
    assert ti.xcoms["task_id"]
    assert ti.xcoms["external_task_id"] == ""


def test_xcoms_can_be_switched_off(make: Make, ti: TaskInstance, kling_emulator: Emulator) -> None:
    result = run(make(do_xcom_push=False), ti)
    assert ti.xcoms == {}
    assert result["task_id"] == kling_emulator.jobs[0].task_id


def test_without_waiting_the_submitted_job_is_returned(
    make: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    result = run(make(wait_for_completion=False), ti)
    assert (result["status"], result["task_id"]) == ("submitted", kling_emulator.jobs[0].task_id)
    assert result["units"] is None
    assert sum(kling_emulator.requests.values()) == 1


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("no face was found in the picture", KlingTaskFailed),
        ("Failure to pass the risk control system", KlingContentRefused),
    ],
)
def test_a_failed_job_names_the_cause_though_the_envelope_reports_succeed(
    make: Make, ti: TaskInstance, kling_emulator: Emulator, reason: str, kind: type[KlingError]
) -> None:
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": reason})
    with pytest.raises(kind, match=f"as failed: {reason}") as failed:
        run(make(), ti)
    assert "SUCCEED" not in str(failed.value)
    assert failed.value.task_id == kling_emulator.jobs[0].task_id


def test_refused_content_is_final_and_costs_nothing(
    make: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    kling_emulator.faults.set({"refused_word": "weapon"})
    with pytest.raises(KlingContentRefused, match="No job was made and nothing is charged") as refused:
        run(make(prompt="a weapon"), ti)
    assert isinstance(refused.value, AirflowFailException)
    assert len(kling_emulator.jobs) == 0


@pytest.mark.parametrize("defect", ["lost_response", "late_error"])
def test_a_lost_response_makes_no_second_job(
    make: Make, ti: TaskInstance, kling_emulator: Emulator, defect: str
) -> None:
    kling_emulator.faults.set({defect: 1})
    result = run(make(), ti)
    assert result["task_id"] == kling_emulator.jobs[0].task_id
    assert posts(kling_emulator) == len(kling_emulator.jobs) == 1


def test_an_unreachable_host(
    make: Make, ti: TaskInstance, monkeypatch: pytest.MonkeyPatch, kling_emulator: Emulator
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_KLING_DEFAULT", '{"conn_type": "kling", "host": "http://127.0.0.1:9", "password": "k"}'
    )
    monkeypatch.setattr("airflow_provider_kling.submission.submit.LOOKUP_DELAYS", (0.0, 0.0, 0.0))
    with pytest.raises(KlingServerError, match=r"No response from 127\.0\.0\.1") as failed:
        run(make(), ti)
    assert failed.value.job is JobState.NOT_CREATED
    assert not isinstance(failed.value, AirflowFailException)


def test_a_timeout_reports_that_the_job_continues(
    make: Make, ti: TaskInstance, slow_emulator: Emulator
) -> None:
    with pytest.raises(KlingTaskTimeout, match="A retry of this task attaches to it") as failed:
        run(make(timeout=0.3), ti)
    assert failed.value.task_id == slow_emulator.jobs[0].task_id


def test_an_unknown_status_is_logged_once_and_the_wait_continues(
    ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    kling_emulator.faults.set({"unknown_status": "reviewing"})
    result = run(image_to_video(deferrable=False), ti)
    assert result["status"] == "succeed"
    (line,) = log_lines("reviewing")
    assert "'reviewing' is a status that this version does not know; waiting on" in line
    assert "warning" in line.lower()


def test_polls_are_not_logged_but_changes_are(
    ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines
) -> None:
    meanwhile(lambda: gets(slow_emulator) >= 6, lambda: slow_emulator.advance(90))
    run(image_to_video(), ti)
    lines = log_lines(f"Job {slow_emulator.jobs[0].task_id}: ")
    assert [line.rpartition(": ")[2] for line in lines] == ["submitted", "succeed"]


def test_a_job_that_the_list_saw_end_first_is_read_until_it_has_ended(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    operator = image_to_video(deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(context_of(ti))
    event = {"status": "succeed", "task_id": kling_emulator.jobs[0].task_id, "message": ""}
    result = operator.execute_complete(context_of(ti), event)  # type: ignore[arg-type]
    assert result["status"] == "succeed"
    assert result["videos"]


@pytest.mark.parametrize(
    ("extra_body", "expected_text"),
    [
        ({"prompt": "x"}, "extra_body holds prompt, which the task's own parameters already give"),
        ("text", "extra_body is a str; it must be a mapping"),
        ({"when": object()}, "extra_body cannot be sent as JSON"),
        ({"scale": float("nan")}, "extra_body cannot be sent as JSON"),
        ({1: "a key that is no text"}, "extra_body cannot be sent as JSON"),
        ({"external_task_id": "a"}, "set the parameter external_task_id instead"),
        ({"external_task_id": None}, "set the parameter external_task_id instead"),
        ({"options": {"external_task_id": "a"}}, "set the parameter external_task_id instead"),
        ('{"settings": "{\\"external_task_id\\": 1}"}', "set the parameter external_task_id instead"),
    ],
)
def test_an_extra_body_that_cannot_be_sent(
    ti: TaskInstance, kling_emulator: Emulator, extra_body: Any, expected_text: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=expected_text):
        run(image_to_video(prompt="y", extra_body=extra_body), ti)
    assert kling_emulator.requests == {}


def test_an_extra_body_is_sent(ti: TaskInstance, kling_emulator: Emulator) -> None:
    run(image_to_video(extra_body={"brand_new": {"a": [1]}}), ti)
    assert kling_emulator.jobs[0].body["brand_new"] == {"a": [1]}


def test_one_line_reports_how_often_and_until_when_a_deferred_task_asks(
    log_lines: LogLines, slow_emulator: Emulator, ti: TaskInstance
) -> None:
    with pytest.raises(TaskDeferred):
        image_to_video(deferrable=True, poll_interval=5).execute(context_of(ti))
    (line,) = log_lines("Deferring")
    assert re.search(r"Deferring: polling every 5 s until (\S+ )?\d\d:\d\d UTC", line)
