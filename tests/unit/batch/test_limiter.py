# SPDX-License-Identifier: Apache-2.0
"""The width follows the account's free slots, whatever other users do."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_kling.batch.limiter import (
    MAX_PROBE_SECONDS,
    AdaptiveWidth,
    ConcurrencyLimiter,
    StopReason,
    SubmissionStopped,
)

JOB_SECONDS = 30.0
TICK = 0.5


@dataclass
class Account:
    """An account with slots that other users use too, and a batch that uses the rest; with an own clock.

    :param others: times and the number of slots that other users use from then on.
    """

    slots: int
    max_width: int
    others: list[tuple[float, int]] = field(default_factory=list)
    now: float = 0.0
    refusals: int = 0
    free_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.width = AdaptiveWidth(self.max_width)
        self.running: list[float] = []

    def free_slots(self) -> int:
        taken = [count for since, count in self.others if since <= self.now]
        return max(self.slots - (taken[-1] if taken else 0), 0)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            while self.running and self.running[0] <= self.now:
                heapq.heappop(self.running)
                self.width.remove()
            while self.width.can_start(self.now):
                self.width.add()
                if len(self.running) < self.free_slots():
                    heapq.heappush(self.running, self.now + JOB_SECONDS)
                    self.width.on_accepted(self.now)
                else:
                    self.refusals += 1
                    self.width.on_slots_full(self.now)
            assert self.width.active == len(self.running) <= self.max_width
            self.free_seconds += max(min(self.free_slots(), self.max_width) - len(self.running), 0) * TICK
            self.now += TICK


def test_a_limit_below_the_free_slots_is_reached_and_never_exceeded() -> None:
    account = Account(slots=20, max_width=8)
    account.run(600)
    assert account.refusals == 0
    assert account.free_seconds == 0


def test_a_limit_above_the_free_slots_causes_few_refusals() -> None:
    account = Account(slots=20, max_width=50)
    account.run(3600)
    assert account.free_seconds == 0
    # A first one, then a probe a minute at the most.
    assert account.refusals <= 5 + 3600 / MAX_PROBE_SECONDS


def test_slots_that_become_free_are_used_after_the_next_probe() -> None:
    account = Account(slots=20, max_width=20, others=[(0, 15), (300, 0)])
    account.run(300)
    assert len(account.running) == 5
    account.run(MAX_PROBE_SECONDS + TICK)
    assert len(account.running) == 20


def test_slots_that_other_users_take_cause_few_refusals() -> None:
    account = Account(slots=20, max_width=20, others=[(100, 12)])
    account.run(100)
    assert len(account.running) == 20
    account.run(JOB_SECONDS + 1)
    assert len(account.running) == 8
    before = account.refusals
    account.run(600)
    assert account.refusals - before <= 600 / 5


def test_an_account_without_free_slots_is_tried_again_regularly() -> None:
    account = Account(slots=5, max_width=5, others=[(0, 5), (200, 0)])
    account.run(200)
    assert account.running == []
    assert 1 <= account.refusals <= 200 / 5
    account.run(MAX_PROBE_SECONDS + TICK)
    assert len(account.running) == 5


@given(
    slots=st.integers(1, 30),
    max_width=st.integers(1, 40),
    changes=st.lists(st.tuples(st.floats(0, 1200), st.integers(0, 30)), max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_all_free_slots_are_used_in_the_end_whatever_other_users_do(
    slots: int, max_width: int, changes: list[tuple[float, int]]
) -> None:
    account = Account(slots, max_width, sorted(changes))
    account.run(1200)
    account.run(2 * MAX_PROBE_SECONDS + JOB_SECONDS)
    assert len(account.running) == min(account.free_slots(), max_width)


def test_a_refusal_sets_the_width_to_the_running_jobs() -> None:
    width = AdaptiveWidth(10)
    for _ in range(7):
        assert width.can_start(0)
        width.add()
    width.on_slots_full(0)
    assert (width.active, width.width) == (6, 6)
    assert not width.can_start(1)


def test_retry_after_delays_the_next_start() -> None:
    width = AdaptiveWidth(10)
    width.add()
    width.on_slots_full(0, retry_after=90)
    assert not width.can_start(89)
    assert width.can_start(90)


def test_delays_grow_with_each_throttling_and_simultaneous_ones_count_once() -> None:
    width = AdaptiveWidth(10)

    def throttle(now: float, times: int = 1, retry_after: float | None = None) -> float:
        for _ in range(times):
            width.add()
        for _ in range(times):
            width.on_throttled(now, retry_after)
        return width.seconds_until_retry(now) or 0.0

    assert [throttle(0, 5), throttle(10), throttle(20, 3)] == [
        2,
        4,
        8,
    ]
    assert throttle(40, retry_after=100) == 100
    assert not width.can_start(139)
    assert width.can_start(140)
    width.on_accepted(140)
    assert throttle(150) == 2
    assert width.active == 0


async def settle() -> None:
    """Let every task go on until it waits for another; no clock is involved."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_limiter_admits_rows_in_order_up_to_the_width() -> None:
    limiter, acquired = ConcurrencyLimiter(AdaptiveWidth(2)), []

    async def acquire(name: int) -> None:
        await limiter.acquire()
        acquired.append(name)

    async with asyncio.TaskGroup() as group:
        for name in range(4):
            group.create_task(acquire(name))
        await settle()
        assert acquired == [0, 1]
        limiter.release()
        await settle()
        assert acquired == [0, 1, 2]
        limiter.release()


async def test_waiting_rows_get_the_reason_of_a_stop() -> None:
    limiter = ConcurrencyLimiter(AdaptiveWidth(1))
    await limiter.acquire()
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
    await settle()
    limiter.stop(StopReason.ACCOUNT)
    limiter.stop(StopReason.FAILURES)
    for task in waiting:
        with pytest.raises(SubmissionStopped) as stopped:
            await task
        assert stopped.value.reason is StopReason.ACCOUNT
    with pytest.raises(SubmissionStopped):
        await limiter.acquire()
    assert limiter.width.active == 1


async def test_a_reached_budget_does_not_stop_prepared_rows() -> None:
    limiter = ConcurrencyLimiter(AdaptiveWidth(1))
    limiter.stop(StopReason.BUDGET)
    await limiter.acquire()
    limiter.stop(StopReason.ACCOUNT)
    assert limiter.stopped is StopReason.ACCOUNT
    with pytest.raises(SubmissionStopped):
        limiter.raise_if_stopped()


async def test_a_throttled_limiter_continues_after_the_delay() -> None:
    limiter = ConcurrencyLimiter(AdaptiveWidth(1))
    await limiter.acquire()
    limiter.on_throttled(0.1)
    async with asyncio.timeout(60):
        await limiter.acquire()


async def test_running_jobs_of_earlier_tries_use_slots() -> None:
    limiter = ConcurrencyLimiter(AdaptiveWidth(2))
    for _ in range(3):
        limiter.add_running()
    acquiring = asyncio.create_task(limiter.acquire())
    limiter.release()
    await settle()
    assert not acquiring.done()
    limiter.release()
    await asyncio.wait_for(acquiring, 60)
