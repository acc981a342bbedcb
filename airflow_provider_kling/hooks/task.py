# SPDX-License-Identifier: Apache-2.0
"""What a task needs of the hook: an Airflow connection turned into synchronous requests.

Airflow starts a process for each task, two for one that defers. :class:`HttpHook` loads aiohttp, which takes
longer than all else that such a process does for us: tasks use this class, and :class:`.KlingHook` adds the
rest.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook
from requests import Session

from ..api.endpoint import Endpoint, endpoint_of
from ..api.exchange import MAX_PAGE_SIZE
from ..api.request import KlingRequest
from ..api.task import Task, TaskStatus
from ..api.video import IMAGE_TO_VIDEO
from ..api.watch import ERRORS_WORTH_A_WARNING, MIN_POLL_INTERVAL, Backoff, TaskWatch, WatchEvent
from ..api.written import as_written
from ..exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    error_from_event,
)
from .client import KlingClient
from .settings import KlingSettings, read_settings

MAX_REFUSAL_PAUSE = 5.0
"""Seconds that stand for the pace of a slower wait when refused credentials are tried again."""

_OF_CONNECTION = ("client", "voices", "elements", "selection", "account")

if TYPE_CHECKING:
    from .account import Account
    from .library import Library
    from .selection import Selection


class KlingTaskHook(BaseHook):
    """Calls Kling's API with the credentials of an Airflow connection, one request at a time.

    :param kling_conn_id: id of a connection of type ``kling``.
    """

    def __init__(self, kling_conn_id: str = "kling_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id

    @cached_property
    def settings(self) -> KlingSettings:
        """The connection, read and checked once for this hook."""
        connection = self.get_connection(self.kling_conn_id)
        return read_settings(connection, connection.extra_dejson)

    @cached_property
    def client(self) -> KlingClient:
        """The client over this hook's session."""
        return KlingClient(self.settings, self.get_conn())

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Make a session with the connection's TLS and proxy settings.

        Nothing of the connection's extra becomes a header, unlike in :class:`HttpHook`.

        :param headers: more headers for every request.
        :param extra_options: not used; kept for the signature of :class:`HttpHook`.
        """
        settings = self.settings
        session = Session()
        session.verify = settings.verify
        session.proxies = settings.proxies or {}
        session.headers.update(headers or {})
        return session

    def submit(self, endpoint: Endpoint | str, body: KlingRequest | Mapping[str, Any]) -> Task:
        """Create a task with one POST, which is never repeated: it costs money.

        Operators go through :mod:`airflow_provider_kling.submission`, which knows what to do when the
        outcome is unknown.

        :param endpoint: the endpoint or its slug.
        :param body: the request, or its JSON body as it is to be sent; of API 2.0 its fields, ``model_name``
            among them, or the vendor's ``contents``, ``settings`` and ``options`` beside it.
        :raises KlingError: refused or unanswered; its ``job`` says whether a task may exist.
        """
        endpoint = endpoint_of(endpoint)
        if isinstance(body, KlingRequest):
            body = as_written(endpoint.slug, self.settings.dialect.name, body.wire())
        try:
            endpoint.created_at(body)
        except ValueError as error:
            raise KlingRequestInvalid(f"{error}.", job=JobState.NOT_CREATED) from None
        return self.client.create(endpoint, dict(body))

    def get_task(self, endpoint: Endpoint | str, task_id: str) -> Task:
        """Read one task.

        :param endpoint: the endpoint that made it, or its slug; another one does not know the task.
        :param task_id: Kling's id, or the external id where the endpoint supports it.
        :raises KlingTaskNotFound: there is none.
        """
        # Native templates make a number of an id.
        return self.client.get_task(endpoint_of(endpoint), str(task_id))

    def get_paid_task(self, endpoint: Endpoint | str, task_id: str, poll_interval: float = 5.0) -> Task:
        """Read one task that may be paid for: refused credentials are tried again, and read anew, first.

        :param endpoint: the endpoint that made it, or its slug.
        :param task_id: Kling's id, or the external id where the endpoint supports it.
        :param poll_interval: the pace of whoever waits, which spaces the tries.
        :raises KlingTaskNotFound: there is none.
        :raises KlingWaitInterrupted: the credentials are refused again and again.
        """
        watch, backoff = TaskWatch(str(task_id), math.inf), Backoff(min(poll_interval, MAX_REFUSAL_PAUSE))
        while True:
            try:
                return self.get_task(endpoint, task_id)
            except KlingAuthError as error:
                if event := self._on_refusal(watch, error):
                    raise error_from_event(event) from error
            backoff.failed()
            time.sleep(backoff.delay())

    def find_task(self, endpoint: Endpoint | str, external_task_id: str) -> Task | None:
        """Look a task up by its external id; ``None`` when there is none."""
        return self.client.find_task(endpoint_of(endpoint), str(external_task_id))

    def list_tasks(self, endpoint: Endpoint | str, page: int = 1, page_size: int = 30) -> list[Task]:
        """List the account's tasks of one endpoint, newest first.

        :param page: page number, 1 to 1000.
        :param page_size: tasks a page, 1 to 500.
        """
        return self.client.list_tasks(endpoint_of(endpoint), page, min(page_size, MAX_PAGE_SIZE))

    def wait(
        self,
        endpoint: Endpoint | str,
        task_id: str,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        *,
        deadline: float | None = None,
        stop: threading.Event | None = None,
        on_status: Callable[[Task], None] | None = None,
        resumed: bool = False,
    ) -> Task:
        """Wait in place until a task has ended, and return it.

        A failed poll ends nothing; only credentials that are refused several times in a row, read anew, do.

        :param task_id: Kling's id, or the external id.
        :param poll_interval: seconds between polls.
        :param timeout: seconds from now.
        :param deadline: Unix time in seconds, instead of ``timeout``.
        :param stop: set by another thread to end the wait early; the task is then returned as it stands.
        :param on_status: called whenever the status changes.
        :param resumed: the connection served this wait before: that it cannot be read is a moment's trouble.
        :raises KlingTaskFailed: Kling ended the task as failed.
        :raises KlingTaskTimeout: the task has not ended in time; it goes on at Kling.
        :raises KlingAuthError: the credentials are refused again and again; the task goes on at Kling.
        """
        endpoint, task_id = endpoint_of(endpoint), str(task_id)
        watch = TaskWatch(task_id, time.time() + timeout if deadline is None else deadline)
        backoff = Backoff(max(poll_interval, MIN_POLL_INTERVAL))
        stop = stop or threading.Event()
        seen: Task | None = None
        if not resumed:
            # Whoever has never used it wants to know at once what is wrong with it.
            _ = self.client
        while True:
            task, event, asked = self._poll(endpoint, watch, backoff, on_status)
            event = event or watch.overdue(time.time())
            if event:
                return _ended(task, event)
            seen = task or seen
            left = max(watch.deadline - time.time(), MIN_POLL_INTERVAL)
            if stop.wait(min(backoff.delay(asked), left)):
                return seen or Task(task_id, TaskStatus.UNKNOWN, "")

    def _poll(
        self, endpoint: Endpoint, watch: TaskWatch, backoff: Backoff, on_status: Callable[[Task], None] | None
    ) -> tuple[Task | None, WatchEvent | None, float | None]:
        before = watch.status_word
        try:
            # One request: asking again is what the wait itself does, at its own pace.
            task = self._client_or_trouble().get_task(endpoint, watch.task_id, patient=False)
        except KlingAuthError as error:
            backoff.failed()
            return None, self._on_refusal(watch, error), None
        except KlingError as error:
            watch.on_error(error.message)
            level = logging.WARNING if watch.errors == ERRORS_WORTH_A_WARNING else logging.DEBUG
            self.log.log(level, "Job %s cannot be read, waiting goes on: %s", watch.task_id, error)
            backoff.failed()
            return None, None, error.retry_after
        backoff.succeeded()
        event = watch.on_task(task)
        if on_status and task.status_word != before:
            on_status(task)
        return task, event, None

    def _client_or_trouble(self) -> KlingClient:
        try:
            return self.client
        except KlingError:
            raise
        except Exception as error:
            raise KlingServerError(f"Connection {self.kling_conn_id!r} cannot be read: {error}.") from error

    def _on_refusal(self, watch: TaskWatch, error: KlingAuthError) -> WatchEvent | None:
        event = watch.on_refusal(error.message)
        if self._take_up_changes():
            # The job is paid: a key that was changed while it ran must not cost its result.
            self.log.warning("Connection %r was changed; waiting goes on with it", self.kling_conn_id)
            watch.refusals = 0
            return None
        if not event:
            self.log.warning("Job %s cannot be read, waiting goes on: %s", watch.task_id, error)
        return event

    def _take_up_changes(self) -> bool:
        """Read the connection again, and use it if it has changed; whether it has."""
        try:
            connection = self.get_connection(self.kling_conn_id)
            renewed = read_settings(connection, connection.extra_dejson)
        except Exception as error:
            self.log.debug("Connection %r cannot be read: %s", self.kling_conn_id, error)
            return False
        known = vars(self).get("settings")
        if known is None or known.fingerprint == renewed.fingerprint:
            return False
        for name in _OF_CONNECTION:
            vars(self).pop(name, None)
        vars(self)["settings"] = renewed
        return True

    @cached_property
    def voices(self) -> Library:
        """The account's voices."""
        from .library import VOICES, Library

        return Library(VOICES, self.client)

    @cached_property
    def elements(self) -> Library:
        """The account's elements."""
        from .library import ELEMENTS, Library

        return Library(ELEMENTS, self.client)

    @cached_property
    def selection(self) -> Selection:
        """The calls that mark elements in a video before ``videos/multi-elements`` edits it."""
        from .selection import Selection

        return Selection(self.client)

    @cached_property
    def account(self) -> Account:
        """What is left in the account's resource packs, and what its jobs were charged."""
        from .account import Account

        return Account(self.client)

    def account_costs(
        self,
        start_time: int | None = None,
        end_time: int | None = None,
        resource_pack_name: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the account's resource packs; see :meth:`.Account.costs`."""
        return self.account.costs(start_time, end_time, resource_pack_name)

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection with a call that is free."""
        try:
            if self.settings.dialect.lists:
                self.client.list_tasks(IMAGE_TO_VIDEO, 1, 1)
            else:
                self.client.find_task(IMAGE_TO_VIDEO, "af-connection-test")
        except KlingError as error:
            return False, str(error)
        return True, f"{self.settings.dialect.title} accepts the credentials"


def _ended(task: Task | None, event: WatchEvent) -> Task:
    if event["status"] == "error":
        raise KlingAuthError(
            f"Waiting for job {event['task_id']} is over: {event['message'].rstrip('.')}.",
            task_id=event["task_id"],
            job=JobState.EXISTS,
        )
    if task is None or event["status"] != "succeed":
        raise error_from_event(event)
    return task
