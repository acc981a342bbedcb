# SPDX-License-Identifier: Apache-2.0
"""Submit a job exactly once.

The external task id of a job is computed from its idempotency key before the job is paid for. If the outcome
of a create call is unknown (a lost response, a dead worker), the job is looked up by that id instead of being
paid for again. :func:`submit_or_attach` makes all decisions without I/O: it yields steps, and :mod:`.runner`
runs them.

Known limitation: changing a task's ``retries`` between two tries of the same run looks like a clear.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator

from ..api.task import KlingTask
from ..exceptions import (
    TAKEN_ADVICE,
    JobState,
    KlingAuthError,
    KlingContentRefused,
    KlingError,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskExists,
    KlingTaskFailed,
    KlingWaitInterrupted,
)
from ..version_compat import AirflowFailException
from .context import (
    CreateTask,
    FindTask,
    IdempotencyKey,
    Sleep,
    SubmissionContext,
    SubmissionState,
    SubmittedTask,
)
from .shared_jobs import is_of_other_task, log_expired, own_job_id, stored_state

__all__ = [
    "CreateTask",
    "FindTask",
    "IdempotencyKey",
    "KlingJobUnseen",
    "Sleep",
    "SubmissionContext",
    "SubmissionState",
    "SubmittedTask",
    "find_existing",
    "submit_or_attach",
]

_log = logging.getLogger(__name__)

MAX_CREATE_CALLS = 3
"""How often a create call is sent before its failure is left to Airflow's retries."""

LOOKUP_DELAYS = (1.0, 3.0, 6.0)
"""Seconds before each look-up of a job whose create call had an unknown outcome."""

LATE_LOOKUP_DELAYS = (1.0, 3.0, 6.0, 10.0, 15.0, 25.0)
"""Seconds before each look-up at hosts where a job may appear late and a duplicate is not rejected."""

STALE_SECONDS = 60.0
"""Seconds between a decision and its create call after which another worker may have submitted the job."""

AUTH_RETRY_DELAYS = (2.0, 4.0)
"""Seconds before a look-up with rejected credentials is retried: the cause may be temporary."""

MAX_FAILED_TASKS = 100
"""Failed jobs of one key before the submission stops."""


SubmissionFlow = Generator[FindTask | CreateTask | Sleep, KlingTask | None, "SubmittedTask"]
_FindFlow = Generator[FindTask | CreateTask | Sleep, KlingTask | None, KlingTask | None]
_TaskFlow = Generator[FindTask | CreateTask | Sleep, KlingTask | None, KlingTask]
_CreateFlow = Generator[FindTask | CreateTask | Sleep, KlingTask | None, tuple[KlingTask, bool, bool]]


class KlingJobUnseen(KlingWaitInterrupted):
    """A job may exist that the host does not find yet. A retry looks it up again and pays nothing."""


def submit_or_attach(submission: SubmissionContext) -> SubmissionFlow:
    """Yield the steps that lead to exactly one job.

    :param submission: what is known before.
    :return: a generator of steps, which returns the :class:`.SubmittedTask`.
    :raises KlingSubmissionUnknown: a job may exist and there is no look-up.
    :raises KlingError: the job was refused, or could not be asked for.
    """
    first = _last_known_attempt(submission)
    look_up_first = submission.is_retry or submission.look_up_first or _is_known(submission, first)
    for attempt in range(first, MAX_FAILED_TASKS):
        external_id = submission.key.external_task_id(attempt)
        own_id = own_job_id(submission, external_id)
        if look_up_first:
            task = yield from _find_earlier(submission, external_id, attempt)
        else:
            task = yield from _find_created_meanwhile(submission, external_id)
        reattached, was_in_use = task is not None, False
        reused = reattached and is_of_other_task(submission, external_id)
        if task is None:
            of_other_task = is_of_other_task(submission, external_id)
            task, reattached, was_in_use = yield from _create(submission, external_id)
            reused = was_in_use and of_other_task
            if not reused:
                _record_created(submission, attempt, external_id, task)
        if not (reattached and submission.must_be_resubmitted(task)):
            return SubmittedTask(
                task,
                external_id,
                reattached,
                attempt,
                was_in_use and not submission.is_retry,
                reused,
                uncertain_origin=submission.shared and reattached and not reused and task.task_id != own_id,
            )
        log_expired(submission, task)
        look_up_first = True
    raise KlingTaskFailed(f"Correct the request: {MAX_FAILED_TASKS} jobs of this task have failed at Kling.")


def find_existing(
    submission: SubmissionContext,
) -> Generator[FindTask | CreateTask | Sleep, KlingTask | None, SubmittedTask | None]:
    """Yield the steps that find the job of an earlier try whose request cannot be made again; create none.

    :param submission: what is known before.
    :return: a generator of steps, which returns the job; ``None`` when there is none that has not failed.
    :raises KlingSubmissionUnknown: a job may exist and there is no look-up.
    :raises KlingError: it could not be asked for.
    """
    for attempt in range(_last_known_attempt(submission), MAX_FAILED_TASKS):
        external_id = submission.key.external_task_id(attempt)
        task = yield from _find_earlier(submission, external_id, attempt)
        if task is None:
            return None
        if not submission.must_be_resubmitted(task):
            reused = is_of_other_task(submission, external_id)
            certain = reused or not submission.shared or task.task_id == own_job_id(submission, external_id)
            return SubmittedTask(
                task, external_id, True, attempt, reused=reused, uncertain_origin=not certain
            )
    return None


def _last_known_attempt(submission: SubmissionContext) -> int:
    """Return the last attempt that Airflow has stored: all before it have failed and need no look-up."""
    attempt = 0
    while _is_known(submission, attempt + 1):
        attempt += 1
    return attempt


def _is_known(submission: SubmissionContext, attempt: int) -> bool:
    if submission.state is None or (submission.can_look_up and not submission.is_retry):
        # Reading the store takes a request; a first try does not need it, because Kling knows its own jobs.
        return False
    return stored_state(submission, submission.key.external_task_id(attempt)) is not None


def _find_earlier(submission: SubmissionContext, external_id: str, attempt: int) -> _FindFlow:
    """Find the job that an earlier try may have submitted."""
    if submission.can_look_up:
        found = yield from _look_up(external_id)
        if found or submission.refuses_duplicates:
            return found
        return (yield from _find_late(submission, external_id, attempt))
    if submission.state is None:
        if submission.synchronous:
            return None
        raise KlingSubmissionUnknown(
            "Look for a job of this task in the host's console; if there is none, clear the task. An earlier "
            "try may have submitted this job, and this host has no look-up by external_task_id.",
            job=JobState.MAY_EXIST,
        )
    stored = stored_state(submission, external_id)
    if stored is None:
        return None
    task_id = stored.get("task_id")
    if task_id is None:
        raise _outcome_unknown_error("an earlier try ended before the answer came.")
    if submission.synchronous:
        return None
    if task := (yield from _look_up(str(task_id), by_external_id=False)):
        return task
    raise KlingSubmissionUnknown(
        f"Look for job {task_id} in the host's console; for a new job, clear the task. An earlier try made "
        "it, but the host does not find it.",
        task_id=str(task_id),
        job=JobState.MAY_EXIST,
    )


def _find_late(submission: SubmissionContext, external_id: str, attempt: int) -> _FindFlow:
    """Find a job that may exist and is not found yet, if a second create call could pay twice.

    :raises KlingJobUnseen: it may have been made and is not found; a retry looks again.
    """
    if submission.state is not None:
        stored = stored_state(submission, external_id)
        if stored is None:
            return None
        task_id = stored.get("task_id")
        if task_id and (task := (yield from _look_up(str(task_id), by_external_id=False))):
            return task
    elif submission.earlier_tries <= attempt:
        # Each earlier try has ended with a job that Kling has failed, and none is left that asked for this.
        return None
    for delay in LATE_LOOKUP_DELAYS:
        yield Sleep(delay)
        if task := (yield from _look_up(external_id)):
            return task
    unseen = KlingJobUnseen(
        "Look for a job of this task in the host's console, or clear the task for a new one. None is found "
        f"of an earlier try, {external_id}, and this host is not known to refuse a second job of that name."
    )
    unseen.set_job_state(JobState.MAY_EXIST, external_task_id=external_id)
    raise unseen


def _create(submission: SubmissionContext, external_id: str) -> _CreateFlow:
    error: KlingServerError | None = None
    for call in range(MAX_CREATE_CALLS):
        if error:
            yield Sleep(LOOKUP_DELAYS[call - 1])
        try:
            return (yield from _create_with_intent(submission, external_id)), False, False
        except KlingTaskExists as duplicate:
            return (yield from _find_duplicate(submission, external_id, duplicate)), True, error is None
        except KlingServerError as failed:
            not_created = failed.job is JobState.NOT_CREATED
            # A later call that created nothing does not resolve an earlier unknown outcome.
            error = error if not_created and error else failed
        except KlingError as refused:
            return (yield from _find_after_refusal(submission, external_id, refused, error)), True, False
        if not_created:
            continue
        error.external_task_id = external_id
        if not submission.can_look_up:
            raise _outcome_unknown_error(error.message) from error
        if found := (yield from _poll_lookup(submission, external_id)):
            return found, True, False
        if not submission.refuses_duplicates:
            # It may appear later, and a second one with the same id would be created and charged.
            break
        # It is not found; if it appears later, Kling rejects a second one with the same id.
    raise error or AssertionError("no create call was made")


def _create_with_intent(submission: SubmissionContext, external_id: str) -> _TaskFlow:
    """Send the create call, and store its intent before and its outcome after."""
    if submission.state and (submission.shared or not submission.id_prevents_duplicates):
        submission.state.put(external_id, None)
    try:
        task = yield CreateTask(external_id)
    except Exception as error:
        not_made = getattr(error, "job", None) is JobState.NOT_CREATED
        # If other tasks may use the id, a duplicate does not prove that this task has submitted the job.
        if submission.state and (not_made or (submission.shared and isinstance(error, KlingTaskExists))):
            try:
                submission.state.delete(external_id)
            except Exception as failed:
                _log.warning("The task state store cannot be written: %s", type(failed).__name__)
        raise
    if task is None:
        raise AssertionError("a CreateTask step was answered without a task")
    return task


def _record_created(submission: SubmissionContext, attempt: int, external_id: str, task: KlingTask) -> None:
    # Where jobs can be looked up, only the number of failed ones needs to be stored.
    if submission.state and (attempt or submission.shared or not submission.id_prevents_duplicates):
        # The log must have the id even if it cannot be stored: the job is paid.
        if task.task_id:
            _log.info("Kling made job %s, external_task_id %s", task.task_id, external_id)
        try:
            submission.state.put(external_id, task.task_id)
        except Exception as error:
            _log.warning(
                "Job %s could not be stored in the task state store, the task continues: %s",
                task.task_id,
                type(error).__name__,
            )


def _find_created_meanwhile(submission: SubmissionContext, external_id: str) -> _FindFlow:
    """Find the job that another worker has created while this one was suspended."""
    stale = time.time() - submission.started_at > STALE_SECONDS
    if stale and submission.can_look_up and not submission.refuses_duplicates:
        return (yield from _look_up(external_id))
    return None


def _poll_lookup(submission: SubmissionContext, external_id: str) -> _FindFlow:
    for delay in LOOKUP_DELAYS[:2] if submission.refuses_duplicates else LATE_LOOKUP_DELAYS:
        yield Sleep(delay)
        if task := (yield from _look_up(external_id)):
            return task
    return None


def _look_up(task_id: str, *, by_external_id: bool = True) -> _FindFlow:
    for delay in (*AUTH_RETRY_DELAYS, None):
        try:
            return (yield FindTask(task_id, by_external_id))
        except KlingError as error:
            # A failed look-up proves nothing about the job.
            error.set_job_state(JobState.MAY_EXIST, external_task_id=task_id)
            if not isinstance(error, AirflowFailException):
                raise
            if delay is None or not isinstance(error, KlingAuthError):
                # A retry looks it up again and pays nothing; a final error would lose a job that may exist.
                raise _interrupted_error(error.message, error, task_id) from error
        yield Sleep(delay)
    return None


def _interrupted_error(text: str, error: KlingError, external_id: str) -> KlingWaitInterrupted:
    interrupted = KlingWaitInterrupted(
        text, code=error.code, http_status=error.http_status, request_id=error.request_id
    )
    interrupted.set_job_state(JobState.MAY_EXIST, external_task_id=external_id)
    return interrupted


def _find_after_refusal(
    submission: SubmissionContext, external_id: str, refused: KlingError, earlier: KlingError | None
) -> _TaskFlow:
    if refused.job is not JobState.MAY_EXIST:
        # Refusals come with an error status: one inside a success may be of a gateway that has made the job.
        inside_success = (refused.http_status or 0) // 100 == 2  # noqa: PLR2004
        if inside_success and submission.can_look_up and (task := (yield from _look_up(external_id))):
            return task
        if earlier and earlier.job is JobState.MAY_EXIST:
            refused.set_job_state(JobState.MAY_EXIST, external_task_id=external_id)
        raise refused
    # Not the API's own refusal, but the answer of a proxy in between.
    if not submission.can_look_up:
        raise _outcome_unknown_error(refused.message) from refused
    if task := (yield from _poll_lookup(submission, external_id)):
        return task
    if isinstance(refused, KlingContentRefused):
        # The vendor's text without its JSON, and no job with this id: a retry would be refused as well.
        refused.set_job_state(JobState.NOT_CREATED, external_task_id=external_id)
        raise refused
    raise _interrupted_error(refused.message, refused, external_id) from refused


def _find_duplicate(submission: SubmissionContext, external_id: str, error: KlingTaskExists) -> _TaskFlow:
    answer = error.message.removeprefix(TAKEN_ADVICE).strip()
    if submission.can_look_up:
        if task := (yield from _look_up(external_id)) or (yield from _poll_lookup(submission, external_id)):
            return task
        # The job may appear late: a retry looks it up again, and Kling rejects a second one.
        text = f"{TAKEN_ADVICE} This endpoint does not find the job {external_id} yet. {answer}"
        raise _interrupted_error(text, error, external_id)
    advice = "Look for the job in the host's console; for a new one, clear the task."
    if submission.shared:
        advice = "Another task has a job of this request: use its output_path, or set take."
    raise KlingSubmissionUnknown(f"{advice} {external_id} is taken. {answer}", job=JobState.MAY_EXIST)


def _outcome_unknown_error(reason: str) -> KlingSubmissionUnknown:
    return KlingSubmissionUnknown(
        "Look for the job in the host's console; if there is none, clear the task. Whether the job was made "
        f"is unknown and cannot be asked here: {reason}",
        job=JobState.MAY_EXIST,
    )
