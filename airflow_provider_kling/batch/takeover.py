# SPDX-License-Identifier: Apache-2.0
"""Takes up what earlier tries have left, before anything new is submitted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..exceptions import KlingError
from .book import Book
from .entry import Entry, State
from .plan import BatchPlan
from .recovery import Step, next_step

if TYPE_CHECKING:
    from ..api.task import Task
    from ..hooks.async_client import AsyncKlingClient

Attach = Callable[[Entry, "Task | None"], None]
"""Starts to wait for a job that exists; takes the row's line, and the job if it was just seen."""

_PARALLEL = 8


class Takeover:
    """Attaches to what runs, asks for what is uncertain, opens what is to be done again.

    :param plan: what is asked.
    :param client: calls Kling.
    :param looks_up: a job can be found by its name.
    :param attach: called for each job that exists.
    """

    def __init__(
        self,
        *,
        plan: BatchPlan,
        client: AsyncKlingClient,
        book: Book,
        looks_up: bool,
        attach: Attach,
        log: logging.Logger,
    ) -> None:
        self._plan = plan
        self._client = client
        self._book = book
        self._looks_up = looks_up
        self._attach = attach
        self._log = log
        self._questions = asyncio.Semaphore(_PARALLEL)
        self.uncertain: set[str] = set()
        """Keys of rows whose job may exist all the same: ask again before it is made."""

    async def run(self, lines: list[Entry]) -> None:
        """Decide on every line of earlier tries.

        :param lines: the ledger's lines, without rows that cannot be sent.
        """
        async with asyncio.TaskGroup() as asking:
            for line in lines:
                step = next_step(
                    line,
                    looks_up=self._looks_up,
                    at_once=self._plan.endpoint.synchronous,
                    generation=self._plan.generation,
                )
                if step is Step.ASK:
                    asking.create_task(self._ask(line))
                else:
                    self._do(step, line)

    def _do(self, step: Step, line: Entry) -> None:
        if step is Step.ATTACH:
            self._attach(line, None)
        elif step is Step.GIVE_UP:
            why = "An earlier try ended before the answer came, and this host cannot be asked for the job."
            self._book.note(line.to(State.UNKNOWN, error=why))
        elif step is Step.OPEN and line.state is not State.OPEN:
            # Its old name may be taken, by a job that nobody can find.
            attempt = line.attempt + (line.state in (State.PLANNED, State.UNKNOWN))
            self._book.note(line.to(State.OPEN, attempt=attempt, error=None, facts=None))

    async def _ask(self, line: Entry) -> None:
        """Find out whether the job of a row was made."""
        try:
            async with self._questions:
                name = line.external_task_id
                task = await self._client.find_task(self._plan.endpoint, name) if name else None
        except KlingError as error:
            self._log.info("Row %d: %s It is asked for again when its turn comes", line.number, error)
            self.uncertain.add(line.key)
            return
        if task:
            made = line.to(State.SUBMITTED, task_id=task.task_id, submitted_at=task.created_at, error=None)
            self._attach(self._book.note(made), task)
            return
        # It may be just about to appear.
        self.uncertain.add(line.key)
        self._book.note(line.to(State.OPEN, error=None, facts=None))
