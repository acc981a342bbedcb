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
    """An account whose slots others use too, and a batch that fills what is left, on a clock of their own.

    :param others: from when on how many slots are others'.
    """

    slots: int
    ceiling: int
    others: list[tuple[float, int]] = field(default_factory=list)
    now: float = 0.0
    refusals: int = 0
    free_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.width = AdaptiveWidth(self.ceiling)
        self.running: list[float] = []

    def room(self) -> int:
        taken = [count for since, count in self.others if since <= self.now]
        return max(self.slots - (taken[-1] if taken else 0), 0)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            while self.running and self.running[0] <= self.now:
                heapq.heappop(self.running)
                self.width.ended()
            while self.width.can_start(self.now):
                self.width.started()
                if len(self.running) < self.room():
                    heapq.heappush(self.running, self.now + JOB_SECONDS)
                    self.width.accepted(self.now)
                else:
                    self.refusals += 1
                    self.width.refused(self.now)
            assert self.width.active == len(self.running) <= self.ceiling
            self.free_seconds += max(min(self.room(), self.ceiling) - len(self.running), 0) * TICK
            self.now += TICK


def test_a_ceiling_below_the_slots_is_filled_and_never_passed() -> None:
    account = Account(slots=20, ceiling=8)
    account.run(600)
    assert account.refusals == 0
    assert account.free_seconds == 0


def test_a_ceiling_above_the_slots_finds_them_at_a_small_price() -> None:
    account = Account(slots=20, ceiling=50)
    account.run(3600)
    assert account.free_seconds == 0
    # A first one, then a probe a minute at the most.
    assert account.refusals <= 5 + 3600 / MAX_PROBE_SECONDS


def test_slots_that_come_free_are_filled_at_once_when_found() -> None:
    account = Account(slots=20, ceiling=20, others=[(0, 15), (300, 0)])
    account.run(300)
    assert len(account.running) == 5
    account.run(MAX_PROBE_SECONDS + TICK)
    assert len(account.running) == 20


def test_slots_that_others_take_are_given_up_without_a_storm() -> None:
    account = Account(slots=20, ceiling=20, others=[(100, 12)])
    account.run(100)
    assert len(account.running) == 20
    account.run(JOB_SECONDS + 1)
    assert len(account.running) == 8
    before = account.refusals
    account.run(600)
    assert account.refusals - before <= 600 / 5


def test_an_account_that_others_fill_is_tried_again_until_there_is_room() -> None:
    account = Account(slots=5, ceiling=5, others=[(0, 5), (200, 0)])
    account.run(200)
    assert account.running == []
    assert 1 <= account.refusals <= 200 / 5
    account.run(MAX_PROBE_SECONDS + TICK)
    assert len(account.running) == 5


@given(
    slots=st.integers(1, 30),
    ceiling=st.integers(1, 40),
    changes=st.lists(st.tuples(st.floats(0, 1200), st.integers(0, 30)), max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_whatever_others_do_the_free_slots_are_filled_in_the_end(
    slots: int, ceiling: int, changes: list[tuple[float, int]]
) -> None:
    account = Account(slots, ceiling, sorted(changes))
    account.run(1200)
    account.run(2 * MAX_PROBE_SECONDS + JOB_SECONDS)
    assert len(account.running) == min(account.room(), ceiling)


def test_a_refusal_names_what_there_is_room_for() -> None:
    width = AdaptiveWidth(10)
    for _ in range(7):
        assert width.can_start(0)
        width.started()
    width.refused(0)
    assert (width.active, width.width) == (6, 6)
    assert not width.can_start(1)


def test_retry_after_is_respected() -> None:
    width = AdaptiveWidth(10)
    width.started()
    width.refused(0, retry_after=90)
    assert not width.can_start(89)
    assert width.can_start(90)


def test_pauses_grow_while_requests_come_too_fast_and_what_comes_together_counts_once() -> None:
    width = AdaptiveWidth(10)

    def paced(now: float, times: int = 1, retry_after: float | None = None) -> float:
        for _ in range(times):
            width.started()
        for _ in range(times):
            width.paced(now, retry_after)
        return width.seconds_until_retry(now) or 0.0

    assert [paced(0, 5), paced(10), paced(20, 3)] == [2, 4, 8]
    assert paced(40, retry_after=100) == 100
    assert not width.can_start(139)
    assert width.can_start(140)
    width.accepted(140)
    assert paced(150) == 2
    assert width.active == 0


async def settle() -> None:
    """Let every task go on until it waits for another; no clock is involved."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_limiter_admits_rows_in_order_up_to_the_width() -> None:
    gate, entered = ConcurrencyLimiter(AdaptiveWidth(2)), []

    async def enter(name: int) -> None:
        await gate.enter()
        entered.append(name)

    async with asyncio.TaskGroup() as group:
        for name in range(4):
            group.create_task(enter(name))
        await settle()
        assert entered == [0, 1]
        gate.leave()
        await settle()
        assert entered == [0, 1, 2]
        gate.leave()


async def test_waiting_rows_get_the_reason_of_a_stop() -> None:
    gate = ConcurrencyLimiter(AdaptiveWidth(1))
    await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await settle()
    gate.close(StopReason.ACCOUNT)
    gate.close(StopReason.FAILURES)
    for task in waiting:
        with pytest.raises(SubmissionStopped) as closed:
            await task
        assert closed.value.reason is StopReason.ACCOUNT
    with pytest.raises(SubmissionStopped):
        await gate.enter()
    assert gate.width.active == 1


async def test_a_budget_that_is_reached_does_not_send_away_who_is_on_the_way() -> None:
    gate = ConcurrencyLimiter(AdaptiveWidth(1))
    gate.close(StopReason.BUDGET)
    await gate.enter()
    gate.close(StopReason.ACCOUNT)
    assert gate.closed is StopReason.ACCOUNT
    with pytest.raises(SubmissionStopped):
        gate.check()


async def test_a_paused_limiter_continues_by_itself() -> None:
    gate = ConcurrencyLimiter(AdaptiveWidth(1))
    await gate.enter()
    gate.paced(0.1)
    async with asyncio.timeout(60):
        await gate.enter()


async def test_jobs_that_run_already_count_for_the_ceiling() -> None:
    gate = ConcurrencyLimiter(AdaptiveWidth(2))
    for _ in range(3):
        gate.attach()
    entering = asyncio.create_task(gate.enter())
    gate.leave()
    await settle()
    assert not entering.done()
    gate.leave()
    await asyncio.wait_for(entering, 60)
