# SPDX-License-Identifier: Apache-2.0
"""Make the requests of one round of polling."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Collection, Mapping
from typing import Any

from ..api.endpoint import Endpoint
from ..api.http import list_request
from ..api.task import list_rows, row_summary
from ..exceptions import KlingError, KlingRateLimited, KlingServerError
from ..hooks.async_client import AsyncKlingClient
from . import background_reads
from .background_reads import BackgroundReads, done_within, late_error, unexpected_error
from .loop_pacing import Slice
from .poll_planner import ListPosition, Page, PollRound, created_at
from .reads_by_id import (
    FAILURES_IN_A_ROW,
    ConcurrentReads,
    PollFailed,
    ResultSink,
    batch_read_requests,
    single_read_requests,
)

log = logging.getLogger(__name__)

YIELD_EVERY = 10
"""Jobs whose rows are reported in one step of the loop; their waiters all wake up before other callbacks."""

LIST_COOLDOWN = 600.0
"""Seconds for which a list is not read after repeated failures."""

FIRST_LIST_PAUSE = 30.0
"""Seconds for which a refused list is not read; each further refusal doubles it."""

_ROWS_DEADLINE = 3.0
"""Factor by which the timeouts of a page, which is large, exceed those of a single read."""

_SINGLES_WHILE_PAGE_IS_LATE = 100
"""Most jobs that a round reads one by one while a page is late; the others wait."""

_RETRY_LIST_EVERY = 10


class _PageLate(Exception):
    """A page continues in the background."""


class TaskReader:
    """Reads the status of many jobs with few requests, and detects what the server supports.

    :param endpoint: the endpoint that made the jobs.
    :param lists: whether it is known to list its tasks.
    """

    def __init__(self, endpoint: Endpoint, *, lists: bool) -> None:
        self._endpoint = endpoint
        self._lists_from = 0.0 if lists else float("inf")
        self._list_failures = 0
        self._list_auth_failures = 0
        self._invalid_rows = 0
        self._slow = 0
        self._rounds = 0
        self._late = BackgroundReads()
        self._page_is_late = False
        self._page_seconds = 0.0

    def close(self) -> None:
        """Cancel the reads that continue in the background."""
        self._late.close()

    async def read(
        self,
        client: AsyncKlingClient,
        positions: Mapping[str, ListPosition],
        due: Collection[str],
        sink: ResultSink,
    ) -> None:
        """Read jobs.

        :param client: client of the connection.
        :param positions: all jobs by id; those met on the way are reported too.
        :param due: the jobs to read.
        :param sink: receives the results.
        :raises PollFailed: the server fails or asks to wait; some jobs may have been read.
        :raises KlingAuthError: the credentials are rejected.
        """
        now = asyncio.get_running_loop().time()
        self._rounds += 1
        for ident in (late := self._late.idents.intersection(due)):
            sink.on_reading(ident)
        due = [ident for ident in due if ident not in late and ident in positions]
        lists = now >= self._lists_from and not self._page_is_late
        plan = PollRound(positions, due, lists=lists, retry_missing=self._rounds % _RETRY_LIST_EVERY == 0)
        await asyncio.sleep(0)
        refusal = await self._read_pages(client, plan, positions, sink, now)
        singles = [ident for ident in plan.single_reads if ident in positions]
        if self._page_is_late and len(singles) > _SINGLES_WHILE_PAGE_IS_LATE:
            # Not the same ones in each round.
            chosen = random.sample(singles, _SINGLES_WHILE_PAGE_IS_LATE)
            for ident in set(singles) - set(chosen):
                sink.on_postponed(ident)
            singles = chosen
        await self._read_singles(client, singles, positions, sink, others_read=len(singles) < len(due))
        if refusal:
            # Only now it is certain that the list was refused, not the credentials.
            self._on_list_auth_error(refusal, now)

    async def _read_pages(
        self,
        client: AsyncKlingClient,
        plan: PollRound,
        positions: Mapping[str, ListPosition],
        sink: ResultSink,
        now: float,
    ) -> KlingError | None:
        try:
            while page := plan.next_page():
                await self._read_page(client, plan, page, positions, sink)
        except _PageLate:
            return None
        except KlingRateLimited as error:
            raise PollFailed(error) from None
        except KlingServerError as error:
            self._on_list_failure(error, now)
        except KlingError as error:
            return error
        else:
            if plan.pages:
                self._list_failures = self._list_auth_failures = self._slow = 0
            plan.on_pages_done()
        return None

    def _on_list_auth_error(self, refusal: KlingError, now: float) -> None:
        """Read no lists for a while: a refusal may be temporary, for instance of a proxy."""
        level = logging.DEBUG if self._list_auth_failures else logging.WARNING
        pause = min(FIRST_LIST_PAUSE * 2.0 ** min(self._list_auth_failures, 10), LIST_COOLDOWN)
        self._list_auth_failures += 1
        self._lists_from = now + pause
        log.log(level, "%s cannot be listed, so its jobs are read one by one: %s", self._endpoint, refusal)

    def _on_list_failure(self, error: KlingServerError, now: float) -> None:
        """Read no lists for a while after repeated failures: single reads may still work."""
        self._list_failures += 1
        if self._list_failures < FAILURES_IN_A_ROW:
            raise PollFailed(error) from None
        self._list_failures = 0
        self._lists_from = now + LIST_COOLDOWN
        log.warning("Listing %s fails repeatedly, so its jobs are read one by one: %s", self._endpoint, error)

    async def _read_page(
        self,
        client: AsyncKlingClient,
        plan: PollRound,
        page: Page,
        positions: Mapping[str, ListPosition],
        sink: ResultSink,
    ) -> None:
        response = asyncio.ensure_future(self._page(client, page))
        max_delay = max(background_reads.MAX_ROUND_DELAY * _ROWS_DEADLINE, 2 * self._page_seconds)
        if not await done_within(response, max_delay):
            self._page_is_late = True
            self._late.add((), self._follow_page(response, positions, sink))
            raise _PageLate
        rows = list_rows(await response)
        found = await self._process_rows(rows, positions, sink)
        log.debug("%s: page %d of %d holds %d jobs", self._endpoint, page.number, page.size, len(found))
        await asyncio.sleep(0)
        plan.on_page(page, found, [created_at(row) for row in rows])
        await asyncio.sleep(0)

    async def _page(self, client: AsyncKlingClient, page: Page) -> Mapping[str, Any]:
        call = list_request(self._endpoint, page.number, page.size)
        seconds = background_reads.deadline_after(self._slow) * _ROWS_DEADLINE
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(seconds):
                payload = await client.send(call)
        except TimeoutError:
            self._slow += 1
            raise late_error(seconds) from None
        self._page_seconds = asyncio.get_running_loop().time() - began
        return payload

    async def _follow_page(
        self,
        response: asyncio.Future[Mapping[str, Any]],
        positions: Mapping[str, ListPosition],
        sink: ResultSink,
    ) -> None:
        """Handle a late page, or read no lists for a while if it times out."""
        try:
            await self._process_rows(list_rows(await response), positions, sink)
        except KlingError as error:
            self._on_list_auth_error(error, asyncio.get_running_loop().time())
        except Exception as error:
            self._on_list_auth_error(unexpected_error(error), asyncio.get_running_loop().time())
        else:
            self._list_failures = self._list_auth_failures = self._slow = 0
        finally:
            self._page_is_late = False

    async def _process_rows(
        self, rows: list[Mapping[str, Any]], positions: Mapping[str, ListPosition], sink: ResultSink
    ) -> list[tuple[int, str]]:
        """Report the rows of our jobs; return these jobs, each with its index on the page."""
        found: list[tuple[int, str]] = []
        share, notified = Slice(), 0
        for index, row in enumerate(rows):
            try:
                task_id, external_id, word = row_summary(row)
                for ident in dict.fromkeys((task_id, external_id)):
                    if ident and ident in positions and positions[ident].accepts(external_id):
                        notified += sink.on_list_row(ident, word, row)
                        found.append((index, ident))
            except Exception as error:
                # Its job, if it is one of ours, is read by itself.
                self._on_invalid_row(error)
            if notified >= YIELD_EVERY:
                notified = 0
                await asyncio.sleep(0)
            await share.pause_if_used()
        return found

    def _on_invalid_row(self, error: Exception) -> None:
        self._invalid_rows += 1
        level, reason = logging.DEBUG if self._invalid_rows > 1 else logging.WARNING, type(error).__name__
        log.log(level, "%s: %d rows could not be read: %s", self._endpoint, self._invalid_rows, reason)

    async def _read_singles(
        self,
        client: AsyncKlingClient,
        idents: list[str],
        positions: Mapping[str, ListPosition],
        sink: ResultSink,
        *,
        others_read: bool,
    ) -> None:
        if self._endpoint.tasks_path and len(idents) > 1:
            reads = batch_read_requests(client, self._endpoint, idents, positions)
            together = ConcurrentReads(sink, reads, positions, self._late, others_read=others_read)
            await together.read()
            idents = together.missed
        reads = single_read_requests(client, self._endpoint, idents)
        await ConcurrentReads(sink, reads, positions, self._late, others_read=others_read).read()
