# SPDX-License-Identifier: Apache-2.0
"""The shared poller against a real server on real loops."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import threading
import time
import weakref
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.connection import KlingSettings
from airflow_provider_kling.triggers.shared_poller import SharedPoller, get_poller
from tests.unit.triggers.server import (
    ERROR,
    SIGNED,
    TICK,
    Server,
    Waits,
    hubs,
    poll_tasks,
    settings_for,
    until,
)


async def test_many_jobs_share_their_polls(server: Server, waits: Waits) -> None:
    idents = server.make(300)
    task = asyncio.ensure_future(waits.all(idents))
    await until(lambda: len(server.request_count) >= 4)
    rounds = len(server.lists)
    for ident in idents:
        server.set(ident, "succeed")
    events = await task
    assert [event["task_id"] for event in events] == idents
    assert {event["status"] for event in events} == {"succeed"}
    assert not server.single_reads
    assert len(server.lists) <= rounds + 2
    assert len(server.connections) == 1
    assert server.times[-1] - server.times[0] >= (len(server.times) - 1) * TICK / 2


async def test_a_lonely_job_is_read_by_itself(server: Server, waits: Waits) -> None:
    (ident,) = server.make()
    task = asyncio.ensure_future(waits.one(ident))
    await until(lambda: server.request_count)
    server.set(ident, "succeed")
    assert (await task) == {"status": "succeed", "task_id": ident, "message": ""}
    assert not server.lists


async def test_arrivals_join_a_round_and_cause_none(server: Server, waits: Waits) -> None:
    idents = server.make(400)
    tasks = []
    for start in range(0, 400, 20):
        tasks += [asyncio.ensure_future(waits.one(ident)) for ident in idents[start : start + 20]]
        await asyncio.sleep(0.02)
    began = server.times[0]
    await asyncio.sleep(max(0, began + 5 * TICK - time.monotonic()))
    rounds = (time.monotonic() - began) / TICK + 1
    assert len(server.request_count) <= 2 * rounds
    for ident in idents:
        server.set(ident, "succeed")
    await asyncio.gather(*tasks)


async def test_a_fresh_job_is_first_polled_after_an_interval(server: Server, waits: Waits) -> None:
    idents = server.make(2)
    for ident in idents:
        server.set(ident, "succeed")
    began = time.monotonic()
    fresh = asyncio.ensure_future(waits.one(idents[0], interval=1, since=time.time()))
    await fresh
    assert 0.9 <= server.times[0] - began <= 20
    began = time.monotonic()
    await waits.one(idents[1], interval=50)
    assert server.times[1] - began < 20


async def test_a_fresh_job_waits_its_interval_also_where_a_poller_is_at_work(
    server: Server, waits: Waits
) -> None:
    old, fresh = server.make(2)
    tasks = [asyncio.ensure_future(waits.one(old))]
    await until(lambda: len(server.request_count) >= 2)
    began = time.monotonic()
    tasks.append(asyncio.ensure_future(waits.one(fresh, interval=1, since=time.time())))
    await until(lambda: fresh in server.request_count)
    assert 0.7 <= server.times[server.request_count.index(fresh)] - began <= 20
    for task in tasks:
        task.cancel()


async def test_the_shortest_interval_rules_and_long_ones_are_not_hurried(
    server: Server, waits: Waits
) -> None:
    quick, slow = server.make(2)
    tasks = [
        asyncio.ensure_future(waits.one(quick, interval=TICK)),
        asyncio.ensure_future(waits.one(slow, interval=60)),
    ]
    await until(lambda: server.single_reads.count(quick) >= 5)
    assert server.single_reads.count(slow) <= 1
    for task in tasks:
        task.cancel()


async def test_who_leaves_takes_its_interval_along(
    server: Server, settings: KlingSettings, endpoint: Endpoint
) -> None:
    hub = get_poller(settings, endpoint)
    slow, quick = (hub.subscribe(ident, seconds, time.time() + 60) for ident, seconds in (("a", 9), ("b", 1)))
    twin = hub.subscribe("a", 2, time.time() + 60)
    assert hub._pace == 1
    hub.unsubscribe(quick)
    assert hub._pace == 2
    hub.unsubscribe(twin)
    assert hub._pace == 9
    hub.unsubscribe(slow)
    assert hubs() == 0


async def test_external_ids_are_matched_in_lists_and_single_reads(server: Server, waits: Waits) -> None:
    names = [f"af-{number}" for number in range(10)]
    idents = [server.make(1, external_task_id=name)[0] for name in names]
    task = asyncio.ensure_future(waits.all(names))
    await until(lambda: server.lists)
    for ident in idents:
        server.set(ident, "succeed")
    assert [event["task_id"] for event in await task] == idents
    assert not server.single_reads
    assert (await waits.one(names[0]))["task_id"] == idents[0]
    assert server.single_reads == [names[0]]


async def test_two_waits_for_one_job_cost_one_read(server: Server, waits: Waits) -> None:
    (ident,) = server.make()
    server.set(ident, "succeed")
    first, second = await waits.all([ident, ident])
    assert first == second
    assert server.request_count == [ident]


async def test_a_failed_job_names_the_cause(server: Server, waits: Waits) -> None:
    (ident,) = server.make()
    server.set(ident, "failed", "Failure to pass the risk control system")
    assert await waits.one(ident) == {
        "status": "failed",
        "task_id": ident,
        "message": "Failure to pass the risk control system",
    }


async def test_a_cancelled_wait_affects_no_other(server: Server, waits: Waits) -> None:
    idents = server.make(10)
    tasks = [asyncio.ensure_future(waits.one(ident)) for ident in idents]
    await until(lambda: server.lists)
    tasks[0].cancel()
    await asyncio.sleep(0)
    for ident in idents:
        server.set(ident, "succeed")
    events = await asyncio.gather(*tasks[1:])
    assert {event["status"] for event in events} == {"succeed"}


async def test_it_ends_with_the_last_wait_and_can_start_again(server: Server, waits: Waits) -> None:
    for _ in range(3):
        (ident,) = server.make()
        task = asyncio.ensure_future(waits.one(ident))
        await until(lambda ident=ident: ident in server.request_count)
        assert hubs() == 1
        assert len(poll_tasks()) == 1
        server.set(ident, "succeed")
        await task
        await until(lambda: not poll_tasks())
        assert hubs() == 0


async def test_cancelling_all_waits_ends_it_in_the_middle_of_a_request(server: Server, waits: Waits) -> None:
    idents = server.make(10)
    task = asyncio.ensure_future(waits.all(idents))
    await until(lambda: server.request_count)
    task.cancel()
    await until(lambda: not poll_tasks())
    assert hubs() == 0


async def test_connections_of_other_content_have_hubs_of_their_own(
    server: Server, endpoint: Endpoint
) -> None:
    one, same, other = settings_for(server), settings_for(server), settings_for(server, "another")
    assert get_poller(one, endpoint) is get_poller(same, endpoint)
    assert get_poller(one, endpoint) is not get_poller(other, endpoint)


def test_each_loop_has_its_own_poller_which_does_not_reference_it(endpoint: Endpoint) -> None:
    seen: list[SharedPoller] = []
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        server = Server()
        async with TestServer(server.app()) as running:
            server.url = str(running.make_url("")).rstrip("/")
            hub = get_poller(settings_for(server), endpoint)
            seen.append(hub)
            loops.append(weakref.ref(asyncio.get_running_loop()))
            (ident,) = server.make()
            server.set(ident, "succeed")
            event = await Waits(lambda: hub).one(ident)
            assert event["status"] == "succeed"

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(hub) for hub in seen}) == 2
    seen.clear()
    gc.collect()
    assert [loop() for loop in loops] == [None, None]


async def test_it_runs_in_a_context_of_its_own(
    server: Server, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    seen: list[str] = []
    original = AsyncKlingClient.get_task

    async def spying(self: AsyncKlingClient, *args: Any) -> Any:
        seen.append(variable.get())
        return await original(self, *args)

    monkeypatch.setattr(AsyncKlingClient, "get_task", spying)
    (ident,) = server.make()
    server.set(ident, "succeed")
    variable.set("the first trigger's")
    await waits.one(ident)
    assert seen == ["nothing"]


async def test_status_changes_are_logged_once_and_polls_not_at_all(server: Server, waits: Waits) -> None:
    (ident,) = server.make()
    task = asyncio.ensure_future(waits.one(ident))
    await until(lambda: len(server.request_count) >= 4)
    server.set(ident, "processing")
    polls = len(server.request_count)
    await until(lambda: len(server.request_count) >= polls + 3)
    server.set(ident, "succeed")
    await task
    assert waits.log_messages == [
        (logging.INFO, f"Job {ident}: processing"),
        (logging.INFO, f"Job {ident}: succeed"),
    ]


async def test_nothing_signed_or_secret_is_logged(
    server: Server, waits: Waits, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_kling")
    idents = server.make(8)
    server.answers = [ERROR]
    for ident in idents:
        server.set(ident, "succeed")
    events = await waits.all(idents)
    text = f"{caplog.text} {events} {waits.log_messages}"
    assert "page 1 of" in text
    assert "signature" not in text
    assert SIGNED not in text
    assert "key-of-the-test" not in text


async def test_the_loop_stays_free_while_a_thousand_wait(server: Server, waits: Waits) -> None:
    """The server shares this loop, so the bound is far above what the hub itself needs.

    Processor time of this thread is measured: on a busy machine a loop that does nothing is late as well.
    """
    idents = server.make(1000)
    for ident in idents:
        server.tasks[ident]["task_info"] = {"prompt": "x" * 500}
    task = asyncio.ensure_future(waits.all(idents, interval=0.5))
    await until(lambda: len(server.lists) >= 2)
    lags = []
    while len(server.lists) < 8:
        before = time.thread_time()
        await asyncio.sleep(0.005)
        lags.append(time.thread_time() - before)
    assert not server.single_reads
    assert sorted(lags)[len(lags) // 2] < 0.05
    assert max(lags) < 0.5
    task.cancel()


async def test_no_file_stays_open(server: Server, waits: Waits) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def wait_once() -> None:
        idents = server.make(5)
        for ident in idents:
            server.set(ident, "succeed")
        await waits.all(idents)
        await until(lambda: not poll_tasks())

    await wait_once()
    await asyncio.sleep(0.1)
    before = open_files()
    for _ in range(5):
        await wait_once()
    await asyncio.sleep(0.1)
    assert open_files() <= before + 1
