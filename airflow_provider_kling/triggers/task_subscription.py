# SPDX-License-Identifier: Apache-2.0
"""A task's subscription to one job: connects the shared poller with the trigger that logs."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time

from ..api.polling import WARN_AFTER_FAILURES, TaskEvent, TaskPoller
from ..api.task import KlingTask, TaskStatus

DEADLINE_GRACE = 10.0
"""Seconds after the deadline for one last poll, which may find that the job has ended in time."""


class TaskSubscription:
    """Waits for one job.

    The poller reports to it; :meth:`next_messages` runs in the trigger's coroutine, so that each line reaches
    the log of the right task. Thousands of waits exist together, and every full garbage collection of the
    triggerer takes longer with each of their objects: a wait holds few.

    :param ident: id or external id of the job.
    :param interval: seconds between polls that this wait asks for.
    :param deadline: Unix time in seconds.
    :param timer_context: context of the timers of all waits of a loop, which only wake coroutines; without it
        each timer would have a copy of its own.
    """

    __slots__ = (
        "_log_messages",
        "_timer",
        "_timer_context",
        "_waiting",
        "event",
        "ident",
        "interval",
        "poller",
        "task",
    )

    def __init__(
        self, ident: str, interval: float, deadline: float, timer_context: contextvars.Context | None = None
    ) -> None:
        self.ident = ident
        self.interval = interval
        self.poller = TaskPoller(ident, deadline)
        self.event: TaskEvent | None = None
        self.task: KlingTask | None = None
        self._log_messages: tuple[tuple[int, str], ...] = ()
        self._waiting: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_context = timer_context

    async def next_messages(self) -> tuple[tuple[int, str], ...]:
        """Wait for log lines, or for the end of the wait.

        :return: level and text of each line; nothing once :attr:`event` is set and all lines were returned.
        """
        while not self._log_messages and not self.event:
            loop = asyncio.get_running_loop()
            if self._timer is None:
                # The poller may wait beyond the deadline: for a slow server, or because of Retry-After.
                longest = max(0.0, self.poller.deadline - time.time()) + DEADLINE_GRACE
                self._timer = loop.call_later(longest, self._on_timer, context=self._timer_context)
            self._waiting = loop.create_future()
            await self._waiting
        lines, self._log_messages = self._log_messages, ()
        return lines

    def is_unchanged(self, word: str) -> bool:
        """Return whether a status word equals the last one; if so, record the poll.

        :param word: status as the host writes it.
        :return: true if the status has not changed.
        """
        if not word or word != self.poller.raw_status:
            return False
        self.poller.on_unchanged()
        self._end(self.poller.check_deadline(time.time()))
        return True

    def on_task(self, task: KlingTask) -> None:
        """Handle what Kling reports.

        :param task: the job as it was just read.
        """
        before = self.poller.raw_status
        event = self.poller.on_task(task)
        if task.status.is_terminal:
            self.task = task
        if task.status is TaskStatus.UNKNOWN and task.raw_status != before:
            self._add_log_message(
                logging.WARNING,
                f"Job {self.ident} has the unknown status {task.raw_status!r}; the wait continues",
            )
        elif task.raw_status != before and (before or task.status is not TaskStatus.SUBMITTED):
            # The submission was logged when it happened.
            self._add_log_message(logging.INFO, f"Job {task.task_id or self.ident}: {task.status.value}")
        self._end(event or self.poller.check_deadline(time.time()))

    def on_error(self, message: str) -> None:
        """Record a failed poll; the wait continues until the deadline.

        :param message: the error.
        """
        self.poller.on_error(message)
        if self.poller.errors == WARN_AFTER_FAILURES:
            self._add_log_message(
                logging.WARNING, f"Job {self.ident} cannot be read, the wait continues: {message}"
            )
        self._end(self.poller.check_deadline(time.time()))

    def on_auth_error(self, message: str) -> None:
        """End the wait because the credentials are rejected repeatedly.

        :param message: the error.
        """
        self._end(self.poller.auth_failed_event(message))

    def close(self) -> None:
        """Cancel the timer, when nothing waits any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self._end(self.poller.check_deadline(time.time()))
        # Without an answer of Kling there is no event yet, and another timer is needed.
        self._notify()

    def _add_log_message(self, level: int, line: str) -> None:
        self._log_messages += ((level, line),)
        self._notify()

    def _end(self, event: TaskEvent | None) -> None:
        if event and not self.event:
            self.event = event
            self._notify()

    def _notify(self) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)
