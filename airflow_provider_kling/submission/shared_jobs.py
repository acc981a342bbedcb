# SPDX-License-Identifier: Apache-2.0
"""Whose job it is that several tasks may have submitted, and what a task has stored of its own jobs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..api.task import KlingTask
from ..exceptions import JobState, KlingWaitInterrupted
from .context import SubmissionContext

_log = logging.getLogger(__name__)

UNCERTAIN_ORIGIN = (
    "Job %s was found after a create call without an answer. With idempotency_scope='inputs' another task "
    "may have submitted it; then both report its charge. KlingUsageOperator counts it once"
)
"""Warning for a job that need not be the task's own; its argument is Kling's id."""


def stored_state(submission: SubmissionContext, external_id: str) -> Mapping[str, Any] | None:
    """Return the stored state of a job; an unreadable store must not cause a second job.

    :param submission: what is known before.
    :param external_id: external task id of the job.
    :return: what the task has stored of it; ``None`` if nothing is stored, or Airflow has no store.
    :raises KlingWaitInterrupted: only the store has the job of an earlier try, and cannot be read.
    """
    if submission.state is None:
        return None
    try:
        return submission.state.get(external_id)
    except Exception as error:
        _log.warning("The task state store cannot be read: %s", type(error).__name__)
        if submission.id_prevents_duplicates or not submission.is_retry:
            return None
        raise KlingWaitInterrupted(
            "The task state store cannot be read: retry once it can. Only it has the job of an earlier try.",
            job=JobState.MAY_EXIST,
        ) from error


def is_of_other_task(submission: SubmissionContext, external_id: str) -> bool:
    """Return whether an existing job is of another task, or of an earlier run of this one.

    :param submission: what is known before.
    :param external_id: external task id of the job.
    :return: whether it is; ``False`` if it may be this task's own.
    """
    if not submission.shared:
        return False
    return not submission.is_retry or (
        submission.state is not None and stored_state(submission, external_id) is None
    )


def own_job_id(submission: SubmissionContext, external_id: str) -> str | None:
    """Return Kling's id of the job that an earlier try of this task has certainly submitted.

    :param submission: what is known before.
    :param external_id: external task id of the job.
    :return: the id; ``None`` if no answer to a create call of this task is stored.
    """
    stored = stored_state(submission, external_id) if submission.shared and submission.is_retry else None
    task_id = (stored or {}).get("task_id")
    return None if task_id is None else str(task_id)


def log_expired(submission: SubmissionContext, task: KlingTask) -> None:
    """Warn that a job is made again because Kling has deleted the result of the earlier one.

    :param submission: what is known before.
    :param task: the earlier job.
    """
    if submission.has_expired(task):
        _log.warning(
            "Kling has deleted the result of job %s, which was made for the same request: a new job is made "
            "and charged",
            task.task_id,
        )
