# SPDX-License-Identifier: Apache-2.0
"""The triggers as a triggerer runs them."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pkgutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from airflow_provider_kling.api.polling import MIN_POLL_INTERVAL
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, error_from_event
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers import kling, slot_queue
from airflow_provider_kling.triggers.kling import KlingSlotTrigger, KlingTaskTrigger
from tests.unit.triggers.server import (
    KEY,
    REFUSED,
    SIGNED,
    SLUG,
    Server,
    until,
)


def task_trigger(ident: Any, **kwargs: Any) -> KlingTaskTrigger:
    defaults: dict[str, Any] = {
        "endpoint": SLUG,
        "kling_conn_id": "kling_default",
        "poll_interval": MIN_POLL_INTERVAL,
        "deadline": time.time() + 60,
    }
    return KlingTaskTrigger(kling_task_id=ident, **{**defaults, **kwargs})


def logging_as(trigger: KlingTaskTrigger, name: str) -> KlingTaskTrigger:
    """Let a trigger log in a way that pytest sees, whatever Airflow's own way is."""
    trigger._log = logging.getLogger(name)
    return trigger


def slot_trigger(**kwargs: Any) -> KlingSlotTrigger:
    now = time.time()
    defaults: dict[str, Any] = {
        "endpoint": SLUG,
        "kling_conn_id": "kling_default",
        "deadline": now + 60,
        "since": now,
    }
    return KlingSlotTrigger(**{**defaults, **kwargs})


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


class _Sleeper(KlingTaskTrigger):
    """A trigger that waits for nothing."""

    def __init__(self, *_: object) -> None:
        super().__init__(SLUG, "", "", 1.0, 0.0)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(60)
        yield TriggerEvent({})  # type: ignore[no-untyped-call]


async def fire(trigger: KlingTaskTrigger | KlingSlotTrigger) -> TriggerEvent:
    async with asyncio.timeout(60):
        events = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0]


@pytest.mark.parametrize(
    "trigger",
    [
        task_trigger("job-1"),
        task_trigger("job-1", since=1.5, end_from_trigger=True),
        slot_trigger(),
        slot_trigger(refused_at=2.5, refusals=4, retry_after=3.0),
    ],
    ids=["task", "task in full", "slot", "slot in full"],
)
def test_it_survives_serialization(trigger: KlingTaskTrigger | KlingSlotTrigger) -> None:
    path, arguments = trigger.serialize()
    arguments = json.loads(json.dumps(arguments))
    second = pkgutil.resolve_name(path)(**arguments)
    assert second.serialize() == (path, arguments)
    assert type(second) is type(trigger)


def test_an_id_that_a_native_template_made_a_number_of_is_an_id() -> None:
    assert task_trigger(824301234567890).serialize()[1]["kling_task_id"] == "824301234567890"


def test_arguments_of_other_versions_are_ignored() -> None:
    arguments = task_trigger("job-1", tomorrow=1).serialize()[1]
    assert "tomorrow" not in arguments
    assert slot_trigger(tomorrow=1).serialize()[1].keys() == slot_trigger().serialize()[1].keys()


@pytest.mark.usefixtures("connection")
class TestTask:
    async def test_a_success_is_fired_as_an_event(self, server: Server) -> None:
        (ident,) = server.make()
        server.set(ident, "succeed")
        event = await fire(task_trigger(ident))
        assert event.payload == {"status": "succeed", "task_id": ident, "message": ""}
        assert SIGNED not in repr(event)

    async def test_a_failure_fails_the_task_in_the_triggerer(self, server: Server) -> None:
        (ident,) = server.make()
        server.set(ident, "failed", "no luck")
        event = await fire(task_trigger(ident, end_from_trigger=True))
        assert event.payload == {"status": "failed", "task_id": ident, "message": "no luck"}

    async def test_a_timeout_is_fired_as_an_event(self, server: Server) -> None:
        (ident,) = server.make()
        event = await fire(task_trigger(ident, deadline=time.time() - 10))
        assert event.payload["status"] == "timeout"
        assert len(server.request_count) == 1

    async def test_refused_credentials(self, server: Server) -> None:
        (ident,) = server.make()
        server.answers = [REFUSED] * 3
        event = await fire(task_trigger(ident))
        assert event.payload["status"] == "error"
        error = error_from_event(event.payload)
        assert "job" in str(error).lower()
        assert not isinstance(error, AirflowFailException)
        assert KEY not in repr(event)

    async def test_a_key_that_is_changed_while_a_job_runs_costs_no_result(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        (ident,) = server.make()
        server.answers = [REFUSED] * 3
        trigger = logging_as(task_trigger(ident), "trigger")
        firing = asyncio.ensure_future(fire(trigger))
        await until(lambda: len(server.request_count) > 0)
        content = {"conn_type": "kling", "host": server.url, "password": "another-key"}
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(content))
        server.set(ident, "succeed")
        event = await firing
        assert event.payload["status"] == "succeed"
        assert "Connection 'kling_default' was changed; the wait continues with it" in caplog.text
        assert "another-key" not in caplog.text

    async def test_end_from_trigger_ends_the_task_in_the_triggerer(self, server: Server) -> None:
        (ident,) = server.make(1, external_task_id="af-1")
        server.set(ident, "succeed")
        trigger = task_trigger(ident, end_from_trigger=True)
        trigger.trigger_id = 7
        event = await fire(trigger)
        assert isinstance(event, TaskSuccessEvent)
        assert event.xcoms
        result: Any = event.xcoms["return_value"]
        assert result["task_id"] == ident
        assert result["endpoint"] == SLUG
        assert result["videos"][0]["url"] == SIGNED
        # Airflow logs events.
        assert SIGNED not in repr(event)

    async def test_without_a_triggerer_a_worker_ends_the_task(self, server: Server) -> None:
        (ident,) = server.make()
        server.set(ident, "succeed")
        event = await fire(task_trigger(ident, end_from_trigger=True))
        assert event.payload["status"] == "succeed"

    async def test_a_hundred_polls_leave_two_lines(
        self, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("airflow_provider_kling.triggers.shared_poller.MIN_POLL_INTERVAL", 0.01)
        caplog.set_level(logging.INFO)
        (ident,) = server.make()
        wait = asyncio.ensure_future(fire(logging_as(task_trigger(ident, poll_interval=0.01), "trigger")))
        await until(lambda: len(server.request_count) >= 50, 20)
        server.set(ident, "processing")
        await until(lambda: len(server.request_count) >= 100, 20)
        server.set(ident, "succeed")
        await wait
        ours = ("trigger", "airflow_provider_kling")
        log_messages = [line for line in caplog.records if line.name.startswith(ours)]
        assert [line.name for line in log_messages if line.levelno >= logging.INFO] == ["trigger"] * 2

    async def test_a_wait_holds_few_objects(self, server: Server) -> None:
        """Every full garbage collection stops the triggerer's loop for longer with each of them."""
        count = 100
        idents = server.make(count + 1)
        waits = [asyncio.ensure_future(fire(task_trigger(idents[0])))]
        await until(lambda: server.request_count)
        before = _objects()
        waits += [asyncio.ensure_future(fire(task_trigger(ident))) for ident in idents[1:]]
        for status in ("submitted", "processing"):
            for ident in idents:
                server.set(ident, status)
            reads = len(server.request_count)
            await until(lambda reads=reads: len(server.request_count) >= reads + 5)  # type: ignore[misc]
        held = _objects() - before
        before = _objects()
        waits += [asyncio.ensure_future(fire(_Sleeper())) for _ in range(count)]
        await asyncio.sleep(0.1)
        least = _objects() - before
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert (held - least) / count < 16, "what it holds in addition to a trigger that only sleeps"

    async def test_killing_the_task_reports_that_the_job_continues(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        await logging_as(task_trigger("job-9"), "trigger").on_kill()
        assert "job-9" in caplog.text
        assert "cannot cancel" in caplog.text
        assert "charged" in caplog.text

    async def test_a_cancelled_trigger_leaves_the_poller(self, server: Server) -> None:
        (ident,) = server.make()
        wait = asyncio.ensure_future(fire(task_trigger(ident)))
        await until(lambda: server.request_count)
        wait.cancel()
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("poll ")])


class TestConnection:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kling, "_SETTINGS_BACKOFF", 0.01)

    async def test_a_missing_connection_is_an_error_that_a_retry_can_fix(self) -> None:
        event = await fire(task_trigger("job-1", kling_conn_id="nowhere", deadline=time.time() + 0.1))
        assert event.payload["status"] == "error"
        assert "nowhere" in event.payload["message"]
        error = error_from_event(event.payload)
        assert not isinstance(error, AirflowFailException)
        assert (error.task_id, error.job) == ("job-1", JobState.EXISTS)

    async def test_one_that_cannot_be_used_is_an_error_that_names_the_cause(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = {"conn_type": "kling", "password": "k", "extra": {"colour": "red"}}
        monkeypatch.setenv("AIRFLOW_CONN_BAD", json.dumps(content))
        event = await fire(task_trigger("job-1", kling_conn_id="bad"))
        assert event.payload["status"] == "error"
        assert "colour" in event.payload["message"]

    async def test_an_endpoint_that_does_not_exist_is_an_error(self) -> None:
        event = await fire(task_trigger("job-1", endpoint="videos/none"))
        assert event.payload["status"] == "error"

    @pytest.mark.parametrize("named", ["extra.verify", "REQUESTS_CA_BUNDLE"])
    async def test_certificates_that_cannot_be_read_are_an_error_that_reports_what_to_do(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
    ) -> None:
        bundle = tmp_path / "empty.pem"
        bundle.touch()
        extra = {"verify": str(bundle)} if named == "extra.verify" else {}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        content = {"conn_type": "kling", "host": "https://127.0.0.1:9", "password": KEY, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(content))
        event = await fire(task_trigger("job-1"))
        assert event.payload["status"] == "error"
        assert f"{named} is '{bundle}'" in event.payload["message"]
        assert "must be a PEM file" in event.payload["message"]
        assert not isinstance(error_from_event(event.payload), AirflowFailException)

    @pytest.mark.usefixtures("connection")
    @pytest.mark.parametrize("kind", [RuntimeError, AirflowNotFoundException])
    async def test_a_failure_to_read_it_is_waited_out_with_one_warning(
        self,
        server: Server,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        kind: type[Exception],
    ) -> None:
        """Airflow 3 says that a connection does not exist while it cannot ask for it."""
        failures = self.fail_to_read(monkeypatch, 8, kind)
        (ident,) = server.make()
        server.set(ident, "succeed")
        event = await fire(logging_as(task_trigger(ident), "trigger"))
        assert event.payload["status"] == "succeed"
        assert not failures
        (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert warning.name == "trigger"
        assert "'kling_default' cannot be read, the wait continues" in warning.getMessage()

    @pytest.mark.usefixtures("connection")
    async def test_a_failure_to_read_it_ends_with_the_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fail_to_read(monkeypatch, 1000)
        began = time.monotonic()
        event = await fire(task_trigger("job-1", deadline=time.time() + 0.3))
        assert 0.2 < time.monotonic() - began < 30
        assert event.payload["status"] == "error"
        assert "'kling_default' could not be read in time: the API server" in event.payload["message"]

    def fail_to_read(
        self, monkeypatch: pytest.MonkeyPatch, times: int, kind: type[Exception] = RuntimeError
    ) -> list[int]:
        remaining = list(range(times))
        original = KlingHook.aget_settings

        async def failing(hook: KlingHook) -> Any:
            if remaining:
                remaining.pop()
                raise kind("the API server does not respond")
            return await original(hook)

        monkeypatch.setattr(KlingHook, "aget_settings", failing)
        return remaining


@pytest.mark.usefixtures("connection")
class TestSlot:
    async def test_the_end_of_a_job_of_any_endpoint_wakes_it(self, server: Server) -> None:
        (ident,) = server.make()
        began = time.time()
        first = slot_trigger(since=began - 5, refused_at=began, endpoint="images/generations")
        waits = [asyncio.ensure_future(fire(each)) for each in (first, slot_trigger(since=began))]
        job = asyncio.ensure_future(fire(task_trigger(ident)))
        await until(lambda: server.request_count)
        assert not any(wait.done() for wait in waits)
        server.set(ident, "succeed")
        await job
        async with asyncio.timeout(60):
            event = await waits[0]
        assert event.payload == {"status": "slot", "message": "", "since": began - 5, "refusals": 1}
        await asyncio.sleep(0.05)
        assert not waits[1].done()
        waits[1].cancel()

    async def test_the_deadline_ends_it(self) -> None:
        event = await fire(slot_trigger(deadline=time.time() + 0.1, refusals=3))
        assert event.payload["status"] == "timeout"
        assert event.payload["refusals"] == 3

    async def test_without_a_notification_it_tries_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slot_queue, "_BACKOFF", 0.05)
        assert (await fire(slot_trigger())).payload["status"] == "slot"

    async def test_an_unreadable_connection_is_reported_by_the_worker(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kling, "_SETTINGS_BACKOFF", 0.01)
        monkeypatch.setattr(kling, "MAX_CONNECTION_WAIT", 0.1)
        event = await fire(slot_trigger(kling_conn_id="nowhere"))
        assert event.payload["status"] == "slot"
        assert "nowhere" in event.payload["message"]

    async def test_a_connection_that_cannot_be_read_for_a_moment_is_waited_for(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kling, "_SETTINGS_BACKOFF", 0.01)
        monkeypatch.setattr(slot_queue, "_BACKOFF", 0.01)
        failures = TestConnection().fail_to_read(monkeypatch, 4, AirflowNotFoundException)
        assert (await fire(slot_trigger())).payload["message"] == ""
        assert not failures


async def test_waits_of_the_emulators_jobs_end(kling_emulator: Emulator) -> None:
    body = {"model_name": "kling-v3", "image": "https://example.com/a.png", "duration": "5"}
    hook = KlingHook()
    idents = [(await asyncio.to_thread(hook.submit, SLUG, body)).task_id for _ in range(12)]
    events = await asyncio.gather(*(fire(task_trigger(ident)) for ident in idents))
    assert [event.payload["task_id"] for event in events] == idents
    assert {event.payload["status"] for event in events} == {"succeed"}
    polls = kling_emulator.count("GET", f"/v1/{SLUG}") + kling_emulator.count("GET", f"/v1/{SLUG}/{{id}}")
    assert polls <= len(idents)


@pytest.mark.usefixtures("connection")
async def test_no_event_is_fired_soon_after_the_deferral(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kling, "FIRST_EVENT_AFTER", 1.5)
    monkeypatch.setattr(kling, "airflow_version", lambda: (3, 3, 2))
    (ident,) = server.make()
    server.set(ident, "succeed")
    began = time.time()
    trigger = task_trigger(ident, since=began)
    trigger.trigger_id = 7
    assert (await fire(trigger)).payload["status"] == "succeed"
    assert time.time() - began >= 1.5


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize(
    ("version", "waits"),
    [((2, 11, 2), False), ((3, 2, 2), False), ((3, 3, 0), True), ((3, 4, 0), True)],
    ids=str,
)
@pytest.mark.parametrize("kind", ["job", "job of a sensor", "slot"])
async def test_events_are_held_back_where_early_ones_fail_tasks(
    server: Server, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], waits: bool, kind: str
) -> None:
    monkeypatch.setattr(kling, "FIRST_EVENT_AFTER", 1.5 if waits else 50)
    monkeypatch.setattr(kling, "airflow_version", lambda: version)
    monkeypatch.setattr(slot_queue, "_BACKOFF", 0.01)
    (ident,) = server.make()
    server.set(ident, "succeed")
    began = time.time()
    trigger: Any = {
        "job": lambda: task_trigger(ident, since=began),
        "job of a sensor": lambda: task_trigger(ident),
        "slot": lambda: slot_trigger(since=began - 60, refused_at=began),
    }[kind]()
    trigger.trigger_id = 7
    assert (await fire(trigger)).payload["status"] in ("succeed", "slot")
    assert 1.5 * waits <= time.time() - began < 40


@pytest.mark.usefixtures("connection")
async def test_the_end_of_a_task_in_the_triggerer_is_not_held_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kling, "airflow_version", lambda: (3, 3, 2))
    (ident,) = server.make()
    server.set(ident, "succeed")
    began = time.time()
    trigger = task_trigger(ident, since=began, end_from_trigger=True)
    trigger.trigger_id = 7
    assert isinstance(await fire(trigger), TaskSuccessEvent)
    assert time.time() - began < kling.FIRST_EVENT_AFTER - 1


async def test_the_end_of_a_later_wait_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time()
    trigger = task_trigger("job-1")
    trigger.trigger_id = 7
    await trigger._not_too_early(began - 11)
    assert time.time() - began < 8


@pytest.mark.parametrize(
    ("started", "waits"), [(None, 10), (0.2, 10), (1, 10), (3, 18), (8, 30), (300, 0)], ids=str
)
async def test_a_late_trigger_start_gives_the_scheduler_more_time(
    started: float | None, waits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(kling, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(kling, "airflow_version", lambda: (3, 3, 2))
    now = time.time()
    trigger = task_trigger("job-1")
    trigger.trigger_id = 7
    deferred_at = now - 300 if started == 300 else now
    trigger._started_at = None if started is None else deferred_at + started
    await trigger._not_too_early(deferred_at)
    assert slept == [pytest.approx(waits, abs=2)]


async def test_the_doubt_of_an_earlier_create_call_survives_the_wait() -> None:
    arguments = {"endpoint": "videos/text2video", "kling_conn_id": "none", "deadline": 0.0, "since": 0.0}
    _, stored = KlingSlotTrigger(**arguments, may_exist=True).serialize()
    (event,) = [event.payload async for event in KlingSlotTrigger(**stored).run()]
    assert (event["status"], event["may_exist"]) == ("timeout", True)
    (event,) = [event.payload async for event in KlingSlotTrigger(**arguments).run()]
    assert "may_exist" not in event
