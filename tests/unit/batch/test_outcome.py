# SPDX-License-Identifier: Apache-2.0
"""The state of a row after an error, and the error of a batch."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.batch.ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState
from airflow_provider_kling.batch.limiter import StopReason
from airflow_provider_kling.batch.outcome import batch_error, entry_after_submit_error, entry_after_wait_error
from airflow_provider_kling.batch.progress import Progress
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAccountError,
    KlingBudgetSpent,
    KlingContentRefused,
    KlingError,
    KlingMediaCheckFailed,
    KlingRequestInvalid,
    KlingResultExpired,
    KlingResultNotKept,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
)


def line(state: RowState, **more: object) -> LedgerEntry:
    return LedgerEntry("a", state, 1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "before", "after"),
    [
        (KlingContentRefused("no", job=JobState.NOT_CREATED), RowState.PENDING, RowState.REFUSED),
        (KlingRequestInvalid("no", job=JobState.NOT_CREATED), RowState.PENDING, RowState.INVALID),
        (KlingSubmissionUnknown("?", job=JobState.MAY_EXIST), RowState.INTENT, RowState.UNKNOWN),
        (KlingServerError("?", job=JobState.MAY_EXIST), RowState.INTENT, RowState.UNKNOWN),
        # The look-up was refused, not the job.
        (KlingRequestInvalid("no path", job=JobState.MAY_EXIST), RowState.INTENT, RowState.UNKNOWN),
        (KlingServerError("look-up", job=JobState.MAY_EXIST), RowState.PENDING, RowState.UNKNOWN),
        (KlingServerError("down", job=JobState.NOT_CREATED), RowState.PENDING, RowState.FAILED),
        (RuntimeError("a bug before the call"), RowState.PENDING, RowState.FAILED),
        (RuntimeError("a bug after the call"), RowState.INTENT, RowState.UNKNOWN),
    ],
)
def test_the_state_after_a_failed_submission_depends_on_whether_a_job_may_exist(
    error: Exception, before: RowState, after: RowState
) -> None:
    entry = entry_after_submit_error(line(before), error)
    assert entry.state is after
    assert entry.attempt == 0
    assert entry.error


@pytest.mark.parametrize(
    ("error", "after", "attempts"),
    [
        (KlingTaskFailed("ended"), RowState.FAILED, 1),
        (KlingContentRefused("risk"), RowState.REFUSED, 1),
        (KlingResultExpired("gone"), RowState.EXPIRED, 1),
        (KlingMediaCheckFailed("black"), RowState.REJECTED, 0),
        (KlingResultNotKept("storage"), RowState.SUBMITTED, 0),
        (KlingTaskTimeout("late"), RowState.SUBMITTED, 0),
        (KlingServerError("down"), RowState.SUBMITTED, 0),
        (MemoryError(), RowState.SUBMITTED, 0),
    ],
)
def test_only_a_failure_that_kling_reports_ends_a_paid_job(
    error: Exception, after: RowState, attempts: int
) -> None:
    entry = entry_after_wait_error(line(RowState.SUBMITTED, task_id="8", facts={"prompt": "p"}), error)
    assert (entry.state, entry.attempt, entry.task_id) == (after, attempts, "8")
    assert (entry.facts is None) is (after is not RowState.SUBMITTED)


def test_only_the_type_of_an_unexpected_error_is_recorded() -> None:
    assert (
        entry_after_submit_error(line(RowState.PENDING), RuntimeError("https://x/?sig=secret")).error
        == "RuntimeError"
    )


def test_long_error_texts_are_truncated() -> None:
    assert len(entry_after_submit_error(line(RowState.PENDING), KlingError("x" * 5000)).error or "") == 800


def progress_of(**states: int) -> Progress:
    counted = {RowState(name): number for name, number in states.items()}
    progress = Progress(sum(counted.values()) + 1, ())
    progress.states.update(counted)
    progress.rows -= 0 if "left" in states else 1
    return progress


def error_of(progress: Progress, allowed: int = 0, reason: StopReason | None = None) -> KlingError | None:
    return batch_error(progress, allowed, reason, None, "s3://out/summary.json")


def test_a_batch_succeeds_if_all_rows_are_done() -> None:
    assert error_of(progress_of(done=5)) is None


def test_a_batch_succeeds_with_as_many_failed_rows_as_allowed() -> None:
    mixed = progress_of(done=5, failed=1, refused=1, invalid=1)
    assert error_of(mixed, allowed=3) is None
    error = error_of(mixed, allowed=2)
    assert isinstance(error, KlingTaskFailed)
    assert "3 rows failed, 2 may" in str(error)
    assert "s3://out/summary.json" in str(error)


@pytest.mark.parametrize("state", TERMINAL_FAILURES)
def test_errors_that_a_retry_cannot_fix_are_not_retried(state: RowState) -> None:
    error = error_of(progress_of(done=5, **{state.value: 1}))
    assert isinstance(error, AirflowFailException) is (state is not RowState.FAILED)


def test_running_jobs_cause_a_retry() -> None:
    error = error_of(progress_of(done=5, submitted=2))
    assert isinstance(error, KlingTaskTimeout)
    assert not isinstance(error, AirflowFailException)
    assert "2 jobs" in str(error)


def test_a_reached_budget_fails_the_batch() -> None:
    progress = progress_of(done=5)
    progress.rows += 7
    error = error_of(progress, reason=StopReason.BUDGET)
    assert isinstance(error, KlingBudgetSpent)
    assert "7 were not submitted" in str(error)


@pytest.mark.parametrize("reason", [StopReason.KILLED, StopReason.OUTAGE, StopReason.LEDGER])
def test_an_interrupted_batch_continues_in_a_retry(reason: StopReason) -> None:
    progress = progress_of(done=5)
    progress.rows += 7
    error = error_of(progress, reason=reason)
    assert error is not None
    assert not isinstance(error, AirflowFailException)
    assert "This task continues from there when it runs again" in str(error)


def test_rows_that_were_not_read_fail_the_batch() -> None:
    progress = progress_of(done=5)
    progress.rows += 1
    assert "changed while the task ran" in str(error_of(progress))


def test_the_error_that_stopped_the_run_is_raised_with_its_class() -> None:
    stopped = KlingAccountError("used up", code=1102, http_status=429, request_id="r")
    progress = progress_of(done=5, failed=1)
    progress.rows += 4
    error = batch_error(progress, 0, StopReason.ACCOUNT, stopped, None)
    assert isinstance(error, KlingAccountError)
    assert (error.code, error.http_status, error.request_id) == (1102, 429, "r")
    assert "4 were not submitted" in str(error)
