# SPDX-License-Identifier: Apache-2.0
"""What a poll means for a wait: a decision without I/O, shared by workers and triggers.

A single failed poll must not fail a job that is already paid for, so errors only slow the polling down.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypedDict

from .task import KlingTask, TaskStatus

MIN_POLL_INTERVAL = 0.2
"""Seconds; a shorter interval is taken for this one."""

MAX_BACKOFF = 60.0

MAX_RETRY_AFTER = 300.0
"""Seconds; a server or proxy that asks for more is asked again after this long all the same."""

WARN_AFTER_FAILURES = 3
"""Failed polls in a row after which the task's log should say so."""

MAX_AUTH_FAILURES = 3
"""Polls in a row that must be refused before the credentials count as bad: a moment's trouble at the vendor
must not end the wait for a job that is paid for."""

MAX_FAILURES_PAST_DEADLINE = 3
"""Failed polls after the deadline before a wait gives up that has never had an answer."""


class TaskEvent(TypedDict):
    """How a wait ended; small and free of URLs, for it is written to logs and the database."""

    status: Literal["succeed", "failed", "timeout", "error"]
    task_id: str
    message: str


@dataclass(slots=True)
class Backoff:
    """How long to wait between polls.

    :param interval: seconds between polls while all is well.
    :param failures: polls that failed in a row.
    """

    interval: float
    failures: int = 0

    def succeeded(self) -> None:
        """Take up the normal pace."""
        self.failures = 0

    def failed(self) -> None:
        """Slow down."""
        self.failures += 1

    def delay(self, retry_after: float | None = None, jitter: Callable[[], float] = random.random) -> float:
        """Return the seconds until the next poll, spread by up to a tenth so that many waits do not poll at
        once.

        :param retry_after: seconds the server asked for.
        :param jitter: gives a number from 0 to 1.
        :return: seconds to wait.
        """
        if not self.failures:
            return self.interval
        doubled = self.interval * 2.0 ** min(self.failures, 10)
        asked = min(retry_after or 0.0, MAX_RETRY_AFTER)
        return float(max(min(doubled, max(MAX_BACKOFF, self.interval)), asked) * (1 + jitter() / 10))


@dataclass(slots=True)
class TaskPoller:
    """State of the wait for one task: what each poll means for it.

    :param task_id: the id that is polled.
    :param deadline: Unix time in seconds after which to give up. Wall clock, for it must outlive restarts.
    :param has_response: at least one poll was answered.
    :param status: status of the last poll that was answered.
    :param raw_status: that status as the API writes it.
    :param errors: polls that failed in a row.
    :param auth_failures: polls in a row that were refused because of the credentials.
    :param last_error: message of the last failed poll.
    """

    task_id: str
    deadline: float
    has_response: bool = False
    status: TaskStatus | None = None
    raw_status: str = ""
    errors: int = 0
    auth_failures: int = 0
    last_error: str = ""

    def on_task(self, task: KlingTask) -> TaskEvent | None:
        """Record a task that a poll returned.

        :param task: the task.
        :return: the event that ends the wait; ``None`` if it continues.
        """
        self.on_unchanged()
        self.status, self.raw_status = task.status, task.raw_status
        if task.status is TaskStatus.SUCCEED:
            return {"status": "succeed", "task_id": task.task_id or self.task_id, "message": ""}
        if task.status is TaskStatus.FAILED:
            return {"status": "failed", "task_id": task.task_id or self.task_id, "message": task.message}
        return None

    def on_unchanged(self) -> None:
        """Record a poll that returned the known status."""
        self.has_response = True
        self.errors = 0
        self.auth_failures = 0
        self.last_error = ""

    def on_error(self, message: str) -> None:
        """Record a poll that failed.

        :param message: what failed.
        """
        self.errors += 1
        self.auth_failures = 0
        self.last_error = message

    def on_auth_error(self, message: str) -> TaskEvent | None:
        """Record a poll that was refused because of the credentials.

        :param message: the refusal.
        :return: the event that ends the wait if refusals persist; otherwise ``None``.
        """
        self.errors += 1
        self.auth_failures += 1
        self.last_error = message
        return self.auth_failed_event(message) if self.auth_failures >= MAX_AUTH_FAILURES else None

    def auth_failed_event(self, message: str) -> TaskEvent:
        """Build the event that ends the wait because the credentials are refused.

        :param message: the refusal.
        :return: the event.
        """
        return {"status": "error", "task_id": self.task_id, "message": message}

    def check_deadline(self, now: float) -> TaskEvent | None:
        """End the wait if the deadline has passed and Kling was asked since: the job may have ended.

        :param now: Unix time in seconds.
        :return: the timeout event; ``None`` before the deadline.
        """
        if now < self.deadline or not (self.has_response or self.errors >= MAX_FAILURES_PAST_DEADLINE):
            return None
        status_text = (
            f"last status: {self.raw_status or self.status}" if self.status else "no status was ever read"
        )
        message = f"{status_text}; last poll failed: {self.last_error}" if self.last_error else status_text
        return {"status": "timeout", "task_id": self.task_id, "message": message}
