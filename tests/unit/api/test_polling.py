# SPDX-License-Identifier: Apache-2.0
"""When a wait ends, and how fast it asks meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.polling import (
    MAX_AUTH_FAILURES,
    MAX_BACKOFF,
    MAX_FAILURES_PAST_DEADLINE,
    MAX_RETRY_AFTER,
    Backoff,
    TaskPoller,
)
from airflow_provider_kling.api.task import KlingTask, TaskStatus

DEADLINE = 1000.0


def task(status: TaskStatus, text: str = "", message: str = "") -> KlingTask:
    return KlingTask("8", status, text or status.value, message=message)


@pytest.fixture
def watch() -> TaskPoller:
    return TaskPoller("8", DEADLINE)


@pytest.mark.parametrize("status", [TaskStatus.SUBMITTED, TaskStatus.PROCESSING, TaskStatus.UNKNOWN])
def test_a_job_that_continues_is_waited_for(watch: TaskPoller, status: TaskStatus) -> None:
    assert watch.on_task(task(status)) is None
    assert watch.check_deadline(DEADLINE - 0.001) is None


def test_a_finished_job_ends_the_wait(watch: TaskPoller) -> None:
    assert watch.on_task(task(TaskStatus.SUCCEED)) == {"status": "succeed", "task_id": "8", "message": ""}
    assert watch.on_task(task(TaskStatus.FAILED, message="no face")) == {
        "status": "failed",
        "task_id": "8",
        "message": "no face",
    }


def test_a_result_without_an_id_gets_the_requested_id(watch: TaskPoller) -> None:
    event = watch.on_task(KlingTask("", TaskStatus.SUCCEED, ""))
    assert event is not None
    assert event["task_id"] == "8"


def test_a_late_success_is_a_success(watch: TaskPoller) -> None:
    """The job may have ended between polls: one response decides, not the clock."""
    assert watch.check_deadline(DEADLINE + 9999) is None, "declared overdue without having asked"
    event = watch.on_task(task(TaskStatus.SUCCEED))
    assert event is not None
    assert event["status"] == "succeed"


def test_overdue_after_a_response(watch: TaskPoller) -> None:
    watch.on_task(task(TaskStatus.UNKNOWN, "reviewing"))
    event = watch.check_deadline(DEADLINE)
    assert event == {"status": "timeout", "task_id": "8", "message": "last status: reviewing"}


def test_overdue_names_the_last_error(watch: TaskPoller) -> None:
    watch.on_task(task(TaskStatus.PROCESSING))
    watch.on_error("HTTP 503")
    event = watch.check_deadline(DEADLINE)
    assert event is not None
    assert event["message"] == "last status: processing; last poll failed: HTTP 503"
    watch.on_unchanged()
    event = watch.check_deadline(DEADLINE)
    assert event is not None
    assert event["message"] == "last status: processing"


def test_without_any_response_some_polls_must_fail_before_the_wait_is_abandoned(watch: TaskPoller) -> None:
    for _ in range(MAX_FAILURES_PAST_DEADLINE):
        assert watch.check_deadline(DEADLINE + 1) is None
        watch.on_error("HTTP 503")
    event = watch.check_deadline(DEADLINE + 1)
    assert event is not None
    assert event["status"] == "timeout"
    assert event["message"] == "no status was ever read; last poll failed: HTTP 503"


def test_errors_alone_never_end_a_wait(watch: TaskPoller) -> None:
    for _ in range(1000):
        watch.on_error("HTTP 503")
    assert watch.check_deadline(DEADLINE - 1) is None


def test_refused_credentials_end_the_wait_when_they_are_refused_again_and_again(watch: TaskPoller) -> None:
    for _ in range(MAX_AUTH_FAILURES - 1):
        assert watch.on_auth_error("no") is None
    assert watch.on_auth_error("no") == watch.auth_failed_event("no")
    assert watch.auth_failed_event("no") == {"status": "error", "task_id": "8", "message": "no"}


@pytest.mark.parametrize("between", ["answer", "error"])
def test_only_refusals_in_a_row_end_the_wait(watch: TaskPoller, between: str) -> None:
    for _ in range(10):
        for _ in range(MAX_AUTH_FAILURES - 1):
            assert watch.on_auth_error("no") is None
        if between == "answer":
            watch.on_unchanged()
        else:
            watch.on_error("HTTP 503")


def test_polls_have_a_constant_interval_without_errors() -> None:
    backoff = Backoff(5.0)
    assert backoff.delay() == 5.0
    backoff.failed()
    backoff.succeeded()
    assert backoff.delay() == 5.0


def test_failures_double_the_delay_up_to_a_minute() -> None:
    backoff = Backoff(5.0)
    delays = []
    for _ in range(6):
        backoff.failed()
        delays.append(backoff.delay(jitter=lambda: 0.0))
    assert delays == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_what_the_server_requests_is_honoured_within_reason() -> None:
    backoff = Backoff(5.0, failures=1)
    assert backoff.delay(30.0, lambda: 0.0) == 30.0
    assert backoff.delay(1.0, lambda: 0.0) == 10.0
    assert backoff.delay(86_400.0, lambda: 0.0) == MAX_RETRY_AFTER


@given(
    st.floats(0.2, 600),
    st.integers(1, 10_000),
    st.none() | st.floats(0, 1e12),
    st.floats(0, 1, exclude_max=True),
)
def test_delays_are_never_shorter_than_the_interval_nor_without_bound(
    interval: float, failures: int, retry_after: float | None, jitter: float
) -> None:
    delay = Backoff(interval, failures).delay(retry_after, lambda: jitter)
    assert interval <= delay <= max(MAX_BACKOFF, interval, MAX_RETRY_AFTER) * 1.1


def test_crowds_do_not_march_in_step() -> None:
    assert len({Backoff(5.0, 2).delay() for _ in range(50)}) > 10
