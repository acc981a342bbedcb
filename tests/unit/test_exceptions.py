# SPDX-License-Identifier: Apache-2.0
"""Every exception says what happened and what it means for the job, however Airflow handles it."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kling import exceptions
from airflow_provider_kling.api.polling import TaskEvent
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAuthError,
    KlingContentRefused,
    KlingError,
    KlingTaskFailed,
    KlingTaskTimeout,
    KlingWaitInterrupted,
    auth_errors_as_retryable,
    error_from_event,
)

KINDS = [kind for _, kind in inspect.getmembers(exceptions, inspect.isclass) if issubclass(kind, KlingError)]

# Errors that a retry cannot fix.
FINAL = {
    *("KlingRequestInvalid", "KlingAuthError", "KlingAccountError", "KlingContentRefused"),
    *("KlingSubmissionUnknown", "KlingAwaitedTaskFailed", "KlingResultExpired", "KlingBudgetSpent"),
    "KlingMediaCheckFailed",
}


def event(status: str, message: str = "") -> TaskEvent:
    return {"status": status, "task_id": "8", "message": message}  # type: ignore[typeddict-item]


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_is_left_to_airflow_only_where_it_can_help(kind: type[KlingError]) -> None:
    assert issubclass(kind, AirflowException)
    assert issubclass(kind, AirflowFailException) is (kind.__name__ in FINAL)


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_known_is_carried_through_copies_and_pickles(kind: type[KlingError]) -> None:
    error = kind(
        "It broke.",
        code=1303,
        http_status=429,
        request_id="r",
        task_id="8",
        job=JobState.EXISTS,
        retry_after=2.0,
    )
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is kind
        assert str(other) == str(error)
        assert vars(other) == vars(error)


@pytest.mark.parametrize(
    ("job", "expected_text"),
    [
        (JobState.NOT_CREATED, "It broke. No job was made and nothing is charged."),
        (JobState.MAY_EXIST, "It broke. A job may have been made and may be charged."),
        (JobState.EXISTS, "It broke. The job continues at Kling and may be charged."),
        (JobState.ENDED, "It broke. The job has ended at Kling."),
        (None, "It broke."),
    ],
)
def test_the_text_reports_the_state_of_the_job(job: JobState | None, expected_text: str) -> None:
    assert str(KlingError("It broke.", job=job)) == expected_text


def test_next_steps_replace_earlier_ones() -> None:
    error = KlingError("It broke.", job=JobState.NOT_CREATED, next_steps="Try again.")
    assert str(error) == "It broke. No job was made and nothing is charged. Try again."
    error.set_job_state(JobState.MAY_EXIST, external_task_id="af-1")
    error.set_next_steps("Look first.")
    assert str(error) == "It broke. A job may have been made and may be charged. Look first."
    assert (error.message, error.external_task_id) == ("It broke.", "af-1")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_wait_that_timed_out() -> None:
    error = error_from_event(event("timeout", "last status: processing"))
    assert type(error) is KlingTaskTimeout
    assert str(error) == (
        "Still running at Kling; do not clear: if no retry follows, fetch 8. "
        "Job 8 has not ended in time (last status: processing). "
        "The job continues at Kling and may be charged."
    )
    assert (error.task_id, error.job) == ("8", JobState.EXISTS)


def test_a_wait_whose_credentials_were_refused() -> None:
    error = error_from_event(event("error", "key revoked"))
    assert type(error) is KlingWaitInterrupted
    assert str(error).startswith(
        "Correct the connection; if no retry follows, fetch 8. "
        "Waiting for job 8 is over: key revoked. The job continues"
    )
    assert (error.task_id, error.job) == ("8", JobState.EXISTS)
    assert not isinstance(error, AirflowFailException), "a retry attaches to the job, and pays nothing"


def test_an_error_that_no_retry_fixes_does_not_promise_one() -> None:
    text = str(KlingAuthError("It broke.", task_id="8", job=JobState.EXISTS))
    assert "attaches" not in text
    assert "store the result with KlingFetchResultOperator rather than clear the task" in text


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("Failure to pass the risk control system", KlingContentRefused),
        ("The image triggers our Content Safety policy", KlingContentRefused),
        ("sensitive content", KlingContentRefused),
        ("resolution of the masks differs from the image", KlingTaskFailed),
        ("", KlingTaskFailed),
    ],
)
def test_a_failed_job(reason: str, kind: type[KlingError]) -> None:
    error = error_from_event(event("failed", reason))
    assert type(error) is kind
    assert f"Kling ended job 8 as failed: {reason or 'no reason given'}." in str(error)
    assert str(error).endswith("The job has ended at Kling.")


@pytest.mark.parametrize("job", [None, JobState.EXISTS, JobState.ENDED])
def test_refused_credentials_are_retried_by_tasks_that_attach(job: JobState | None) -> None:
    with pytest.raises(KlingWaitInterrupted, match="revoked") as report, auth_errors_as_retryable():
        raise KlingAuthError("The key is revoked.", task_id="8", job=job)
    assert (report.value.task_id, report.value.job) == ("8", job or JobState.EXISTS)
    assert not isinstance(report.value, AirflowFailException)
    assert "a retry attaches to it" in str(report.value)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("a\nWARNING forged", "a WARNING forged"),
        ("a\r\n\x1b[31mb\x00", "a [31mb"),
        ("\u202egpj.exe", "gpj.exe"),
        ("x" * 5_000, "x" * 4_000 + "…"),
    ],
    ids=["line", "control", "direction", "long"],
)
def test_a_text_of_a_server_forges_no_line_of_a_log(message: str, text: str) -> None:
    error = KlingError(message, job=JobState.ENDED)
    assert str(error) == f"{text} The job has ended at Kling."
    assert error.message == text
    event: TaskEvent = {"status": "failed", "task_id": "1", "message": message}
    assert "\n" not in str(error_from_event(event))
