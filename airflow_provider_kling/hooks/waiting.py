# SPDX-License-Identifier: Apache-2.0
"""Wait in the worker for the end of a task; failed polls do not end the wait."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..api.endpoint import Endpoint
from ..api.polling import MIN_POLL_INTERVAL, WARN_AFTER_FAILURES, Backoff, TaskEvent, TaskPoller
from ..api.task import KlingTask, TaskStatus
from ..exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingServerError,
    auth_errors_as_retryable,
    error_from_event,
)
from ..metrics import count

if TYPE_CHECKING:
    from .client import KlingClient
    from .kling import KlingHook

MAX_AUTH_RETRY_INTERVAL = 5.0
"""Most seconds that stand for the poll interval when refused credentials are tried again."""


class TaskWaiter:
    """Waits for one task.

    :param hook: the hook of the connection; it is asked for its client before each poll, since the
        connection may change.
    :param endpoint: endpoint that made the task.
    :param task_id: Kling's id, or the external id.
    :param poll_interval: seconds between polls.
    :param deadline: Unix time in seconds.
    """

    def __init__(
        self,
        hook: KlingHook,
        endpoint: Endpoint,
        task_id: str,
        poll_interval: float,
        deadline: float = math.inf,
    ) -> None:
        self._hook = hook
        self._endpoint = endpoint
        self._poller = TaskPoller(task_id, deadline)
        self._backoff = Backoff(poll_interval)

    def read(self) -> KlingTask:
        """Read the task once, and try refused credentials again.

        :return: the task.
        :raises KlingTaskNotFound: there is none.
        :raises KlingWaitInterrupted: the read is refused; credentials again and again.
        """
        while True:
            try:
                return self._hook.get_task(self._endpoint, self._poller.task_id)
            except KlingAuthError as error:
                if event := self._on_auth_error(error):
                    raise error_from_event(event) from error
            except KlingError as error:
                with auth_errors_as_retryable():
                    error.task_id = error.task_id or self._poller.task_id
                    raise
            self._backoff.failed()
            time.sleep(self._backoff.delay())

    def wait(
        self, stop: threading.Event | None = None, on_status: Callable[[KlingTask], None] | None = None
    ) -> KlingTask:
        """Poll until the task has ended.

        :param stop: set by another thread to end the wait early.
        :param on_status: called with the task whenever its status changes.
        :return: the task that has succeeded; with ``stop`` as it was last seen.
        :raises KlingTaskFailed: Kling ended the task as failed.
        :raises KlingTaskTimeout: the task has not ended in time; it continues at Kling.
        :raises KlingAuthError: the credentials are refused again and again; the task continues at Kling.
        """
        stop = stop or threading.Event()
        last_task: KlingTask | None = None
        while True:
            task, event, retry_after = self._poll(on_status)
            event = event or self._poller.check_deadline(time.time())
            if event:
                return _task_or_raise(task, event)
            last_task = task or last_task
            remaining = max(self._poller.deadline - time.time(), MIN_POLL_INTERVAL)
            if stop.wait(min(self._backoff.delay(retry_after), remaining)):
                return last_task or KlingTask(self._poller.task_id, TaskStatus.UNKNOWN, "")

    def _poll(
        self, on_status: Callable[[KlingTask], None] | None
    ) -> tuple[KlingTask | None, TaskEvent | None, float | None]:
        before = self._poller.raw_status
        try:
            # One request: the wait itself retries, at its own pace.
            task = self._client().get_task(self._endpoint, self._poller.task_id, retry=False)
        except KlingAuthError as error:
            self._backoff.failed()
            return None, self._on_auth_error(error), None
        except KlingError as error:
            self._on_error(error)
            return None, None, error.retry_after
        self._backoff.succeeded()
        event = self._poller.on_task(task)
        if on_status and task.raw_status != before:
            on_status(task)
        return task, event, None

    def _client(self) -> KlingClient:
        try:
            return self._hook.client
        except KlingError:
            raise
        except Exception as error:
            raise KlingServerError(
                f"Connection {self._hook.kling_conn_id!r} cannot be read: {error}."
            ) from error

    def _on_error(self, error: KlingError) -> None:
        self._poller.on_error(error.message)
        # Not the property, which reads the connection and may raise the same error.
        settings = vars(self._hook).get("settings")
        count("poll_errors", endpoint=self._endpoint, dialect=getattr(settings, "dialect", None))
        level = logging.WARNING if self._poller.errors == WARN_AFTER_FAILURES else logging.DEBUG
        self._hook.log.log(
            level, "Job %s cannot be read, the wait continues: %s", self._poller.task_id, error
        )
        self._backoff.failed()

    def _on_auth_error(self, error: KlingAuthError) -> TaskEvent | None:
        event = self._poller.on_auth_error(error.message)
        if self._hook.reload_connection():
            # The job is paid: its result must not be lost because the key was changed while it ran.
            self._hook.log.warning(
                "Connection %r was changed; the wait continues with it", self._hook.kling_conn_id
            )
            self._poller.auth_failures = 0
            return None
        if not event:
            self._hook.log.warning(
                "Job %s cannot be read, the wait continues: %s", self._poller.task_id, error
            )
        return event


def _task_or_raise(task: KlingTask | None, event: TaskEvent) -> KlingTask:
    if event["status"] == "error":
        raise KlingAuthError(
            f"Correct the connection. Waiting for job {event['task_id']} is over: "
            f"{event['message'].rstrip('.')}.",
            task_id=event["task_id"],
            job=JobState.EXISTS,
        )
    if task is None or event["status"] != "succeed":
        error = error_from_event(event)
        error.failed_task = task if event["status"] == "failed" else None
        raise error
    return task
