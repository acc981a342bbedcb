# SPDX-License-Identifier: Apache-2.0
"""A context may lack keys, as in users' unit tests: tasks without a job work, others say what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, KlingAccountError, KlingRequestInvalid
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.account import KlingAccountOperator
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.operators.media_check import KlingMediaCheckOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator, KlingResultSweepOperator
from airflow_provider_kling.operators.usage import KlingUsageOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor

SLUG = "images/generations"
CONTEXTS: Any = pytest.mark.parametrize("context", [{}, {"ti": None}], ids=["empty", "no instance"])


def image(**arguments: Any) -> KlingImageGenerationOperator:
    return KlingImageGenerationOperator(task_id="image", prompt="a cat", **arguments)


PAID: dict[str, Callable[[str], Any]] = {
    "job": lambda path: image(output_path=path),
    "deferrable job": lambda path: image(deferrable=True),
    "shared job": lambda path: image(idempotency_scope="inputs", output_path=path),
    "synchronous": lambda path: KlingTextToSpeechOperator(
        task_id="say", text="hello", voice_id="1", voice_language="en"
    ),
    "batch": lambda path: KlingBatchOperator(
        task_id="batch", endpoint=SLUG, requests=[{"prompt": "a"}], output_path=path
    ),
}


@CONTEXTS
@pytest.mark.parametrize("kind", PAID)
def test_a_task_that_is_charged_says_that_the_task_instance_is_missing(
    kling_emulator: Emulator, tmp_path: Path, kind: str, context: Any
) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"^No task instance in the context: run .*dag") as no:
        PAID[kind](str(tmp_path)).execute(context)
    assert no.value.job is JobState.NOT_CREATED
    assert kling_emulator.jobs == ()


@CONTEXTS
def test_a_resumed_task_says_that_the_task_instance_is_missing(
    kling_emulator: Emulator, context: Any
) -> None:
    event = {"status": "succeed", "task_id": "8", "message": ""}
    with pytest.raises(KlingRequestInvalid, match="No task instance"):
        image().execute_complete(context, event)  # type: ignore[arg-type]
    with pytest.raises(KlingRequestInvalid, match="No task instance"):
        image().resume_submission(context, {**event, "status": "slot"})


@CONTEXTS
@pytest.mark.parametrize("kind", PAID)
def test_a_dry_run_needs_no_task_instance(
    kling_emulator: Emulator, tmp_path: Path, kind: str, context: Any
) -> None:
    assert PAID[kind](str(tmp_path)).dry_run(context)["sent"] is False


@CONTEXTS
def test_tasks_without_a_job_of_their_own_need_no_task_instance(
    kling_emulator: Emulator, tmp_path: Path, context: Any
) -> None:
    job = KlingHook().submit(SLUG, {"model_name": "kling-v3", "prompt": "a cat"}).task_id
    kling_emulator.advance(3600)
    output_path = str(tmp_path)
    at = {"endpoint": SLUG, "kling_task_id": job}
    assert KlingTaskSensor(task_id="wait", **at).execute(context)["task_id"] == job
    fetched = KlingFetchResultOperator(task_id="fetch", output_path=output_path, **at).execute(context)
    assert Path(fetched["images"][0]["path"]).is_file()
    assert KlingResultSweepOperator(task_id="sweep", output_path=output_path).execute(context)["jobs"] == 1
    assert KlingUsageOperator(task_id="usage", output_path=output_path).execute(context)["complete"]
    path = fetched["images"][0]["path"]
    assert KlingMediaCheckOperator(task_id="check", path=path, min_width=1).execute(context)["passed"]
    assert KlingAccountOperator(task_id="credit", threshold_units=1).execute(context)["enough"]


@CONTEXTS
def test_an_error_without_a_task_instance_is_not_hidden(
    kling_emulator: Emulator, tmp_path: Path, context: Any
) -> None:
    with pytest.raises(KlingAccountError, match=r"^Top up the account"):
        KlingAccountOperator(task_id="credit", threshold_units=10**9).execute(context)
    with pytest.raises(KlingRequestInvalid, match=r"^No task instance"):
        KlingAccountOperator(task_id="credit", threshold_units=10**9, on_low="skip").execute(context)


@CONTEXTS
def test_a_deferrable_sensor_needs_no_task_instance(kling_emulator: Emulator, context: Any) -> None:
    job = KlingHook().submit(SLUG, {"model_name": "kling-v3", "prompt": "a cat"}).task_id
    sensor = KlingTaskSensor(task_id="wait", endpoint=SLUG, kling_task_id=job, deferrable=True)
    with pytest.raises(TaskDeferred):
        sensor.execute(context)
    kling_emulator.advance(3600)
    event = {"status": "succeed", "task_id": job, "message": ""}
    assert sensor.execute_complete(context, event)["task_id"] == job  # type: ignore[arg-type]
