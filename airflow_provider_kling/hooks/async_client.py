# SPDX-License-Identifier: Apache-2.0
"""Send requests with one ``aiohttp`` session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from ..api.endpoint import Endpoint
from ..api.http import ApiRequest
from ..api.requests.base import KlingRequest
from ..api.task import KlingTask
from ..utils.redaction import sanitize_text
from . import flows
from .connection import KlingSettings
from .responses import HEADERS, MAX_RESPONSE_BYTES, no_response_error
from .transport import check_is_final, ssl_context_for

_T = TypeVar("_T")

MAX_CONNECTIONS = 100
"""More than a poller has reads under way, the late ones included: these must not take all connections."""

# A ValueError among aiohttp's errors is a URL that cannot be used.
_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    ValueError,
)


class AsyncKlingClient:
    """Call the API from coroutines. An async context manager that owns one session.

    It neither looks up connections nor masks secrets: both talk to Airflow's supervisor, which a task of
    the shared poller must not do.

    :param settings: the checked connection.
    """

    def __init__(self, settings: KlingSettings) -> None:
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._unpooled: aiohttp.ClientSession | None = None
        self._cursors = flows.ListCursors()

    async def __aenter__(self) -> Self:
        self._session = self._new_session()
        return self

    def _new_session(self, *, force_close: bool = False) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=MAX_CONNECTIONS, ssl=ssl_context_for(self.settings), force_close=force_close
            ),
            headers=HEADERS,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pooled, unpooled = self._session, self._unpooled
        self._session = self._unpooled = None
        try:
            if unpooled:
                await unpooled.close()
        finally:
            # Also if the task is cancelled while it waits for the other one.
            if pooled:
                await pooled.close()

    async def run(self, flow: flows.Flow[_T]) -> _T:
        """Carry out a flow.

        :param flow: a generator of :mod:`.flows`.
        :return: its result.
        """
        try:
            command = next(flow)
            while True:
                try:
                    response = await self._run_command(command)
                except Exception as error:
                    command = flow.throw(error)
                else:
                    command = flow.send(response)
        except StopIteration as end:
            result: _T = end.value
            return result

    async def _run_command(self, command: flows.Command) -> flows.HttpResponse | None:
        if isinstance(command, ApiRequest):
            return await self._send_once(command)
        if isinstance(command, flows.Call):
            await command.function()
            return None
        await asyncio.sleep(command.seconds)
        return None

    async def create(self, endpoint: Endpoint, body: KlingRequest | Mapping[str, Any]) -> KlingTask:
        """Create a task with one POST; see :func:`.flows.create`.

        :param endpoint: the endpoint.
        :param body: the request, or its JSON body as it is to be sent.
        :return: the task.
        """
        return await self.run(flows.create(self.settings, endpoint, body))

    async def get_task(
        self, endpoint: Endpoint, task_id: str, *, retry: bool = False, by_external_id: bool = False
    ) -> KlingTask:
        """Read one task; see :func:`.flows.get_task`.

        :param endpoint: the endpoint that made it.
        :param task_id: its id or external id.
        :param retry: retry the read while that can help.
        :param by_external_id: ``task_id`` is an external id.
        :return: the task.
        """
        return await self.run(
            flows.get_task(self.settings, endpoint, task_id, retry=retry, by_external_id=by_external_id)
        )

    async def get_tasks(
        self, endpoint: Endpoint, task_ids: Sequence[str], *, external: bool
    ) -> list[KlingTask]:
        """Read those of several tasks that exist, with one request; see :func:`.flows.get_tasks`.

        :param endpoint: the endpoint that made them.
        :param task_ids: 1 to 20 ids.
        :param external: whether they are external ids.
        :return: the tasks that exist.
        """
        return await self.run(flows.get_tasks(self.settings, endpoint, task_ids, external=external))

    async def find_task(
        self, endpoint: Endpoint, external_task_id: str, *, by_external_id: bool = True
    ) -> KlingTask | None:
        """Look a task up by its external id; see :func:`.flows.find_task`.

        :param endpoint: the endpoint that made it.
        :param external_task_id: the external id.
        :param by_external_id: it is an external id; otherwise an id that the host gave.
        :return: the task; ``None`` when there is none.
        """
        return await self.run(
            flows.find_task(self.settings, endpoint, external_task_id, by_external_id=by_external_id)
        )

    async def list_tasks(self, endpoint: Endpoint, page: int, page_size: int) -> list[KlingTask]:
        """List tasks, newest first; see :func:`.flows.list_tasks`.

        :param endpoint: the endpoint.
        :param page: page number from 1.
        :param page_size: tasks a page, 1 to 500.
        :return: the tasks of the page.
        """
        return await self.run(flows.list_tasks(self.settings, endpoint, page, page_size, self._cursors))

    async def read(self, request: ApiRequest) -> dict[str, Any]:
        """Send a request that changes nothing, and retry it while that can help.

        :param request: what to send.
        :return: the JSON object of the answer.
        """
        return await self.run(flows.read(self.settings, request))

    async def send(self, request: ApiRequest) -> dict[str, Any]:
        """Send a request once; a second time only where a new token is all that was missing.

        :param request: what to send.
        :return: the JSON object of the answer.
        """
        return await self.run(flows.send(self.settings, request))

    async def _send_once(self, call: ApiRequest) -> tuple[int, dict[str, str], bytes]:
        if self._session is None:
            raise RuntimeError("AsyncKlingClient is used outside its 'async with' block")
        session = self._session
        if call.needs_new_connection:
            # Pollers send no such request.
            session = self._unpooled = self._unpooled or self._new_session(force_close=True)
        data = None if call.body is None else json.dumps(call.body).encode()
        connect, read = self.settings.timeout[0], self.settings.read_timeout(len(data or b""))
        total = self.settings.exchange_timeout(len(data or b""))
        try:
            async with session.request(
                call.method,
                self.settings.url(call.path),
                params=call.params,
                data=data,
                headers={"Authorization": f"Bearer {self.settings.credentials.token()}"},
                timeout=aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=read),
                proxy=self.settings.proxy or _environment_proxy(self.settings.base_url),
                allow_redirects=False,
            ) as response:
                check_is_final(response.status)
                return response.status, dict(response.headers), await _read_body(response)
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            sent = not isinstance(error, _NEVER_SENT)
            raise no_response_error(self.settings, call, _describe(error, connect, read), sent=sent) from None


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise aiohttp.ClientPayloadError(f"an answer of more than {MAX_RESPONSE_BYTES} bytes")
    return bytes(body)


def _environment_proxy(url: str) -> str | None:
    """Return the proxy that ``HTTPS_PROXY`` and the like name, as the synchronous client follows them.

    aiohttp itself reads them only together with ``~/.netrc``, which would take the place of our credentials.
    """
    parts = urlsplit(url)
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all") or ""
    if proxy_bypass(parts.netloc) or not proxy.startswith("http"):
        return None
    return proxy


def _describe(error: BaseException, connect: float, read: float) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {connect:g} s"
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ServerTimeoutError):
        return "Timeout: the answer does not end"
    if isinstance(error, asyncio.TimeoutError):
        return f"nothing came within {round(read, 1):g} s"
    # Errors of certificates are of this kind too, but up to aiohttp 3.12 they fail over the attribute.
    cause = getattr(error, "os_error", None) or error
    return f"{type(error).__name__}: {sanitize_text(str(cause), 200)}"
