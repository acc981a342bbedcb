# SPDX-License-Identifier: Apache-2.0
"""Submits a row's job once: within the budget, when there is a slot, and only with a line in the ledger."""

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
from ..results.accounts import CONNECTION_FACT
from ..results.reuse import REUSED_FACT, origin_of, scope_facts
from ..submission.context import SubmissionContext, SubmittedTask
from ..submission.runner import arun_flow
from ..submission.submit import find_existing, submit_or_attach
from .config import BatchConfig
from .input import RequestRow
from .ledger_entry import LedgerEntry, RowState, request_summary
from .ledger_writer import LedgerWriter
from .limiter import CircuitBreaker, ConcurrencyLimiter, FailureCause, StopReason, SubmissionStopped
from .prefetch import RequestPrefetcher
from .progress import Budget

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..hooks.async_client import AsyncKlingClient
    from ..inputs.prepared_request import PreparedRequest

SETTLE_SECONDS = 0.1
"""Seconds between looks at whether a job of unknown cost has ended, before which no limit can be held."""

MAX_UNKNOWN_OUTCOMES = 5
"""Outcomes in a row that nobody can clear up, after which no more are risked."""


@dataclass(slots=True)
class _RowSubmission:
    """One row on its way to Kling.

    :param line: the row's line to go back to should no job be made.
    :param facts: what the manifest will say of the inputs, whichever try writes it.
    :param ask_first: a job of this name may exist.
    :param reserved: name of the job for which the shared budget has a reservation.
    :param refused_at: when Kling first had no room for it, on the loop's clock.
    """

    row: RequestRow
    order: PreparedRequest
    line: LedgerEntry
    facts: Mapping[str, Any]
    cost: Decimal | None
    ask_first: bool
    first_trouble: float = 0.0
    troubles: int = 0
    refused_at: float = 0.0
    reserved: str = ""


class Submitter:
    """Turns rows into jobs.

    :param plan: what is asked.
    :param client: calls Kling.
    :param desk: prepares the requests.
    :param gate: limits how many jobs run.
    :param book: writes the ledger.
    :param budget: limits what the batch may cost.
    :param looks_up: a job can be found by its name, at this host and endpoint.
    :param conn_id: connection of the account, of a batch with several.
    """

    def __init__(
        self,
        *,
        plan: BatchConfig,
        client: AsyncKlingClient,
        desk: RequestPrefetcher,
        gate: ConcurrencyLimiter,
        book: LedgerWriter,
        budget: Budget,
        looks_up: bool,
        conn_id: str | None = None,
    ) -> None:
        self._plan = plan
        self._client = client
        self._desk = desk
        self._gate = gate
        self._book = book
        self._budget = budget
        self._can_look_up = looks_up
        self._conn_id = conn_id
        self._outage = CircuitBreaker()
        self._unknown = 0
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._uncertain: set[str] = set()

    async def submit(
        self, row: RequestRow, line: LedgerEntry, *, ask_first: bool
    ) -> tuple[LedgerEntry, KlingTask]:
        """Submit a row's job, as often as Kling says that it is busy.

        :param row: the row.
        :param line: what is known of the row.
        :param ask_first: an earlier try may have submitted it.
        :return: the row's new line, and the job as Kling first showed it.
        :raises Closed: no more jobs are submitted.
        :raises KlingError: this row's job was not made, or nobody knows.
        """
        async with self._desk.order(row) as order:
            cost = self._budget.expected(order.estimate)
            facts = {**order.facts(), **scope_facts("inputs" if self._plan.scope else "run", self._plan.take)}
            if self._conn_id:
                facts[CONNECTION_FACT] = self._conn_id
            attempt = _RowSubmission(row, order, line, facts, cost, ask_first)
            try:
                while True:
                    await self._gate.enter()
                    if submission := await self._try(attempt):
                        return self._made(attempt, submission), submission.task
            except Exception as error:
                await self._give_back(attempt, error)
                raise
            finally:
                self._uncertain.discard(row.key)

    async def has_job(self, row: RequestRow, line: LedgerEntry) -> bool:
        """Look up whether the account has the job of a row, and make none.

        :param row: the row.
        :param line: what is known of it.
        :return: whether there is one that has not failed.
        :raises KlingError: the account cannot tell.
        """
        async with self._desk.order(row) as order:
            submission = self._submission_context(_RowSubmission(row, order, line, {}, None, ask_first=True))
            found = await arun_flow(find_existing(submission), self._client, self._plan.endpoint, {})
        return found is not None

    @property
    def is_settled(self) -> bool:
        """Whether no create call is under way, and none has an unknown outcome that is to be cleared up."""
        return not self._calls and not self._uncertain

    async def idle(self) -> None:
        """Wait until no create call is under way."""
        await self._idle.wait()

    async def _try(self, attempt: _RowSubmission) -> SubmittedTask | None:
        """Try once, with a place taken; ``None`` to try again, with the place given back."""
        try:
            submission = await self._call(attempt)
        except KlingSlotsTaken as full:
            self._gate.refused(full.retry_after)
            self._on_full(attempt, full)
        except KlingRateLimited as fast:
            self._gate.paced(fast.retry_after)
            self._on_full(attempt, fast)
        except KlingSubmissionUnknown as unknown:
            self._gate.paced(unknown.retry_after)
            self._on_unknown()
            raise
        except KlingServerError as trouble:
            self._gate.paced(trouble.retry_after)
            self._on_trouble(attempt, trouble)
        except BaseException as error:
            self._gate.leave()
            self._roll_back(attempt, error)
            raise
        else:
            self._unknown = 0
            self._outage.worked(_now())
            self._gate.accepted()
            return submission
        return None

    def _tags(self, attempt: _RowSubmission) -> dict[str, Any]:
        model = getattr(attempt.order.request, "model_name", None)
        return {
            "endpoint": self._plan.endpoint,
            "dialect": self._client.settings.dialect,
            "model": model,
        }

    async def _call(self, attempt: _RowSubmission) -> SubmittedTask:
        async def intend(name: str) -> None:
            await self._record_intent(attempt, name)

        context = self._submission_context(attempt)
        self._calls += 1
        self._idle.clear()
        try:
            return await arun_flow(
                submit_or_attach(context), self._client, self._plan.endpoint, attempt.order.body, intend
            )
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    def _submission_context(self, attempt: _RowSubmission) -> SubmissionContext:
        plan, shared = self._plan, self._plan.scope is not None
        unique = plan.proves_absence(self._client.settings.dialect)
        # A job that is there costs nothing, so no limit may keep a row from it.
        limited = plan.max_units is not None or plan.shared is not None
        return SubmissionContext(
            key=plan.job_key(attempt.row, attempt.line, attempt.order.fingerprint),
            can_look_up=self._can_look_up,
            is_retry=attempt.ask_first,
            synchronous=plan.endpoint.synchronous,
            unique_names=unique,
            earlier_tries=int(attempt.ask_first) if shared else 1,
            renew_expired=shared,
            asks_first=shared and self._can_look_up and (limited or not unique),
            return_refused=plan.return_refused,
        )

    async def _record_intent(self, attempt: _RowSubmission, name: str) -> None:
        """Write down what is about to be paid for, and let nothing through that may not be."""
        known = self._book.get(attempt.row.key)
        if known and known.state is RowState.PLANNED and known.external_task_id == name:
            await self._book.still_ours()
            return
        while self._budget.unsettled:
            self._gate.check()
            await asyncio.sleep(SETTLE_SECONDS)
        self._gate.check()
        attempt.cost = self._budget.expected(attempt.order.estimate)
        if not self._budget.allows(attempt.cost):
            self._gate.close(StopReason.BUDGET)
            raise SubmissionStopped(StopReason.BUDGET)
        await self._reserve(attempt, name)
        if attempt.cost is None:
            self._budget.begin(attempt.row.key)
        self._book.note(
            attempt.line.to(
                RowState.PLANNED,
                number=attempt.row.number,
                generation=self._plan.generation,
                external_task_id=name,
                task_id=None,
                kling_conn_id=self._conn_id,
                estimate=None if attempt.cost is None else str(attempt.cost),
                units=None,
                error=None,
                facts=attempt.facts,
                **request_summary(attempt.facts),
            )
        )
        await self._book.written()
        await self._book.still_ours()

    async def _reserve(self, attempt: _RowSubmission, name: str) -> None:
        """Reserve in the budget that is shared with other tasks, where there is one."""
        if self._plan.shared is None:
            return
        try:
            await asyncio.to_thread(self._plan.shared.reserve, name, attempt.cost)
        except KlingBudgetSpent:
            self._gate.close(StopReason.BUDGET)
            raise SubmissionStopped(StopReason.BUDGET) from None
        attempt.reserved = name

    async def _give_back(self, attempt: _RowSubmission, error: BaseException) -> None:
        certain = isinstance(error, SubmissionStopped) or getattr(error, "job", None) is JobState.NOT_CREATED
        if certain and attempt.reserved and self._plan.shared:
            await asyncio.to_thread(self._plan.shared.settle, attempt.reserved, Decimal(0))

    def _made(self, attempt: _RowSubmission, submission: SubmittedTask) -> LedgerEntry:
        task = submission.task
        if submission.reused:
            attempt.cost = Decimal(0)
            attempt.facts = {**attempt.facts, REUSED_FACT: origin_of(task.task_id)}
        self._book.tally.attached += submission.attached
        self._book.tally.made += not submission.attached
        count("attached" if submission.attached else "submitted", **self._tags(attempt))
        if attempt.refused_at:
            duration("slot_wait", _now() - attempt.refused_at, **self._tags(attempt))
        return self._book.note(
            attempt.line.to(
                RowState.SUBMITTED,
                number=attempt.row.number,
                attempt=attempt.line.attempt + submission.failed_attempts,
                generation=self._plan.generation,
                external_task_id=submission.external_task_id,
                task_id=task.task_id,
                kling_conn_id=self._conn_id,
                submitted_at=task.created_at or round(time.time() * 1000),
                estimate=None if attempt.cost is None else str(attempt.cost),
                units=None,
                error=None,
                facts=attempt.facts,
                **request_summary(attempt.facts),
            )
        )

    def _roll_back(self, attempt: _RowSubmission, error: BaseException) -> None:
        """Take the plan back if it is certain that no job was made."""
        certain = isinstance(error, SubmissionStopped) or getattr(error, "job", None) is JobState.NOT_CREATED
        if certain and self._book.get(attempt.row.key) not in (None, attempt.line):
            self._book.note(attempt.line)

    def _on_full(self, attempt: _RowSubmission, full: KlingError) -> None:
        attempt.refused_at = attempt.refused_at or _now()
        count("slot_refusals", **self._tags(attempt))
        if full.job is not JobState.MAY_EXIST:
            self._roll_back(attempt, full)
            return
        # A create call before the refusal had no clear answer: its job is looked for first.
        self._uncertain.add(attempt.row.key)
        attempt.ask_first = attempt.ask_first or self._can_look_up
        attempt.line = self._book.get(attempt.row.key) or attempt.line

    def _on_trouble(self, attempt: _RowSubmission, trouble: KlingError) -> None:
        attempt.troubles += 1
        attempt.first_trouble = attempt.first_trouble or _now()
        certain = trouble.job is JobState.NOT_CREATED
        # Where a name that is not found proves nothing, only what is uncertain is asked for.
        ask = self._can_look_up and not (
            certain and not self._plan.proves_absence(self._client.settings.dialect)
        )
        attempt.ask_first = attempt.ask_first or ask
        if certain:
            self._roll_back(attempt, trouble)
        else:
            # From now on "planned" is all that can be said of the row.
            self._uncertain.add(attempt.row.key)
            attempt.line = self._book.get(attempt.row.key) or attempt.line
        blame = self._outage.failed(attempt.first_trouble, attempt.troubles, _now())
        if blame is FailureCause.ROW:
            raise trouble
        if blame is FailureCause.SERVICE:
            self._gate.close(StopReason.OUTAGE)
            self._gate.check()

    def _on_unknown(self) -> None:
        self._unknown += 1
        if self._unknown >= MAX_UNKNOWN_OUTCOMES:
            self._gate.close(StopReason.OUTAGE)


def _now() -> float:
    return asyncio.get_running_loop().time()
