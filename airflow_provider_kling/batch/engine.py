# SPDX-License-Identifier: Apache-2.0
"""One try of a batch: an event loop that keeps all slots full.

It submits through the same submit-once core, waits through the same hub and lands through the same code as
the operators for single jobs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from ..exceptions import KlingAccountError, KlingAuthError, KlingError, KlingWaitInterrupted
from ..hooks.async_client import AsyncKlingClient
from ..submission_io import can_look_up
from .book import Book
from .budget import Budget
from .desk import Desk
from .entry import LOST, Entry, State
from .follower import DeadlineOf, Follower, Land
from .gate import Closed, Gate, Reason
from .plan import BatchPlan
from .rows import Row
from .submitter import Submitter
from .takeover import Takeover
from .verdict import not_submitted, without_result
from .width import Width

if TYPE_CHECKING:
    from ..api.task import Task
    from ..hooks.settings import KlingSettings
    from .ledger import Ledger
    from .survey import Survey
    from .tally import Tally

SETTLE_SECONDS = 1.5
"""How long a run that is stopped waits for create calls under way: their answers save look-ups later."""

NAMED_FAILURES = 20
"""Failed rows that the log names; the rest is in the report."""

_NOT_PERMITTED = 1103
_MAX_NOT_PERMITTED = 3


class BatchRun:
    """One try of a batch.

    :param plan: what is asked.
    :param settings: the checked connection.
    :param ledger: what earlier tries have done, already read.
    :param tally: numbers, with earlier tries not yet counted in.
    :param found: what the look over all rows has shown.
    :param land: fetches a job's files; runs in a thread.
    :param deadline_of: when a job's time is up.
    """

    def __init__(
        self,
        *,
        plan: BatchPlan,
        settings: KlingSettings,
        ledger: Ledger,
        tally: Tally,
        found: Survey,
        land: Land,
        deadline_of: DeadlineOf,
        log: logging.Logger,
    ) -> None:
        self.stopped_by: KlingError | None = None
        self._plan = plan
        self._settings = settings
        self._ledger = ledger
        self._tally = tally
        self._found = found
        self._land = land
        self._deadline_of = deadline_of
        self._log = log
        self._looks_up = can_look_up(plan.endpoint, settings.dialect.lookup)
        self._named = 0
        self._not_permitted = 0
        self._kill = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """End the run within a few seconds, its ledger saved. May be called from any thread, at any time."""
        self._kill.set()
        if self._loop:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stopping.set)

    @property
    def reason(self) -> Reason | None:
        """Why no more jobs are submitted; ``None`` when none of the rows was left out."""
        return self._gate.closed if self._loop else None

    async def run(self, rows: Iterator[Row]) -> None:
        """Carry the batch out. Returns when nothing is under way any more, or soon after :meth:`stop`.

        :param rows: the rows, as a stream; read in a thread.
        """
        self._stopping = asyncio.Event()
        self._gate = Gate(Width(self._plan.concurrency))
        self._tally.count(self._ledger.entries.values())
        self._book = Book(self._ledger, self._tally, self._gate, self._log)
        self._loop = asyncio.get_running_loop()
        if self._kill.is_set():
            self._stopping.set()
        reader = ThreadPoolExecutor(1, thread_name_prefix="kling-rows")
        keeper = asyncio.create_task(self._book.keep())
        try:
            async with AsyncKlingClient(self._settings) as self._client:
                await self._until_stopped(asyncio.create_task(self._work(rows, reader)))
        finally:
            keeper.cancel()
            reader.shutdown(wait=False, cancel_futures=True)
            await self._book.close()

    async def _until_stopped(self, work: asyncio.Task[None]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._gate.close(Reason.KILLED)
                await self._settle()
        finally:
            stopping.cancel()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._submitter.idle()

    async def _work(self, rows: Iterator[Row], reader: ThreadPoolExecutor) -> None:
        self._desk = Desk(self._plan, self._settings.dialect, self._gate, self._log)
        budget = Budget(self._plan.max_units, self._tally)
        self._submitter = Submitter(
            plan=self._plan,
            client=self._client,
            desk=self._desk,
            gate=self._gate,
            book=self._book,
            budget=budget,
            looks_up=self._looks_up,
        )
        self._follower = Follower(
            plan=self._plan,
            client=self._client,
            gate=self._gate,
            book=self._book,
            budget=budget,
            land=self._land,
            deadline_of=self._deadline_of,
            log=self._log,
        )
        try:
            async with asyncio.TaskGroup() as self._jobs:
                self._refuse_faults()
                await self._take_over()
                await self._feed(rows, reader)
        finally:
            self._desk.close()
            self._follower.close()

    def _refuse_faults(self) -> None:
        for key, fault in self._found.faults.items():
            line = self._ledger.entries.get(key) or Entry(key, State.OPEN, self._found.numbers[key])
            self._lose(line.to(State.INVALID, error=fault, generation=self._plan.generation))

    async def _take_over(self) -> None:
        self._takeover = Takeover(
            plan=self._plan,
            client=self._client,
            book=self._book,
            looks_up=self._looks_up,
            attach=self._attach,
            log=self._log,
        )
        lines = [line for line in self._ledger.entries.values() if line.key not in self._found.faults]
        await self._takeover.run(lines)

    def _attach(self, line: Entry, task: Task | None) -> None:
        self._gate.attach()
        self._tally.attached += 1
        self._jobs.create_task(self._follow(line, task))

    async def _feed(self, rows: Iterator[Row], reader: ThreadPoolExecutor) -> None:
        """Start rows in order, a few ahead of the slots."""
        loop = asyncio.get_running_loop()
        wanted = filter(self._is_wanted, rows)
        try:
            while row := await loop.run_in_executor(reader, next, wanted, None):
                if self._gate.closed:
                    self._tally.skipped[self._gate.closed] += 1
                    continue
                self._desk.take(row)
                self._jobs.create_task(self._submit(row))
                del row
                await self._desk.room()
                await self._follower.room()
        except KlingError as error:
            # What was read is good: it is made, and what is under way is seen through.
            self._stopped(error)

    def _is_wanted(self, row: Row) -> bool:
        line = self._ledger.entries.get(row.key)
        return (
            line is None or line.state in (State.OPEN, State.PLANNED) or row.key in self._takeover.uncertain
        )

    def _line(self, row: Row) -> Entry:
        known = self._book.get(row.key) or Entry(row.key, State.OPEN, row.number)
        return known.to(known.state, number=row.number, generation=self._plan.generation)

    async def _submit(self, row: Row) -> None:
        try:
            line, task = await self._submitter.submit(
                row, self._line(row), ask_first=row.key in self._takeover.uncertain
            )
        except Closed as closed:
            self._tally.skipped[closed.reason] += 1
        except (KlingAccountError, KlingAuthError, KlingWaitInterrupted) as error:
            self._denied(row, error)
        except Exception as error:
            self._explain(error)
            self._lose(not_submitted(self._line(row), error))
        else:
            self._not_permitted = 0
            # In a task of its own: this one holds the row, which may hold a picture.
            self._jobs.create_task(self._follow(line, task))
        finally:
            await self._desk.give_back(row)

    def _denied(self, row: Row, error: KlingError) -> None:
        self._not_permitted += error.code == _NOT_PERMITTED
        if error.code == _NOT_PERMITTED and self._not_permitted < _MAX_NOT_PERMITTED:
            # The account may be fine, and only what this row asks for, such as its model, not permitted.
            self._lose(not_submitted(self._line(row), error))
        else:
            self._stop_for(error)
            self._tally.skipped[Reason.ACCOUNT] += 1

    async def _follow(self, line: Entry, task: Task | None) -> None:
        try:
            await self._follower.see_through(line, task)
        except Exception as error:
            if isinstance(error, KlingAuthError | KlingWaitInterrupted):
                self._stop_for(error)
            self._explain(error)
            lost = without_result(self._book.get(line.key) or line, error)
            if lost.state in LOST:
                self._lose(lost)
            else:
                self._book.note(lost)
                self._name("Job %s: %s", line.task_id, error)

    def _lose(self, line: Entry) -> None:
        """Write a failure down; one row's fault ends no other's job."""
        self._book.note(line)
        self._name("Row %d: %s", line.number, line.error)
        if self._plan.max_failed is not None and self._tally.failed > self._plan.max_failed:
            self._gate.close(Reason.FAILURES)

    def _name(self, text: str, *values: object) -> None:
        self._named += 1
        level = logging.WARNING if self._named <= NAMED_FAILURES else logging.DEBUG
        self._log.log(level, text, *values)

    def _explain(self, error: Exception) -> None:
        if not isinstance(error, KlingError):
            self._log.error("A row failed in a way that nobody foresaw", exc_info=error)

    def _stop_for(self, error: KlingError) -> None:
        self._stopped(error)
        self._gate.close(Reason.ACCOUNT)

    def _stopped(self, error: KlingError) -> None:
        if not self.stopped_by:
            self.stopped_by = error
            self._log.error("No more jobs are submitted: %s", error)
