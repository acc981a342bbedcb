# SPDX-License-Identifier: Apache-2.0
"""Whether a failure is of one row or of the breaker."""

from __future__ import annotations

from airflow_provider_kling.batch import circuit_breaker
from airflow_provider_kling.batch.circuit_breaker import (
    MAX_OUTAGE,
    MAX_ROW_FAILURES,
    CircuitBreaker,
    FailureCause,
    outage_delay,
)


def test_a_row_that_always_fails_while_others_succeed_is_the_cause() -> None:
    breaker = CircuitBreaker()
    causes = []
    for failures in range(1, MAX_ROW_FAILURES + 1):
        breaker.on_success(failures * 10)
        causes.append(breaker.on_failure(first=5, failures=failures, now=failures * 10 + 1))
    assert causes == [FailureCause.UNDECIDED] * (MAX_ROW_FAILURES - 1) + [FailureCause.ROW]


def test_no_row_is_the_cause_while_no_row_succeeds() -> None:
    breaker = CircuitBreaker()
    breaker.on_success(0)
    assert {breaker.on_failure(first=1, failures=failures, now=MAX_OUTAGE) for failures in range(1, 100)} == {
        FailureCause.UNDECIDED
    }


def test_after_a_long_outage_the_service_is_the_cause_even_for_a_new_row() -> None:
    breaker = CircuitBreaker()
    breaker.on_failure(first=100, failures=1, now=100)
    assert breaker.on_failure(first=MAX_OUTAGE, failures=1, now=100 + MAX_OUTAGE) is FailureCause.UNDECIDED
    assert breaker.on_failure(first=MAX_OUTAGE, failures=1, now=101 + MAX_OUTAGE) is FailureCause.SERVICE


def test_a_success_resets_the_outage() -> None:
    breaker = CircuitBreaker()
    breaker.on_failure(first=0, failures=1, now=0)
    breaker.on_success(MAX_OUTAGE)
    assert breaker.on_failure(first=MAX_OUTAGE + 1, failures=1, now=MAX_OUTAGE + 2) is FailureCause.UNDECIDED


def test_delays_grow_to_a_minute_unless_retry_after_is_longer() -> None:
    assert [outage_delay(failures) for failures in (1, 2, 3, 6, 50)] == [2, 4, 8, 60, 60]
    assert outage_delay(1, retry_after=90) == 90
    assert circuit_breaker._MAX_DELAY * MAX_ROW_FAILURES < MAX_OUTAGE
