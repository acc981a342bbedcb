# SPDX-License-Identifier: Apache-2.0
"""A job that is paid for and done: where its files are, and until when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..api.endpoint import endpoint_of
from ..api.task import RESULT_DAYS
from ..exceptions import JobState, KlingResultExpired, KlingResultNotKept, KlingTaskNotFound
from .plan import ResultFile

Refresh = Callable[[], Mapping[str, Any]]
"""Reads the task from Kling again; the addresses in it are newly signed."""


class FinishedJob:
    """Knows the latest addresses of a job's files. Safe to use from several threads.

    :param task: the task as operators return it.
    :param refresh: reads it again.
    """

    def __init__(self, task: Mapping[str, Any], refresh: Refresh | None) -> None:
        self._task = task
        self._refresh = refresh
        self._renewed = False
        self._lock = threading.Lock()

    def url(self, file: ResultFile) -> str:
        """Return a file's latest known address.

        :raises KlingResultExpired: the task does not name it any more, and its time is over.
        :raises KlingResultNotKept: the task does not name it.
        """
        if url := file.url(self._task):
            return url
        raise self._deleted() if self._expired else self.not_kept(f"has no address for {file.key}")

    def renew(self, file: ResultFile, seen: str) -> None:
        """Read the task again because an address does not lead anywhere.

        Does nothing when another file's thread read it again since.

        :param seen: the address.
        :raises KlingResultExpired: the address is new and the result's time is over.
        :raises KlingResultNotKept: Kling does not know the task.
        """
        with self._lock:
            if file.url(self._task) != seen:
                return
            if self._expired and (self._renewed or not self._refresh):
                raise self._deleted()
            if self._refresh:
                self._task = self._read()
                self._renewed = True

    def _read(self) -> Mapping[str, Any]:
        try:
            return self._refresh() if self._refresh else self._task
        except KlingTaskNotFound as error:
            raise (
                self._deleted() if self._expired else self.not_kept(f"cannot be found: {error.message}")
            ) from None

    @property
    def _expired(self) -> bool:
        expires_at = self._task.get("expires_at")
        return expires_at is not None and time.time() * 1000 >= expires_at

    def _deleted(self) -> KlingResultExpired:
        return deleted(self._task)

    def not_kept(self, what: str) -> KlingResultNotKept:
        """Make the error for files that are not where they should be.

        :param what: what went wrong, in words that can follow "The result of task 1".
        """
        until = self._task.get("expires_at")
        again = not _answers_at_once(self._task)
        kept = f" Kling keeps it until {_date(until)}." if until and again else ""
        return KlingResultNotKept(
            f"The result of task {self._task.get('task_id')} {what}.{kept}",
            task_id=self._task.get("task_id"),
            job=JobState.ENDED,
            outlook=_AGAIN if again else _AT_ONCE,
        )


_AGAIN = "A retry of this task fetches it again without a new job."
_AT_ONCE = "It cannot be read again: to have it made again is charged again."


def deleted(task: Mapping[str, Any]) -> KlingResultExpired:
    """Make the error for a result whose time is over.

    :param task: the task as operators return it; it has an ``expires_at``.
    """
    made = f" of {_date(task['created_at'])}" if task.get("created_at") else ""
    named = f", external_task_id {task['external_task_id']}" if task.get("external_task_id") else ""
    return KlingResultExpired(
        f"Kling has deleted the result of task {task.get('task_id')} ({task.get('endpoint')}{made}{named}): "
        f"it was kept until {_date(task['expires_at'])}, {RESULT_DAYS} days after the job ended.",
        task_id=task.get("task_id"),
        job=JobState.ENDED,
        outlook="A new job makes a new one and is charged.",
    )


def _answers_at_once(task: Mapping[str, Any]) -> bool:
    try:
        return endpoint_of(str(task.get("endpoint"))).synchronous
    except ValueError:
        return False


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
