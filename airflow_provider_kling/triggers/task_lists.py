# SPDX-License-Identifier: Apache-2.0
"""Pages of an account's lists of jobs, read once for all triggers of an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..api.http import iter_cursor_pages, list_request
from ..api.task import KlingTask, parse_task_list
from ..hooks.async_client import AsyncKlingClient

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.http import ApiRequest
    from ..hooks.connection import KlingSettings

PAGE_SIZE = 100
MAX_PAGES = 1000

SHARED_SECONDS = 2.0
"""Seconds for which a response is re-used for the same call."""

_lists: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, TaskLists]] = WeakKeyDictionary()


def get_task_lists(settings: KlingSettings) -> TaskLists:
    """Return the running loop's reader of lists for a connection of this content.

    :param settings: the checked connection.
    :return: the reader, which its users :meth:`~TaskLists.join` and :meth:`~TaskLists.leave`.
    """
    readers = _lists.setdefault(asyncio.get_running_loop(), {})
    if settings.fingerprint not in readers:
        readers[settings.fingerprint] = TaskLists(settings)
    return readers[settings.fingerprint]


class TaskLists:
    """Reads lists through one session, which is open while the reader has users.

    :param settings: the checked connection.
    """

    def __init__(self, settings: KlingSettings) -> None:
        self._client = AsyncKlingClient(settings)
        self._users = 0
        self._open = asyncio.Lock()
        self._answers: dict[str, tuple[float, asyncio.Task[dict[str, Any]]]] = {}

    async def join(self) -> None:
        """Register a user of the reader."""
        async with self._open:
            self._users += 1
            if self._users == 1:
                await self._client.__aenter__()

    async def leave(self) -> None:
        """Unregister a user of the reader; the last one closes the session."""
        async with self._open:
            self._users -= 1
            if not self._users:
                for _, answer in self._answers.values():
                    answer.cancel()
                self._answers.clear()
                await self._client.__aexit__(None, None, None)

    async def pages(self, endpoint: Endpoint) -> AsyncIterator[list[KlingTask]]:
        """Read the pages of an endpoint's list, newest first; of API 2.0, the list of its family.

        :param endpoint: an endpoint that lists its jobs.
        :return: yields the rows of a page that can be read.
        :raises KlingError: a page cannot be read.
        """
        starts: list[str] = []
        for number in range(1, MAX_PAGES + 1):
            tasks = await self._page(endpoint, number, starts)
            yield tasks
            if len(tasks) < PAGE_SIZE // 2 and not (endpoint.tasks and len(starts) > number):
                return

    async def _page(self, endpoint: Endpoint, number: int, starts: list[str]) -> list[KlingTask]:
        if not endpoint.tasks:
            return parse_task_list(await self._read(list_request(endpoint, number, PAGE_SIZE)))
        steps = iter_cursor_pages(endpoint, number, PAGE_SIZE, starts)
        call = next(steps)
        while True:
            try:
                call = steps.send(await self._read(call))
            except StopIteration as end:
                return list(end.value)

    async def _read(self, call: ApiRequest) -> dict[str, Any]:
        """Make a call, or re-use the response to the same call of a moment ago."""
        loop = asyncio.get_running_loop()
        key = json.dumps([call.method, call.path, call.params, call.body], sort_keys=True, default=str)
        self._answers = {
            name: (made, answer)
            for name, (made, answer) in self._answers.items()
            if not answer.done() or loop.time() - made < SHARED_SECONDS
        }
        if key not in self._answers:
            # In its own context: otherwise its log lines would be in the log of the task that came first.
            answer = loop.create_task(self._client.read(call), context=contextvars.Context())
            self._answers[key] = (loop.time(), answer)
        # A cancelled waiter must not cancel it for the others.
        return await asyncio.shield(self._answers[key][1])
