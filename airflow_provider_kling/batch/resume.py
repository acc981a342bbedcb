# SPDX-License-Identifier: Apache-2.0
"""Rows that are continued or submitted again: those of earlier tries, and those that fail the media check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from ..exceptions import KlingError
from .context import RunContext
from .ledger_entry import LedgerEntry, RowState

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..hooks.async_client import AsyncKlingClient
    from .input import RequestRow


class ResumeAction(Enum):
    """Action for a row before anything new is submitted."""

    SKIP = "skip"
    """Nothing: it is done, or cannot be recovered."""
    RESUBMIT = "resubmit"
    """Submit it in order."""
    REATTACH = "reattach"
    """Wait for its job."""
    LOOK_UP = "look_up"
    """Look its job up at Kling."""
    MARK_UNKNOWN = "mark_unknown"
    """Unknown whether its job exists."""


_RESUBMITTED = (RowState.PENDING, RowState.FAILED, RowState.INVALID)
_RESUBMITTED_AFTER_CLEAR = (RowState.REFUSED, RowState.EXPIRED, RowState.REJECTED)
_MAY_HAVE_JOB = (RowState.INTENT, RowState.UNKNOWN)


def action_after_deferral(line: LedgerEntry, *, can_look_up: bool) -> ResumeAction:
    """Return what to do with a row when the same try continues after a deferral.

    Unlike a retry it repeats nothing: rows that failed in this try stay failed, and a job whose wait has
    ended, which its line shows by an error, is left to the next try.

    :param line: the row's line.
    :param can_look_up: a job can be found by its external id.
    :return: what to do.
    """
    if line.state is RowState.SUBMITTED:
        return ResumeAction.SKIP if line.error else ResumeAction.REATTACH
    if line.state is RowState.INTENT:
        return ResumeAction.LOOK_UP if can_look_up else ResumeAction.MARK_UNKNOWN
    return ResumeAction.RESUBMIT if line.state is RowState.PENDING else ResumeAction.SKIP


def resume_action(
    line: LedgerEntry, *, can_look_up: bool, synchronous: bool, clear_count: int
) -> ResumeAction:
    """Return what to do with a row of an earlier try.

    A retry repeats failed rows. Rows that need a person (refused content, rejected files, expired results,
    unknown outcomes) are repeated after a clear, because a person has cleared the task.

    :param line: the row's line.
    :param can_look_up: a job can be found by its external id.
    :param synchronous: the endpoint is synchronous: its response is lost with the try that sent the call.
    :param clear_count: which clear of the task this is.
    :return: the action.
    """
    cleared = clear_count > line.clear_count
    if line.state in _RESUBMITTED or (cleared and line.state in _RESUBMITTED_AFTER_CLEAR):
        return ResumeAction.RESUBMIT
    if line.state is RowState.SUBMITTED:
        return ResumeAction.RESUBMIT if synchronous else ResumeAction.REATTACH
    if line.state in _MAY_HAVE_JOB:
        return (
            ResumeAction.LOOK_UP
            if can_look_up
            else _without_lookup(line, synchronous=synchronous, cleared=cleared)
        )
    return ResumeAction.SKIP


def _without_lookup(line: LedgerEntry, *, synchronous: bool, cleared: bool) -> ResumeAction:
    if synchronous or cleared:
        return ResumeAction.RESUBMIT
    return ResumeAction.MARK_UNKNOWN if line.state is RowState.INTENT else ResumeAction.SKIP


ReattachFn = Callable[[LedgerEntry, "KlingTask | None"], None]
"""Starts to wait for an existing job; takes the row's line, and the job if it was just read."""

_PARALLEL = 8


class Resumer:
    """Re-attaches to running jobs, looks up uncertain ones, and re-opens rows to submit again.

    :param run: the run.
    :param client_of: returns the client for the account of a row's job.
    :param reattach: called for each job that exists.
    """

    def __init__(
        self, run: RunContext, client_of: Callable[[LedgerEntry], AsyncKlingClient], reattach: ReattachFn
    ) -> None:
        self._run = run
        self._client_of = client_of
        self._reattach = reattach
        self._lookups = asyncio.Semaphore(_PARALLEL)
        self.may_exist: set[str] = set()
        """Keys of rows whose job may exist: look up again before submitting."""

    async def run(self, lines: list[LedgerEntry]) -> None:
        """Decide on every line of earlier tries.

        :param lines: the ledger's lines, without rows that cannot be sent.
        """
        async with asyncio.TaskGroup() as lookups:
            for line in lines:
                action = self._action(line)
                if action is ResumeAction.LOOK_UP:
                    lookups.create_task(self._look_up(line))
                else:
                    self._apply(action, line)

    def _action(self, line: LedgerEntry) -> ResumeAction:
        if self._run.config.deferred:
            return action_after_deferral(line, can_look_up=self._run.can_look_up)
        return resume_action(
            line,
            can_look_up=self._run.can_look_up,
            synchronous=self._run.config.endpoint.synchronous,
            clear_count=self._run.config.clear_count,
        )

    def _apply(self, action: ResumeAction, line: LedgerEntry) -> None:
        if action is ResumeAction.REATTACH:
            # An error on the line of a running job means that this try has ended its wait.
            self._reattach(
                self._run.writer.record(line.with_state(line.state, error=None)) if line.error else line, None
            )
        elif action is ResumeAction.MARK_UNKNOWN:
            error_text = (
                "An earlier try ended before the answer came, and this host cannot be asked for the job."
            )
            self._run.writer.record(line.with_state(RowState.UNKNOWN, error=error_text))
        elif action is ResumeAction.RESUBMIT and line.state is RowState.PENDING:
            if self._run.config.deferred and line.external_task_id:
                # Rows that an earlier part of this try knew to be uncertain.
                self.may_exist.add(line.key)
        elif action is ResumeAction.RESUBMIT and line.state is RowState.REJECTED:
            # With jobs that tasks share, its stored files decide whether another one is submitted.
            if self._run.config.scope is None:
                self._run.writer.record(self._run.config.reopened(line, line.clear_count))
        elif action is ResumeAction.RESUBMIT:
            # Its old external id may belong to a job that cannot be found.
            attempt = line.attempt + (line.state in (RowState.INTENT, RowState.UNKNOWN))
            self._run.writer.record(
                line.with_state(RowState.PENDING, attempt=attempt, error=None, facts=None)
            )

    async def _look_up(self, line: LedgerEntry) -> None:
        """Look up whether the job of a row exists."""
        try:
            async with self._lookups:
                external_task_id = line.external_task_id
                client = self._client_of(line)
                task = (
                    await client.find_task(self._run.config.endpoint, external_task_id)
                    if external_task_id
                    else None
                )
        except Exception as error:
            if isinstance(error, KlingError):
                self._run.log.info(
                    "Row %d: %s It is looked up again before it is submitted", line.number, error
                )
            else:
                self._run.on_unexpected(error, line.number, line.external_task_id)
            self.may_exist.add(line.key)
            return
        if task:
            submitted = line.with_state(
                RowState.SUBMITTED, task_id=task.task_id, submitted_at=task.created_at, error=None
            )
            self._reattach(self._run.writer.record(submitted), task)
            return
        if not self._run.proves_absence and self._run.config.clear_count > line.clear_count:
            # The clear permits a new job; the old external id may still be in use.
            self._run.writer.record(
                line.with_state(RowState.PENDING, attempt=line.attempt + 1, error=None, facts=None)
            )
            return
        # The job may not be visible to look-ups yet.
        self.may_exist.add(line.key)
        if not self._run.proves_absence:
            # Only the line shows that a job may exist: it stays until the job is found.
            return
        self._run.writer.record(line.with_state(RowState.PENDING, error=None, facts=None))


MAX_PASS_DELAY = 60.0
"""Most seconds between two passes over the input, each of which reads all rows."""

_DELAY_SHARE = 10
"""How many times as long as a pass the delay after it is."""


class RowsToResubmit:
    """Collects the keys of rejected rows, and decides when to read them from the input again."""

    def __init__(self) -> None:
        self.in_progress = 0
        """Rows that are being submitted, run, or are being stored: they may be rejected too."""
        self._keys: set[str] = set()
        self._not_before = 0.0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str) -> None:
        """Add a row.

        :param key: key of the row, whose line is open again.
        """
        self._keys.add(key)
        self._changed.set()

    def started(self) -> None:
        """Count a row that may be rejected."""
        self.in_progress += 1

    def ended(self) -> None:
        """Count a row as ended, with any outcome."""
        self.in_progress -= 1
        self._changed.set()

    async def next(self) -> set[str]:
        """Wait for rows to submit again, and remove them from the collection.

        :return: their keys; empty when nothing is in progress any more.
        """
        while self.in_progress and (not self._keys or _now() < self._not_before):
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._not_before - _now() if self._keys else None):
                    await self._changed.wait()
        keys, self._keys = self._keys, set()
        return keys

    def delay_after(self, seconds: float) -> None:
        """Delay the next pass.

        :param seconds: how long the last one took.
        """
        self._not_before = _now() + min(seconds * _DELAY_SHARE, MAX_PASS_DELAY)


def rows_of(keys: set[str], rows: Iterator[RequestRow]) -> Iterator[RequestRow]:
    """Yield some rows of an input.

    :param keys: their keys.
    :param rows: all rows; read up to the last one of these.
    :return: iterator of the rows.
    """
    missing = set(keys)
    for row in rows:
        if row.key in missing:
            missing.remove(row.key)
            yield row
            if not missing:
                return


def _now() -> float:
    return asyncio.get_running_loop().time()
