# SPDX-License-Identifier: Apache-2.0
"""One wait for one job, between the hub that polls and the trigger that tells the task's log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator

from ..api.task import Task, TaskStatus
from ..api.watch import ERRORS_WORTH_A_WARNING, TaskWatch, WatchEvent

GRACE = 10.0
"""Seconds after the deadline for one last poll, which may find that the job has ended in time."""


class Waiter:
    """Waits for one job.

    The hub reports to it; :meth:`lines` runs in the trigger's coroutine, so that what is worth a line reaches
    the log of the right task.

    :param ident: id or external id of the job.
    :param interval: seconds between polls that this wait asks for.
    :param deadline: Unix time in seconds.
    """

    __slots__ = ("_bell", "_lines", "event", "ident", "interval", "task", "watch")

    def __init__(self, ident: str, interval: float, deadline: float) -> None:
        self.ident = ident
        self.interval = interval
        self.watch = TaskWatch(ident, deadline)
        self.event: WatchEvent | None = None
        self.task: Task | None = None
        self._lines: deque[tuple[int, str]] = deque()
        self._bell: asyncio.Future[None] | None = None

    async def lines(self) -> AsyncIterator[tuple[int, str]]:
        """Yield log lines, each with its level, until :attr:`event` says how the wait ended."""
        while True:
            while self._lines:
                yield self._lines.popleft()
            if self.event:
                return
            await self._rung()

    def knows(self, word: str) -> bool:
        """Whether a status word says nothing new; if so, that is taken in."""
        if not word or word != self.watch.status_word:
            return False
        self.watch.on_unchanged()
        self._end(self.watch.overdue(time.time()))
        return True

    def on_task(self, task: Task) -> None:
        """Take in what Kling reports."""
        before = self.watch.status_word
        event = self.watch.on_task(task)
        self.task = task
        if task.status is TaskStatus.UNKNOWN and task.status_word != before:
            self._tell(
                logging.WARNING,
                f"Job {self.ident} has the unknown status {task.status_word!r}; waiting goes on",
            )
        elif task.status_word != before and (before or task.status is not TaskStatus.SUBMITTED):
            # That it is submitted was said when it was.
            self._tell(logging.INFO, f"Job {task.task_id or self.ident}: {task.status.value}")
        self._end(event or self.watch.overdue(time.time()))

    def on_error(self, message: str) -> None:
        """Take in that a poll failed, which ends nothing before the deadline."""
        self.watch.on_error(message)
        if self.watch.errors == ERRORS_WORTH_A_WARNING:
            self._tell(logging.WARNING, f"Job {self.ident} cannot be read, waiting goes on: {message}")
        self._end(self.watch.overdue(time.time()))

    def on_refusal(self, message: str) -> None:
        """Take in that the credentials are refused, and not for a moment only."""
        self._end(self.watch.refused(message))

    def _tell(self, level: int, line: str) -> None:
        self._lines.append((level, line))
        self._ring()

    def _end(self, event: WatchEvent | None) -> None:
        if event and not self.event:
            self.event = event
            self._ring()

    def _ring(self) -> None:
        if self._bell and not self._bell.done():
            self._bell.set_result(None)

    async def _rung(self) -> None:
        # The hub may be waiting for a slow server, or as long as the server asked for, beyond the deadline.
        self._bell = asyncio.get_running_loop().create_future()
        patience = max(self.watch.deadline - time.time(), 0.0) + GRACE
        try:
            async with asyncio.timeout(patience):
                await self._bell
        except TimeoutError:
            self._end(self.watch.overdue(time.time()))
