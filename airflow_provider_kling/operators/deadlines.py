# SPDX-License-Identifier: Apache-2.0
"""When a wait is over: one place for all the clocks. Unix time in seconds throughout.

Wall clock, not monotonic: a deadline outlives the process that set it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

FRAMEWORK_MARGIN = 3.0
"""Seconds by which our deadline precedes Airflow's, whose end of a deferral says nothing of the job."""

READ_PATIENCE = 3600.0
"""Seconds that a worker tries to read a job that has ended: a sensor's own timeout is a week unless set."""


def job_deadline(created_at: int | None, timeout: float, now: float) -> float:
    """When a job's time is up, counted from its submission.

    A job that is found again after its time was up gets the time anew, from now: else no retry could
    ever fetch its result.

    :param created_at: when Kling made the job, Unix time in ms.
    :param timeout: seconds.
    """
    submitted = min(created_at / 1000, now) if created_at else now
    deadline = submitted + timeout
    return deadline if deadline > now else now + timeout


def read_deadline(timeout: float, now: float) -> float:
    """When to give up reading a job that the triggerer saw end.

    :param timeout: seconds that the wait itself may take.
    """
    return now + min(timeout, READ_PATIENCE)


def execution_deadline(
    start: datetime | None, execution_timeout: timedelta | None, now: float
) -> float | None:
    """When Airflow's own ``execution_timeout`` would strike, with a margin so that we come first.

    :param start: when this try of the task started.
    """
    if execution_timeout is None:
        return None
    started = start.timestamp() if start else now
    return started + execution_timeout.total_seconds() - FRAMEWORK_MARGIN


def earliest(deadline: float, other: float | None) -> float:
    """Return the earlier of two deadlines, of which one may not exist."""
    return deadline if other is None else min(deadline, other)


def backstop(deadline: float, now: float, poll_interval: float) -> timedelta:
    """How long Airflow lets the trigger run: only to catch a trigger that no triggerer runs."""
    return timedelta(seconds=max(deadline - now, 0) + 2 * poll_interval + 60)
