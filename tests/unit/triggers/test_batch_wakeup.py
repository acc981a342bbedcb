# SPDX-License-Identifier: Apache-2.0
"""A deferred batch is woken when a worker has enough to do, and early enough to be there."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.triggers.batch_wakeup import (
    MIN_DEFERRAL,
    STORE_INTERVAL,
    WakeRule,
    worth_deferring,
)

FAR = 1e6


def rule(count: int = 20, **changes: Any) -> WakeRule:
    """Twenty jobs that were submitted at 0, half a second apart in order."""
    started = {str(number): number * 0.05 for number in range(count)}
    return WakeRule(**{"started": started, "since": 1.0, "deadline": FAR, "rows_left": True, **changes})


def ended(count: int, at: float = 30.0) -> dict[str, float]:
    return {str(number): at for number in range(count)}


@pytest.mark.parametrize(
    ("usual", "enough"),
    [(None, 10), (60, 10), (200, 5), (600, 2), (3600, 1)],
    ids=["unknown", "a minute", "minutes", "ten minutes", "an hour"],
)
def test_the_longer_jobs_take_the_fewer_ended_ones_call_a_worker(usual: float | None, enough: int) -> None:
    assert rule(usual=usual).enough == enough


def test_without_rows_left_all_jobs_are_waited_for() -> None:
    remaining = rule(rows_left=False)
    assert remaining.wake_at(ended(19)) == 30 + STORE_INTERVAL
    assert remaining.wake_at(ended(20)) == 30
    assert remaining.wake_at({}) == FAR


def test_enough_ended_jobs_call_a_worker_at_once() -> None:
    assert rule().wake_at(ended(9)) == 30 + MIN_DEFERRAL
    assert rule().wake_at(ended(10)) == 30


def test_a_worker_is_called_before_jobs_that_are_alike_end() -> None:
    assert rule(usual=60, lead=5).wake_at({}) == pytest.approx(0.45 + 60 - 5)


def test_a_few_free_slots_do_not_wait_forever() -> None:
    assert rule(usual=60, lead=5).wake_at(ended(1, at=10)) == 10 + 60 / 2


def test_nothing_is_predicted_of_jobs_that_take_longer_than_usual() -> None:
    late = rule(usual=60, lead=5, since=58.0)
    assert late.wake_at({}) == FAR
    assert late.wake_at(ended(10, at=70)) == 70


def test_the_deadline_wakes_in_any_case() -> None:
    assert rule(deadline=20.0, usual=60).wake_at({}) == 20
    assert rule(count=0, deadline=20.0).wake_at({}) == 1, "there is nothing to wait for"


class TestWorthDeferring:
    def worth(self, *started: float, **changes: Any) -> bool:
        values = {"rows_left": True, "usual": 60.0, "lead": 5.0, "now": 100.0, "held": 3.0}
        return worth_deferring(started, **{**values, **changes})

    def test_a_wait_of_a_minute_is_worth_deferring(self) -> None:
        assert self.worth(*[99.0] * 20)
        assert self.worth(*[99.0] * 20, usual=None)

    def test_a_wait_of_seconds_is_not_worth_deferring(self) -> None:
        assert not self.worth(*[99.0] * 20, usual=15.0)
        assert not self.worth(*[60.0] * 20)

    def test_a_job_that_is_about_to_end_is_waited_for_a_moment(self) -> None:
        assert not self.worth(*[99.0] * 19, 42.0)
        assert self.worth(*[99.0] * 19, 42.0, held=20.0)

    def test_jobs_that_are_far_too_late_are_not(self) -> None:
        assert self.worth(0.0, 0.0)
