# SPDX-License-Identifier: Apache-2.0
"""Submits a row's job once: within the budget, in a free slot, after its line is in the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..exceptions import (
    JobState,
    KlingBudgetSpent,
    KlingError,
    KlingRateLimited,
    KlingServerError,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
)
from ..metrics import count, duration
from ..results.job_origin import CONNECTION_FACT, REUSED_FACT, origin_of, scope_facts
from ..submission.context import SubmissionContext, SubmittedTask
from ..submission.runner import arun_flow
from ..submission.shared_jobs import UNCERTAIN_ORIGIN
from ..submission.submit import find_existing, submit_or_attach
from .circuit_breaker import CircuitBreaker, FailureCause
from .context import RunContext
from .input import RequestRow
from .ledger_entry import LedgerEntry, RowState, request_summary
from .limiter import StopReason, SubmissionStopped
from .prefetch import RequestPrefetcher

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..inputs.prepared_request import PreparedRequest
    from .accounts import AccountRun

SETTLE_SECONDS = 0.1
"""Seconds between checks of whether a job of unknown cost has ended; until then no limit can be checked."""

MAX_UNKNOWN_OUTCOMES = 5
"""Unknown outcomes in a row after which the batch stops submitting."""


@dataclass(slots=True)
class _RowSubmission:
    """One row that is being submitted.

    :param line: the row's line to restore if no job is created.
    :param facts: the manifest's part about the inputs, whichever try writes it.
    :param look_up: a job with this external id may exist.
    :param reserved: name of the job for which the shared budget has a reservation.
    :param waiting_since: when Kling first had no slot for it, on the loop's clock.
    """

    row: RequestRow
    request: PreparedRequest
    line: LedgerEntry
    facts: Mapping[str, Any]
    cost: Decimal | None
    look_up: bool
    first_failure_at: float = 0.0
    failures: int = 0
    waiting_since: float = 0.0
    reserved: str = ""


class Submitter:
    """Submits rows as jobs of one account.

    :param run: the run.
    :param account_run: the account.
    :param prefetcher: prepares the requests of rows.
    """

    def __init__(self, run: RunContext, account_run: AccountRun, prefetcher: RequestPrefetcher) -> None:
        self._run = run
        self._account_run = account_run
        self._prefetcher = prefetcher
        self._outage = CircuitBreaker()
        self._unknown_outcomes = 0
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._uncertain: set[str] = set()
        self._payers: dict[str, str] | None = None
        self._has_warned = False

    async def submit(
        self, row: RequestRow, line: LedgerEntry, *, look_up: bool
    ) -> tuple[LedgerEntry, KlingTask]:
        """Submit a row's job, again while Kling has no free slot.

        :param row: the row.
        :param line: the row's line.
        :param look_up: an earlier try may have submitted it.
        :return: the row's new line, and the job as Kling first showed it.
        :raises SubmissionStopped: no more jobs are submitted.
        :raises KlingError: this row's job was not made, or its outcome is unknown.
        """
        async with self._prefetcher.prepared(row) as request:
            cost = self._run.budget.expected_cost(request.estimate)
            facts = {
                **request.metadata(),
                **scope_facts(
                    "inputs" if self._account_run.config.scope else "run",
                    self._account_run.config.take_of(line),
                ),
            }
            if self._account_run.account.conn_id:
                facts[CONNECTION_FACT] = self._account_run.account.conn_id
            row_submission = _RowSubmission(row, request, line, facts, cost, look_up)
            try:
                while True:
                    await self._account_run.limiter.acquire()
                    if submission := await self._attempt(row_submission):
                        return self._record_submitted(row_submission, submission), submission.task
            except Exception as error:
                await self._release_reservation(row_submission, error)
                raise
            finally:
                self._uncertain.discard(row.key)

    async def has_job(self, row: RequestRow, line: LedgerEntry) -> bool:
        """Look up whether the account has the job of a row, without submitting one.

        :param row: the row.
        :param line: the row's line.
        :return: whether it has a job that has not failed.
        :raises KlingError: the look-up fails.
        """
        async with self._prefetcher.prepared(row) as request:
            known = self._submission_context(_RowSubmission(row, request, line, {}, None, look_up=True))
            found = await arun_flow(
                find_existing(known), self._account_run.client, self._account_run.config.endpoint, {}
            )
        return found is not None

    @property
    def is_settled(self) -> bool:
        """Whether no create call is in progress, and none has an unknown outcome."""
        return not self._calls and not self._uncertain

    async def idle(self) -> None:
        """Wait until no create call is in progress."""
        await self._idle.wait()

    async def _attempt(self, row_submission: _RowSubmission) -> SubmittedTask | None:
        """Submit once, in a slot; ``None`` to try again, with the slot released."""
        try:
            submission = await self._call(row_submission)
        except KlingSlotsTaken as error:
            self._account_run.limiter.on_slots_full(error.retry_after)
            self._on_slots_full(row_submission, error)
        except KlingRateLimited as error:
            self._account_run.limiter.on_throttled(error.retry_after)
            self._on_slots_full(row_submission, error)
        except KlingSubmissionUnknown as error:
            self._account_run.limiter.on_throttled(error.retry_after)
            self._on_unknown_outcome()
            raise
        except KlingServerError as error:
            self._account_run.limiter.on_throttled(error.retry_after)
            self._on_server_error(row_submission, error)
        except BaseException as error:
            self._account_run.limiter.release()
            self._roll_back(row_submission, error)
            raise
        else:
            self._unknown_outcomes = 0
            self._outage.on_success(_now())
            self._account_run.limiter.on_accepted()
            return submission
        return None

    def _tags(self, row_submission: _RowSubmission) -> dict[str, Any]:
        model = getattr(row_submission.request.request, "model_name", None)
        return {
            "endpoint": self._account_run.config.endpoint,
            "dialect": self._account_run.client.settings.dialect,
            "model": model,
        }

    async def _call(self, row_submission: _RowSubmission) -> SubmittedTask:
        async def record_intent(name: str) -> None:
            await self._record_intent(row_submission, name)

        known = self._submission_context(row_submission)
        self._calls += 1
        self._idle.clear()
        try:
            return await arun_flow(
                submit_or_attach(known),
                self._account_run.client,
                self._account_run.config.endpoint,
                row_submission.request.body,
                record_intent,
            )
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    def _submission_context(self, row_submission: _RowSubmission) -> SubmissionContext:
        config, shared = self._account_run.config, self._account_run.config.scope is not None
        unique = config.proves_absence(self._account_run.client.settings.dialect)
        # An existing job costs nothing, so no limit may prevent a row from attaching to it.
        limited = config.max_units is not None or config.shared is not None
        return SubmissionContext(
            key=config.job_key(row_submission.row, row_submission.line, row_submission.request.fingerprint),
            can_look_up=self._run.can_look_up,
            is_retry=row_submission.look_up,
            synchronous=config.endpoint.synchronous,
            refuses_duplicates=unique,
            earlier_tries=int(row_submission.look_up) if shared else 1,
            resubmit_expired=shared,
            look_up_first=shared and self._run.can_look_up and (limited or not unique),
            return_refused=config.return_refused,
        )

    async def _record_intent(self, row_submission: _RowSubmission, name: str) -> None:
        """Record the submission in the ledger, and check the limits."""
        earlier = self._run.writer.get(row_submission.row.key)
        if earlier and earlier.state is RowState.INTENT and earlier.external_task_id == name:
            await self._run.writer.check_ownership()
            return
        await self._check_limits(row_submission)
        await self._reserve(row_submission, name)
        # Other rows may have used the rest of the batch's own limit meanwhile.
        await self._check_limits(row_submission)
        if row_submission.cost is None:
            self._run.budget.begin(row_submission.row.key)
        self._run.writer.record(
            row_submission.line.with_state(
                RowState.INTENT,
                number=row_submission.row.number,
                clear_count=self._account_run.config.clear_count,
                external_task_id=name,
                task_id=None,
                kling_conn_id=self._account_run.account.conn_id,
                estimate=None if row_submission.cost is None else str(row_submission.cost),
                units=None,
                error=None,
                facts=row_submission.facts,
                **request_summary(row_submission.facts),
            )
        )
        await self._run.writer.wait_flushed()
        await self._run.writer.check_ownership()

    async def _check_limits(self, row_submission: _RowSubmission) -> None:
        """Check the batch's own limit. It is valid until the next ``await``."""
        while self._run.budget.unsettled:
            self._account_run.limiter.raise_if_stopped()
            await asyncio.sleep(SETTLE_SECONDS)
        self._account_run.limiter.raise_if_stopped()
        row_submission.cost = self._run.budget.expected_cost(row_submission.request.estimate)
        if not self._run.budget.can_afford(row_submission.cost):
            self._account_run.limiter.stop(StopReason.BUDGET)
            raise SubmissionStopped(StopReason.BUDGET)

    async def _reserve(self, row_submission: _RowSubmission, name: str) -> None:
        """Reserve in the budget that is shared with other tasks, where there is one."""
        if self._account_run.config.shared is None:
            return
        try:
            await asyncio.to_thread(self._account_run.config.shared.reserve, name, row_submission.cost)
        except KlingBudgetSpent:
            self._account_run.limiter.stop(StopReason.BUDGET)
            raise SubmissionStopped(StopReason.BUDGET) from None
        row_submission.reserved = name

    async def _release_reservation(self, row_submission: _RowSubmission, error: BaseException) -> None:
        # A stop says nothing of a create call before it whose outcome is unknown: its job may be paid.
        not_created = (
            row_submission.row.key not in self._uncertain
            if isinstance(error, SubmissionStopped)
            else getattr(error, "job", None) is JobState.NOT_CREATED
        )
        if not_created and row_submission.reserved and self._account_run.config.shared:
            await asyncio.to_thread(
                self._account_run.config.shared.settle, row_submission.reserved, Decimal(0)
            )

    def _record_submitted(self, row_submission: _RowSubmission, submission: SubmittedTask) -> LedgerEntry:
        task = submission.task
        if submission.reused or self._is_paid_by_another_row(row_submission.row.key, task.task_id):
            row_submission.cost = Decimal(0)
            row_submission.facts = {**row_submission.facts, REUSED_FACT: origin_of(task.task_id)}
        elif submission.uncertain_origin and not self._has_warned:
            # One warning: a retry of a killed batch finds many jobs so.
            self._has_warned = True
            self._run.log.warning(UNCERTAIN_ORIGIN, task.task_id)
        self._run.progress.reattached += submission.reattached
        self._run.progress.submitted += not submission.reattached
        count("attached" if submission.reattached else "submitted", **self._tags(row_submission))
        if row_submission.waiting_since:
            duration("slot_wait", _now() - row_submission.waiting_since, **self._tags(row_submission))
        return self._run.writer.record(
            row_submission.line.with_state(
                RowState.SUBMITTED,
                number=row_submission.row.number,
                attempt=row_submission.line.attempt + submission.failed_attempts,
                clear_count=self._account_run.config.clear_count,
                external_task_id=submission.external_task_id,
                task_id=task.task_id,
                kling_conn_id=self._account_run.account.conn_id,
                submitted_at=task.created_at or round(time.time() * 1000),
                estimate=None if row_submission.cost is None else str(row_submission.cost),
                units=None,
                error=None,
                facts=row_submission.facts,
                **request_summary(row_submission.facts),
            )
        )

    def _is_paid_by_another_row(self, key: str, task_id: str) -> bool:
        """Whether a job is that of an equal row: a row whose create call got no answer takes it for its own.

        Only with ``idempotency_scope="inputs"`` have equal rows one job.
        """
        if not self._account_run.config.scope:
            return False
        if self._payers is None:
            self._payers = {
                entry.task_id: entry.key
                for entry in self._run.ledger.entries.values()
                if entry.task_id and not _is_reused(entry)
            }
        return self._payers.setdefault(task_id, key) != key

    def _roll_back(self, row_submission: _RowSubmission, error: BaseException) -> None:
        """Restore the line of the row if it is certain that no job was created."""
        not_created = (
            isinstance(error, SubmissionStopped) or getattr(error, "job", None) is JobState.NOT_CREATED
        )
        if not_created and self._run.writer.get(row_submission.row.key) not in (None, row_submission.line):
            self._run.writer.record(row_submission.line)

    def _on_slots_full(self, row_submission: _RowSubmission, error: KlingError) -> None:
        row_submission.waiting_since = row_submission.waiting_since or _now()
        count("slot_refusals", **self._tags(row_submission))
        if error.job is not JobState.MAY_EXIST:
            self._roll_back(row_submission, error)
            return
        # The outcome of an earlier create call is unknown: its job is looked up first.
        self._uncertain.add(row_submission.row.key)
        row_submission.look_up = row_submission.look_up or self._run.can_look_up
        row_submission.line = self._run.writer.get(row_submission.row.key) or row_submission.line

    def _on_server_error(self, row_submission: _RowSubmission, error: KlingError) -> None:
        row_submission.failures += 1
        row_submission.first_failure_at = row_submission.first_failure_at or _now()
        not_created = error.job is JobState.NOT_CREATED
        # If a look-up that finds nothing proves nothing, only uncertain jobs are looked up.
        look_up = self._run.can_look_up and not (
            not_created
            and not self._account_run.config.proves_absence(self._account_run.client.settings.dialect)
        )
        row_submission.look_up = row_submission.look_up or look_up
        if not_created:
            self._roll_back(row_submission, error)
        else:
            # From now on only the state "planned" is certain.
            self._uncertain.add(row_submission.row.key)
            row_submission.line = self._run.writer.get(row_submission.row.key) or row_submission.line
        cause = self._outage.on_failure(row_submission.first_failure_at, row_submission.failures, _now())
        if cause is FailureCause.ROW:
            raise error
        if cause is FailureCause.SERVICE:
            self._account_run.limiter.stop(StopReason.OUTAGE)
            self._account_run.limiter.raise_if_stopped()

    def _on_unknown_outcome(self) -> None:
        self._unknown_outcomes += 1
        if self._unknown_outcomes >= MAX_UNKNOWN_OUTCOMES:
            self._account_run.limiter.stop(StopReason.OUTAGE)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _is_reused(entry: LedgerEntry) -> bool:
    return entry.is_reused or REUSED_FACT in (entry.facts or {})
