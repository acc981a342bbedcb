# SPDX-License-Identifier: Apache-2.0
"""The requests of one round of polling, made."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from ..api.endpoint import Endpoint
from ..api.http import list_request
from ..api.task import KlingTask, list_rows, row_summary
from ..exceptions import KlingAuthError, KlingError, KlingRateLimited, KlingServerError
from ..hooks.async_client import AsyncKlingClient
from .late_reads import LateReads, done_within, late_error, unforeseen
from .loop_pacing import Slice
from .poll_planner import ListPosition, Page, PollRound, created_at
from .result_sink import PollFailed, ResultSink
from .single_reads import ReadRequest, in_batches, one_by_one

log = logging.getLogger(__name__)

PARALLEL_READS = 10
"""Reads of single jobs, or of batches of them, under way at once."""

YIELD_EVERY = 10
"""Jobs that are told news in one go; all of them wake up before the loop can turn to others."""

LIST_COOLDOWN = 600.0
"""Seconds for which lists are left alone when they keep failing."""

FIRST_LIST_PAUSE = 30.0
"""Seconds for which a list that was refused is left alone; each further refusal doubles it."""

READ_PATIENCE = 1.0
"""Seconds that one read may hold up a round; after that it goes on in the background."""

READ_DEADLINE = 5.0
"""Seconds that one read may take; each one that is late doubles it for the next attempt."""

_ROWS_DEADLINE = 3.0
"""A page is large: it gets this many times the patience and the deadline of a single read."""

_INSTEAD_OF_PAGE = 100
"""Jobs that a round reads one by one while a page is late; the others are put off."""

_FAILURES_IN_A_ROW = 3
_RETRY_LIST_EVERY = 10


class _PageLate(Exception):
    """A page goes on in the background."""


class TaskReader:
    """Reads the status of many jobs with few requests, and learns what the server can do.

    :param endpoint: the endpoint that made the jobs.
    :param lists: whether it is known to list its tasks.
    """

    def __init__(self, endpoint: Endpoint, *, lists: bool) -> None:
        self._endpoint = endpoint
        self._lists_from = 0.0 if lists else float("inf")
        self._list_failures = 0
        self._list_refusals = 0
        self._bad_rows = 0
        self._slow = 0
        self._rounds = 0
        self._late = LateReads()
        self._page_is_late = False
        self._page_seconds = 0.0

    def close(self) -> None:
        """Give up the reads that go on in the background."""
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
        :raises PollFailed: the server is in trouble or asks for a pause; some jobs may have been read.
        :raises KlingAuthError: the credentials are refused.
        """
        now = asyncio.get_running_loop().time()
        self._rounds += 1
        for ident in (held := self._late.idents.intersection(due)):
            sink.on_under_way(ident)
        due = [ident for ident in due if ident not in held]
        lists = now >= self._lists_from and not self._page_is_late
        plan = PollRound(positions, due, lists=lists, patient=self._rounds % _RETRY_LIST_EVERY == 0)
        refusal = await self._read_pages(client, plan, positions, sink, now)
        singles = [ident for ident in plan.single_reads if ident in positions]
        if self._page_is_late and len(singles) > _INSTEAD_OF_PAGE:
            # Not the same ones in each round.
            chosen = random.sample(singles, _INSTEAD_OF_PAGE)
            for ident in set(singles) - set(chosen):
                sink.on_put_off(ident)
            singles = chosen
        await self._read_singles(client, singles, positions, sink, others_read=len(singles) < len(due))
        if refusal:
            # Only now is it certain that it was the list, not the credentials, that was refused.
            self._on_list_refusal(refusal, now)

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
                self._list_failures = self._list_refusals = self._slow = 0
            plan.on_pages_done()
        return None

    def _on_list_refusal(self, refusal: KlingError, now: float) -> None:
        """Do without lists for a while: a refusal may be a moment's trouble of a proxy."""
        level = logging.DEBUG if self._list_refusals else logging.WARNING
        pause = min(FIRST_LIST_PAUSE * 2.0 ** min(self._list_refusals, 10), LIST_COOLDOWN)
        self._list_refusals += 1
        self._lists_from = now + pause
        log.log(level, "%s cannot be listed, so its jobs are read one by one: %s", self._endpoint, refusal)

    def _on_list_failure(self, error: KlingServerError, now: float) -> None:
        """Do without lists for a while when they keep failing: single reads may still work."""
        self._list_failures += 1
        if self._list_failures < _FAILURES_IN_A_ROW:
            raise PollFailed(error) from None
        self._list_failures = 0
        self._lists_from = now + LIST_COOLDOWN
        log.warning("Listing %s keeps failing, so its jobs are read one by one: %s", self._endpoint, error)

    async def _read_page(
        self,
        client: AsyncKlingClient,
        plan: PollRound,
        page: Page,
        positions: Mapping[str, ListPosition],
        sink: ResultSink,
    ) -> None:
        answer = asyncio.ensure_future(self._page(client, page))
        patience = max(READ_PATIENCE * _ROWS_DEADLINE, 2 * self._page_seconds)
        if not await done_within(answer, patience):
            self._page_is_late = True
            self._late.add((), self._follow_page(answer, positions, sink))
            raise _PageLate
        rows = list_rows(await answer)
        found = await self._take(rows, positions, sink)
        log.debug("%s: page %d of %d holds %d jobs", self._endpoint, page.number, page.size, len(found))
        await asyncio.sleep(0)
        plan.on_page(page, found, [created_at(row) for row in rows])
        await asyncio.sleep(0)

    async def _page(self, client: AsyncKlingClient, page: Page) -> Mapping[str, Any]:
        call = list_request(self._endpoint, page.number, page.size)
        seconds = _deadline(self._slow) * _ROWS_DEADLINE
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
        answer: asyncio.Future[Mapping[str, Any]],
        positions: Mapping[str, ListPosition],
        sink: ResultSink,
    ) -> None:
        """Handle a page that was late, or do without lists for a while if it never comes."""
        try:
            await self._take(list_rows(await answer), positions, sink)
        except KlingError as error:
            self._on_list_refusal(error, asyncio.get_running_loop().time())
        except Exception as error:
            self._on_list_refusal(unforeseen(error), asyncio.get_running_loop().time())
        else:
            self._list_failures = self._list_refusals = self._slow = 0
        finally:
            self._page_is_late = False

    async def _take(
        self, rows: list[Mapping[str, Any]], positions: Mapping[str, ListPosition], sink: ResultSink
    ) -> list[tuple[int, str]]:
        """Report the rows of our jobs; return those, each with its place on the page."""
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
                self._on_bad_row(error)
            if notified >= YIELD_EVERY:
                notified = 0
                await asyncio.sleep(0)
            await share.pause_if_used()
        return found

    def _on_bad_row(self, error: Exception) -> None:
        self._bad_rows += 1
        level, reason = logging.DEBUG if self._bad_rows > 1 else logging.WARNING, type(error).__name__
        log.log(level, "%s: %d rows could not be read: %s", self._endpoint, self._bad_rows, reason)

    async def _read_singles(
        self,
        client: AsyncKlingClient,
        idents: list[str],
        positions: Mapping[str, ListPosition],
        sink: ResultSink,
        *,
        others_read: bool,
    ) -> None:
        if self._endpoint.tasks and len(idents) > 1:
            reads = in_batches(client, self._endpoint, idents, positions)
            together = _ConcurrentReads(sink, reads, positions, self._late, others_read=others_read)
            await together.read()
            idents = together.missed
        reads = one_by_one(client, self._endpoint, idents)
        await _ConcurrentReads(sink, reads, positions, self._late, others_read=others_read).read()


def _deadline(slow: int) -> float:
    return float(READ_DEADLINE * 2.0 ** min(slow, 4))


class _ConcurrentReads:
    """Jobs that are read by their ids, by several requests at once.

    :param sink: where the answers go.
    :param reads: the requests.
    :param positions: all jobs by id; reads that were late are noted there.
    :param late: reads that go on in the background.
    :param others_read: whether other jobs of the round were read before.
    :ivar missed: jobs that a request for several has left out, to be read one by one.
    """

    def __init__(
        self,
        sink: ResultSink,
        reads: list[ReadRequest],
        positions: Mapping[str, ListPosition],
        late: LateReads,
        *,
        others_read: bool = False,
    ) -> None:
        self.missed: list[str] = []
        self._sink = sink
        self._positions = positions
        self._late = late
        self._left = iter(reads)
        self._failed: dict[str, KlingServerError] = {}
        self._in_a_row = 0
        self._width = min(PARALLEL_READS, len(reads))
        self._alone = len(reads) == 1 and not others_read
        # Where a list was just read, one job that cannot be read speaks of no trouble of the server.
        self._too_many = _FAILURES_IN_A_ROW if others_read else min(_FAILURES_IN_A_ROW, len(reads))
        self._stop: KlingError | None = None

    async def read(self) -> None:
        """Read all, and report what could not be read.

        :raises PollFailed: it is the server that is in trouble.
        :raises KlingAuthError: the credentials are refused.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(self._width):
                group.create_task(self._worker())
        if isinstance(self._stop, KlingAuthError):
            raise self._stop
        if self._stop:
            raise PollFailed(self._stop)
        for ident, error in self._failed.items():
            self._sink.on_failure(ident, error)

    async def _worker(self) -> None:
        """Read what is not being read yet, until nothing is left or more reads are of no use."""
        for idents, read in self._left:
            answer = asyncio.ensure_future(self._in_time(idents, read))
            if await self._goes_on(idents, answer):
                continue
            try:
                tasks = await answer
            except (KlingAuthError, KlingRateLimited) as error:
                self._stop = self._stop or error
            except KlingServerError as error:
                self._on_trouble(idents, error)
            except KlingError as error:
                self._in_a_row = 0
                self._on_refusal(idents, error)
            except Exception as error:
                if self._alone:
                    raise
                # An answer that no reader foresaw is the trouble of its own job only.
                self._on_refusal(idents, unforeseen(error))
            else:
                self._in_a_row = 0
                self._on_answer(idents, tasks)
            if self._stop:
                return

    async def _goes_on(self, idents: list[str], answer: asyncio.Future[Mapping[str, KlingTask]]) -> bool:
        """Wait a moment for an answer; one that does not come goes on in the background."""
        if self._late.full or await done_within(answer, READ_PATIENCE):
            return False
        self._late.add(idents, self._follow(idents, answer))
        for ident in idents:
            self._sink.on_under_way(ident)
        return True

    async def _follow(self, idents: list[str], answer: asyncio.Future[Mapping[str, KlingTask]]) -> None:
        """Report a late answer, whatever it is, as news of its own jobs only."""
        failure: KlingError = KlingServerError("The answer leaves the job out.")
        tasks: Mapping[str, KlingTask] = {}
        try:
            tasks = await answer
        except KlingError as error:
            failure = error
        except Exception as error:
            failure = unforeseen(error)
        for ident in idents:
            if task := tasks.get(ident):
                if ident in self._positions:
                    self._positions[ident].slow = 0
                self._sink.on_task(ident, task)
            else:
                self._sink.on_failure(ident, failure)

    async def _in_time(
        self, idents: list[str], read: Callable[[], Awaitable[Mapping[str, KlingTask]]]
    ) -> Mapping[str, KlingTask]:
        positions = [self._positions[ident] for ident in idents if ident in self._positions]
        seconds = _deadline(max((position.slow for position in positions), default=0))
        try:
            async with asyncio.timeout(seconds):
                return await read()
        except TimeoutError:
            for position in positions:
                position.slow += 1
            raise late_error(seconds) from None

    def _on_answer(self, idents: list[str], tasks: Mapping[str, KlingTask]) -> None:
        for ident in idents:
            position = self._positions.get(ident)
            if position:
                position.slow = 0
            task = tasks.get(ident)
            if task and (position is None or position.accepts(task.external_task_id)):
                self._sink.on_task(ident, task)
            elif task:
                # One read alone: it must not be asked again within this round.
                why = "The answer is about a job of another external_task_id, and is not used."
                self._sink.on_failure(ident, KlingServerError(why))
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
