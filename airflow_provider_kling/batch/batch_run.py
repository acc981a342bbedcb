# SPDX-License-Identifier: Apache-2.0
"""The coroutines of one try of a batch: they submit the rows, wait for the jobs and store the results."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..exceptions import KlingAccountError, KlingAuthError, KlingError, KlingWaitInterrupted
from ..metrics import count, flush
from ..submission.submit import KlingJobUnseen
from .accounts import MAX_NOT_PERMITTED, NOT_PERMITTED, AccountRuns, RowRefused
from .context import RunContext
from .deferral import CHECK_SECONDS, Deferral, DeferralCheck
from .input import RequestRow
from .ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState
from .ledger_writer import LedgerWriter
from .limiter import StopReason, SubmissionStopped
from .outcome import entry_after_submit_error, entry_after_wait_error
from .prefetch import RequestPrefetcher
from .progress import Budget
from .resume import Resumer, RowsToResubmit, rows_of
from .stored_rows import StoredRows

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from .input import RowReader

SHUTDOWN_GRACE = 1.5
"""Seconds that a stopped run waits for create calls in progress: a response avoids a later look-up."""

MAX_LOGGED_FAILURES = 20
"""Failed rows that the log names; the rest is in the report."""


class BatchRun:
    """One try of a batch.

    :param context: shared by its parts.
    """

    def __init__(self, context: RunContext) -> None:
        self._run = context
        self._config = config = context.config
        self.stopped_by: KlingError | None = None
        self.deferral: Deferral | None = None
        """The wait in the triggerer, if :meth:`run` has returned to defer."""
        self._check: DeferralCheck | None = None
        self._rows_read = False
        self._position = config.state.position if config.state else 0
        self._first_skipped = sys.maxsize
        self._logged_failures = 0
        self.unchecked_rows = 0
        """Rows that were not in the input when all rows were checked."""
        self._kill = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """End the run within a few seconds, with the ledger written. Any thread may call it at any time."""
        self._kill.set()
        if self._loop:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stopping.set)

    @property
    def reason(self) -> StopReason | None:
        """Why no more jobs are submitted; ``None`` if all rows were."""
        return self._run.limiter.stopped if self._loop else None

    async def run(self, rows: Iterator[RequestRow], read_rows: RowReader) -> None:
        """Run the batch. Returns when no job runs any more, or soon after :meth:`stop`.

        :param rows: the rows, as a stream; read in a thread.
        :param read_rows: reads all rows again, for those whose files fail the media check.
        """
        self._stopping = asyncio.Event()
        run = self._run
        self._account_runs = AccountRuns(run)
        self._account_runs.check_unfinished(list(run.ledger.entries.values()))
        run.limiter, run.to_resubmit = self._account_runs.limiter, RowsToResubmit()
        run.progress.load(run.ledger.entries.values())
        run.writer = LedgerWriter(run.ledger, run.progress, run.limiter, run.log)
        run.budget = Budget(self._config.max_units, run.progress)
        self._loop = asyncio.get_running_loop()
        if self._kill.is_set():
            self._stopping.set()
        reader = ThreadPoolExecutor(1, thread_name_prefix="kling-rows")
        writing = asyncio.create_task(run.writer.run())
        try:
            async with self._account_runs.connected():
                await self._until_stopped(asyncio.create_task(self._work(rows, read_rows, reader)))
        finally:
            writing.cancel()
            reader.shutdown(wait=False, cancel_futures=True)
            await self._run.writer.close(self._stopping)
            await asyncio.to_thread(flush)

    async def _until_stopped(self, work: asyncio.Task[None]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        watching = asyncio.create_task(self._watch_for_deferral()) if self._config.state else None
        try:
            first = [work, stopping, *([watching] if watching else [])]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not self.deferral:
                await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not self.deferral:
                self._run.limiter.stop(StopReason.KILLED)
                await self._settle()
        finally:
            stopping.cancel()
            work.cancel()
            if watching:
                watching.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _watch_for_deferral(self) -> None:
        """Check regularly whether the batch can defer."""
        try:
            while not self.deferral:
                await asyncio.sleep(CHECK_SECONDS)
                # This worker reports an error that has stopped the run.
                if self._check and not self._kill.is_set() and not self.stopped_by:
                    rows_left = (
                        not self._rows_read or self._prefetcher.ahead > 0 or len(self._run.to_resubmit) > 0
                    )
                    first_unsettled = min(*self._prefetcher.numbers, self._first_skipped, self._position + 1)
                    self.deferral = self._check.deferral(rows_left, first_unsettled - 1)
            # No create call may start from here on.
            self._run.limiter.stop(StopReason.DEFERRED)
        except Exception:
            self._run.log.exception("Unexpected error; this worker waits for the jobs itself")

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_GRACE):
                await self._account_runs.wait_idle()

    async def _work(
        self, rows: Iterator[RequestRow], read_rows: RowReader, reader: ThreadPoolExecutor
    ) -> None:
        run = self._run
        for entry in run.ledger.entries.values():
            if entry.estimate is None:
                run.budget.record_charge(entry.known_charge)
        self._prefetcher = RequestPrefetcher(run)
        self._account_runs.build(self._prefetcher)
        self._resumer = Resumer(run, lambda line: self._account_runs.run_of(line).client, self._reattach)
        try:
            async with asyncio.TaskGroup() as self._jobs:
                self._record_invalid()
                await self._resume()
                self._after_deferral()
                await self._start_rows(rows, reader)
                if self._config.regenerate_on_fail:
                    await self._resubmit_rejected(read_rows, reader)
        finally:
            self._prefetcher.close()
            self._account_runs.close()

    async def _resubmit_rejected(self, read_rows: RowReader, reader: ThreadPoolExecutor) -> None:
        """Submit rows again whose files fail the media check, until no job is left."""
        loop = asyncio.get_running_loop()
        while keys := await self._run.to_resubmit.next():
            if reason := self._run.limiter.stopped:
                if reason is not StopReason.DEFERRED:
                    self._run.progress.skipped[reason] += len(keys)
                continue
            self._rows_read, began = False, loop.time()
            await self._start_rows(rows_of(keys, read_rows()), reader)
            self._run.to_resubmit.delay_after(loop.time() - began)

    def _after_deferral(self) -> None:
        """Start to check for deferrals, with the state of an earlier part of this try."""
        if self._config.deferred:
            self._check_failures()
        if self._config.state:
            self._account_runs.schedule.record_all(self._config.state.durations)
            self._check = DeferralCheck(self._run, self._config.state, self._account_runs)

    def _record_invalid(self) -> None:
        for key, error in self._run.preflight.invalid_rows.items():
            line = self._run.ledger.entries.get(key) or LedgerEntry(
                key, RowState.PENDING, self._run.preflight.numbers[key]
            )
            about = {"clear_count": self._config.clear_count, "airflow": self._config.airflow}
            self._record_failure(line.with_state(RowState.INVALID, error=error, **about))

    async def _resume(self) -> None:
        invalid = self._run.preflight.invalid_rows
        lines = [line for line in self._run.ledger.entries.values() if line.key not in invalid]
        await self._resumer.run(lines)

    def _reattach(self, line: LedgerEntry, task: KlingTask | None) -> None:
        self._account_runs.run_of(line).limiter.add_running()
        # A job that this try has submitted, or has attached to before, is not counted twice.
        self._run.progress.reattached += not self._config.deferred or task is not None
        if line.has_unknown_cost:
            self._run.budget.begin(line.key)
        self._start_task(self._follow(line, task))

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine that may end with a row to submit again."""
        self._run.to_resubmit.started()
        self._jobs.create_task(work).add_done_callback(lambda _: self._run.to_resubmit.ended())

    async def _start_rows(self, rows: Iterator[RequestRow], reader: ThreadPoolExecutor) -> None:
        """Start rows in order, a few ahead of the slots."""
        loop = asyncio.get_running_loop()
        remaining = self._without_stored(filter(self._needs_submission, rows), loop)
        try:
            while row := await loop.run_in_executor(reader, next, remaining, None):
                if self._run.limiter.stopped:
                    self._skip(row, self._run.limiter.stopped)
                    continue
                if self._config.state:
                    # The next worker would prepare the same rows again.
                    await self._run.limiter.wait_to_read(lambda: self._prefetcher.ahead)
                self._prefetcher.add(row)
                self._position = row.number
                self._start_task(self._submit(row))
                del row
                await self._prefetcher.wait_for_capacity()
                await self._account_runs.wait_for_capacity()
        except KlingError as error:
            # Rows that were read are valid: they are submitted, and running jobs are waited for.
            self._record_stop(error)
        self._rows_read = True

    def _without_stored(
        self, rows: Iterator[RequestRow], loop: asyncio.AbstractEventLoop
    ) -> Iterator[RequestRow]:
        """Remove the rows whose result is stored already, if results are re-used."""
        if self._config.index is None:
            return rows
        # The rows are read in a thread, and the ledger belongs to the loop.
        stored = StoredRows(
            self._run,
            self._config.index,
            lambda entry: loop.call_soon_threadsafe(self._run.writer.record, entry),
            lambda entry: loop.call_soon_threadsafe(self._record_failure, entry),
        )
        return stored.remaining(rows)

    def _needs_submission(self, row: RequestRow) -> bool:
        if row.key not in self._run.progress.present:
            # It is neither in the estimate nor known to be valid: the input has changed since the check.
            self.unchecked_rows += 1
            return False
        line = self._run.ledger.entries.get(row.key)
        return (
            line is None
            or line.state in (RowState.PENDING, RowState.INTENT)
            or row.key in self._resumer.may_exist
            or self._is_rechecked(line)
        )

    def _is_rechecked(self, line: LedgerEntry) -> bool:
        """Whether the stored files of a row's jobs, which tasks share, are checked again after a clear."""
        config = self._config
        cleared = line.clear_count < config.clear_count
        return config.scope is not None and line.state is RowState.REJECTED and cleared

    def _is_uncertain(self, row: RequestRow) -> bool:
        # A line that cannot be read may be of any row.
        return bool(self._run.ledger.damaged) or row.key in self._resumer.may_exist

    async def _submit(self, row: RequestRow) -> None:
        try:
            line, task = await self._account_runs.submit(
                row, self._run.entry_of, look_up=self._is_uncertain(row)
            )
        except SubmissionStopped as closed:
            self._run.budget.settle(row.key)
            self._skip(row, closed.reason)
        except RowRefused as refused:
            # Other rows may succeed, at another account or with other inputs.
            self._run.budget.settle(row.key)
            self._record_failure(entry_after_submit_error(self._run.entry_of(row), refused.error))
        except KlingJobUnseen as error:
            # Only this row is uncertain.
            self._run.budget.settle(row.key)
            self._record_failure(entry_after_submit_error(self._run.entry_of(row), error))
        except (KlingAccountError, KlingAuthError, KlingWaitInterrupted) as error:
            self._run.budget.settle(row.key)
            self._on_account_error(row, error)
        except Exception as error:
            self._run.budget.settle(row.key)
            self._log_unexpected(error, row.number, self._run.entry_of(row).external_task_id)
            self._record_failure(entry_after_submit_error(self._run.entry_of(row), error))
        else:
            self._account_runs.run_of(line).not_permitted = 0
            # In a task of its own: this one has the row, which may contain an image.
            self._start_task(self._follow(line, task))
        finally:
            await self._prefetcher.remove(row)

    def _on_account_error(self, row: RequestRow, error: KlingError) -> None:
        account_run = self._account_runs.all[0]
        account_run.not_permitted += error.code == NOT_PERMITTED
        if (
            error.code == NOT_PERMITTED
            and account_run.not_permitted < MAX_NOT_PERMITTED
            and not self._account_runs.several
        ):
            # Perhaps the account is fine and only this row's model is not permitted.
            self._record_failure(entry_after_submit_error(self._run.entry_of(row), error))
        else:
            self._stop_because(error)
            self._skip(row, StopReason.ACCOUNT)

    def _skip(self, row: RequestRow, reason: StopReason) -> None:
        self._first_skipped = min(self._first_skipped, row.number)
        # The next part of this try submits the rest.
        if reason is not StopReason.DEFERRED:
            self._run.progress.skipped[reason] += 1

    async def _follow(self, line: LedgerEntry, task: KlingTask | None) -> None:
        try:
            await self._account_runs.run_of(line).monitor.run_to_completion(line, task)
        except Exception as error:
            if isinstance(error, KlingAuthError | KlingWaitInterrupted):
                self._stop_because(error)
            self._log_unexpected(error, line.number, line.task_id)
            entry = entry_after_wait_error(self._run.writer.get(line.key) or line, error)
            if entry.state in TERMINAL_FAILURES:
                self._record_failure(entry)
            else:
                self._run.writer.record(entry)
                self._log_failure("Job %s: %s", line.task_id, error)
        finally:
            self._run.budget.settle(line.key)

    def _record_failure(self, line: LedgerEntry) -> None:
        """Record a failure; other rows continue."""
        self._run.writer.record(line)
        self._count_failure(line)
        error = line.error or ""
        # The check of all rows has named the row, with its line.
        self._log_failure("%s", error if error.startswith("Row ") else f"Row {line.number}: {error}")
        self._check_failures()

    def _check_failures(self) -> None:
        if self._config.max_failed is not None and self._run.progress.failed > self._config.max_failed:
            self._run.limiter.stop(StopReason.FAILURES)

    def _count_failure(self, line: LedgerEntry) -> None:
        name = "refusals" if line.state is RowState.REFUSED else "failures"
        model = (line.facts or {}).get("model_name")
        count(name, endpoint=self._config.endpoint, dialect=self._run.settings.dialect, model=model)

    def _log_failure(self, text: str, *values: object) -> None:
        self._logged_failures += 1
        level = logging.WARNING if self._logged_failures <= MAX_LOGGED_FAILURES else logging.DEBUG
        self._run.log.log(level, text, *values)

    def _log_unexpected(self, error: Exception, number: int, job: str | None) -> None:
        if not isinstance(error, KlingError):
            self._run.on_unexpected(error, number, job)

    def _stop_because(self, error: KlingError) -> None:
        self._record_stop(error)
        self._run.limiter.stop(StopReason.ACCOUNT)

    def _record_stop(self, error: KlingError) -> None:
        if not self.stopped_by:
            self.stopped_by = error
            self._run.log.error("No more jobs are submitted: %s", error)
