# SPDX-License-Identifier: Apache-2.0
"""A task that fails says truly what its retry, or a clear, will do: who believes it must not pay twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingError,
    KlingResultExpired,
    KlingResultNotKept,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskTimeout,
    KlingWaitInterrupted,
)
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.library import KlingCustomVoiceOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from airflow_provider_kling.results.download import DownloadOptions
from tests.unit.operators.conftest import LogLines, TaskInstance, context_of, image_to_video, posts, run

Make = Callable[..., KlingImageToVideoOperator]
DAY = 86_400.0


def once() -> TaskInstance:
    """A task without retries, which is Airflow's default."""
    return TaskInstance(max_tries=0)


def test_without_retries_left_the_error_promises_none(make: Make, slow_emulator: Emulator) -> None:
    with pytest.raises(KlingTaskTimeout) as late:
        run(make(timeout=0.3, retries=0), once())
    (job,) = slow_emulator.jobs
    text = str(late.value)
    assert "The job continues at Kling and may be charged. Airflow does not try this again" in text
    assert "a clear makes a new one, which is charged" in text
    assert f"(endpoint videos/image2video, kling_task_id {job.task_id})" in text
    assert "attaches" not in text


def test_the_last_try_does_not_speak_of_another_one(
    make: Make, ti: TaskInstance, slow_emulator: Emulator
) -> None:
    for _ in range(ti.max_tries):
        with pytest.raises(
            KlingTaskTimeout, match="A retry of this task attaches to it; a clear makes a new"
        ):
            run(make(timeout=0.3), ti)
        ti = ti.retried()
    with pytest.raises(KlingTaskTimeout, match="Airflow does not try this again"):
        run(make(timeout=0.3), ti)
    assert posts(slow_emulator) == 1


def test_a_file_that_cannot_be_stored_on_the_last_try(
    make: Make, kling_emulator: Emulator, tmp_path: Path
) -> None:
    kling_emulator.faults.set({"cut_download": 3000})
    with pytest.raises(KlingResultNotKept, match="KlingFetchResultOperator stores its result") as failed:
        run(make(retries=0, output_path=str(tmp_path)), once())
    assert "Kling stores it until" in str(failed.value)
    assert "without a new job" not in str(failed.value)


def test_no_fetch_is_advised_for_a_synchronous_call(
    ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_host = DownloadOptions.for_host
    quick = lambda *args, **kwargs: replace(of_host(*args, **kwargs), max_retry_delay=0.01)  # noqa: E731
    monkeypatch.setattr(DownloadOptions, "for_host", quick)
    kling_emulator.faults.set({"download_error": 1000})
    arguments: dict[str, Any] = {"text": "Hello.", "voice_id": "oversea_male1", "voice_language": "en"}
    speech = KlingTextToSpeechOperator(
        task_id="film", retries=3, output_path=tmp_path / "sounds", **arguments
    )
    with pytest.raises(KlingResultNotKept, match="which is charged again") as failed:
        run(speech, ti)
    assert "without a new job" not in str(failed.value)
    kling_emulator.faults.clear()
    run(speech, ti.retried())
    assert len(kling_emulator.jobs) == 2, "what the text says"


def test_advice_after_a_lost_response_at_a_gateway_promises_nothing(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**kling_emulator.connection(), "extra": {"dialect": "gateway", "base_path": "/"}}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    kling_emulator.faults.set({"no_external_id": True, "lost_response": 1})
    with pytest.raises(KlingSubmissionUnknown) as unknown:
        run(image_to_video(), ti)
    assert "attaches" not in str(unknown.value)
    assert str(unknown.value).count("may have been made") == 1


def refuse_the_key(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {**emulator.connection(), "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    monkeypatch.setattr("airflow_provider_kling.submission.submit.AUTH_RETRY_DELAYS", (0.0, 0.0))


def test_a_look_up_that_is_refused_does_not_read_as_if_nothing_was_paid(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(image_to_video(wait_for_completion=False), ti)
    (job,) = kling_emulator.jobs
    refuse_the_key(kling_emulator, monkeypatch)
    with pytest.raises(KlingWaitInterrupted, match="A job may have been made and may be charged") as refused:
        run(image_to_video(), ti.retried())
    assert "A retry of this task looks for it, and attaches to it if it was made" in str(refused.value)
    last = ti.retried().retried().retried()
    with pytest.raises(KlingWaitInterrupted, match="A job may have been made and may be charged") as refused:
        run(image_to_video(), last)
    assert "Airflow does not try this again, and a clear makes a new one" in str(refused.value)
    assert f"kling_task_id {job.external_task_id}" in str(refused.value)


def test_a_result_that_cannot_be_read_is_not_abandoned(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The triggerer has seen the job end; the worker that reads it finds the connection changed."""
    run(image_to_video(wait_for_completion=False), ti)
    event: Any = {"status": "succeed", "task_id": kling_emulator.jobs[0].task_id, "message": ""}
    refuse_the_key(kling_emulator, monkeypatch)
    ended = r"The job has ended at Kling\."
    with pytest.raises(
        KlingWaitInterrupted, match=rf"{ended} A retry of this task fetches it again"
    ) as refused:
        image_to_video(deferrable=True).execute_complete(context_of(ti), event)
    assert refused.value.task_id == event["task_id"]
    with pytest.raises(KlingWaitInterrupted, match=rf"{ended} Airflow does not try this again") as refused:
        image_to_video(deferrable=True).execute_complete(context_of(replace(ti, max_tries=0)), event)
    assert f"kling_task_id {event['task_id']}" in str(refused.value)


def test_an_output_path_that_fails_later_promises_no_more_than_any_error(
    make: Make, ti: TaskInstance, kling_emulator: Emulator, s3: Any
) -> None:
    run(make(wait_for_completion=False), ti)
    last = ti.retried().retried().retried()
    location = s3.uri("out", "kling_test_s3_down")
    with pytest.raises(KlingServerError, match="cannot be used now") as failed:
        run(make(output_path=location), ti.retried())
    assert "A retry of this task looks for it, and attaches to it if it was made" in str(failed.value)
    with pytest.raises(KlingServerError, match="Airflow does not try this again") as failed:
        run(make(output_path=location), last)
    assert "retry" not in str(failed.value)


def test_on_kill_of_a_last_try(slow_emulator: Emulator, log_lines: LogLines) -> None:
    operator = image_to_video(retries=0, timeout=0.3)
    with pytest.raises(KlingTaskTimeout):
        operator.execute(context_of(once()))
    operator.on_kill()
    (line,) = log_lines("cannot cancel")
    assert "No retry is left, and a clear makes a new one, which is charged" in line


def test_a_result_that_kling_has_deleted_is_no_success(make: Make, kling_emulator: Emulator) -> None:
    """The same run again, later: its job is there, and attached to, but of no use."""
    first = run(make(retries=0), once())
    with (
        time_machine.travel(first["expires_at"] / 1000 + DAY),
        pytest.raises(KlingResultExpired) as deleted,
    ):
        run(make(retries=0), once())
    assert isinstance(deleted.value, AirflowFailException)
    for expected_text in (
        f"Kling has deleted the result of task {first['task_id']} (videos/image2video of ",
        f"external_task_id {first['external_task_id']}",
        "it was stored until",
        "To make it again, and be charged again, clear this task.",
    ):
        assert expected_text in str(deleted.value)
    with time_machine.travel(first["expires_at"] / 1000 + DAY):
        second = run(make(retries=0), TaskInstance(max_tries=1, try_number=2))
    assert second["task_id"] != first["task_id"], "what the text says"


def test_a_user_external_task_id_must_change_for_a_new_job(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    first = run(image_to_video(external_task_id="order-17"), ti)
    with (
        time_machine.travel(first["expires_at"] / 1000 + DAY),
        pytest.raises(KlingResultExpired, match="give this task another external_task_id"),
    ):
        run(image_to_video(external_task_id="order-17"), ti.cleared())


def test_a_voice_outlives_its_job(ti: TaskInstance, kling_emulator: Emulator) -> None:
    def voice() -> KlingCustomVoiceOperator:
        return KlingCustomVoiceOperator(
            task_id="film",
            retries=3,
            poll_interval=0.2,
            voice_name="narrator",
            voice_url="https://sounds.example/a.mp3",
        )

    first = run(voice(), ti)
    with time_machine.travel(first["expires_at"] / 1000 + DAY):
        second = run(voice(), ti.retried())
    assert second["voices"] == first["voices"]


@pytest.mark.parametrize(
    ("dialect", "expected_text"),
    [
        ("kling", "This job will cost about 3.0 video units"),
        ("gateway", "a gateway sets the price of this job; Kling's own list price would be 3.0 video units"),
        ("cometapi", "CometAPI sets the price of this job; Kling's own list price would be 3.0 video units"),
    ],
)
def test_another_hosts_price_is_labelled_as_klings_list_price(
    *,
    ti: TaskInstance,
    kling_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: LogLines,
    dialect: str,
    expected_text: str,
) -> None:
    fields = {**kling_emulator.connection(), "extra": {"dialect": dialect, "base_path": "/"}}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    run(image_to_video(wait_for_completion=False), ti)
    assert log_lines(expected_text)
    assert bool(log_lines("will cost about")) is (dialect == "kling")


def test_an_error_of_others_is_left_alone(ti: TaskInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a connection it is unknown what a retry will find."""
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", '{"conn_type": "kling", "extra": {"what": 1}}')
    with pytest.raises(KlingError) as refused:
        run(image_to_video(), ti)
    assert "retry" not in str(refused.value)
