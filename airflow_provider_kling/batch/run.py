# SPDX-License-Identifier: Apache-2.0
"""One try of a batch: an event loop that keeps all slots full, with the code of single jobs."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from ..exceptions import KlingAccountError, KlingAuthError, KlingError, KlingWaitInterrupted
from ..metrics import count, flush
from ..submission.runner import can_look_up
from ..submission.submit import KlingJobUnseen
from .accounts import MAX_NOT_PERMITTED, NOT_PERMITTED, BatchAccount, Lanes, RowRefused
from .config import BatchConfig
from .deferral import CHECK_SECONDS, Deferral, DeferralCheck
from .input import RequestRow
from .ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState
from .ledger_writer import LedgerWriter
from .limiter import StopReason, SubmissionStopped
from .outcome import entry_after_submit_error, entry_after_wait_error
from .prefetch import RequestPrefetcher
from .progress import Budget
from .resume import Resumer
from .stored_rows import StoredRows

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from .ledger import Ledger
    from .monitor import DeadlineFor
    from .preflight import PreflightResult
    from .progress import Progress

SHUTDOWN_GRACE = 1.5
"""How long a run that is stopped waits for create calls under way: their answers save look-ups later."""

MAX_LOGGED_FAILURES = 20
"""Failed rows that the log names; the rest is in the report."""


class BatchRun:
    """One try of a batch.

    :param plan: what is asked.
    :param ledger: what earlier tries have done, already read.
    :param tally: numbers, with earlier tries not yet counted in.
    :param found: what the look over all rows has shown.
    :param accounts: the accounts in order.
    :param deadline_of: when a job's time is up.
    :param log: log of the task.
    """

    def __init__(
        self,
        *,
        plan: BatchConfig,
        ledger: Ledger,
        tally: Progress,
        found: PreflightResult,
        accounts: Sequence[BatchAccount],
        deadline_of: DeadlineFor,
        log: logging.Logger,
    ) -> None:
        self.stopped_by: KlingError | None = None
        self.unforeseen = plan.state.unforeseen if plan.state else ""
        """The first unexpected error: its row, job and type."""
        self.deferral: Deferral | None = None
        """The wait that is to be spent in the triggerer, once :meth:`run` has returned for its sake."""
        self._check: DeferralCheck | None = None
        self._rows_read = False
        self._position = plan.state.position if plan.state else 0
        self._first_skipped = sys.maxsize
        self._plan = plan
        self._settings = settings = accounts[0].settings
        self._accounts = accounts
        self._ledger = ledger
        self._tally = tally
        self._found = found
        self._deadline_of = deadline_of
        self._log = log
        self._can_look_up = can_look_up(plan.endpoint, settings.dialect.lookup)
        self._named = 0
        self._kill = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """End the run within a few seconds, its ledger saved. May be called from any thread, at any time."""
        self._kill.set()
        if self._loop:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stopping.set)

    @property
    def reason(self) -> StopReason | None:
        """Why no more jobs are submitted; ``None`` when none of the rows was left out."""
        return self._gate.closed if self._loop else None

    async def run(self, rows: Iterator[RequestRow]) -> None:
        """Carry the batch out. Returns when nothing is under way any more, or soon after :meth:`stop`.

        :param rows: the rows, as a stream; read in a thread.
        """
        self._stopping = asyncio.Event()
        self._lanes = Lanes(self._plan, self._accounts, self._log)
        self._lanes.check(list(self._ledger.entries.values()))
        self._gate = self._lanes.gate
        self._tally.count(self._ledger.entries.values())
        self._book = LedgerWriter(self._ledger, self._tally, self._gate, self._log)
        self._loop = asyncio.get_running_loop()
        if self._kill.is_set():
            self._stopping.set()
        reader = ThreadPoolExecutor(1, thread_name_prefix="kling-rows")
        keeper = asyncio.create_task(self._book.keep())
        try:
            async with self._lanes.connected():
                await self._until_stopped(asyncio.create_task(self._work(rows, reader)))
        finally:
            keeper.cancel()
            reader.shutdown(wait=False, cancel_futures=True)
            await self._book.close()
            await asyncio.to_thread(flush)

    async def _until_stopped(self, work: asyncio.Task[None]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        watching = asyncio.create_task(self._watch_for_deferral()) if self._plan.state else None
        try:
            first = [work, stopping, *([watching] if watching else [])]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not self.deferral:
                await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not self.deferral:
                self._gate.close(StopReason.KILLED)
                await self._settle()
        finally:
            stopping.cancel()
            work.cancel()
            if watching:
                watching.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _watch_for_deferral(self) -> None:
        """Check from time to time whether the worker can be given back."""
        try:
            while not self.deferral:
                await asyncio.sleep(CHECK_SECONDS)
                # An error that has stopped the run is reported by this worker.
                if self._check and not self._kill.is_set() and not self.stopped_by:
                    rows_left = not self._rows_read or self._desk.ahead > 0
                    again = min(*self._desk.numbers, self._first_skipped, self._position + 1)
                    self.deferral = self._check.deferral(rows_left, self.unforeseen, again - 1)
            # No create call may begin from here on.
            self._gate.close(StopReason.DEFERRED)
        except Exception:
            self._log.exception("Unexpected error; this worker waits for the jobs itself")

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_GRACE):
                await self._lanes.idle()

    async def _work(self, rows: Iterator[RequestRow], reader: ThreadPoolExecutor) -> None:
        self._desk = RequestPrefetcher(self._plan, self._settings.dialect, self._gate, self._log)
        self._budget = budget = Budget(self._plan.max_units, self._tally)
        for entry in self._ledger.entries.values():
            if entry.estimate is None:
                budget.learn(entry.units)
        self._lanes.build(
            desk=self._desk,
            book=self._book,
            budget=budget,
            deadline_of=self._deadline_of,
            looks_up=self._can_look_up,
        )
        try:
            async with asyncio.TaskGroup() as self._jobs:
                self._refuse_faults()
                await self._resume()
                self._after_deferral()
                await self._start_rows(rows, reader)
        finally:
            self._desk.close()
            self._lanes.close()

    def _after_deferral(self) -> None:
        """Begin to look for deferrals, with what an earlier part of this try has left."""
        if self._plan.deferred:
            self._check_failures()
        if self._plan.state:
            self._lanes.schedule.learn_all(self._plan.state.durations)
            self._check = DeferralCheck(
                self._plan.state,
                gate=self._gate,
                lanes=self._lanes,
                book=self._book,
                tally=self._tally,
            )

    def _refuse_faults(self) -> None:
        for key, fault in self._found.faults.items():
            line = self._ledger.entries.get(key) or LedgerEntry(key, RowState.OPEN, self._found.numbers[key])
            about = {"generation": self._plan.generation, "airflow": self._plan.airflow}
            self._record_failure(line.to(RowState.INVALID, error=fault, **about))

    async def _resume(self) -> None:
        self._takeover = Resumer(
            plan=self._plan,
            client_of=lambda line: self._lanes.of(line).client,
            book=self._book,
            looks_up=self._can_look_up,
            unique_names=self._plan.proves_absence(self._settings.dialect),
            attach=self._attach,
            log=self._log,
        )
        lines = [line for line in self._ledger.entries.values() if line.key not in self._found.faults]
        await self._takeover.run(lines)

    def _attach(self, line: LedgerEntry, task: KlingTask | None) -> None:
        self._lanes.of(line).gate.attach()
        # One that this try has made, or has attached to before, is not counted twice.
        self._tally.attached += not self._plan.deferred or task is not None
        if line.unknown_cost:
            self._budget.begin(line.key)
        self._jobs.create_task(self._follow(line, task))

    async def _start_rows(self, rows: Iterator[RequestRow], reader: ThreadPoolExecutor) -> None:
        """Start rows in order, a few ahead of the slots."""
        loop = asyncio.get_running_loop()
        wanted = self._without_stored(filter(self._needs_submission, rows), loop)
        try:
            while row := await loop.run_in_executor(reader, next, wanted, None):
                if self._gate.closed:
                    self._skip(row, self._gate.closed)
                    continue
                if self._plan.state:
                    # What is made ready would be made ready again by the next worker.
                    await self._gate.near(lambda: self._desk.ahead)
                self._desk.take(row)
                self._position = row.number
                self._jobs.create_task(self._submit(row))
                del row
                await self._desk.room()
                await self._lanes.room()
        except KlingError as error:
            # What was read is good: it is made, and what is under way is seen through.
            self._stopped(error)
        self._rows_read = True

    def _without_stored(
        self, rows: Iterator[RequestRow], loop: asyncio.AbstractEventLoop
    ) -> Iterator[RequestRow]:
        """Take out the rows whose result is stored already, where these are re-used."""
        if self._plan.index is None:
            return rows
        stored = StoredRows(
            plan=self._plan,
            dialect=self._settings.dialect,
            index=self._plan.index,
            line_of=self._line,
            # The rows are read in a thread, and the ledger belongs to the loop.
            note=lambda entry: loop.call_soon_threadsafe(self._book.note, entry),
            log=self._log,
        )
        return stored.remaining(rows)

    def _needs_submission(self, row: RequestRow) -> bool:
        line = self._ledger.entries.get(row.key)
        return (
            line is None
            or line.state in (RowState.OPEN, RowState.PLANNED)
            or row.key in self._takeover.may_exist
        )

    def _is_uncertain(self, row: RequestRow) -> bool:
        # A line that cannot be read may be of any row.
        return bool(self._ledger.damaged) or row.key in self._takeover.may_exist

    def _line(self, row: RequestRow) -> LedgerEntry:
        known = self._book.get(row.key) or LedgerEntry(row.key, RowState.OPEN, row.number)
        return known.to(
            known.state,
            number=row.number,
            generation=self._plan.generation,
            labels=row.labels or None,
            airflow=self._plan.airflow,
        )

    async def _submit(self, row: RequestRow) -> None:
        try:
            line, task = await self._lanes.submit(row, self._line, ask_first=self._is_uncertain(row))
        except SubmissionStopped as closed:
            self._budget.settle(row.key)
            self._skip(row, closed.reason)
        except RowRefused as refused:
            # Other rows may fare better, at another account or with other inputs.
            self._budget.settle(row.key)
            self._record_failure(entry_after_submit_error(self._line(row), refused.error))
        except KlingJobUnseen as error:
            # The doubt is of this row alone.
            self._budget.settle(row.key)
            self._record_failure(entry_after_submit_error(self._line(row), error))
        except (KlingAccountError, KlingAuthError, KlingWaitInterrupted) as error:
            self._budget.settle(row.key)
            self._on_account_error(row, error)
        except Exception as error:
            self._budget.settle(row.key)
            self._log_failure(error, f"Row {row.number}")
            self._record_failure(entry_after_submit_error(self._line(row), error))
        else:
            self._lanes.of(line).not_permitted = 0
            # In a task of its own: this one holds the row, which may hold a picture.
            self._jobs.create_task(self._follow(line, task))
        finally:
            await self._desk.give_back(row)

    def _on_account_error(self, row: RequestRow, error: KlingError) -> None:
        only = self._lanes.all[0]
        only.not_permitted += error.code == NOT_PERMITTED
        if error.code == NOT_PERMITTED and only.not_permitted < MAX_NOT_PERMITTED and not self._lanes.several:
            # The account may be fine, and only what this row asks for, such as its model, not permitted.
            self._record_failure(entry_after_submit_error(self._line(row), error))
        else:
            self._stop_because(error)
            self._skip(row, StopReason.ACCOUNT)

    def _skip(self, row: RequestRow, reason: StopReason) -> None:
        self._first_skipped = min(self._first_skipped, row.number)
        # The next part of this try submits what a deferral leaves.
        if reason is not StopReason.DEFERRED:
            self._tally.skipped[reason] += 1

    async def _follow(self, line: LedgerEntry, task: KlingTask | None) -> None:
        try:
            await self._lanes.of(line).monitor.run_to_completion(line, task)
        except Exception as error:
            if isinstance(error, KlingAuthError | KlingWaitInterrupted):
                self._stop_because(error)
            self._log_failure(error, f"Row {line.number}, job {line.task_id}")
            lost = entry_after_wait_error(self._book.get(line.key) or line, error)
            if lost.state in TERMINAL_FAILURES:
                self._record_failure(lost)
            else:
                self._book.note(lost)
                self._name("Job %s: %s", line.task_id, error)
        finally:
            self._budget.settle(line.key)

    def _record_failure(self, line: LedgerEntry) -> None:
        """Write a failure down; one row's fault ends no other's job."""
        self._book.note(line)
        self._count_lost(line)
        self._name("Row %d: %s", line.number, line.error)
        self._check_failures()

    def _check_failures(self) -> None:
        if self._plan.max_failed is not None and self._tally.failed > self._plan.max_failed:
            self._gate.close(StopReason.FAILURES)

    def _count_lost(self, line: LedgerEntry) -> None:
        name = "refusals" if line.state is RowState.REFUSED else "failures"
        model = (line.facts or {}).get("model_name")
        count(name, endpoint=self._plan.endpoint, dialect=self._settings.dialect, model=model)

    def _name(self, text: str, *values: object) -> None:
        self._named += 1
        level = logging.WARNING if self._named <= MAX_LOGGED_FAILURES else logging.DEBUG
        self._log.log(level, text, *values)

    def _log_failure(self, error: Exception, what: str) -> None:
        """Log an error that is none of the expected ones, and report the first as the task's reason."""
        if isinstance(error, KlingError):
            return
        self._log.error("Unexpected error in %s", what, exc_info=error)
        self.unforeseen = self.unforeseen or f"{what}: unexpected error {type(error).__name__}"

    def _stop_because(self, error: KlingError) -> None:
        self._stopped(error)
        self._gate.close(StopReason.ACCOUNT)

    def _stopped(self, error: KlingError) -> None:
        if not self.stopped_by:
            self.stopped_by = error
            self._log.error("No more jobs are submitted: %s", error)
