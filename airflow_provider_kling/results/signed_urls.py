# SPDX-License-Identifier: Apache-2.0
"""The signed URLs of a finished job, read again when they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..api.endpoint import get_endpoint
from ..api.task import RESULT_DAYS
from ..exceptions import (
    JobState,
    KlingError,
    KlingResultExpired,
    KlingResultNotKept,
    KlingTaskNotFound,
)
from ..version_compat import AirflowFailException
from .files import ResultFile
from .item_order import in_order, order_of

Refresh = Callable[[], Mapping[str, Any]]
"""Read the task from Kling again, which returns newly signed URLs."""


class SignedUrlSource:
    """Provide the latest signed URLs of a job's files. Thread-safe.

    :param task: the task as operators return it.
    :param refresh: reads the task again; ``None`` if that is not possible.
    """

    def __init__(self, task: Mapping[str, Any], refresh: Refresh | None) -> None:
        self._task = task
        self._order = order_of(task)
        self._refresh = refresh
        self._renewed = False
        self._lock = threading.Lock()

    def url(self, file: ResultFile) -> str:
        """Return the latest URL of a file.

        :param file: the file.
        :return: the URL.
        :raises KlingResultExpired: the task holds no URL of the file, and the result has expired.
        :raises KlingResultNotKept: the task holds no URL of the file.
        """
        if url := file.url(self._task):
            return url
        raise self._deleted() if self._expired else self.not_stored_error(f"has no URL for {file.key}")

    def renew(self, file: ResultFile, seen: str) -> None:
        """Read the task again because a URL is no longer valid.

        Does nothing if another thread has renewed the URLs since.

        :param file: the file.
        :param seen: the invalid URL.
        :raises KlingResultExpired: the result has expired.
        :raises KlingResultNotKept: the task cannot be found or read.
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
            fresh = self._refresh() if self._refresh else self._task
        except KlingTaskNotFound as error:
            raise (
                self._deleted()
                if self._expired
                else self.not_stored_error(f"cannot be found: {error.message}")
            ) from None
        except KlingError as error:
            if not isinstance(error, AirflowFailException):
                raise
            # A refused read must not be final: the files exist and are paid for.
            raise self.not_stored_error(f"cannot be read again: {error.message}") from error
        # Some gateways answer with another job than was asked for.
        names = {task.get("external_task_id") for task in (fresh, self._task)} - {None, ""}
        if len(names) > 1:
            raise self.not_stored_error("was answered with that of a job of another external_task_id")
        return in_order(fresh, self._order)

    @property
    def _expired(self) -> bool:
        expires_at = self._task.get("expires_at")
        return expires_at is not None and time.time() * 1000 >= expires_at

    def _deleted(self) -> KlingResultExpired:
        return expired_error(self._task)

    def not_stored_error(self, what: str) -> KlingResultNotKept:
        """Make the error for files that could not be stored.

        :param what: the cause, as a phrase that follows "The result of task 1".
        :return: the error.
        """
        until = self._task.get("expires_at")
        can_reread = not _answers_at_once(self._task)
        retention = f" Kling stores it until {_date(until)}." if until and can_reread else ""
        remedy = "Correct storage or network, then retry. " if can_reread else ""
        return KlingResultNotKept(
            f"{remedy}The result of task {self._task.get('task_id')} {what}.{retention}",
            task_id=self._task.get("task_id"),
            job=JobState.ENDED,
            next_steps=_RETRY_TEXT if can_reread else _AT_ONCE,
        )


_RETRY_TEXT = "A retry of this task fetches it again without a new job."
_AT_ONCE = "It cannot be read again: another request is charged again."


def expired_error(task: Mapping[str, Any]) -> KlingResultExpired:
    """Make the error for an expired result.

    :param task: the task as operators return it; it has an ``expires_at``.
    :return: the error.
    """
    date = f" of {_date(task['created_at'])}" if task.get("created_at") else ""
    id_text = f", external_task_id {task['external_task_id']}" if task.get("external_task_id") else ""
    return KlingResultExpired(
        "Result expired: clear the task for a new job, and set output_path. "
        f"Kling has deleted the result of task {task.get('task_id')} ({task.get('endpoint')}{date}{id_text}):"
        f" it was stored until {_date(task['expires_at'])}, {RESULT_DAYS} days after the job ended.",
        task_id=task.get("task_id"),
        job=JobState.ENDED,
        next_steps="Only a new job, which is charged, creates it again.",
    )


def _answers_at_once(task: Mapping[str, Any]) -> bool:
    try:
        return get_endpoint(str(task.get("endpoint"))).synchronous
    except ValueError:
        return False


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
