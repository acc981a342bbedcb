# SPDX-License-Identifier: Apache-2.0
"""What a new try does with the rows that an earlier one has left: a decision without I/O."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from ..exceptions import KlingError
from .config import BatchConfig
from .ledger_entry import LedgerEntry, RowState
from .ledger_writer import LedgerWriter

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..hooks.async_client import AsyncKlingClient


class ResumeAction(Enum):
    """What is to be done with a row before anything new is submitted."""

    LEAVE = "leave"
    """Nothing: it is done, or stays lost."""
    OPEN = "open"
    """Submit it when its turn comes."""
    ATTACH = "attach"
    """Wait for its job."""
    ASK = "ask"
    """Ask Kling whether its job was made."""
    GIVE_UP = "give_up"
    """Nobody can say whether its job was made."""


_AGAIN = (RowState.OPEN, RowState.FAILED, RowState.INVALID)
_AGAIN_AFTER_A_CLEAR = (RowState.REFUSED, RowState.EXPIRED)
_UNCERTAIN = (RowState.PLANNED, RowState.UNKNOWN)


def action_after_deferral(line: LedgerEntry, *, looks_up: bool) -> ResumeAction:
    """Tell what to do with a row when the same try goes on after a deferral.

    Unlike a retry it does nothing again: what has failed in this try stays so, and a job whose wait was given
    up, which its line tells by an error, is for the next try.

    :param line: the row's line.
    :param looks_up: a job can be found by its external id.
    :return: what to do.
    """
    if line.state is RowState.SUBMITTED:
        return ResumeAction.LEAVE if line.error else ResumeAction.ATTACH
    if line.state is RowState.PLANNED:
        return ResumeAction.ASK if looks_up else ResumeAction.GIVE_UP
    return ResumeAction.OPEN if line.state is RowState.OPEN else ResumeAction.LEAVE


def resume_action(line: LedgerEntry, *, looks_up: bool, at_once: bool, generation: int) -> ResumeAction:
    """Decide what to do with a row of an earlier try.

    A retry does again what failed. What a person should look at first is done again after a clear, by which
    a person says so: content that was refused, results that have expired, outcomes that nobody knows.

    :param line: the row's line.
    :param looks_up: a job can be found by its name.
    :param at_once: the endpoint is synchronous: what it answered is lost with the try that asked.
    :param generation: which clear of the task this is.
    :return: the action.
    """
    cleared = generation > line.generation
    if line.state in _AGAIN or (cleared and line.state in _AGAIN_AFTER_A_CLEAR):
        return ResumeAction.OPEN
    if line.state is RowState.SUBMITTED:
        return ResumeAction.OPEN if at_once else ResumeAction.ATTACH
    if line.state in _UNCERTAIN:
        return ResumeAction.ASK if looks_up else _without_lookup(line, at_once=at_once, cleared=cleared)
    return ResumeAction.LEAVE


def _without_lookup(line: LedgerEntry, *, at_once: bool, cleared: bool) -> ResumeAction:
    if at_once or cleared:
        return ResumeAction.OPEN
    return ResumeAction.GIVE_UP if line.state is RowState.PLANNED else ResumeAction.LEAVE


ReattachFn = Callable[[LedgerEntry, "KlingTask | None"], None]
"""Starts to wait for a job that exists; takes the row's line, and the job if it was just seen."""

_PARALLEL = 8


class Resumer:
    """Attaches to what runs, asks for what is uncertain, opens what is to be done again.

    :param plan: what is asked.
    :param client_of: returns what calls Kling, at the account of a row's job.
    :param book: writes the ledger.
    :param looks_up: a job can be found by its name.
    :param unique_names: the host makes no second job of a name, also while it does not find the first.
    :param attach: called for each job that exists.
    :param log: log of the task.
    """

    def __init__(
        self,
        *,
        plan: BatchConfig,
        client_of: Callable[[LedgerEntry], AsyncKlingClient],
        book: LedgerWriter,
        looks_up: bool,
        unique_names: bool = True,
        attach: ReattachFn,
        log: logging.Logger,
    ) -> None:
        self._plan = plan
        self._client_of = client_of
        self._book = book
        self._can_look_up = looks_up
        self._unique_names = unique_names
        self._attach = attach
        self._log = log
        self._questions = asyncio.Semaphore(_PARALLEL)
        self.may_exist: set[str] = set()
        """Keys of rows whose job may exist all the same: ask again before it is made."""

    async def run(self, lines: list[LedgerEntry]) -> None:
        """Decide on every line of earlier tries.

        :param lines: the ledger's lines, without rows that cannot be sent.
        """
        async with asyncio.TaskGroup() as asking:
            for line in lines:
                step = self._step(line)
                if step is ResumeAction.ASK:
                    asking.create_task(self._ask(line))
                else:
                    self._do(step, line)

    def _step(self, line: LedgerEntry) -> ResumeAction:
        if self._plan.deferred:
            return action_after_deferral(line, looks_up=self._can_look_up)
        return resume_action(
            line,
            looks_up=self._can_look_up,
            at_once=self._plan.endpoint.synchronous,
            generation=self._plan.generation,
        )

    def _do(self, step: ResumeAction, line: LedgerEntry) -> None:
        if step is ResumeAction.ATTACH:
            # An error on the line of a running job says that this very try has given up its wait.
            self._attach(self._book.note(line.to(line.state, error=None)) if line.error else line, None)
        elif step is ResumeAction.GIVE_UP:
            why = "An earlier try ended before the answer came, and this host cannot be asked for the job."
            self._book.note(line.to(RowState.UNKNOWN, error=why))
        elif step is ResumeAction.OPEN and line.state is RowState.OPEN:
            if self._plan.deferred and line.external_task_id:
                # What an earlier part of this try knew to be uncertain.
                self.may_exist.add(line.key)
        elif step is ResumeAction.OPEN:
            # Its old name may be taken, by a job that nobody can find.
            attempt = line.attempt + (line.state in (RowState.PLANNED, RowState.UNKNOWN))
            self._book.note(line.to(RowState.OPEN, attempt=attempt, error=None, facts=None))

    async def _ask(self, line: LedgerEntry) -> None:
        """Find out whether the job of a row was made."""
        try:
            async with self._questions:
                name = line.external_task_id
                client = self._client_of(line)
                task = await client.find_task(self._plan.endpoint, name) if name else None
        except KlingError as error:
            self._log.info("Row %d: %s It is asked for again when its turn comes", line.number, error)
            self.may_exist.add(line.key)
            return
        if task:
            made = line.to(RowState.SUBMITTED, task_id=task.task_id, submitted_at=task.created_at, error=None)
            self._attach(self._book.note(made), task)
            return
        if not self._unique_names and self._plan.generation > line.generation:
            # By the clear a person says that a new one may be made; the old name may still be taken.
            self._book.note(line.to(RowState.OPEN, attempt=line.attempt + 1, error=None, facts=None))
            return
        # It may be just about to appear.
        self.may_exist.add(line.key)
        if not self._unique_names:
            # Nothing but the line says that it may: it stays until the job is found.
            return
        self._book.note(line.to(RowState.OPEN, error=None, facts=None))
