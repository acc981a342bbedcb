# SPDX-License-Identifier: Apache-2.0
"""Both drivers carry the decision out against a Kling that loses answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingError, KlingRequestInvalid, KlingSlotsTaken
from airflow_provider_kling.hooks import async_client, client
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.submission.context import Sleep, SubmittedTask
from airflow_provider_kling.submission.runner import arun_flow, can_look_up, run_flow
from airflow_provider_kling.submission.submit import SubmissionFlow, submit_or_attach
from tests.support.submission_steps import KEY, NAME, context

BODY = {"model_name": "kling-v3", "image": "https://pictures.example/a.png"}
PATH = IMAGE_TO_VIDEO.path

Run = Callable[..., SubmittedTask]


def synchronously(steps: SubmissionFlow, body: dict[str, Any]) -> SubmittedTask:
    return run_flow(steps, KlingHook().client, IMAGE_TO_VIDEO, body)


def asynchronously(steps: SubmissionFlow, body: dict[str, Any]) -> SubmittedTask:
    async def run() -> SubmittedTask:
        async with AsyncKlingClient(KlingHook().settings) as client:
            return await arun_flow(steps, client, IMAGE_TO_VIDEO, body)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """One emulator for all tests here."""
    with Emulator(speed=100.0) as emulator:
        yield emulator


@pytest.fixture
def kling_emulator(server: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """It without jobs, as the connection ``kling_default``."""
    server.reset()
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", server.connection_json())
    return server


@pytest.fixture(params=[synchronously, asynchronously])
def run(request: pytest.FixtureRequest) -> Run:
    """Each driver in turn; its pauses last no time."""

    def quick(steps: SubmissionFlow) -> SubmissionFlow:
        response, error = None, None
        try:
            while True:
                step = steps.throw(error) if error else steps.send(response)
                response, error = None, None
                if isinstance(step, Sleep):
                    continue
                try:
                    response = yield step
                except KlingError as failed:
                    error = failed
        except StopIteration as end:
            found: SubmittedTask = end.value
            return found

    return lambda given, body=BODY: request.param(quick(submit_or_attach(given)), body)


def posts(emulator: Emulator) -> int:
    return emulator.count("POST", PATH)


def test_the_job_gets_its_name(run: Run, kling_emulator: Emulator) -> None:
    submission = run(context())
    (job,) = kling_emulator.jobs
    assert (submission.task.task_id, submission.external_task_id) == (job.task_id, NAME)
    assert job.external_task_id == NAME
    assert not submission.reattached


@pytest.mark.parametrize("defect", ["lost_response", "late_error"])
def test_a_lost_response_costs_one_job(run: Run, kling_emulator: Emulator, defect: str) -> None:
    kling_emulator.faults.set({defect: 1})
    submission = run(context())
    (job,) = kling_emulator.jobs
    assert submission.task.task_id == job.task_id
    assert submission.reattached
    assert posts(kling_emulator) == 1


def test_a_lost_request_is_made_again(run: Run, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"lost_request": 2})
    run(context())
    other = replace(KEY, map_index=1)
    submission = run(context(key=other))
    assert not submission.reattached
    assert [job.external_task_id for job in kling_emulator.jobs] == [NAME, other.external_task_id(0)]
    assert posts(kling_emulator) == 3


def test_a_second_try_attaches(run: Run, kling_emulator: Emulator) -> None:
    first = run(context())
    second = run(context(is_retry=True))
    assert second.reattached
    assert second.task.task_id == first.task.task_id
    assert posts(kling_emulator) == 1


def test_a_first_try_that_is_none_attaches_too(run: Run, kling_emulator: Emulator) -> None:
    """Kling refuses a second job of the same name."""
    first = run(context())
    second = run(context())
    assert second.reattached
    assert second.task.task_id == first.task.task_id
    assert len(kling_emulator.jobs) == 1


@pytest.mark.parametrize(
    ("defects", "body", "kind"),
    [
        ({"slots_taken": 1}, BODY, KlingSlotsTaken),
        ({}, {"model_name": "kling-v3"}, KlingRequestInvalid),
    ],
)
def test_refusals_come_through(
    run: Run, kling_emulator: Emulator, defects: dict[str, int], body: dict[str, str], kind: type[KlingError]
) -> None:
    kling_emulator.faults.set(defects)
    with pytest.raises(kind):
        run(context(), body)
    assert len(kling_emulator.jobs) == 0


def test_the_drivers_take_their_time(kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=waited.append, monotonic=time.monotonic))
    kling_emulator.faults.set({"lost_response": 1})
    synchronously(submit_or_attach(context()), BODY)
    assert waited == [1.0]

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    # The module of the client only: the emulator's thread shares asyncio and waits with its sleep().
    monkeypatch.setattr(async_client, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": pause}))
    asynchronously(submit_or_attach(context(key=replace(KEY, clear_count=1))), BODY)
    assert waited == [1.0, 1.0]


def test_where_jobs_can_be_looked_up() -> None:
    blind = {slug for slug, endpoint in ENDPOINTS.items() if not can_look_up(endpoint, True)}
    assert "videos/image2video" not in blind
    assert {"audio/tts", "videos/identify-face", "videos/image-recognize"} <= blind
    assert not any(can_look_up(endpoint, False) for endpoint in ENDPOINTS.values())
