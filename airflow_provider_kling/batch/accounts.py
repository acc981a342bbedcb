# SPDX-License-Identifier: Apache-2.0
"""The accounts of a batch: which one runs a row's job, and which one is queried for it later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..exceptions import JobState, KlingAccountError, KlingError, KlingRequestInvalid
from ..hooks.async_client import AsyncKlingClient
from ..results.job_origin import account_bound_fields
from ..submission.context import SharedScope
from .context import BatchAccount, RunContext
from .deferral import width_of
from .ledger_entry import LedgerEntry, RowState
from .limiter import ConcurrencyLimiter, MultiAccountLimiter, StopReason, SubmissionLimiter, SubmissionStopped
from .monitor import JobMonitor, RunningJob
from .outcome import account_bound_error, account_stopped_error, may_exist_error, no_lookup_error
from .submitter import Submitter

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..triggers.poll_schedule import PollSchedule
    from .config import BatchConfig
    from .input import RequestRow
    from .prefetch import RequestPrefetcher

IN_ORDER, ROUND_ROBIN = "in_order", "round_robin"
SPREADS = (IN_ORDER, ROUND_ROBIN)
"""``in_order``: an account is used when the one before has no credit; ``round_robin``: all at once."""

NOT_PERMITTED, MAX_NOT_PERMITTED = 1103, 3
"""Code for missing permission, and how many rows in a row must get it to mean all rows."""


@dataclass(slots=True)
class AccountRun:
    """The part of a run that works with one account.

    :param account: the account.
    :param config: parameters of the batch, for this account.
    :param limiter: its slots.
    :param assigned: rows assigned to this account and not submitted yet.
    :param not_permitted: rows in a row that the account was not permitted to submit.
    :param served: rows that the account has served.
    """

    account: BatchAccount
    config: BatchConfig
    limiter: ConcurrencyLimiter
    client: AsyncKlingClient = field(init=False)
    submitter: Submitter = field(init=False)
    monitor: JobMonitor = field(init=False)
    assigned: int = 0
    not_permitted: int = 0
    served: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the account takes rows."""
        return self.limiter.stopped_hard is None

    @property
    def load(self) -> tuple[float, int]:
        """Load of the account: the share of its slots in use, then how many rows it has served."""
        return (self.limiter.width.active + self.assigned) / self.limiter.width.width, self.served


class RowRefused(Exception):
    """No account may run the job of this row; other rows may succeed.

    :param error: why the row was refused.
    """

    def __init__(self, error: KlingError) -> None:
        super().__init__(error)
        self.error = error


class AccountRuns:
    """The accounts of a run.

    A row goes to another account only if the one before has refused its job for credit or permission and a
    look-up there finds no job. A job of unknown outcome stays with its account.

    :param run: the run.
    """

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self.all = [
            AccountRun(account, self._config_of(account), ConcurrencyLimiter(width_of(run.config)))
            for account in run.accounts
        ]
        self._by_id = {account_run.account.conn_id: account_run for account_run in self.all}
        self.limiter: SubmissionLimiter = (
            MultiAccountLimiter(
                [account_run.limiter for account_run in self.all], together=run.config.spread == ROUND_ROBIN
            )
            if self.several
            else self.all[0].limiter
        )

    @property
    def several(self) -> bool:
        """Whether there is more than one account."""
        return len(self.all) > 1

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Hold a client of each account."""
        async with AsyncExitStack() as stack:
            for account_run in self.all:
                account_run.client = await stack.enter_async_context(
                    AsyncKlingClient(account_run.account.settings)
                )
            yield

    def build(self, prefetcher: RequestPrefetcher) -> None:
        """Create submitter and monitor of each account.

        :param prefetcher: prepares the requests of rows.
        """
        for account_run in self.all:
            account_run.submitter = Submitter(self._run, account_run, prefetcher)
            account_run.monitor = JobMonitor(self._run, account_run)
            account_run.monitor.schedule = self.all[0].monitor.schedule

    def _config_of(self, account: BatchAccount) -> BatchConfig:
        """Return the parameters of the batch for one account."""
        config = self._run.config
        if not config.scope:
            return config
        return replace(config, scope=SharedScope(config.scope.endpoint, account.settings.account))

    def check_unfinished(self, entries: Sequence[LedgerEntry]) -> None:
        """Check that the account of each unfinished job is still among those of the task.

        :param entries: the lines of the ledger.
        :raises KlingRequestInvalid: it is not.
        """
        unfinished = (RowState.INTENT, RowState.SUBMITTED, RowState.UNKNOWN)
        for entry in entries:
            if entry.state in unfinished and entry.kling_conn_id and not self._knows(entry):
                raise KlingRequestInvalid(
                    f"Invalid value for 'fallback_conn_ids': expected also {entry.kling_conn_id!r}, whose "
                    f"account has jobs of this batch, such as that of row {entry.number}.",
                    job=JobState.EXISTS,
                )

    def _knows(self, entry: LedgerEntry) -> bool:
        return entry.kling_conn_id in self._by_id or (
            not self.several and entry.kling_conn_id == self.all[0].account.settings.conn_id
        )

    def run_of(self, entry: LedgerEntry) -> AccountRun:
        """Return the account that has the job of a row.

        :param entry: the row's line.
        :return: the account; the first one where the line names none.
        """
        return self._by_id.get(entry.kling_conn_id) or self.all[0]

    async def submit(
        self, row: RequestRow, entry_of: Callable[[RequestRow], LedgerEntry], *, look_up: bool
    ) -> tuple[LedgerEntry, KlingTask]:
        """Submit a row's job at the first account that accepts it.

        :param row: the row.
        :param entry_of: returns what is known of the row.
        :param look_up: look the job up first, because an earlier try may have submitted it.
        :return: the row's new line, and the job as Kling first showed it.
        :raises SubmissionStopped: no more jobs are submitted.
        :raises RowRefused: no account may make this job.
        :raises KlingError: this row's job was not submitted, or its outcome is unknown.
        """
        if not self.several:
            return await self.all[0].submitter.submit(row, entry_of(row), look_up=look_up)
        route = _Route(account_bound_fields({**row.values, **(self._run.config.extra_body or {})}))
        account_run = await self._choose_first(row, entry_of(row), route, look_up=look_up)
        route.may_exist = look_up
        while True:
            with _assigned(account_run):
                try:
                    submitted = await account_run.submitter.submit(
                        row, entry_of(row), look_up=route.may_exist
                    )
                except SubmissionStopped as stopped:
                    if stopped.reason is not StopReason.ACCOUNT:
                        raise
                    route.error = route.error or account_stopped_error(account_run.account.conn_id)
                    # A create call before the stop may have made the job: it stays with this account.
                    route.may_exist |= entry_of(row).state is RowState.INTENT
                except KlingAccountError as error:
                    await self._on_refused(account_run, row, entry_of(row), error, route)
                else:
                    account_run.not_permitted = 0
                    return submitted
            account_run = self._choose_next(account_run, route)

    async def _choose_first(
        self, row: RequestRow, line: LedgerEntry, route: _Route, *, look_up: bool
    ) -> AccountRun:
        """Return the account that has a row's job, or may have it, or else the next in turn."""
        if route.bound_fields:
            return self.all[0]
        may_have_job = line.state in (RowState.INTENT, RowState.UNKNOWN)
        if line.kling_conn_id and (look_up or may_have_job):
            return self.run_of(line)
        if self._run.can_look_up and (look_up or self._run.config.scope):
            for account_run in self.all:
                if await account_run.submitter.has_job(row, line):
                    return account_run
        return self._choose_next(None, route)

    async def _on_refused(
        self,
        account_run: AccountRun,
        row: RequestRow,
        line: LedgerEntry,
        error: KlingAccountError,
        route: _Route,
    ) -> None:
        """Record that an account refuses a job; the row may use another account if this one certainly has no
        job.

        :raises RowRefused: no other account may make the job.
        """
        route.error = error
        conn_id = account_run.account.conn_id
        account_run.not_permitted += error.code == NOT_PERMITTED
        if error.code != NOT_PERMITTED or account_run.not_permitted >= MAX_NOT_PERMITTED:
            self._close(account_run, error)
        if error.job is JobState.MAY_EXIST:
            raise RowRefused(
                may_exist_error(f"Retry once the account of {conn_id!r} answers: it may have the job.", error)
            ) from error
        if route.bound_fields:
            raise RowRefused(
                account_bound_error(account_run.account.conn_id, route.bound_fields, error)
            ) from error
        if self._run.can_look_up:
            # If the job exists after all, the row attaches to it.
            if await account_run.submitter.has_job(row, line):
                raise RowRefused(
                    may_exist_error(f"Retry: the account of {conn_id!r} has the job.", error)
                ) from error
        elif not self._run.config.endpoint.synchronous or route.may_exist:
            raise RowRefused(no_lookup_error(account_run.account.conn_id, error)) from error
        route.may_exist = False
        route.refused_by.add(id(account_run))

    def _close(self, account_run: AccountRun, error: KlingError) -> None:
        if account_run.is_open:
            account_run.limiter.stop(StopReason.ACCOUNT)
            open_runs = [str(each.account.conn_id) for each in self.all if each.is_open]
            if open_runs:
                self._run.log.warning(
                    "The account of connection %r refuses jobs; rows go on at %s: %s",
                    account_run.account.conn_id,
                    " and ".join(map(repr, open_runs)),
                    error,
                )

    def _choose_next(self, account_run: AccountRun | None, route: _Route) -> AccountRun:
        """Return the account that a row goes to next.

        :param account_run: the account that did not take it; ``None`` at first.
        :raises KlingError: no account can take it.
        """
        stopped = self.limiter.stopped_hard
        if stopped and stopped is not StopReason.ACCOUNT:
            raise SubmissionStopped(stopped)
        if account_run and (route.bound_fields or route.may_exist):
            error = route.error or account_stopped_error(account_run.account.conn_id)
            raise RowRefused(
                account_bound_error(account_run.account.conn_id, route.bound_fields, error)
                if route.bound_fields
                else may_exist_error(
                    f"Retry once the account of {account_run.account.conn_id!r} has credit again.", error
                )
            )
        open_runs = [each for each in self.all if each.is_open and id(each) not in route.refused_by]
        if open_runs and self._run.config.spread == ROUND_ROBIN:
            return min(open_runs, key=lambda each: each.load)
        if open_runs:
            return open_runs[0]
        error = route.error or account_stopped_error(self.all[-1].account.conn_id)
        if any(each.is_open for each in self.all):
            raise RowRefused(error)
        raise error

    @property
    def is_settled(self) -> bool:
        """Whether no create call is in progress, and none has an unknown outcome."""
        return all(account_run.submitter.is_settled for account_run in self.all)

    async def wait_idle(self) -> None:
        """Wait until no create call is in progress."""
        await asyncio.gather(*(account_run.submitter.idle() for account_run in self.all))

    @property
    def running(self) -> list[RunningJob]:
        """The jobs that are waited for."""
        return [job for account_run in self.all for job in account_run.monitor.running]

    @property
    def busy(self) -> int:
        """Jobs that have ended and are not recorded yet."""
        return sum(account_run.monitor.busy for account_run in self.all)

    @property
    def schedule(self) -> PollSchedule:
        """Statistics of how long jobs take."""
        return self.all[0].monitor.schedule

    async def wait_for_capacity(self) -> None:
        """Wait while too many jobs have ended whose files are not stored."""
        for account_run in self.all:
            await account_run.monitor.wait_for_capacity()

    def close(self) -> None:
        """Stop fetching results."""
        for account_run in self.all:
            account_run.monitor.close()


@dataclass(slots=True)
class _Route:
    """Progress of one row through the accounts.

    :param bound_fields: fields with ids that only the first account has.
    """

    bound_fields: list[str]
    may_exist: bool = False
    error: KlingError | None = None
    refused_by: set[int] = field(default_factory=set)


@contextmanager
def _assigned(account_run: AccountRun) -> Iterator[None]:
    account_run.assigned += 1
    account_run.served += 1
    try:
        yield
    finally:
        account_run.assigned -= 1
