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
from ..results.job_facts import CONNECTION_FACT, REUSED_FACT, origin_of, scope_facts
from ..submission.context import SubmissionContext, SubmittedTask
from ..submission.runner import arun_flow
from ..submission.submit import find_existing, submit_or_attach
from .context import RunContext
from .input import RequestRow
from .ledger_entry import LedgerEntry, RowState, request_summary
from .limiter import StopReason, SubmissionStopped
from .outage import CircuitBreaker, FailureCause
from .prefetch import RequestPrefetcher

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..inputs.prepared_request import PreparedRequest
    from .accounts import Lane

SETTLE_SECONDS = 0.1
"""Seconds between checks of whether a job of unknown cost has ended; until then no limit can be checked."""

MAX_UNKNOWN_OUTCOMES = 5
"""Unknown outcomes in a row after which the batch stops submitting."""


@dataclass(slots=True)
class _RowSubmission:
    """One row that is being submitted.

    :param line: the row's line to restore if no job is created.
    :param facts: the manifest's part about the inputs, whichever try writes it.
    :param ask_first: a job with this external id may exist.
    :param reserved: name of the job for which the shared budget has a reservation.
    :param refused_at: when Kling first had no slot for it, on the loop's clock.
    """

    row: RequestRow
    request: PreparedRequest
    line: LedgerEntry
    facts: Mapping[str, Any]
    cost: Decimal | None
    ask_first: bool
    first_trouble: float = 0.0
    troubles: int = 0
    refused_at: float = 0.0
    reserved: str = ""


class Submitter:
    """Submits rows as jobs of one account.

    :param run: the run.
    :param lane: the account.
    :param prefetcher: prepares the requests of rows.
    """

    def __init__(self, run: RunContext, lane: Lane, prefetcher: RequestPrefetcher) -> None:
        self._run = run
        self._lane = lane
        self._prefetcher = prefetcher
        self._outage = CircuitBreaker()
        self._unknown = 0
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._uncertain: set[str] = set()

    async def submit(
        self, row: RequestRow, line: LedgerEntry, *, ask_first: bool
    ) -> tuple[LedgerEntry, KlingTask]:
        """Submit a row's job, again while Kling has no free slot.

        :param row: the row.
        :param line: the row's line.
        :param ask_first: an earlier try may have submitted it.
        :return: the row's new line, and the job as Kling first showed it.
        :raises SubmissionStopped: no more jobs are submitted.
        :raises KlingError: this row's job was not made, or its outcome is unknown.
        """
        async with self._prefetcher.prepared(row) as request:
            cost = self._run.budget.expected(request.estimate)
            facts = {
                **request.metadata(),
                **scope_facts(
                    "inputs" if self._lane.config.scope else "run", self._lane.config.take_of(line)
                ),
            }
            if self._lane.account.conn_id:
                facts[CONNECTION_FACT] = self._lane.account.conn_id
            attempt = _RowSubmission(row, request, line, facts, cost, ask_first)
            try:
                while True:
                    await self._lane.limiter.acquire()
                    if submission := await self._try(attempt):
                        return self._record_submitted(attempt, submission), submission.task
            except Exception as error:
                await self._release_reservation(attempt, error)
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
            known = self._submission_context(_RowSubmission(row, request, line, {}, None, ask_first=True))
            found = await arun_flow(find_existing(known), self._lane.client, self._lane.config.endpoint, {})
        return found is not None

    @property
    def is_settled(self) -> bool:
        """Whether no create call is in progress, and none has an unknown outcome."""
        return not self._calls and not self._uncertain

    async def idle(self) -> None:
        """Wait until no create call is in progress."""
        await self._idle.wait()

    async def _try(self, attempt: _RowSubmission) -> SubmittedTask | None:
        """Submit once, in a slot; ``None`` to try again, with the slot released."""
        try:
            submission = await self._call(attempt)
        except KlingSlotsTaken as full:
            self._lane.limiter.on_slots_full(full.retry_after)
            self._on_full(attempt, full)
        except KlingRateLimited as fast:
            self._lane.limiter.on_throttled(fast.retry_after)
            self._on_full(attempt, fast)
        except KlingSubmissionUnknown as unknown:
            self._lane.limiter.on_throttled(unknown.retry_after)
            self._on_unknown()
            raise
        except KlingServerError as trouble:
            self._lane.limiter.on_throttled(trouble.retry_after)
            self._on_trouble(attempt, trouble)
        except BaseException as error:
            self._lane.limiter.release()
            self._roll_back(attempt, error)
            raise
        else:
            self._unknown = 0
            self._outage.on_success(_now())
            self._lane.limiter.on_accepted()
            return submission
        return None

    def _tags(self, attempt: _RowSubmission) -> dict[str, Any]:
        model = getattr(attempt.request.request, "model_name", None)
        return {
            "endpoint": self._lane.config.endpoint,
            "dialect": self._lane.client.settings.dialect,
            "model": model,
        }

    async def _call(self, attempt: _RowSubmission) -> SubmittedTask:
        async def record_intent(name: str) -> None:
            await self._record_intent(attempt, name)

        known = self._submission_context(attempt)
        self._calls += 1
        self._idle.clear()
        try:
            return await arun_flow(
                submit_or_attach(known),
                self._lane.client,
                self._lane.config.endpoint,
                attempt.request.body,
                record_intent,
            )
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    def _submission_context(self, attempt: _RowSubmission) -> SubmissionContext:
        config, shared = self._lane.config, self._lane.config.scope is not None
        unique = config.proves_absence(self._lane.client.settings.dialect)
        # An existing job costs nothing, so no limit may prevent a row from attaching to it.
        limited = config.max_units is not None or config.shared is not None
        return SubmissionContext(
            key=config.job_key(attempt.row, attempt.line, attempt.request.fingerprint),
            can_look_up=self._run.can_look_up,
            is_retry=attempt.ask_first,
            synchronous=config.endpoint.synchronous,
            refuses_duplicates=unique,
            earlier_tries=int(attempt.ask_first) if shared else 1,
            resubmit_expired=shared,
            look_up_first=shared and self._run.can_look_up and (limited or not unique),
            return_refused=config.return_refused,
        )

    async def _record_intent(self, attempt: _RowSubmission, name: str) -> None:
        """Record the submission in the ledger, and check the limits."""
        earlier = self._run.writer.get(attempt.row.key)
        if earlier and earlier.state is RowState.PLANNED and earlier.external_task_id == name:
            await self._run.writer.still_ours()
            return
        await self._check_limits(attempt)
        await self._reserve(attempt, name)
        # Other rows may have used the rest of the batch's own limit meanwhile.
        await self._check_limits(attempt)
        if attempt.cost is None:
            self._run.budget.begin(attempt.row.key)
        self._run.writer.note(
            attempt.line.to(
                RowState.PLANNED,
                number=attempt.row.number,
                generation=self._lane.config.clear_count,
                external_task_id=name,
                task_id=None,
                kling_conn_id=self._lane.account.conn_id,
                estimate=None if attempt.cost is None else str(attempt.cost),
                units=None,
                error=None,
                facts=attempt.facts,
                **request_summary(attempt.facts),
            )
        )
        await self._run.writer.written()
        await self._run.writer.still_ours()

    async def _check_limits(self, attempt: _RowSubmission) -> None:
        """Check the batch's own limit. It is valid until the next ``await``."""
        while self._run.budget.unsettled:
            self._lane.limiter.raise_if_stopped()
            await asyncio.sleep(SETTLE_SECONDS)
        self._lane.limiter.raise_if_stopped()
        attempt.cost = self._run.budget.expected(attempt.request.estimate)
        if not self._run.budget.allows(attempt.cost):
            self._lane.limiter.stop(StopReason.BUDGET)
            raise SubmissionStopped(StopReason.BUDGET)

    async def _reserve(self, attempt: _RowSubmission, name: str) -> None:
        """Reserve in the budget that is shared with other tasks, where there is one."""
        if self._lane.config.shared is None:
            return
        try:
            await asyncio.to_thread(self._lane.config.shared.reserve, name, attempt.cost)
        except KlingBudgetSpent:
            self._lane.limiter.stop(StopReason.BUDGET)
            raise SubmissionStopped(StopReason.BUDGET) from None
        attempt.reserved = name

    async def _release_reservation(self, attempt: _RowSubmission, error: BaseException) -> None:
        certain = isinstance(error, SubmissionStopped) or getattr(error, "job", None) is JobState.NOT_CREATED
        if certain and attempt.reserved and self._lane.config.shared:
            await asyncio.to_thread(self._lane.config.shared.settle, attempt.reserved, Decimal(0))

    def _record_submitted(self, attempt: _RowSubmission, submission: SubmittedTask) -> LedgerEntry:
        task = submission.task
        if submission.reused:
            attempt.cost = Decimal(0)
            attempt.facts = {**attempt.facts, REUSED_FACT: origin_of(task.task_id)}
        self._run.progress.attached += submission.reattached
        self._run.progress.made += not submission.reattached
        count("attached" if submission.reattached else "submitted", **self._tags(attempt))
        if attempt.refused_at:
            duration("slot_wait", _now() - attempt.refused_at, **self._tags(attempt))
        return self._run.writer.note(
            attempt.line.to(
                RowState.SUBMITTED,
                number=attempt.row.number,
                attempt=attempt.line.attempt + submission.failed_attempts,
                generation=self._lane.config.clear_count,
                external_task_id=submission.external_task_id,
                task_id=task.task_id,
                kling_conn_id=self._lane.account.conn_id,
                submitted_at=task.created_at or round(time.time() * 1000),
                estimate=None if attempt.cost is None else str(attempt.cost),
                units=None,
                error=None,
                facts=attempt.facts,
                **request_summary(attempt.facts),
            )
        )

    def _roll_back(self, attempt: _RowSubmission, error: BaseException) -> None:
        """Restore the line of the row if it is certain that no job was made."""
        certain = isinstance(error, SubmissionStopped) or getattr(error, "job", None) is JobState.NOT_CREATED
        if certain and self._run.writer.get(attempt.row.key) not in (None, attempt.line):
            self._run.writer.note(attempt.line)

    def _on_full(self, attempt: _RowSubmission, full: KlingError) -> None:
        attempt.refused_at = attempt.refused_at or _now()
        count("slot_refusals", **self._tags(attempt))
        if full.job is not JobState.MAY_EXIST:
            self._roll_back(attempt, full)
            return
        # The outcome of an earlier create call is unknown: its job is looked up first.
        self._uncertain.add(attempt.row.key)
        attempt.ask_first = attempt.ask_first or self._run.can_look_up
        attempt.line = self._run.writer.get(attempt.row.key) or attempt.line

    def _on_trouble(self, attempt: _RowSubmission, trouble: KlingError) -> None:
        attempt.troubles += 1
        attempt.first_trouble = attempt.first_trouble or _now()
        certain = trouble.job is JobState.NOT_CREATED
        # If a look-up that finds nothing proves nothing, only uncertain jobs are looked up.
        ask = self._run.can_look_up and not (
            certain and not self._lane.config.proves_absence(self._lane.client.settings.dialect)
        )
        attempt.ask_first = attempt.ask_first or ask
        if certain:
            self._roll_back(attempt, trouble)
        else:
            # From now on the row is certain to be "planned" only.
            self._uncertain.add(attempt.row.key)
            attempt.line = self._run.writer.get(attempt.row.key) or attempt.line
        cause = self._outage.on_failure(attempt.first_trouble, attempt.troubles, _now())
        if cause is FailureCause.ROW:
            raise trouble
        if cause is FailureCause.SERVICE:
            self._lane.limiter.stop(StopReason.OUTAGE)
            self._lane.limiter.raise_if_stopped()

    def _on_unknown(self) -> None:
        self._unknown += 1
        if self._unknown >= MAX_UNKNOWN_OUTCOMES:
            self._lane.limiter.stop(StopReason.OUTAGE)


def _now() -> float:
    return asyncio.get_running_loop().time()
