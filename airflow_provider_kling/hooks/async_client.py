# SPDX-License-Identifier: Apache-2.0
"""Asynchronous exchanges over one ``aiohttp`` session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from ..api.endpoint import Endpoint
from ..api.exchange import Call, batch_call, create_call, list_call, pages_by_cursor, query_calls
from ..api.readable import readable
from ..api.task import Task, read_tasks
from ..exceptions import KlingTaskNotFound
from .outcome import HEADERS, MAX_ANSWER_BYTES, TokenNotValidNow, payload_of, task_of, unanswered
from .retries import READ_ATTEMPTS, can_be_read_again, pause
from .settings import KlingSettings
from .tls import trusted_by

MAX_CONNECTIONS = 20

# A ValueError among aiohttp's errors is an address that cannot be used.
_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    ValueError,
)


class AsyncKlingClient:
    """Calls the API from coroutines. An async context manager that owns one session.

    It neither looks up connections nor masks secrets: both talk to Airflow's supervisor, which a task of
    the poll hub must not do.

    :param settings: the checked connection.
    """

    def __init__(self, settings: KlingSettings) -> None:
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=trusted_by(self.settings)),
            headers=HEADERS,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def create(self, endpoint: Endpoint, body: dict[str, Any]) -> Task:
        """Create a task: one POST, never repeated here, for it costs money."""
        call = create_call(endpoint, body)
        return task_of(call, await self.send(call))

    async def get_task(self, endpoint: Endpoint, task_id: str, *, patient: bool = False) -> Task:
        """Read one task by its id or external id.

        :param patient: try again and again while that can help.
        """
        ask = self.read if patient else self.send
        *first, last = query_calls(endpoint, task_id)
        for call in first:
            with suppress(KlingTaskNotFound):
                return task_of(call, await ask(call))
        return task_of(last, await ask(last))

    async def get_tasks(self, endpoint: Endpoint, task_ids: Sequence[str], *, external: bool) -> list[Task]:
        """Read those of several tasks that exist, with one request; not every endpoint answers such.

        :param task_ids: 1 to 20 ids.
        :param external: whether they are external ids.
        """
        return read_tasks(await self.send(batch_call(endpoint, task_ids, external=external)))

    async def find_task(self, endpoint: Endpoint, external_task_id: str) -> Task | None:
        """Look a task up by its external id, patiently; ``None`` when there is none."""
        try:
            return await self.get_task(endpoint, external_task_id, patient=True)
        except KlingTaskNotFound:
            return None

    async def list_tasks(self, endpoint: Endpoint, page: int, page_size: int) -> list[Task]:
        """List tasks, newest first; of an endpoint of API 2.0, those of all its endpoints."""
        if not endpoint.tasks:
            return read_tasks(await self.send(list_call(endpoint, page, page_size)))
        steps = pages_by_cursor(endpoint, page, page_size, [])
        call = next(steps)
        while True:
            try:
                call = steps.send(await self.send(call))
            except StopIteration as end:
                return cast("list[Task]", end.value)

    async def read(self, call: Call) -> dict[str, Any]:
        """Make a call that changes nothing, again and again while that can help."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(READ_ATTEMPTS),
            wait=pause,
            retry=retry_if_exception(can_be_read_again),
            reraise=True,
        )
        return await retrying(self.send, call)

    async def send(self, call: Call) -> dict[str, Any]:
        """Make a call once; a second time only where a new token is all that was missing."""
        try:
            return payload_of(self.settings, call, *await self._exchange(call))
        except TokenNotValidNow as refusal:
            if not self.settings.credentials.renew():
                raise refusal.error from None
        try:
            return payload_of(self.settings, call, *await self._exchange(call))
        except TokenNotValidNow as refusal:
            raise refusal.error from None

    async def _exchange(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        if self._session is None:
            raise RuntimeError("AsyncKlingClient is used outside its 'async with' block")
        data = None if call.body is None else json.dumps(call.body).encode()
        connect, read = self.settings.timeout[0], self.settings.read_timeout(len(data or b""))
        total = self.settings.exchange_timeout(len(data or b""))
        try:
            async with self._session.request(
                call.method,
                self.settings.url(call.path),
                params=call.params,
                data=data,
                headers={"Authorization": f"Bearer {self.settings.credentials.token()}"},
                timeout=aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=read),
                proxy=self.settings.proxy or _environment_proxy(self.settings.base_url),
                allow_redirects=False,
            ) as response:
                return response.status, dict(response.headers), await _bounded(response)
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            sent = not isinstance(error, _NEVER_SENT)
            raise unanswered(self.settings, call, _reason(error, connect, read), sent=sent) from None


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
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


def _reason(error: BaseException, connect: float, read: float) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {connect:g} s"
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ServerTimeoutError):
        return "Timeout: the answer does not end"
    if isinstance(error, asyncio.TimeoutError):
        return f"nothing came within {round(read, 1):g} s"
    # Errors of certificates are of this kind too, but up to aiohttp 3.12 they fail over the attribute.
    cause = getattr(error, "os_error", None) or error
    return f"{type(error).__name__}: {readable(str(cause), 200)}"
