# SPDX-License-Identifier: Apache-2.0
"""The requests of one round of polling, made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, Protocol

from ..api.endpoint import Endpoint
from ..api.exchange import batches, list_call
from ..api.task import Task, row_label, task_rows
from ..exceptions import KlingAuthError, KlingError, KlingRateLimited, KlingServerError
from ..hooks.async_client import AsyncKlingClient
from .poll_plan import Page, PollRound, Seat

log = logging.getLogger(__name__)

PARALLEL_READS = 10
"""Reads of single jobs, or of batches of them, under way at once."""

BREATH = 50
"""Jobs that are told news in one go; all of them wake up before the loop can turn to others."""

LIST_PAUSE = 600.0
"""Seconds for which lists are left alone when they keep failing."""

_FAILURES_IN_A_ROW = 3
_PATIENT_EVERY = 10


class RoundFailed(Exception):
    """The server cannot be polled at the moment.

    :param error: what it said.
    """

    def __init__(self, error: KlingError) -> None:
        super().__init__(str(error))
        self.retry_after = error.retry_after


class Sink(Protocol):
    """Where the answers go."""

    def on_row(self, ident: str, word: str, row: Mapping[str, Any]) -> None:
        """Take in a job's row of a list, with its status word, still unread."""

    def on_task(self, ident: str, task: Task) -> None:
        """Take in a job that was read by itself."""

    def on_failure(self, ident: str, error: KlingError) -> None:
        """Take in that one job cannot be read, while others can."""


class Reader:
    """Reads the status of many jobs with few requests, and learns what the server can do.

    :param endpoint: the endpoint that made the jobs.
    :param lists: whether it is known to list its tasks.
    """

    def __init__(self, endpoint: Endpoint, *, lists: bool) -> None:
        self._endpoint = endpoint
        self._lists_from = 0.0 if lists else float("inf")
        self._list_failures = 0
        self._rounds = 0

    async def read(
        self, client: AsyncKlingClient, seats: Mapping[str, Seat], due: Collection[str], sink: Sink
    ) -> None:
        """Read jobs.

        :param seats: all jobs by id; those met on the way are reported too.
        :param due: the jobs to read.
        :raises RoundFailed: the server is in trouble or asks for a pause; some jobs may have been read.
        :raises KlingAuthError: the credentials are refused.
        """
        now = asyncio.get_running_loop().time()
        self._rounds += 1
        plan = PollRound(
            seats, due, lists=now >= self._lists_from, patient=self._rounds % _PATIENT_EVERY == 0
        )
        refusal = await self._read_pages(client, plan, seats, sink, now)
        await self._read_singles(client, [ident for ident in plan.singles if ident in seats], sink)
        if refusal:
            # Only now is it certain that it was the list, not the credentials, that was refused.
            self._lists_from = float("inf")
            log.warning("%s cannot be listed, so its jobs are read one by one: %s", self._endpoint, refusal)

    async def _read_pages(
        self,
        client: AsyncKlingClient,
        plan: PollRound,
        seats: Mapping[str, Seat],
        sink: Sink,
        now: float,
    ) -> KlingError | None:
        try:
            while page := plan.next_page():
                await self._read_page(client, plan, page, seats, sink)
        except KlingRateLimited as error:
            raise RoundFailed(error) from None
        except KlingServerError as error:
            self._on_list_failure(error, now)
        except KlingError as error:
            return error
        else:
            self._list_failures = 0
            plan.on_pages_done()
        return None

    def _on_list_failure(self, error: KlingServerError, now: float) -> None:
        """Do without lists for a while when they keep failing: single reads may still work."""
        self._list_failures += 1
        if self._list_failures < _FAILURES_IN_A_ROW:
            raise RoundFailed(error) from None
        self._list_failures = 0
        self._lists_from = now + LIST_PAUSE
        log.warning("Listing %s keeps failing, so its jobs are read one by one: %s", self._endpoint, error)

    async def _read_page(
        self,
        client: AsyncKlingClient,
        plan: PollRound,
        page: Page,
        seats: Mapping[str, Seat],
        sink: Sink,
    ) -> None:
        rows = task_rows(await client.send(list_call(self._endpoint, page.number, page.size)))
        found: list[tuple[int, str]] = []
        for index, row in enumerate(rows):
            task_id, external_id, word = row_label(row)
            for ident in (task_id, external_id):
                if ident and ident in seats:
                    found.append((index, ident))
                    sink.on_row(ident, word, row)
            if index % BREATH == BREATH - 1:
                await asyncio.sleep(0)
        plan.on_page(page, found, [_created(row) for row in rows])
        log.debug("%s: page %d of %d holds %d jobs", self._endpoint, page.number, page.size, len(found))

    async def _read_singles(self, client: AsyncKlingClient, idents: list[str], sink: Sink) -> None:
        if self._endpoint.tasks and len(idents) > 1:
            together = _Reads(sink, _batches(client, self._endpoint, idents))
            await together.read()
            idents = together.missed
        await _Reads(sink, _one_by_one(client, self._endpoint, idents)).read()


def _created(row: Mapping[str, Any]) -> int | None:
    made = row.get("created_at")
    return made if isinstance(made, int) else None


Read = tuple[list[str], Callable[[], Awaitable[Mapping[str, Task]]]]
"""Ids, and what reads them: it returns those that were found."""


def _one_by_one(client: AsyncKlingClient, endpoint: Endpoint, idents: list[str]) -> list[Read]:
    async def read(ident: str) -> Mapping[str, Task]:
        return {ident: await client.get_task(endpoint, ident)}

    return [([ident], partial(read, ident)) for ident in idents]


def _batches(client: AsyncKlingClient, endpoint: Endpoint, idents: list[str]) -> list[Read]:
    async def read(external: bool, batch: list[str]) -> Mapping[str, Task]:
        tasks = await client.get_tasks(endpoint, batch, external=external)
        return {(task.external_task_id if external else task.task_id) or "": task for task in tasks}

    return [(batch, partial(read, external, batch)) for external, batch in batches(idents)]


class _Reads:
    """Jobs that are read by their ids, by several requests at once.

    :param sink: where the answers go.
    :param reads: the requests.
    :ivar missed: jobs that a request for several has left out, to be read one by one.
    """

    def __init__(self, sink: Sink, reads: list[Read]) -> None:
        self.missed: list[str] = []
        self._sink = sink
        self._left = iter(reads)
        self._failed: dict[str, KlingServerError] = {}
        self._in_a_row = 0
        self._width = min(PARALLEL_READS, len(reads))
        self._too_many = min(_FAILURES_IN_A_ROW, len(reads))
        self._stop: KlingError | None = None

    async def read(self) -> None:
        """Read all, and report what could not be read.

        :raises RoundFailed: it is the server that is in trouble.
        :raises KlingAuthError: the credentials are refused.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(self._width):
                group.create_task(self._read_on())
        if isinstance(self._stop, KlingAuthError):
            raise self._stop
        if self._stop:
            raise RoundFailed(self._stop)
        for ident, error in self._failed.items():
            self._sink.on_failure(ident, error)

    async def _read_on(self) -> None:
        """Read what nobody reads yet, until nothing is left or going on is of no use."""
        for idents, read in self._left:
            try:
                tasks = await read()
            except (KlingAuthError, KlingRateLimited) as error:
                self._stop = self._stop or error
            except KlingServerError as error:
                self._on_trouble(idents, error)
            except KlingError as error:
                self._in_a_row = 0
                self._on_refusal(idents, error)
            else:
                self._in_a_row = 0
                self._on_answer(idents, tasks)
            if self._stop:
                return

    def _on_answer(self, idents: list[str], tasks: Mapping[str, Task]) -> None:
        for ident in idents:
            if task := tasks.get(ident):
                self._sink.on_task(ident, task)
            else:
                self.missed.append(ident)

    def _on_refusal(self, idents: list[str], error: KlingError) -> None:
        if len(idents) == 1:
            self._sink.on_failure(idents[0], error)
        else:
            # One of them may have spoilt it for all.
            self.missed += idents

    def _on_trouble(self, idents: list[str], error: KlingServerError) -> None:
        self._failed |= dict.fromkeys(idents, error)
        self._in_a_row += 1
        if self._in_a_row >= self._too_many:
            self._stop = self._stop or error
