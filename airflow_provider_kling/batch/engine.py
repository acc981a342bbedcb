# SPDX-License-Identifier: Apache-2.0
"""The run of a batch: one event loop that keeps all slots full.

It submits through the same submit-once core, waits through the same hub and lands through the same code as
the operators for single jobs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from ..api.task import Task, TaskStatus
from ..exceptions import (
    JobState,
    KlingAccountError,
    KlingAuthError,
    KlingContentRefused,
    KlingError,
    KlingRateLimited,
    KlingRequestInvalid,
    KlingResultNotKept,
    KlingSlotsTaken,
    KlingTaskTimeout,
    error_from_event,
)
from ..hooks.async_client import AsyncKlingClient
from ..hooks.settings import KlingSettings
from ..order import Order, take_order
from ..submission import Submission, Terms, submit_once
from ..submission_io import arun_steps, can_look_up
from ..triggers.poll_hub import hub_of
from .gate import Closed, Gate
from .ledger import Entry, Ledger, State
from .plan import BatchPlan
from .rows import Row
from .tally import Tally
from .width import Width

CHUNK = 50
"""Rows whose intent is written down at once, before the first of them is submitted. Where jobs cannot be
looked up it is one row: of what was planned, nobody could say later whether it was submitted."""

READY_AHEAD = 3
"""Orders held ready, media and all, beside the jobs that are under way."""

FLUSH_SECONDS = 3.0
PROGRESS_SECONDS = 30.0

_GOES_ON = (State.OPEN, State.PLANNED, State.SUBMITTED, State.FAILED)
_UNSURE = (State.PLANNED, State.FAILED, State.UNKNOWN)
_UNSURE_WITHOUT_LOOK_UP = (State.PLANNED,)

Land = Callable[[Task, dict[str, Any]], dict[str, Any]]


class BatchRun:
    """One try of a batch.

    :param plan: what is asked.
    :param settings: the checked connection.
    :param ledger: what earlier tries have done, already read.
    :param tally: numbers, with the survey in it.
    :param land: fetches a job's files; runs in a thread.
    :param progress: told a line every half minute.
    """

    def __init__(
        self,
        *,
        plan: BatchPlan,
        settings: KlingSettings,
        ledger: Ledger,
        tally: Tally,
        land: Land,
        progress: Callable[[str], None],
        log: logging.Logger,
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.ledger = ledger
        self.tally = tally
        self.stopped_by: KlingError | None = None
        self._land = land
        self._progress = progress
        self._log = log
        self._earlier = dict(ledger.entries)
        self._looks_up = can_look_up(plan.endpoint, settings.dialect.lookup)
        self._began = time.monotonic()
        self._reserved = Decimal(0)

    async def run(self, rows: Iterable[Row]) -> None:
        """Carry the batch out. Returns when nothing is under way any more.

        :param rows: the rows, as a stream.
        """
        self._gate = Gate(Width(self.plan.concurrency))
        self._ready = asyncio.Semaphore(READY_AHEAD)
        self._open = asyncio.Semaphore(self.plan.concurrency * 2 + READY_AHEAD)
        self.tally.count(self.ledger.entries.values())
        async with AsyncKlingClient(self.settings) as self._client:
            helpers = [asyncio.create_task(self._flush_often()), asyncio.create_task(self._report_often())]
            try:
                async with asyncio.TaskGroup() as jobs:
                    await self._feed(iter(rows), jobs)
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.to_thread(self.ledger.flush)

    def stop(self, reason: str) -> None:
        """Submit nothing more; what is under way goes on."""
        self._gate.close(reason)

    async def _feed(self, rows: Iterator[Row], jobs: asyncio.TaskGroup) -> None:
        """Start rows in order, never more than can be under way."""
        size = CHUNK if self._looks_up else 1
        while chunk := await asyncio.to_thread(lambda: list(islice(rows, size))):
            todo = [row for row in chunk if self._is_open(row)]
            for row in todo:
                entry = self.ledger.entries.get(row.key) or Entry(row.key, State.OPEN, row.number)
                if entry.state is State.OPEN:
                    self._note(entry.to(State.PLANNED, number=row.number))
            await asyncio.to_thread(self.ledger.flush)
            for row in todo:
                await self._open.acquire()
                jobs.create_task(self._row(row))

    def _is_open(self, row: Row) -> bool:
        entry = self.ledger.entries.get(row.key)
        return entry is None or entry.state in _GOES_ON or (self._looks_up and entry.state is State.UNKNOWN)

    def _note(self, entry: Entry) -> Entry:
        self.tally.moved(self.ledger.entries.get(entry.key), entry)
        return self.ledger.note(entry)

    async def _row(self, row: Row) -> None:
        entry = self.ledger.entries[row.key]
        try:
            if entry.state is State.SUBMITTED and entry.task_id:
                self._gate.width.started()
                self.tally.attached += 1
                await self._wait_and_land(entry, None, {})
            else:
                await self._make(row, entry)
        except Closed as closed:
            self._skipped(row, closed.reason)
        except (KlingAccountError, KlingAuthError) as error:
            self.stopped_by = self.stopped_by or error
            self._gate.close("account")
            self._skipped(row, "account")
            self._log.error("No more jobs are submitted: %s", error)
        except Exception as error:
            self._failed(row, error)
        finally:
            self._open.release()

    def _skipped(self, row: Row, reason: str) -> None:
        """Write down that a row was not submitted, unless an earlier try may have."""
        self.tally.skipped[reason] += 1
        if row.key not in self._earlier:
            self._note(self.ledger.entries[row.key].to(State.OPEN))

    def _failed(self, row: Row, error: Exception) -> None:
        """Write a failure down; one row's fault ends no other's job."""
        if not isinstance(error, KlingError):
            self._log.exception("Row %d failed", row.number, exc_info=error)
        text = str(error) or type(error).__name__
        self._log.warning("Row %d: %s", row.number, text)
        self._note(self.ledger.entries[row.key].to(_state_after(error), error=text))
        if self.plan.max_failed is not None and self.tally.failed > self.plan.max_failed:
            self._gate.close("failures")

    async def _make(self, row: Row, entry: Entry) -> None:
        async with self._ready:
            if self._gate.closed:
                raise Closed(self._gate.closed)
            order = await asyncio.to_thread(
                take_order, self.plan.endpoint, row.values, self.settings.dialect, self.plan.extra_body
            )
            self._reserve(order)
            try:
                submission = await self._submit(row, entry, order)
            finally:
                self._reserved -= order.estimate or 0
        facts = order.facts()
        self.tally.attached += submission.attached
        self.tally.made += not submission.attached
        entry = self._note(
            entry.to(
                State.SUBMITTED,
                external_task_id=submission.external_task_id,
                task_id=submission.task.task_id,
                estimate=facts["estimate"],
                error=None,
                units=None,
            )
        )
        del order
        await self._wait_and_land(entry, submission.task, facts)

    def _reserve(self, order: Order) -> None:
        """Keep the budget: what is about to be submitted counts as spent."""
        cost = order.estimate or Decimal(0)
        limit = self.plan.max_units
        if limit is not None and (
            self.tally.spent + self._reserved + cost > limit or self.tally.spent + self._reserved >= limit
        ):
            self._gate.close("budget")
            raise Closed("budget")
        self._reserved += cost

    async def _submit(self, row: Row, entry: Entry, order: Order) -> Submission:
        """Submit once, as often as Kling says that it is busy."""
        earlier = self._earlier.get(row.key)
        unsure = _UNSURE if self._looks_up else _UNSURE_WITHOUT_LOOK_UP
        terms = Terms(
            key=self.plan.job_key(row, order.fingerprint, order.given_name),
            can_look_up=self._looks_up,
            tried_before=earlier is not None and earlier.state in unsure,
            answers_at_once=self.plan.endpoint.synchronous,
        )
        while True:
            await self._gate.enter()
            try:
                submission = await arun_steps(
                    submit_once(terms), self._client, self.plan.endpoint, order.body
                )
            except KlingSlotsTaken as full:
                self._gate.refused(full.retry_after)
            except KlingRateLimited as fast:
                self._gate.paced(fast.retry_after)
            except BaseException:
                self._gate.leave()
                raise
            else:
                self._gate.width.accepted()
                return submission

    async def _wait_and_land(self, entry: Entry, task: Task | None, facts: dict[str, Any]) -> None:
        """See a job through; its place is given back when it has ended, before its files are fetched."""
        try:
            if task is None or not task.status.ended:
                task = await self._wait(entry, task)
        finally:
            self._gate.leave()
        if task.status is TaskStatus.FAILED:
            raise error_from_event({"status": "failed", "task_id": task.task_id, "message": task.message})
        landed = await asyncio.to_thread(self._land, task, facts)
        self._note(entry.to(State.DONE, units=task.units, path=_first_path(landed), error=None))

    async def _wait(self, entry: Entry, task: Task | None) -> Task:
        hub = hub_of(self.settings, self.plan.endpoint)
        now = time.time()
        deadline = now + self.plan.timeout
        ident = str(entry.task_id)
        waiter = hub.join(ident, self.plan.poll_interval, deadline, now if task else None)
        try:
            async for level, line in waiter.lines():
                # A line for each of thousands of jobs would bury the progress.
                self._log.log(level if level >= logging.WARNING else logging.DEBUG, "%s", line)
        finally:
            hub.leave(waiter)
        if waiter.event is None or waiter.task is None or waiter.event["status"] != "succeed":
            raise error_from_event(
                waiter.event
                or {"status": "error", "task_id": ident, "message": "the wait ended without a reason"}
            )
        return waiter.task

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await asyncio.to_thread(self.ledger.flush)
            except Exception as error:
                self._log.warning("The ledger cannot be written now, it stays in memory: %s", error)

    async def _report_often(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            await asyncio.to_thread(self._progress, self.tally.line(time.monotonic() - self._began))


def _state_after(error: Exception) -> State:
    """Tell how far a row has come when its job ended in this error."""
    if isinstance(error, KlingTaskTimeout | KlingResultNotKept):
        # The job goes on, or its files are still at Kling: the next try attaches to it.
        return State.SUBMITTED
    if isinstance(error, KlingContentRefused):
        return State.REFUSED
    if getattr(error, "job", None) is JobState.MAY_EXIST:
        return State.UNKNOWN
    return State.INVALID if isinstance(error, KlingRequestInvalid) else State.FAILED


def _first_path(landed: dict[str, Any]) -> str | None:
    items = (item for value in landed.values() if isinstance(value, list) for item in value)
    return next((item["path"] for item in items if "path" in item), None)
