# SPDX-License-Identifier: Apache-2.0
"""The shared poller when the server, the list or a job fails: no wait ends because of it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import Any

import pytest

from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.exceptions import KlingServerError
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.connection import KlingSettings
from airflow_provider_kling.triggers import background_reads, reads_by_id, task_reader, task_subscription
from airflow_provider_kling.triggers.shared_poller import get_poller
from tests.unit.triggers.server import (
    ERROR,
    REFUSED,
    TICK,
    TOO_FAST,
    Server,
    Waits,
    hubs,
    settings_for,
    until,
)


async def test_a_job_missing_in_the_list_is_read_by_itself(server: Server, waits: Waits) -> None:
    idents = server.make(10)
    server.unlisted = {idents[3]}
    task = asyncio.ensure_future(waits.all(idents))
    await until(lambda: len(server.lists) >= 2)
    for ident in idents:
        server.set(ident, "succeed")
    assert {event["status"] for event in await task} == {"succeed"}
    assert set(server.single_reads) == {idents[3]}


@pytest.mark.parametrize("code", [400, 404, 405, 403])
async def test_that_lists_are_missing_is_learnt_once(
    server: Server, waits: Waits, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    idents = server.make(6)
    server.list_answer = (code, {"code": 1200, "message": "no such path"}, {})
    task = asyncio.ensure_future(waits.all(idents))
    await until(lambda: len(server.single_reads) >= 18)
    for ident in idents:
        server.set(ident, "succeed")
    await task
    assert len(server.lists) == 1
    assert len([record for record in caplog.records if "cannot be listed" in record.message]) == 1


async def test_a_refusal_of_the_list_alone_is_no_refusal_of_the_credentials(
    server: Server, waits: Waits
) -> None:
    idents = server.make(6)
    server.list_answer = REFUSED
    for ident in idents:
        server.set(ident, "succeed")
    assert {event["status"] for event in await waits.all(idents)} == {"succeed"}
    assert len(server.lists) == 1


async def test_refused_credentials_end_all_waits(server: Server, waits: Waits) -> None:
    idents = server.make(20)
    server.answers = [REFUSED] * 100
    events = await waits.all(idents)
    assert {event["status"] for event in events} == {"error"}
    assert "credentials" in events[0]["message"]
    assert len(server.request_count) <= 3 * (1 + reads_by_id.PARALLEL_READS)
    assert hubs() == 0


async def test_a_temporary_refusal_ends_no_wait(server: Server, waits: Waits) -> None:
    """A refusal is final for a task: a moment's trouble at the vendor must not fail a thousand of them."""
    (ident,) = server.make()
    server.set(ident, "succeed")
    server.answers = [REFUSED, REFUSED, ERROR, REFUSED, REFUSED]
    assert (await waits.one(ident))["status"] == "succeed"


async def test_a_dialect_without_lists_never_gets_a_list_request(server: Server, endpoint: Endpoint) -> None:
    settings = settings_for(server, dialect="cometapi", base_path="/")
    idents = server.make(30)
    for ident in idents:
        server.set(ident, "succeed")
    await Waits(lambda: get_poller(settings, endpoint)).all(idents)
    assert sorted(server.request_count) == sorted(idents)


async def test_failed_polls_back_off_and_end_no_wait(server: Server, waits: Waits) -> None:
    (ident,) = server.make()
    server.answers = [ERROR, (502, "<html>Bad gateway</html>", {}), ERROR]
    server.set(ident, "succeed")
    assert (await waits.one(ident))["status"] == "succeed"
    gaps = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    assert gaps[2] > gaps[1] > gaps[0] > 1.5 * TICK
    (warning,) = waits.at(logging.WARNING)
    assert "the wait continues" in warning


async def test_after_a_failure_the_poll_interval_is_the_old_one(
    server: Server, waits: Waits, settings: KlingSettings, endpoint: Endpoint
) -> None:
    (ident,) = server.make()
    task = asyncio.ensure_future(waits.one(ident))
    server.answers = [ERROR, REFUSED]
    await until(lambda: len(server.request_count) == 3)
    hub = get_poller(settings, endpoint)
    await until(lambda: not hub._backoff.failures)
    assert not hub._refusals
    task.cancel()


async def test_a_failed_round_is_no_news_for_jobs_that_were_read(server: Server, waits: Waits) -> None:
    well, ill = server.make(2)
    server.single_answers[ill] = (429, {"code": 1302, "message": "too fast"}, {})
    tasks = [asyncio.ensure_future(waits.one(ident)) for ident in (well, ill)]
    await until(lambda: server.single_reads.count(ill) >= 4)
    assert [line for line in waits.at(logging.WARNING) if well in line] == []
    assert [line for line in waits.at(logging.WARNING) if ill in line]
    for task in tasks:
        task.cancel()


async def test_when_only_the_list_fails_repeatedly_jobs_are_read_one_by_one(
    server: Server, waits: Waits
) -> None:
    idents = server.make(5)
    server.list_answer = ERROR
    for ident in idents:
        server.set(ident, "succeed")
    assert {event["status"] for event in await waits.all(idents)} == {"succeed"}
    assert len(server.lists) == 3
    assert sorted(server.single_reads) == sorted(idents)


@pytest.mark.parametrize("count", [1, 10], ids=["single", "list"])
async def test_retry_after_is_honoured_by_the_poller_as_a_whole(
    server: Server, waits: Waits, count: int
) -> None:
    idents = server.make(count)
    server.answers = [TOO_FAST]
    for ident in idents:
        server.set(ident, "succeed")
    await waits.all(idents)
    assert server.times[1] - server.times[0] >= 1
    assert len(server.request_count) == 2


async def test_a_storm_of_errors_is_not_answered_with_a_storm_of_reads(
    server: Server, endpoint: Endpoint
) -> None:
    settings = settings_for(server, dialect="cometapi", base_path="/")
    idents = server.make(200)
    for ident in idents:
        server.set(ident, "succeed")
    server.answers = [ERROR] * 60
    task = asyncio.ensure_future(Waits(lambda: get_poller(settings, endpoint)).all(idents))
    await until(lambda: server.request_count)
    await asyncio.sleep(0.1)
    assert len(server.request_count) <= 2 * reads_by_id.PARALLEL_READS
    task.cancel()


async def test_one_unreadable_job_delays_no_other(server: Server, waits: Waits) -> None:
    (ident,) = server.make()
    tasks = [asyncio.ensure_future(waits.one(each)) for each in ("job-of-nobody", ident)]
    await until(lambda: server.single_reads.count(ident) >= 8)
    assert server.single_reads.count("job-of-nobody") <= 4
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize(
    "odd", [{"interval": float("nan")}, {"interval": float("inf")}, {"since": float("nan")}]
)
async def test_a_wait_with_an_invalid_time_delays_no_other(
    server: Server, waits: Waits, odd: dict[str, float]
) -> None:
    invalid, ident = server.make(2)
    for each in (invalid, ident):
        server.set(each, "succeed")
    events = await asyncio.wait_for(asyncio.gather(waits.one(invalid, **odd), waits.one(ident)), 20)
    assert [event["status"] for event in events] == ["succeed", "succeed"]


async def test_a_job_that_appears_later_is_found(server: Server, waits: Waits) -> None:
    task = asyncio.ensure_future(waits.one("job-1"))
    await until(lambda: server.request_count)
    (ident,) = server.make()
    server.set(ident, "succeed")
    assert (await task)["status"] == "succeed"


async def test_unknown_statuses_are_waited_out_with_one_warning(server: Server, waits: Waits) -> None:
    (ident,) = server.make(status="dreaming")
    task = asyncio.ensure_future(waits.one(ident))
    await until(lambda: len(server.request_count) >= 4)
    server.set(ident, "succeed")
    assert (await task)["status"] == "succeed"
    (warning,) = waits.at(logging.WARNING)
    assert "'dreaming'" in warning


async def test_the_deadline_ends_a_wait_after_a_last_poll(server: Server, waits: Waits) -> None:
    (ident,) = server.make(status="processing")
    began = time.monotonic()
    event = await waits.one(ident, interval=30, seconds=1)
    assert event["status"] == "timeout"
    assert "processing" in event["message"]
    assert 0.9 <= time.monotonic() - began <= 20
    assert server.times[-1] - began >= 0.9


async def test_a_job_that_ended_between_polls_is_a_success(server: Server, waits: Waits) -> None:
    (ident,) = server.make()
    server.set(ident, "succeed")
    assert (await waits.one(ident, seconds=-3600))["status"] == "succeed"


async def test_a_passed_deadline_waits_for_a_response_before_it_ends_a_wait(
    server: Server, waits: Waits
) -> None:
    (ident,) = server.make()
    server.set(ident, "succeed")
    server.answers = [ERROR] * 2
    assert (await waits.one(ident, seconds=-3600))["status"] == "succeed"


async def test_a_server_that_never_responds_ends_a_wait_some_time_after_its_deadline(
    server: Server, waits: Waits
) -> None:
    (ident,) = server.make()
    server.answers = [ERROR] * 100
    event = await waits.one(ident, seconds=-1)
    assert event["status"] == "timeout"
    assert "last poll failed" in event["message"]


async def test_the_deadline_holds_while_the_server_requests_a_long_pause(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_subscription, "DEADLINE_GRACE", 0.3)
    (ident,) = server.make(status="processing")
    task = asyncio.ensure_future(waits.one(ident, seconds=1.2))
    await until(lambda: server.request_count)
    server.answers = [(429, {"code": 1302, "message": "x"}, {"Retry-After": "3000"})]
    began = time.monotonic()
    assert (await task)["status"] == "timeout"
    assert time.monotonic() - began < 30


async def test_a_bug_in_the_poller_ends_no_wait(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (ident,) = server.make()
    server.set(ident, "succeed")
    original, calls = AsyncKlingClient.get_task, []

    async def broken(self: AsyncKlingClient, *args: Any) -> Any:
        calls.append(1)
        if len(calls) <= 2:
            raise ZeroDivisionError("a bug")
        return await original(self, *args)

    monkeypatch.setattr(AsyncKlingClient, "get_task", broken)
    assert (await waits.one(ident))["status"] == "succeed"
    assert len([record for record in caplog.records if "starts again" in record.message]) == 2


async def test_a_client_that_cannot_be_made_is_no_busy_loop(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else would run on the triggerer's loop, and it would log thousands of lines a second."""
    (ident,) = server.make()
    server.set(ident, "succeed")
    original, tries = AsyncKlingClient.__aenter__, list[float]()

    async def broken(self: AsyncKlingClient) -> AsyncKlingClient:
        tries.append(time.monotonic())
        if len(tries) <= 3:
            raise KlingServerError("no certificates")
        return await original(self)

    monkeypatch.setattr(AsyncKlingClient, "__aenter__", broken)
    assert (await waits.one(ident))["status"] == "succeed"
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    assert gaps[2] > gaps[1] > gaps[0] > 1.5 * TICK
    (warning,) = waits.at(logging.WARNING)
    assert "no certificates" in warning


@pytest.mark.parametrize(
    "odd",
    [
        {"task_info": {"external_task_id": {"a": 1}}},
        {"task_info": {"external_task_id": ["a"]}},
        {"task_info": {"external_task_id": True}},
        {"task_id": ["a"]},
        {"task_status": {"a": 1}},
        {"created_at": float("nan"), "updated_at": float("inf")},
        {"created_at": "2026", "updated_at": []},
        {"task_result": "x"},
    ],
    ids=str,
)
async def test_an_odd_row_affects_no_other_job(server: Server, waits: Waits, odd: dict[str, Any]) -> None:
    idents = server.make(12)
    for ident in idents:
        server.set(ident, "succeed")
    server.tasks[idents[5]] |= odd
    others = [ident for ident in idents if ident != idents[5]]
    pending = asyncio.ensure_future(waits.one(idents[5], seconds=2))
    events = await asyncio.wait_for(waits.all(others), 50)
    pending.cancel()
    assert {event["status"] for event in events} == {"succeed"}


async def test_a_row_that_cannot_be_read_is_skipped(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    idents = server.make(8)
    for ident in idents:
        server.set(ident, "succeed")
    label = task_reader.row_summary

    def broken(row: Any) -> Any:
        if row["task_id"] == idents[2]:
            raise ZeroDivisionError("a bug")
        return label(row)

    monkeypatch.setattr(task_reader, "row_summary", broken)
    assert {event["status"] for event in await waits.all(idents)} == {"succeed"}
    assert server.single_reads == [idents[2]]
    assert any("1 rows could not be read" in record.message for record in caplog.records)


async def test_a_hanging_read_holds_up_no_other_job(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_reads, "READ_DEADLINE", 0.5)
    idents = server.make(3)
    original = AsyncKlingClient.get_task

    async def hanging(self: AsyncKlingClient, endpoint: Endpoint, ident: str) -> Any:
        if ident == idents[0]:
            await asyncio.sleep(60)
        return await original(self, endpoint, ident)

    monkeypatch.setattr(AsyncKlingClient, "get_task", hanging)
    pending = asyncio.ensure_future(waits.one(idents[0]))
    task = asyncio.ensure_future(waits.all(idents[1:]))
    await until(lambda: len(server.single_reads) >= 4)
    for ident in idents:
        server.set(ident, "succeed")
    assert {event["status"] for event in await asyncio.wait_for(task, 60)} == {"succeed"}
    pending.cancel()


async def test_a_refused_list_is_tried_again(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_reader, "FIRST_LIST_PAUSE", 0.5)
    idents = server.make(8)
    server.answers = [(403, "<html>blocked</html>", {})]
    task = asyncio.ensure_future(waits.all(idents))
    await until(lambda: len(server.lists) >= 3)
    for ident in idents:
        server.set(ident, "succeed")
    assert {event["status"] for event in await task} == {"succeed"}


def hang(monkeypatch: pytest.MonkeyPatch, hanging: set[str], seconds: float = 600) -> list[str]:
    """Let reads of some jobs hang; return their ids as often as they are read."""
    original = AsyncKlingClient.get_task
    begun: list[str] = []

    async def get_task(self: AsyncKlingClient, endpoint: Endpoint, ident: str) -> Any:
        if ident in hanging:
            begun.append(ident)
            await asyncio.sleep(seconds)
        return await original(self, endpoint, ident)

    monkeypatch.setattr(AsyncKlingClient, "get_task", get_task)
    return begun


@pytest.mark.parametrize("count", [1, 12, 30], ids=lambda count: f"{count} hang")
async def test_reads_that_hang_continue_in_the_background(
    server: Server, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(background_reads, "MAX_ROUND_DELAY", 0.1)
    settings = settings_for(server, dialect="cometapi", base_path="/")
    waits = Waits(lambda: get_poller(settings, endpoint))
    idents = server.make(count + 20)
    begun = hang(monkeypatch, set(idents[:count]))
    pending = [asyncio.ensure_future(waits.one(ident)) for ident in idents[:count]]
    task = asyncio.ensure_future(waits.all(idents[count:]))
    await until(lambda: len(server.single_reads) >= 60)
    assert sorted(begun) == sorted(idents[:count]), "no read is repeated while it goes on"
    for ident in idents:
        server.set(ident, "succeed")
    assert {event["status"] for event in await asyncio.wait_for(task, 60)} == {"succeed"}
    for each in pending:
        each.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    await until(lambda: not [each for each in asyncio.all_tasks() if each.get_name() == "late read"])


async def test_a_late_response_is_accepted(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_reads, "MAX_ROUND_DELAY", 0.1)
    (ident,) = server.make()
    server.set(ident, "succeed")
    begun = hang(monkeypatch, {ident}, seconds=1)
    assert (await asyncio.wait_for(waits.one(ident, interval=30), 50))["status"] == "succeed"
    assert begun == [ident]


async def test_a_read_that_never_ends_is_abandoned_and_made_again(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_reads, "MAX_ROUND_DELAY", 0.05)
    monkeypatch.setattr(background_reads, "READ_DEADLINE", 0.2)
    (ident,) = server.make()
    begun = hang(monkeypatch, {ident})
    task = asyncio.ensure_future(waits.one(ident))
    await until(lambda: len(begun) >= 2)
    task.cancel()


async def test_a_hanging_list_delays_no_job(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_reads, "MAX_ROUND_DELAY", 0.05)
    original = AsyncKlingClient.send
    lists: list[str] = []

    async def send(self: AsyncKlingClient, call: Any) -> Any:
        if call.params:
            lists.append(str(call))
            await asyncio.sleep(60)
        return await original(self, call)

    monkeypatch.setattr(AsyncKlingClient, "send", send)
    idents = server.make(300)
    for ident in idents:
        server.set(ident, "succeed")
    assert {event["status"] for event in await asyncio.wait_for(waits.all(idents), 50)} == {"succeed"}
    assert len(lists) == 1


async def test_a_list_that_is_late_is_news_all_the_same(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_reads, "MAX_ROUND_DELAY", 0.05)
    monkeypatch.setattr(task_reader, "_SINGLES_WHILE_PAGE_IS_LATE", 1)
    original = AsyncKlingClient.send

    async def send(self: AsyncKlingClient, call: Any) -> Any:
        if call.params:
            await asyncio.sleep(1)
        return await original(self, call)

    monkeypatch.setattr(AsyncKlingClient, "send", send)
    idents = server.make(50)
    for ident in idents:
        server.set(ident, "succeed")
    events = await asyncio.wait_for(waits.all(idents, interval=0.5), 50)
    assert {event["status"] for event in events} == {"succeed"}
    assert len(server.single_reads) < 20
