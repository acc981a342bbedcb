# SPDX-License-Identifier: Apache-2.0
"""Deadlines of waits. Unix time in seconds throughout.

Wall clock, not monotonic: a deadline outlives the process that set it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

EXECUTION_TIMEOUT_MARGIN = 3.0
"""Seconds by which the deadline precedes Airflow's, whose timeout message does not mention the job."""

MAX_READ_SECONDS = 3600.0
"""Seconds that a worker tries to read a job that has ended: a sensor's own timeout is a week unless set."""


def job_deadline(created_at: int | None, timeout: float, now: float) -> float:
    """Return the deadline of the wait for a job, counted from its submission.

    A job that a retry finds after its deadline gets the whole timeout again: otherwise no retry could fetch
    its result.

    :param created_at: when Kling made the job, Unix time in ms.
    :param timeout: seconds.
    :param now: the current time.
    :return: the deadline.
    """
    submitted = min(created_at / 1000, now) if created_at else now
    deadline = submitted + timeout
    return deadline if deadline > now else now + timeout


def batch_job_deadline(created_at: int | None, timeout: float, began: float, now: float) -> float:
    """Return the deadline of a batch's job, which deferrals do not extend.

    :param created_at: when Kling made the job, Unix time in ms.
    :param timeout: seconds.
    :param began: when this try of the task began: a job whose time was up before it gets the time again.
    :param now: Unix time in seconds.
    :return: Unix time in seconds.
    """
    submitted = min(created_at / 1000, now) if created_at else now
    deadline = submitted + timeout
    return deadline if deadline > began else began + timeout


def read_deadline(timeout: float, now: float) -> float:
    """Return when to give up reading a job that the triggerer saw end.

    :param timeout: seconds that the wait itself may take.
    :param now: the current time.
    :return: the deadline.
    """
    return now + min(timeout, MAX_READ_SECONDS)


def execution_deadline(
    start: datetime | None, execution_timeout: timedelta | None, now: float
) -> float | None:
    """Return a moment before Airflow's own ``execution_timeout`` ends the task.

    :param start: when this try of the task started.
    :param execution_timeout: the task's limit.
    :param now: the current time, which stands for an unknown start.
    :return: the deadline; ``None`` without a limit.
    """
    if execution_timeout is None:
        return None
    started = start.timestamp() if start else now
    return started + execution_timeout.total_seconds() - EXECUTION_TIMEOUT_MARGIN


def min_deadline(deadline: float, other: float | None) -> float:
    """Return the earlier of two deadlines.

    :param deadline: a deadline.
    :param other: another one, if there is one.
    :return: the earlier one.
    """
    return deadline if other is None else min(deadline, other)


def defer_timeout(deadline: float, now: float, poll_interval: float) -> timedelta:
    """Return how long Airflow lets the trigger run: only to catch a trigger that no triggerer runs.

    :param deadline: when the trigger itself ends.
    :param now: the current time.
    :param poll_interval: seconds between its polls.
    :return: the timeout of the deferral.
    """
    return timedelta(seconds=max(deadline - now, 0) + 2 * poll_interval + 60)
