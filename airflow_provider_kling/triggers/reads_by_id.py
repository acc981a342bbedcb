# SPDX-License-Identifier: Apache-2.0
"""Reads of jobs by their ids: one or several in a request, several at once, and to whom they report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from ..api.endpoint import Endpoint
from ..api.http import chunk_ids
from ..api.task import KlingTask
from ..exceptions import KlingAuthError, KlingError, KlingRateLimited, KlingServerError
from ..hooks.async_client import AsyncKlingClient
from . import background_reads
from .background_reads import BackgroundReads, done_within, late_error, unexpected_error
from .poll_planner import ListPosition

PARALLEL_READS = 10
"""Most concurrent reads of single jobs, or of several jobs by id."""

FAILURES_IN_A_ROW = 3
"""Reads that fail one after the other before the server is taken to be in trouble."""


ReadRequest = tuple[list[str], Callable[[], Awaitable[Mapping[str, KlingTask]]]]
"""Ids, and what reads them: it returns those that were found."""


def single_read_requests(
    client: AsyncKlingClient, endpoint: Endpoint, idents: list[str]
) -> list[ReadRequest]:
    """Build a request for each job.

    :param client: client of the connection.
    :param endpoint: endpoint of the jobs.
    :param idents: ids of the jobs.
    :return: the requests, each with the ids that it covers.
    """

    async def read(ident: str) -> Mapping[str, KlingTask]:
        return {ident: await client.get_task(endpoint, ident)}

    return [([ident], partial(read, ident)) for ident in idents]


def batch_read_requests(
    client: AsyncKlingClient, endpoint: Endpoint, idents: list[str], positions: Mapping[str, ListPosition]
) -> list[ReadRequest]:
    """Build requests that each read several jobs; a row that names another job is ignored.

    :param client: client of the connection.
    :param endpoint: endpoint of the jobs.
    :param idents: ids of the jobs.
    :param positions: what is known of the jobs, by id.
    :return: the requests, each with the ids that it covers.
    """

    async def read(external: bool, batch: list[str]) -> Mapping[str, KlingTask]:
        tasks = await client.get_tasks(endpoint, batch, external=external)
        named = [((task.external_task_id if external else task.task_id) or "", task) for task in tasks]
        return {
            ident: task
            for ident, task in named
            if ident in positions and positions[ident].accepts(task.external_task_id)
        }

    return [(batch, partial(read, external, batch)) for external, batch in chunk_ids(idents)]


class ConcurrentReads:
    """Jobs that are read by their ids, by several requests at once.

    :param sink: receives the results.
    :param reads: the requests.
    :param positions: all jobs by id; reads that were late are noted there.
    :param late: reads that go on in the background.
    :param others_read: whether other jobs of the round were read before.
    :ivar missed: jobs that a request for several did not return, to be read one by one.
    """

    def __init__(
        self,
        sink: ResultSink,
        reads: list[ReadRequest],
        positions: Mapping[str, ListPosition],
        late: BackgroundReads,
        *,
        others_read: bool = False,
    ) -> None:
        self.missed: list[str] = []
        self._sink = sink
        self._positions = positions
        self._late = late
        self._remaining = iter(reads)
        self._failed: dict[str, KlingServerError] = {}
        self._failures_in_a_row = 0
        self._max_parallel = min(PARALLEL_READS, len(reads))
        self._one_at_a_time = len(reads) == 1 and not others_read
        # If a list was just read, one job that cannot be read does not mean that the server fails.
        self._too_many = FAILURES_IN_A_ROW if others_read else min(FAILURES_IN_A_ROW, len(reads))
        self._stop: KlingError | None = None

    async def read(self) -> None:
        """Read all, and report what could not be read.

        :raises PollFailed: the server fails.
        :raises KlingAuthError: the credentials are rejected.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(self._max_parallel):
                group.create_task(self._worker())
        if isinstance(self._stop, KlingAuthError):
            raise self._stop
        if self._stop:
            raise PollFailed(self._stop)
        for ident, error in self._failed.items():
            self._sink.on_failure(ident, error)

    async def _worker(self) -> None:
        """Read the jobs that are not being read yet, until none is left or further reads are useless."""
        for idents, read in self._remaining:
            response = asyncio.ensure_future(self._read_with_deadline(idents, read))
            if await self._can_continue(idents, response):
                continue
            try:
                tasks = await response
            except (KlingAuthError, KlingRateLimited) as error:
                self._stop = self._stop or error
            except KlingServerError as error:
                self._on_server_error(idents, error)
            except KlingError as error:
                self._failures_in_a_row = 0
                self._on_auth_error(idents, error)
            except Exception as error:
                if self._one_at_a_time:
                    raise
                # An unexpected response affects its own job only.
                self._on_auth_error(idents, unexpected_error(error))
            else:
                self._failures_in_a_row = 0
                self._on_response(idents, tasks)
            if self._stop:
                return

    async def _can_continue(
        self, idents: list[str], response: asyncio.Future[Mapping[str, KlingTask]]
    ) -> bool:
        """Wait a moment for a response; a late one continues in the background."""
        if self._late.full or await done_within(response, background_reads.MAX_ROUND_DELAY):
            return False
        self._late.add(idents, self._follow(idents, response))
        for ident in idents:
            self._sink.on_reading(ident)
        return True

    async def _follow(self, idents: list[str], response: asyncio.Future[Mapping[str, KlingTask]]) -> None:
        """Report a late response, whatever it is, for its own jobs only."""
        failure: KlingError = KlingServerError("The answer leaves the job out.")
        tasks: Mapping[str, KlingTask] = {}
        try:
            tasks = await response
        except KlingError as error:
            failure = error
        except Exception as error:
            failure = unexpected_error(error)
        for ident in idents:
            if task := tasks.get(ident):
                if ident in self._positions:
                    self._positions[ident].slow = 0
                self._sink.on_task(ident, task)
            else:
                self._sink.on_failure(ident, failure)

    async def _read_with_deadline(
        self, idents: list[str], read: Callable[[], Awaitable[Mapping[str, KlingTask]]]
    ) -> Mapping[str, KlingTask]:
        positions = [self._positions[ident] for ident in idents if ident in self._positions]
        seconds = background_reads.deadline_after(max((position.slow for position in positions), default=0))
        try:
            async with asyncio.timeout(seconds):
                return await read()
        except TimeoutError:
            for position in positions:
                position.slow += 1
            raise late_error(seconds) from None

    def _on_response(self, idents: list[str], tasks: Mapping[str, KlingTask]) -> None:
        for ident in idents:
            position = self._positions.get(ident)
            if position:
                position.slow = 0
            task = tasks.get(ident)
            if task and (position is None or position.accepts(task.external_task_id)):
                self._sink.on_task(ident, task)
            elif task:
                # A single read: it must not be repeated within this round.
                why = "The answer is about a job of another external_task_id, and is not used."
                self._sink.on_failure(ident, KlingServerError(why))
            else:
                self.missed.append(ident)

    def _on_auth_error(self, idents: list[str], error: KlingError) -> None:
        if len(idents) == 1:
            self._sink.on_failure(idents[0], error)
        else:
            # One of them may have caused the failure of all.
            self.missed += idents

    def _on_server_error(self, idents: list[str], error: KlingServerError) -> None:
        self._failed |= dict.fromkeys(idents, error)
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= self._too_many:
            self._stop = self._stop or error


class PollFailed(Exception):
    """The server cannot be polled at the moment.

    :param error: what it said.
    """

    def __init__(self, error: KlingError) -> None:
        super().__init__(str(error))
        self.retry_after = error.retry_after


class ResultSink(Protocol):
    """Receives what a reader has read."""

    def on_list_row(self, ident: str, word: str, row: Mapping[str, Any]) -> bool:
        """Handle a job's row of a list.

        :param ident: id that the job is polled by.
        :param word: its status as the API writes it.
        :param row: the row, not yet parsed.
        :return: whether a subscription gets it.
        """

    def on_task(self, ident: str, task: KlingTask) -> None:
        """Handle a job that was read by itself.

        :param ident: id that the job is polled by.
        :param task: the job.
        """

    def on_failure(self, ident: str, error: KlingError) -> None:
        """Handle a job that cannot be read, while others can.

        :param ident: id that the job is polled by.
        :param error: why.
        """

    def on_reading(self, ident: str) -> None:
        """Record that the job's state, or an :meth:`on_failure`, is reported later.

        :param ident: id that the job is polled by.
        """

    def on_postponed(self, ident: str) -> None:
        """Record that a job is not read in this round.

        :param ident: id that the job is polled by.
        """
