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
    KlingError,
    KlingRateLimited,
    KlingServerError,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
)
from ..submission import Submission, Terms, submit_once
from ..submission_io import arun_steps
from .book import Book
from .budget import Budget
from .desk import Desk
from .entry import Entry, State
from .gate import Closed, Gate, Reason
from .outage import Blame, Outage
from .plan import BatchPlan
from .rows import Row

if TYPE_CHECKING:
    from ..api.task import Task
    from ..hooks.async_client import AsyncKlingClient
    from ..order import Order

MAX_UNKNOWN = 5
"""Outcomes in a row that nobody can clear up, after which no more are risked."""


@dataclass(slots=True)
class _Attempt:
    """One row on its way to Kling.

    :param line: the row's line to go back to should no job be made.
    :param facts: what the manifest will say of the inputs, whichever try writes it.
    :param ask_first: a job of this name may exist.
    """

    row: Row
    order: Order
    line: Entry
    facts: Mapping[str, Any]
    cost: Decimal | None
    ask_first: bool
    first_trouble: float = 0.0
    troubles: int = 0


class Submitter:
    """Turns rows into jobs.

    :param plan: what is asked.
    :param client: calls Kling.
    :param looks_up: a job can be found by its name, at this host and endpoint.
    """

    def __init__(
        self,
        *,
        plan: BatchPlan,
        client: AsyncKlingClient,
        desk: Desk,
        gate: Gate,
        book: Book,
        budget: Budget,
        looks_up: bool,
    ) -> None:
        self._plan = plan
        self._client = client
        self._desk = desk
        self._gate = gate
        self._book = book
        self._budget = budget
        self._looks_up = looks_up
        self._outage = Outage()
        self._unknown = 0
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def submit(self, row: Row, line: Entry, *, ask_first: bool) -> tuple[Entry, Task]:
        """Submit a row's job, as often as Kling says that it is busy.

        :param line: what is known of the row.
        :param ask_first: an earlier try may have submitted it.
        :return: the row's new line, and the job as Kling first showed it.
        :raises Closed: no more jobs are submitted.
        :raises KlingError: this row's job was not made, or nobody knows.
        """
        async with self._desk.order(row) as order:
            cost = self._budget.expected(order.estimate)
            attempt = _Attempt(row, order, line, order.facts(), cost, ask_first)
            while True:
                await self._gate.enter()
                if submission := await self._try(attempt):
                    return self._made(attempt, submission), submission.task

    async def idle(self) -> None:
        """Wait until no create call is under way."""
        await self._idle.wait()

    async def _try(self, attempt: _Attempt) -> Submission | None:
        """Try once, with a place taken; ``None`` to try again, with the place given back."""
        try:
            submission = await self._call(attempt)
        except KlingSlotsTaken as full:
            self._gate.refused(full.retry_after)
            self._put_back(attempt, full)
        except KlingRateLimited as fast:
            self._gate.paced(fast.retry_after)
            self._put_back(attempt, fast)
        except KlingSubmissionUnknown as unknown:
            self._gate.paced(unknown.retry_after)
            self._on_unknown()
            raise
        except KlingServerError as trouble:
            self._gate.paced(trouble.retry_after)
            self._on_trouble(attempt, trouble)
        except BaseException as error:
            self._gate.leave()
            self._put_back(attempt, error)
            raise
        else:
            self._unknown = 0
            self._outage.worked(_now())
            self._gate.accepted()
            return submission
        return None

    async def _call(self, attempt: _Attempt) -> Submission:
        async def intend(name: str) -> None:
            await self._intend(attempt, name)

        terms = Terms(
            key=self._plan.job_key(attempt.row, attempt.line),
            can_look_up=self._looks_up,
            tried_before=attempt.ask_first,
            answers_at_once=self._plan.endpoint.synchronous,
        )
        self._calls += 1
        self._idle.clear()
        try:
            return await arun_steps(
                submit_once(terms), self._client, self._plan.endpoint, attempt.order.body, intend
            )
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    async def _intend(self, attempt: _Attempt, name: str) -> None:
        """Write down what is about to be paid for, and let nothing through that may not be."""
        known = self._book.get(attempt.row.key)
        if known and known.state is State.PLANNED and known.external_task_id == name:
            return
        attempt.cost = self._budget.expected(attempt.order.estimate)
        if not self._budget.allows(attempt.cost):
            self._gate.close(Reason.BUDGET)
            raise Closed(Reason.BUDGET)
        self._book.note(
            attempt.line.to(
                State.PLANNED,
                number=attempt.row.number,
                generation=self._plan.generation,
                external_task_id=name,
                task_id=None,
                estimate=None if attempt.cost is None else str(attempt.cost),
                units=None,
                error=None,
                facts=attempt.facts,
            )
        )
        await self._book.written()

    def _made(self, attempt: _Attempt, submission: Submission) -> Entry:
        task = submission.task
        self._book.tally.attached += submission.attached
        self._book.tally.made += not submission.attached
        return self._book.note(
            attempt.line.to(
                State.SUBMITTED,
                number=attempt.row.number,
                attempt=attempt.line.attempt + submission.failed_before,
                generation=self._plan.generation,
                external_task_id=submission.external_task_id,
                task_id=task.task_id,
                submitted_at=task.created_at or round(time.time() * 1000),
                estimate=None if attempt.cost is None else str(attempt.cost),
                units=None,
                error=None,
                facts=attempt.facts,
            )
        )

    def _put_back(self, attempt: _Attempt, error: BaseException) -> None:
        """Take the plan back if it is certain that no job was made."""
        certain = isinstance(error, Closed) or getattr(error, "job", None) is JobState.NOT_CREATED
        if certain and self._book.get(attempt.row.key) not in (None, attempt.line):
            self._book.note(attempt.line)

    def _on_trouble(self, attempt: _Attempt, trouble: KlingError) -> None:
        attempt.troubles += 1
        attempt.first_trouble = attempt.first_trouble or _now()
        attempt.ask_first = attempt.ask_first or self._looks_up
        if trouble.job is JobState.NOT_CREATED:
            self._put_back(attempt, trouble)
        else:
            # From now on "planned" is all that can be said of the row.
            attempt.line = self._book.get(attempt.row.key) or attempt.line
        blame = self._outage.failed(attempt.first_trouble, attempt.troubles, _now())
        if blame is Blame.ROW:
            raise trouble
        if blame is Blame.SERVICE:
            self._gate.close(Reason.OUTAGE)
            self._gate.check()

    def _on_unknown(self) -> None:
        self._unknown += 1
        if self._unknown >= MAX_UNKNOWN:
            self._gate.close(Reason.OUTAGE)


def _now() -> float:
    return asyncio.get_running_loop().time()
