# SPDX-License-Identifier: Apache-2.0
"""One try of a batch in an Airflow task: check the rows, run them, report, and decide on success."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..api.pricing import unit_type
from ..exceptions import JobState, KlingError, KlingSubmissionUnknown
from ..inputs.prepared_request import parse_units
from ..submission.runner import can_look_up
from ..utils.redaction import redact_text
from ..utils.storage import StoragePermanentError, StorageTransientError, resolve_path
from .batch_run import BatchRun
from .config import LEDGER_FOLDER, BatchConfig, Reuse, batch_name
from .contact_sheet import write_contact_sheet
from .context import BatchAccount, RunContext
from .ledger import Ledger
from .ledger_entry import RowState
from .limiter import StopReason
from .loop_thread import LoopThread
from .outcome import batch_error
from .preflight import (
    AllKeys,
    PreflightResult,
    first_pending_row,
    have_rows_changed,
    preflight,
    rows_in_ledger,
    state_with_rows,
)
from .progress import Progress, failure_limit
from .report import ReportFolder, ReportWriter

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..budget import RunBudget
    from ..hooks.connection import KlingSettings
    from ..submission.context import IdempotencyKey
    from .config import Shard
    from .context import DeadlineFor, StoreResult
    from .deferral import Deferral, DeferralState
    from .input import RowReader

MAX_LOGGED_JOBS = 10
"""Jobs that the log names when the task is stopped while they run."""

_RUNNING = (RowState.SUBMITTED, RowState.INTENT)


class BatchRunner:
    """One try of one batch.

    :param settings: the checked connection.
    :param endpoint: endpoint of all rows.
    :param key: idempotency key of the batch.
    :param clear_count: which clear of the task this is; 0 before the first.
    :param output_path: folder of results, ledger and reports.
    :param read_rows: reads the rows; may be called several times.
    :param on_no_rows: called if there are no rows: before anything else, or with ``True`` after the jobs of
        an earlier try are stored. Raises if that is an error.
    :param store_result: stores the files of a job.
    :param deadline_for: returns the deadline of a job.
    :param log: log of the task.
    :param airflow: the task instance that runs it, as in a manifest.
    :param shared: limit that the batch shares with other tasks.
    :param shard: the part of the rows that it takes; ``None`` for all.
    :param reuse: which jobs count as the same.
    :param return_refused: refused rows count as results, not as failures.
    :param fallback_accounts: further accounts.
    :param spread: how rows are spread over the accounts.
    :param regenerate_on_fail: further jobs of a row whose files fail the media check, at most.
    """

    def __init__(
        self,
        *,
        settings: KlingSettings,
        endpoint: Endpoint,
        key: IdempotencyKey,
        clear_count: int,
        output_path: Any,
        read_rows: RowReader,
        on_no_rows: Callable[[bool], None],
        store_result: StoreResult,
        deadline_for: DeadlineFor,
        log: logging.Logger,
        airflow: Mapping[str, Any] | None = None,
        shared: RunBudget | None = None,
        shard: Shard | None = None,
        reuse: Reuse | None = None,
        return_refused: bool = False,
        fallback_accounts: Sequence[BatchAccount] = (),
        spread: str = "in_order",
        regenerate_on_fail: int = 0,
    ) -> None:
        own = settings.conn_id if fallback_accounts else None
        self._accounts = (BatchAccount(own, settings, store_result), *fallback_accounts)
        self._spread = spread
        self._regenerate_on_fail = regenerate_on_fail
        self._shard = shard
        self._reuse = reuse or Reuse()
        self._return_refused = return_refused
        self._airflow = airflow
        self._shared = shared
        self._settings = settings
        self._endpoint = endpoint
        self._key = key
        self._clear_count = clear_count
        self._read_rows = shard.reader(read_rows) if shard else read_rows
        self._on_no_rows = on_no_rows
        self._deadline_for = deadline_for
        self._log = log
        folder = resolve_path(output_path)
        name = batch_name(key, endpoint.slug, self._reuse.take)
        part = shard.index if shard else key.map_index
        default_folder = folder.child(f"part-{part:04d}") if part >= 0 else folder
        self._reports = ReportFolder(default_folder, key, name)
        if shard:
            # The external id does not depend on the part of a row: the number of parts may change.
            self._key = replace(key, map_index=-1)
        self._ledger = Ledger(folder.child(f"{LEDGER_FOLDER}/{name}"))
        self._killed = False
        self._position = 0
        self._rows_from_ledger = False
        self._thread: LoopThread | None = None
        self.progress = Progress(0, ())

    def prepare(
        self,
        *,
        concurrency: int,
        poll_interval: float,
        max_units: Any,
        max_failed: float | None,
        fail_on_invalid: bool,
        extra_body: Mapping[str, Any] | None,
        state: DeferralState | None = None,
        deferred: bool = False,
        expected_seconds: Decimal | None = None,
    ) -> None:
        """Check all rows and log their estimate, before anything is paid.

        :param concurrency: most jobs that run at once.
        :param poll_interval: seconds between polls of a job.
        :param max_units: budget of all tries.
        :param max_failed: a count, or a share below 1 of all rows; ``None`` for never stopping.
        :param fail_on_invalid: submit nothing if a row cannot be sent.
        :param extra_body: further JSON keys of every request.
        :param state: state of the try across deferrals; ``None`` to hold the worker while jobs run.
        :param deferred: an earlier part of this try has deferred the task.
        :param expected_seconds: length that prices rows whose length is not in their request.
        :raises KlingRequestInvalid: names the rows that cannot be sent.
        """
        budget = parse_units("max_units", max_units)
        if not self._lookup_decides:
            self._ledger.claim()
        self._ledger.load()
        self._ledger.compact()
        if self._ledger.damaged:
            self._check_damaged()
        entries = self._ledger.entries
        self._rows_from_ledger = bool(state and state.rows)
        if state and state.rows:
            checked, rows = rows_in_ledger(entries, Decimal(state.estimate or 0), state.unpriced), state.rows
            self._position = first_pending_row(entries, state.position)
        else:
            checked = preflight(
                self._endpoint,
                self._read_rows(),
                entries,
                extra_body,
                allow_external_ids=self._reuse.scope is None,
                expected_seconds=expected_seconds,
            )
            rows = len(checked.numbers)
            state = state and state_with_rows(state, checked, entries)
        self._checked = checked
        if not rows and not entries:
            self._on_no_rows(False)
        if fail_on_invalid:
            checked.raise_on_invalid()
        max_failed_rows = failure_limit(max_failed, rows)
        self._allowed_failures = max_failed_rows or 0
        unit = unit_type(self._endpoint)
        present = AllKeys() if self._rows_from_ledger else checked.numbers.keys()
        self.progress = Progress(
            rows, present, checked.estimate, checked.unpriced, unit, fail_refused=not self._return_refused
        )
        if state:
            counts = self.progress
            counts.submitted, counts.reattached, counts.ended = state.submitted, state.reattached, state.ended
        config = BatchConfig(
            endpoint=self._endpoint,
            key=self._key,
            clear_count=self._clear_count,
            concurrency=self._shard.slots(concurrency) if self._shard else concurrency,
            poll_interval=poll_interval,
            max_units=budget,
            max_failed=max_failed_rows,
            extra_body=extra_body,
            expected_seconds=expected_seconds,
            airflow=self._airflow,
            shared=self._shared,
            state=state,
            deferred=deferred,
            scope=self._reuse.scope,
            take=self._reuse.take,
            index=self._reuse.index,
            check=self._reuse.check,
            return_refused=self._return_refused,
            spread=self._spread,
            regenerate_on_fail=self._regenerate_on_fail,
        )
        self._context = RunContext(
            config=config,
            accounts=self._accounts,
            ledger=self._ledger,
            progress=self.progress,
            preflight=checked,
            deadline_for=self._deadline_for,
            log=self._log,
            unexpected=state.unexpected if state else "",
        )
        self._run = BatchRun(self._context)
        if not deferred:
            self._log_plan(checked, budget)
        if not self._reports.claim():
            self._log_own_folder()

    def _log_own_folder(self) -> None:
        self._log.warning(
            "The reports of this task go to %s: another task or run has its reports at output_path",
            redact_text(self._reports.location.uri),
        )

    def _check_damaged(self) -> None:
        """Look up every row's job before it is submitted, or stop if there is no look-up."""
        where = ", ".join(self._ledger.damaged[:MAX_LOGGED_JOBS])
        if self._lookup_decides:
            self._log.warning(
                "Damaged ledger lines: %s. Each row's job is looked up before one is made", where
            )
            return
        raise KlingSubmissionUnknown(
            f"Damaged ledger lines: {where}. Restore the file or remove the lines, and clear this task: they "
            "may be of paid jobs, and this host or endpoint has no sure look-up by external_task_id.",
            job=JobState.MAY_EXIST,
        )

    def overview(self) -> dict[str, Any]:
        """Return what the preview needs to find the batch and to show its progress.

        :return: ``endpoint``, ``generation`` of the batch's name, ``rows``, ``unit``, ``units_estimated`` of
            all rows and ``ledger_path``.
        """
        known = self.progress.to_json()
        return {
            "endpoint": self._endpoint.slug,
            "generation": self._key.clear_count,
            **{name: known[name] for name in ("rows", "unit", "units_estimated")},
            "ledger_path": self._ledger.folder.uri,
        }

    def run(self, every: float, report: Callable[[], None]) -> None:
        """Run the rows that are left.

        :param every: seconds between calls of ``report``.
        :param report: called regularly while the batch runs.
        """
        rows = self._read_rows
        self._thread = LoopThread(lambda: self._run.run(rows(self._position), rows), self._run.stop)
        if self._killed:
            self._run.stop()
        try:
            self._thread.run(every, lambda: self._report_progress(report))
        except ExceptionGroup as group:
            raise KlingError(
                f"{self._context.unexpected or 'The batch ended with an unexpected error'}: "
                f"{type(group.exceptions[0]).__name__}. See the log; a retry continues from there.",
                job=JobState.MAY_EXIST,
            ) from group

    @property
    def deferral(self) -> Deferral | None:
        """Return the wait in the triggerer; ``None`` when the batch has ended."""
        return None if self._killed else self._run.deferral

    def _report_progress(self, report: Callable[[], None]) -> None:
        report()
        try:
            self._reports.renew()
        except (StorageTransientError, StoragePermanentError) as error:
            # No job depends on it: at worst another run writes its reports to the same folder.
            self._log.info("The claim of the report folder could not be renewed: %s", error)

    def kill(self) -> None:
        """End within a few seconds, with the ledger written, and log the running jobs.

        Signal handlers may call it.
        """
        self._killed = True
        if self._thread is None:
            return
        self._thread.stop()
        running = [line for line in list(self._ledger.entries.values()) if line.state in _RUNNING]
        named = ", ".join(str(line.task_id or line.external_task_id) for line in running[:MAX_LOGGED_JOBS])
        self._log.warning(
            "Stopped. Kling cannot cancel jobs: %d continue and may be charged%s. A retry of this task %s "
            "them%s. %s lines of the ledger in %s are not written",
            len(running),
            f" ({named}{', ...' if len(running) > MAX_LOGGED_JOBS else ''})" if named else "",
            *(("asks again for", ", charged again") if self._endpoint.synchronous else ("attaches to", "")),
            self._ledger.pending or "No",
            redact_text(self._ledger.folder.uri),
        )

    def finish(self, *, contact_sheet: bool) -> dict[str, Any]:
        """Write the reports and return the summary.

        :param contact_sheet: write a contact sheet.
        :return: the summary, as JSON.
        :raises KlingError: the batch has failed, or is not complete.
        """
        reason = self._run.reason
        summary: dict[str, Any] = {"endpoint": self._endpoint.slug, **self.progress.to_json()}
        if reason not in (StopReason.KILLED, StopReason.TAKEN_OVER):
            summary |= self._report(summary, contact_sheet)
        self._release()
        error = batch_error(
            self.progress,
            self._allowed_failures,
            reason,
            self._run.stopped_by,
            summary.get("summary_path"),
            unexpected=self._context.unexpected,
            looks_up_unknown=self._looks_up_unknown,
            rows_changed=self._run.unchecked_rows > 0
            or have_rows_changed(self._context.config.state, self._ledger.entries),
        )
        self._log.info("%s", summary)
        if error:
            raise error
        if not self.progress.rows and self._ledger.entries:
            self._on_no_rows(True)
        return summary

    @property
    def _lookup_decides(self) -> bool:
        """Whether a look-up can find a row's job, and proves that there is none if it finds nothing."""
        dialect = self._settings.dialect
        proves = dialect.refuses_duplicates and self._endpoint.absence_proves
        return proves and can_look_up(self._endpoint, dialect.supports_lookup)

    @property
    def _looks_up_unknown(self) -> bool:
        """Whether a retry looks for jobs that this host may find only later."""
        dialect = self._settings.dialect
        unsure = not (dialect.refuses_duplicates and self._endpoint.absence_proves)
        return can_look_up(self._endpoint, dialect.supports_lookup) and (unsure or len(self._accounts) > 1)

    def _report(self, summary: Mapping[str, Any], contact_sheet: bool) -> dict[str, Any]:
        if not self._reports.confirm():
            self._log_own_folder()
        folder = self._reports.location
        entries = self._ledger.entries
        if self._rows_from_ledger:
            self._checked = rows_in_ledger(entries, self._checked.estimate, self._checked.unpriced)
        written: dict[str, Any] = {"ledger_path": self._ledger.folder.uri}
        with self._ledger.archived() as lines:
            report = ReportWriter(folder, entries, self._checked.numbers, self._endpoint.slug, lines.whole)
            written |= report.write_results() | report.write_failures(self._read_rows)
            if contact_sheet and (sheet := write_contact_sheet(folder, report.done())):
                written["contact_sheet_path"] = sheet
        written["summary_path"] = report.summary_path
        written["task"] = self._reports.task
        # Shows the preview which task instance the files next to it belong to.
        about = {"airflow": dict(self._airflow)} if self._airflow else {}
        report.write_summary({**summary, **written, **about})
        return written

    def _release(self) -> None:
        try:
            self._reports.release()
        except (StorageTransientError, StoragePermanentError) as error:
            self._log.warning("The claim of the report folder could not be released: %s", error)

    def _log_plan(self, checked: PreflightResult, budget: Decimal | None) -> None:
        known = sum(key in self._ledger.entries for key in checked.numbers)
        own_prices = self._settings.dialect.name == "kling"
        plan = checked.plan_text(known, self.progress.unit, own_prices=own_prices)
        self._log.info("%s. Ledger: %s", plan, redact_text(self._ledger.folder.uri))
        if budget is not None and checked.estimate > budget:
            self._log.warning("max_units=%s is below the estimate: not all rows will be submitted", budget)
