# SPDX-License-Identifier: Apache-2.0
"""A job that is paid for and done: where its files are, and until when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

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
            raise self._deleted() if self._expired else self.not_kept(f"cannot be found: {error}") from None

    @property
    def _expired(self) -> bool:
        expires_at = self._task.get("expires_at")
        return expires_at is not None and time.time() * 1000 >= expires_at

    def _deleted(self) -> KlingResultExpired:
        return KlingResultExpired(
            f"Kling has deleted the result of task {self._task.get('task_id')}: it was kept until "
            f"{_date(self._task['expires_at'])}, {RESULT_DAYS} days after the job ended. "
            "A new job makes a new one and is charged.",
            task_id=self._task.get("task_id"),
            job=JobState.ENDED,
        )

    def not_kept(self, what: str) -> KlingResultNotKept:
        """Make the error for files that are not where they should be.

        :param what: what went wrong, in words that can follow "The result of task 1".
        """
        until = self._task.get("expires_at")
        return KlingResultNotKept(
            f"The result of task {self._task.get('task_id')} {what}. A retry of this task fetches it again "
            f"without a new job{f', until {_date(until)}' if until else ''}.",
            task_id=self._task.get("task_id"),
            job=JobState.ENDED,
        )


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
