# SPDX-License-Identifier: Apache-2.0
"""The hook for connections of type ``kling``, sync and async.

Airflow starts a process for each task, and two for a task that defers. Importing aiohttp would be the largest
part of their start-up, so only coroutines import it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from requests import Session

from ..api.durations import MAX_SECONDS
from ..api.endpoint import Endpoint, get_endpoint
from ..api.http import MAX_PAGE_SIZE
from ..api.polling import MIN_POLL_INTERVAL
from ..exceptions import KlingError
from ..version_compat import AirflowNotFoundException, BaseHook
from .client import KlingClient
from .connection import KlingSettings, connection_form_widgets, parse_connection, ui_field_behaviour
from .transport import NoRedirectSession
from .waiting import MAX_AUTH_RETRY_INTERVAL, TaskWaiter

if TYPE_CHECKING:
    from ..api.requests.base import KlingRequest
    from ..api.task import KlingTask
    from .account import AccountClient
    from .resources import ElementSelectionClient, ResourceClient

_MISSING = "; create it with type kling, or fix kling_conn_id"
_CACHED_PROPERTIES = ("client", "voices", "elements", "selection", "account")


class KlingHook(BaseHook):
    """Call Kling's API with the credentials of an Airflow connection.

    It re-uses one session, sets a timeout on every request, and reads errors from the body of the response,
    where Kling states the reason.

    :param kling_conn_id: id of a connection of type ``kling``; by default ``kling_default``.
    """

    conn_name_attr = "kling_conn_id"
    default_conn_name = "kling_default"
    conn_type = "kling"
    hook_name = "Kling AI"

    def __init__(self, kling_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of the connection form on Airflow 2.11 to 3.1.

        :return: WTForms field by name.
        """

        return connection_form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return labels and placeholders of the connection form on Airflow 2.11 to 3.1.

        :return: ``hidden_fields``, ``relabeling`` and ``placeholders``.
        """

        return ui_field_behaviour()

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """Read a connection.

        :param conn_id: its id.
        :return: the connection.
        :raises AirflowNotFoundException: there is none; the text says what to do.
        """
        try:
            return super().get_connection(conn_id)
        except AirflowNotFoundException as error:
            raise AirflowNotFoundException(f"{error}{_MISSING}") from error

    @cached_property
    def settings(self) -> KlingSettings:
        """The connection, read and checked once for this hook."""
        connection = self.get_connection(self.kling_conn_id)
        return parse_connection(connection, connection.extra_dejson)

    @cached_property
    def client(self) -> KlingClient:
        """The synchronous client over this hook's session."""
        return KlingClient(self.settings, self.get_conn())

    def get_conn(self, headers: dict[Any, Any] | None = None) -> Session:
        """Make a session with the connection's TLS and proxy settings. It follows no redirects.

        Nothing of the connection's extra becomes a header, unlike in Airflow's ``HttpHook``.

        :param headers: more headers for every request.
        :return: the session, without credentials.
        """
        settings = self.settings
        session = NoRedirectSession()
        session.verify = settings.verify
        session.proxies = settings.proxies or {}
        session.headers.update(headers or {})
        return session

    def submit(self, endpoint: Endpoint | str, body: KlingRequest | Mapping[str, Any]) -> KlingTask:
        """Create a task with one POST, which is never repeated: it costs money.

        Operators go through :mod:`airflow_provider_kling.submission.submit`, which knows what to do when the
        outcome is unknown.

        :param endpoint: the endpoint or its slug.
        :param body: the request, or its JSON body as it is to be sent; of API 2.0 its fields, ``model_name``
            among them, or Kling's ``contents``, ``settings`` and ``options`` next to it.
        :return: the task.
        :raises KlingRequestInvalid: a field that stands in the path is missing, or Kling refuses the request.
        :raises KlingError: refused or unanswered; its ``job`` says whether a task may exist.
        """
        return self.client.create(get_endpoint(endpoint), body)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a request that has no method of its own, with the connection's credentials.

        Only reads are retried: a GET, and the POSTs that list tasks and charges.

        :param method: GET or POST.
        :param path: path from ``/v1/``, ``/account/`` and the like on; it goes to the connection's host.
        :param body: JSON body of a POST, sent as it is.
        :param params: query parameters.
        :return: the whole answer, with ``code``, ``message`` and ``data``.
        :raises KlingRequestInvalid: such a request cannot be sent.
        :raises KlingError: refused or unanswered; its ``job`` says whether a task may exist.
        """
        from .flows import build_raw_request

        request = build_raw_request(method, path, body, params)
        return self.client.send(request) if request.creates_task else self.client.read(request)

    def get_task(self, endpoint: Endpoint | str, task_id: str) -> KlingTask:
        """Read one task.

        :param endpoint: the endpoint that made it, or its slug; another one does not know the task.
        :param task_id: Kling's id, or the external id where the endpoint supports it.
        :return: the task.
        :raises KlingTaskNotFound: there is none.
        """
        # Native templates make a number of an id.
        return self.client.get_task(get_endpoint(endpoint), str(task_id))

    def get_task_with_auth_retry(
        self, endpoint: Endpoint | str, task_id: str, poll_interval: float = 5.0
    ) -> KlingTask:
        """Read one task that may be paid for: a refusal is never final while Airflow has retries left.

        Refused credentials are tried again, and read again from the connection, first.

        :param endpoint: the endpoint that made it, or its slug.
        :param task_id: Kling's id, or the external id where the endpoint supports it.
        :param poll_interval: seconds between tries; at most 5 are waited.
        :return: the task.
        :raises KlingTaskNotFound: there is none.
        :raises KlingWaitInterrupted: the read is refused; credentials again and again.
        """
        interval = min(poll_interval, MAX_AUTH_RETRY_INTERVAL)
        return TaskWaiter(self, get_endpoint(endpoint), str(task_id), interval).read()

    def find_task(self, endpoint: Endpoint | str, external_task_id: str) -> KlingTask | None:
        """Look a task up by its external id.

        :param endpoint: the endpoint that made it, or its slug.
        :param external_task_id: the external id.
        :return: the task; ``None`` when there is none.
        """
        return self.client.find_task(get_endpoint(endpoint), str(external_task_id))

    def list_tasks(self, endpoint: Endpoint | str, page: int = 1, page_size: int = 30) -> list[KlingTask]:
        """List the account's tasks of one endpoint, newest first.

        :param endpoint: the endpoint or its slug; of one of API 2.0, the tasks of all its endpoints.
        :param page: page number, 1 to 1000.
        :param page_size: tasks a page, 1 to 500.
        :return: the tasks of the page.
        """
        return self.client.list_tasks(get_endpoint(endpoint), page, min(page_size, MAX_PAGE_SIZE))

    def wait(
        self,
        endpoint: Endpoint | str,
        task_id: str,
        poll_interval: float = 5.0,
        timeout: float = 3600.0,
        *,
        deadline: float | None = None,
        stop: threading.Event | None = None,
        on_status: Callable[[KlingTask], None] | None = None,
        resumed: bool = False,
    ) -> KlingTask:
        """Wait in place until a task has ended.

        A failed poll ends nothing; only credentials that are refused several times in a row, also after the
        connection was read again, do.

        :param endpoint: the endpoint that made it, or its slug.
        :param task_id: Kling's id, or the external id.
        :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
        :param timeout: seconds from now.
        :param deadline: Unix time in seconds, instead of ``timeout``.
        :param stop: set by another thread to end the wait early; the task is then returned as it was last
            seen.
        :param on_status: called with the task whenever its status changes.
        :param resumed: the connection served this wait before: that it cannot be read now is temporary.
        :return: the task that has succeeded.
        :raises KlingTaskFailed: Kling ended the task as failed.
        :raises KlingTaskTimeout: the task has not ended in time; it continues at Kling.
        :raises KlingAuthError: the credentials are refused again and again; the task continues at Kling.
        """
        if not resumed:
            # A connection that was never used fails at once if something is wrong with it.
            _ = self.client
        until = time.time() + timeout if deadline is None else deadline
        interval = min(max(poll_interval, MIN_POLL_INTERVAL), MAX_SECONDS)
        return TaskWaiter(self, get_endpoint(endpoint), str(task_id), interval, until).wait(stop, on_status)

    def reload_connection(self) -> bool:
        """Read the connection again, and use it if it has changed.

        :return: whether it has changed.
        """
        try:
            connection = self.get_connection(self.kling_conn_id)
            renewed = parse_connection(connection, connection.extra_dejson)
        except Exception as error:
            self.log.debug("Connection %r cannot be read: %s", self.kling_conn_id, error)
            return False
        known = vars(self).get("settings")
        if known is None or known.fingerprint == renewed.fingerprint:
            return False
        for name in _CACHED_PROPERTIES:
            vars(self).pop(name, None)
        vars(self)["settings"] = renewed
        return True

    async def aget_settings(self) -> KlingSettings:
        """Read and check the connection from a coroutine.

        :return: the checked connection.
        """
        from ..version_compat import get_async_connection, get_async_extra_dejson

        connection = await get_async_connection(self.kling_conn_id)
        return parse_connection(connection, await get_async_extra_dejson(connection))

    async def aget_task(self, endpoint: Endpoint | str, task_id: str) -> KlingTask:
        """Read one task from a coroutine; see :meth:`get_task`.

        :param endpoint: the endpoint that made it, or its slug.
        :param task_id: Kling's id, or the external id where the endpoint supports it.
        :return: the task.
        :raises KlingTaskNotFound: there is none.
        """
        from .async_client import AsyncKlingClient

        async with AsyncKlingClient(await self.aget_settings()) as client:
            return await client.get_task(get_endpoint(endpoint), str(task_id), retry=True)

    async def alist_tasks(
        self, endpoint: Endpoint | str, page: int = 1, page_size: int = 30
    ) -> list[KlingTask]:
        """List tasks from a coroutine; see :meth:`list_tasks`.

        :param endpoint: the endpoint or its slug.
        :param page: page number, 1 to 1000.
        :param page_size: tasks a page, 1 to 500.
        :return: the tasks of the page.
        """
        from .async_client import AsyncKlingClient

        async with AsyncKlingClient(await self.aget_settings()) as client:
            return await client.list_tasks(get_endpoint(endpoint), page, min(page_size, MAX_PAGE_SIZE))

    @cached_property
    def voices(self) -> ResourceClient:
        """The account's voices."""
        from .resources import VOICES, ResourceClient

        return ResourceClient(VOICES, self.client)

    @cached_property
    def elements(self) -> ResourceClient:
        """The account's elements."""
        from .resources import ELEMENTS, ResourceClient

        return ResourceClient(ELEMENTS, self.client)

    @cached_property
    def selection(self) -> ElementSelectionClient:
        """The calls that mark elements in a video before ``videos/multi-elements`` edits it."""
        from .resources import ElementSelectionClient

        return ElementSelectionClient(self.client)

    @cached_property
    def account(self) -> AccountClient:
        """What is left in the account's resource packs, and what its jobs were charged."""
        from .account import AccountClient

        return AccountClient(self.client)

    def account_costs(
        self,
        start_time: int | None = None,
        end_time: int | None = None,
        resource_pack_name: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the account's resource packs; see :meth:`.AccountClient.costs`.

        :param start_time: packs bought from then on, Unix time in ms; by default 400 days before
            ``end_time``.
        :param end_time: packs bought until then; now when unset.
        :param resource_pack_name: only the pack of this name.
        :return: the packs as the API describes them.
        """
        return self.account.costs(start_time, end_time, resource_pack_name)

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection with a call that is free.

        :return: whether it works, and a message.
        """
        # Not at the top: it loads all requests for videos, and each task imports this module.
        from ..api.requests.video import IMAGE_TO_VIDEO

        try:
            if self.settings.dialect.supports_list:
                self.client.list_tasks(IMAGE_TO_VIDEO, 1, 1)
            else:
                self.client.find_task(IMAGE_TO_VIDEO, "af-connection-test")
        except KlingError as error:
            return False, str(error)
        return True, f"{self.settings.dialect.title} accepts the credentials"
