# SPDX-License-Identifier: Apache-2.0
"""Who waits for a slot is woken in order of arrival, once for each job that ends."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from airflow_provider_kling.triggers import slot_queue
from airflow_provider_kling.triggers.slot_queue import SlotQueue, SlotWaiter, get_slot_queue


class Line:
    """Seekers of one board and the order in which they were called."""

    def __init__(self) -> None:
        self.board = SlotQueue()
        self.notified: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, since: float, refused_at: float | None = None, **kwargs: float) -> None:
        seeker = SlotWaiter(since, refused_at or time.time(), **kwargs)  # type: ignore[arg-type]

        async def wait() -> None:
            await self.board.wait(seeker)
            self.notified.append(name)

        self.tasks[name] = asyncio.ensure_future(wait())
        await asyncio.sleep(0)

    async def settle(self) -> list[str]:
        for _ in range(20):
            await asyncio.sleep(0)
        return self.notified


@pytest.fixture
async def line() -> Line:
    return Line()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_queue, "_BACKOFF", 0.05)
    monkeypatch.setattr(slot_queue, "PROBE_INTERVAL", 0.0)


async def test_each_ended_job_wakes_who_came_first(line: Line) -> None:
    now = time.time()
    for name, since in (("second", now - 20), ("third", now - 10), ("first", now - 30)):
        await line.come(name, since)
    assert await line.settle() == []
    line.board.release()
    assert await line.settle() == ["first"]
    line.board.release()
    line.board.release()
    assert await line.settle() == ["first", "second", "third"]


async def test_a_job_that_ended_after_the_refusal_but_before_the_arrival_counts(line: Line) -> None:
    refused_at = time.time()
    line.board.release()
    await line.come("late", refused_at, refused_at)
    assert await line.settle() == ["late"]


async def test_a_job_that_ended_before_the_refusal_does_not(line: Line) -> None:
    line.board.release()
    await line.come("refused later", time.time(), time.time() + 0.001)
    assert await line.settle() == []


async def test_a_remembered_slot_goes_to_one_waiter_only(line: Line) -> None:
    refused_at = time.time()
    line.board.release()
    await line.come("one", refused_at, refused_at)
    await line.come("two", refused_at, refused_at)
    assert await line.settle() == ["one"]


async def test_two_ended_jobs_serve_one_who_waits_and_one_on_the_way(line: Line) -> None:
    now = time.time()
    await line.come("waiting", now - 60, now)
    line.board.release()
    line.board.release()
    await line.come("on the way", now, now)
    assert sorted(await line.settle()) == ["on the way", "waiting"]


async def test_without_a_notification_it_tries_again_after_a_back_off(line: Line, quick: None) -> None:
    began = time.monotonic()
    await line.come("patient", time.time(), refusals=2)
    await line.tasks["patient"]
    assert 0.2 <= time.monotonic() - began < 20


async def test_a_waiter_that_times_out_does_not_stop_the_first(line: Line, quick: None) -> None:
    now = time.time()
    await line.come("first", now - 60, refusals=6)
    await line.come("second", now, refusals=1)
    async with asyncio.timeout(60):
        await line.tasks["first"]
    assert line.notified[0] == "first"


async def test_attempts_without_a_notification_are_spaced(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_queue, "_BACKOFF", 0.01)
    monkeypatch.setattr(slot_queue, "PROBE_INTERVAL", 0.1)
    began = time.monotonic()
    for name in "abcd":
        await line.come(name, time.time())
    await asyncio.gather(*line.tasks.values())
    assert time.monotonic() - began >= 0.3
    assert line.notified == list("abcd")


async def test_retry_after_is_honoured_even_when_a_slot_is_free(line: Line) -> None:
    began = time.monotonic()
    await line.come("told to wait", time.time(), retry_after=0.3)
    line.board.release()
    await line.tasks["told to wait"]
    assert time.monotonic() - began >= 0.29


async def test_who_leaves_gives_its_turn_to_the_next(line: Line) -> None:
    now = time.time()
    await line.come("first", now - 10, retry_after=60)
    await line.come("second", now)
    line.board.release()
    await line.settle()
    line.tasks["first"].cancel()
    assert await line.settle() == ["second"]


async def test_who_leaves_uncalled_leaves_no_trace(line: Line) -> None:
    now = time.time()
    await line.come("first", now - 10)
    await line.come("second", now)
    line.tasks["first"].cancel()
    await line.settle()
    line.board.release()
    assert await line.settle() == ["second"]


async def test_back_off_grows_and_is_spread() -> None:
    def delays(refusals: int) -> list[float]:
        return [SlotWaiter(0, 0, refusals).backoff_delay() for _ in range(50)]

    assert 10 <= min(delays(1)) <= max(delays(1)) <= 15
    assert min(delays(3)) >= 40
    assert max(delays(20)) <= 90
    assert len(set(delays(1))) > 10
    assert SlotWaiter(0, 0, 1, retry_after=100).backoff_delay() >= 100


async def test_a_queue_belongs_to_a_connection() -> None:
    assert get_slot_queue("one") is get_slot_queue("one")
    assert get_slot_queue("one") is not get_slot_queue("two")


def test_a_queue_belongs_to_a_loop() -> None:
    async def board() -> SlotQueue:
        return get_slot_queue("one")

    assert asyncio.run(board()) is not asyncio.run(board())


@pytest.mark.parametrize(
    ("requested", "obeyed"),
    [(86400.0, 300.0), (float("inf"), 300.0), (float("nan"), None), (-5.0, None), ("9", None), (7, 7.0)],
    ids=str,
)
async def test_a_pause_that_was_requested_is_capped(requested: Any, obeyed: float | None) -> None:
    assert SlotWaiter(since=0.0, refused_at=0.0, retry_after=requested).retry_after == obeyed


@pytest.mark.parametrize("invalid", [None, float("nan"), "yesterday"])
async def test_a_wait_with_an_invalid_time_affects_no_other(line: Line, invalid: Any) -> None:
    await line.come("odd", invalid)
    await line.come("first", time.time() - 10)
    line.board.release()
    assert await line.settle() == ["first"]
    line.board.release()
    assert await line.settle() == ["first", "odd"]
