# SPDX-License-Identifier: Apache-2.0
"""The trigger of a deferred batch: one poll for all its jobs, one event, no state."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest

from airflow_provider_kling.triggers import kling
from airflow_provider_kling.triggers.batch import KlingBatchTrigger
from tests.unit.triggers.server import REFUSED, SLUG, Server, hubs, poll_tasks, until

pytestmark = pytest.mark.usefixtures("connection")


def trigger(*idents: str, **changes: Any) -> KlingBatchTrigger:
    now = time.time()
    arguments = {
        "endpoint": SLUG,
        "kling_conn_id": "kling_default",
        "deadline": now + 30,
        "jobs": [(ident, None, now) for ident in idents],
        "poll_interval": 0.2,
        "since": now,
        "rows_left": False,
    }
    return KlingBatchTrigger(**{**arguments, **changes})


async def event_of(batch: KlingBatchTrigger) -> dict[str, Any]:
    async with asyncio.timeout(60):
        async for event in batch.run():
            return dict(event.payload)
    raise AssertionError("no event")


def again(batch: KlingBatchTrigger) -> KlingBatchTrigger:
    """The trigger as another triggerer makes it."""
    path, arguments = batch.serialize()
    assert path == "airflow_provider_kling.triggers.batch.KlingBatchTrigger"
    return KlingBatchTrigger(**json.loads(json.dumps(arguments)))


async def test_it_wakes_the_batch_when_all_jobs_have_ended(server: Server) -> None:
    idents = server.make(30)
    waiting = asyncio.ensure_future(event_of(again(trigger(*idents))))
    await until(lambda: server.request_count)
    for ident in idents[:-1]:
        server.set(ident, "succeed")
    await asyncio.sleep(0.5)
    assert not waiting.done()
    server.set(idents[-1], "failed", "an internal error")
    event = await waiting
    assert event.pop("fired_at") == pytest.approx(time.time(), abs=5)
    assert event == {"status": "wake", "ended": 30, "message": ""}
    assert set(server.single_reads) <= {idents[-1]}, "a single job is read by itself"
    await until(lambda: (hubs(), poll_tasks()) == (0, []))


async def test_half_of_the_jobs_are_enough_while_rows_are_left(server: Server) -> None:
    idents = server.make(6)
    for ident in idents[:3]:
        server.set(ident, "succeed")
    assert (await event_of(trigger(*idents, rows_left=True)))["ended"] == 3


async def test_a_trigger_that_moves_to_another_triggerer_starts_again(server: Server) -> None:
    idents = server.make(2)
    batch = trigger(*idents)
    first = asyncio.ensure_future(event_of(batch))
    await until(lambda: server.request_count)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    for ident in idents:
        server.set(ident, "succeed")
    assert (await event_of(again(batch)))["ended"] == 2


async def test_the_deadline_wakes_it(server: Server) -> None:
    idents = server.make(2)
    event = await event_of(trigger(*idents, deadline=time.time() + 0.5))
    assert (event["status"], event["ended"]) == ("wake", 0)


async def test_refused_credentials_bring_the_worker(server: Server) -> None:
    server.list_answer = REFUSED
    idents = server.make(3)
    server.single_answers = dict.fromkeys(idents, REFUSED)
    event = await event_of(trigger(*idents))
    assert event["ended"] == 0
    assert "access key not found" in event["message"]


async def test_a_connection_that_cannot_be_used_brings_the_worker(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps({"conn_type": "kling"}))
    assert (await event_of(trigger(*server.make(1))))["message"]


async def test_no_event_comes_too_early_in_a_triggerer(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kling, "FIRST_EVENT_AFTER", 1.0)
    monkeypatch.setattr(kling, "airflow_version", lambda: (3, 3, 2))
    (ident,) = server.make(1)
    server.set(ident, "succeed")
    batch = trigger(ident)
    batch.trigger_id = 7
    assert (await event_of(batch))["fired_at"] >= batch.since + 1.0


async def test_being_killed_reports_that_the_jobs_continue(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        batch = trigger(*(f"job-{number}" for number in range(12)))
        batch._log = logging.getLogger("trigger")
        await batch.on_kill()
    assert "12 jobs continue and may be charged (job-0, " in caplog.text
    assert "job-11" not in caplog.text


def test_arguments_of_other_versions_are_ignored() -> None:
    assert trigger("a", later=1).jobs[0][0] == "a"
