# SPDX-License-Identifier: Apache-2.0
"""All clocks in one place: Unix time, from submission, and never before Kling was asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.durations import MAX_SECONDS
from airflow_provider_kling.operators._deadlines import (
    EXECUTION_TIMEOUT_MARGIN,
    defer_timeout,
    execution_deadline,
    job_deadline,
    min_deadline,
    read_deadline,
)

NOW = 1_800_000_000.0


def test_the_timeout_counts_from_submission() -> None:
    assert job_deadline(int((NOW - 100) * 1000), 3600, NOW) == NOW - 100 + 3600


def test_an_unknown_submission_counts_as_now() -> None:
    assert job_deadline(None, 3600, NOW) == NOW + 3600


def test_a_job_that_has_ended_is_read_for_an_hour_at_most() -> None:
    """A sensor's timeout is a week unless set, and a worker is held meanwhile."""
    assert read_deadline(7 * 86_400, NOW) == NOW + 3600
    assert read_deadline(60, NOW) == NOW + 60


def test_klings_clock_may_be_ahead_of_ours() -> None:
    assert job_deadline(int((NOW + 500) * 1000), 3600, NOW) == NOW + 3600


def test_a_job_found_after_its_deadline_gets_the_whole_timeout_again() -> None:
    assert job_deadline(int((NOW - 4000) * 1000), 3600, NOW) == NOW + 3600


@given(st.none() | st.integers(0, int(NOW * 2000)), st.floats(0.1, 1e6))
def test_a_deadline_is_always_ahead_and_never_further_than_the_timeout(
    created_at: int | None, timeout: float
) -> None:
    assert NOW < job_deadline(created_at, timeout, NOW) <= NOW + timeout


def test_the_longest_wait_ends_at_a_date_that_airflow_can_store() -> None:
    """An error over the date would come after the job was paid for."""
    deadline = job_deadline(None, MAX_SECONDS, NOW)
    ends = datetime.fromtimestamp(NOW, UTC) + defer_timeout(deadline, NOW, MAX_SECONDS)
    assert ends.year < 2100


def test_airflows_own_timeout_comes_after_ours() -> None:
    start = datetime.fromtimestamp(NOW - 60, UTC)
    assert execution_deadline(start, timedelta(seconds=100), NOW) == NOW + 40 - EXECUTION_TIMEOUT_MARGIN
    assert execution_deadline(None, timedelta(seconds=100), NOW) == NOW + 100 - EXECUTION_TIMEOUT_MARGIN
    assert execution_deadline(start, None, NOW) is None


def test_the_earlier_deadline_applies() -> None:
    assert min_deadline(NOW, None) == NOW
    assert min_deadline(NOW, NOW - 1) == NOW - 1
    assert min_deadline(NOW, NOW + 1) == NOW


@given(st.floats(-1e6, 1e6), st.floats(0.2, 600))
def test_the_backstop_leaves_time_for_the_last_poll(left: float, poll_interval: float) -> None:
    """Airflow's own end of a deferral says nothing of the job, so it must never come first."""
    allowed = defer_timeout(NOW + left, NOW, poll_interval).total_seconds()
    assert allowed >= max(left, 0) + 2 * poll_interval + 59
