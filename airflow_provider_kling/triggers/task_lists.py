# SPDX-License-Identifier: Apache-2.0
"""An account's lists of jobs, read once for all triggers of an event loop, and which jobs in them have ended.

Lists are sorted by creation, but jobs end in another order. So the watermark is not the newest row but the
oldest one that was still running: all rows before it are settled. Ended rows after it are remembered.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..api.http import IncompleteListError, iter_cursor_pages, list_request
from ..api.task import KlingTask, parse_task_list
from ..hooks.async_client import AsyncKlingClient
from ..hooks.responses import incomplete_list_error

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.http import ApiRequest
    from ..api.task import KlingTask
    from ..hooks.connection import KlingSettings

PAGE_SIZE = 100
MAX_PAGES = 1000

SHARED_SECONDS = 2.0
"""Seconds for which a response is re-used for the same call."""

_lists: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, TaskLists]] = WeakKeyDictionary()

LOOKBACK_MS = 6 * 3_600_000
"""How long a job may have run at the first poll for its end to be reported; the longest take an hour."""

MAX_RUN_MS = 24 * 3_600_000
"""Age in ms from which a running job is ignored: it would stop the watermark for ever."""

MAX_AHEAD_MS = 24 * 3_600_000
"""How far the host's clock may be ahead. A time of creation after that is not believed: as the newest one, it
would hide all later jobs."""

_SETTLED_ROWS = 3
"""Rows at the end of a page that must be settled, so that one wrong time does not end the poll."""

OVERLAP_MS = 60_000
"""Margin of the watermark: rows may appear in the list a moment after their creation."""


def get_task_lists(settings: KlingSettings) -> TaskLists:
    """Return the running loop's reader of lists for a connection of this content.

    :param settings: the checked connection.
    :return: the reader, which its users :meth:`~TaskLists.acquire` and :meth:`~TaskLists.release`.
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
        self._responses: dict[str, tuple[float, asyncio.Task[dict[str, Any]]]] = {}

    async def acquire(self) -> None:
        """Register a user of the reader."""
        async with self._open:
            self._users += 1
            if self._users == 1:
                await self._client.__aenter__()

    async def release(self) -> None:
        """Unregister a user of the reader; the last one closes the session."""
        async with self._open:
            self._users -= 1
            if not self._users:
                for _, response in self._responses.values():
                    response.cancel()
                self._responses.clear()
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
            if endpoint.tasks_path and not tasks:
                return
            yield tasks
            # A list with cursors says itself whether it goes on, also after a short page.
            if not endpoint.tasks_path and len(tasks) < PAGE_SIZE // 2:
                return

    async def _page(self, endpoint: Endpoint, number: int, starts: list[str]) -> list[KlingTask]:
        if not endpoint.tasks_path:
            return parse_task_list(await self._read(list_request(endpoint, number, PAGE_SIZE)))
        steps = iter_cursor_pages(endpoint, number, PAGE_SIZE, starts)
        call = next(steps)
        while True:
            try:
                call = steps.send(await self._read(call))
            except StopIteration as end:
                return list(end.value)
            except IncompleteListError:
                raise incomplete_list_error(call, "Jobs") from None

    async def _read(self, call: ApiRequest) -> dict[str, Any]:
        """Make a call, or re-use the response to the same call of a moment ago."""
        loop = asyncio.get_running_loop()
        key = json.dumps([call.method, call.path, call.params, call.body], sort_keys=True, default=str)
        self._responses = {
            name: (created, response)
            for name, (created, response) in self._responses.items()
            if not response.done() or loop.time() - created < SHARED_SECONDS
        }
        if key not in self._responses:
            # In its own context: otherwise its log lines would be in the log of the task that came first.
            response = loop.create_task(self._client.read(call), context=contextvars.Context())
            self._responses[key] = (loop.time(), response)
        # A cancelled waiter must not cancel it for the others.
        return await asyncio.shield(self._responses[key][1])


@dataclass(slots=True)
class JobWatermark:
    """What is known of one list.

    :param since: rows created before this time are settled, Unix time in ms.
    :param seen: ended jobs created since then: the id, and the time of creation in ms.
    :param ended_after: at the first poll report only jobs that ended at this time or later, in ms; ``None``
        reports none of them.
    :param first: the list was not polled yet.
    :param listed: ids of all jobs that this poll has seen.
    :param unreported: ids in ``seen`` for which this list has fired no event.
    """

    since: int
    seen: dict[str, int] = field(default_factory=dict)
    ended_after: int | None = None
    first: bool = True
    listed: set[str] = field(default_factory=set)
    """Ids of all jobs that this poll has seen."""
    unreported: set[str] = field(default_factory=set)
    """Ids in ``seen`` for which this list has fired no event: another list may."""
    _running: dict[str, int] = field(default_factory=dict)
    """Running jobs of all polls: one that a poll does not list may be in the next one."""
    _newest: int = 0
    _latest: float = float("inf")
    _anchored: bool = False
    """The start is known to be before the end of the list: the host's clock may be behind this one."""

    @classmethod
    def starting(cls, now: int, start_from: int | None) -> JobWatermark:
        """Return the watermark before the first poll.

        :param now: Unix time in ms.
        :param start_from: report jobs that ended at this time or later, Unix time in ms; ``None`` for those
            that end from now on.
        :return: the watermark.
        """
        return cls((now if start_from is None else start_from) - LOOKBACK_MS, ended_after=start_from)

    @classmethod
    def from_json(cls, value: Any) -> JobWatermark | None:
        """Read a watermark that was stored.

        :param value: what :meth:`to_json` has returned.
        :return: the watermark; ``None`` if the value is invalid.
        """
        try:
            seen = {str(ident): int(created) for ident, created in dict(value["seen"]).items()}
            unreported = {str(ident) for ident in value.get("unreported", ())}
            return cls(int(value["since"]), seen, first=False, unreported=unreported, _anchored=True)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the watermark as plain JSON.

        :return: ``since``, ``seen`` and, if there are any, ``unreported``.
        """
        unreported = {"unreported": sorted(self.unreported)} if self.unreported else {}
        return {"since": self.since, "seen": dict(self.seen), **unreported}

    def copy(self) -> JobWatermark:
        """Return a copy for a poll that may not be completed.

        :return: the copy.
        """
        return replace(
            self, seen=dict(self.seen), unreported=set(self.unreported), _running=dict(self._running)
        )

    def begin(self, now: int | None = None) -> None:
        """Begin a poll of the list.

        :param now: Unix time in ms.
        """
        self._newest, self.listed = 0, set()
        self._latest = float("inf") if now is None else now + MAX_AHEAD_MS
        if now is not None and self.since > self._latest:
            # The stored watermark is of a machine whose clock was wrong.
            self.since = now - LOOKBACK_MS

    def ended(self, tasks: Iterable[KlingTask]) -> list[KlingTask]:
        """Record a page, and return its jobs that have ended since the last poll.

        :param tasks: the rows of a page, newest first.
        :return: ended jobs, in the order of the list.
        """
        found = []
        rows = [(task, self._created(task)) for task in tasks]
        self._newest = max([self._newest, *(created for _, created in rows)])
        if self._newest and not self._anchored and self.ended_after is None:
            self.since = min(self.since, self._newest - LOOKBACK_MS)
        self._anchored = self._anchored or self._newest > 0
        for task, created in rows:
            self.listed.add(task.task_id)
            if created and created < self.since:
                continue
            if not task.status.is_terminal:
                if created:
                    self._running[task.task_id] = created
                continue
            self._running.pop(task.task_id, None)
            if task.task_id and task.task_id not in self.seen:
                self.seen[task.task_id] = created
                if self._counts(task):
                    found.append(task)
                else:
                    self.unreported.add(task.task_id)
        return found

    def reaches(self, tasks: Iterable[KlingTask]) -> bool:
        """Return whether a page reaches settled rows: later pages have nothing new.

        :param tasks: the rows of the page.
        :return: true if the last rows are older than the watermark; never for a list with the oldest first.
        """
        dated = [created for task in tasks if (created := self._created(task))]
        newest_first = bool(dated) and dated[0] >= dated[-1]
        return newest_first and all(created < self.since for created in dated[-_SETTLED_ROWS:])

    def finish(self) -> None:
        """End a poll that has read all its pages, and advance the watermark."""
        self.first = False
        if not self._newest:
            return
        self._running = {
            ident: created for ident, created in self._running.items() if created > self._newest - MAX_RUN_MS
        }
        oldest = min([self._newest, *self._running.values()])
        self.since = max(self.since, oldest - OVERLAP_MS)
        self.seen = {ident: created for ident, created in self.seen.items() if not 0 < created < self.since}
        self.unreported &= self.seen.keys()

    def _created(self, task: KlingTask) -> int:
        """Return when a job was created; 0 if that is unknown or cannot be."""
        created = task.created_at or 0
        return created if created <= self._latest else 0

    def _counts(self, task: KlingTask) -> bool:
        if not self.first:
            return True
        ended = task.updated_at or task.created_at or 0
        return self.ended_after is not None and ended >= self.ended_after


def watermarks_from_json(value: Any) -> dict[str, JobWatermark]:
    """Read the watermarks of several lists.

    :param value: watermarks by name of the list.
    :return: those that can be read.
    """
    found = {}
    for name, stored in value.items() if isinstance(value, Mapping) else ():
        if mark := JobWatermark.from_json(stored):
            found[str(name)] = mark
    return found
