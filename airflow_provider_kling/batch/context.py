# SPDX-License-Identifier: Apache-2.0
"""The objects that all parts of one try of a batch share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..api.task import KlingTask
from ..submission.runner import can_look_up
from .ledger_entry import LedgerEntry, RowState

if TYPE_CHECKING:
    from ..hooks.connection import KlingSettings
    from .config import BatchConfig
    from .input import RequestRow
    from .ledger import Ledger
    from .ledger_writer import LedgerWriter
    from .limiter import SubmissionLimiter
    from .preflight import PreflightResult
    from .progress import Budget, Progress
    from .resume import RowsToResubmit

StoreResult = Callable[[KlingTask, Mapping[str, Any], Callable[[], KlingTask]], dict[str, Any]]
"""Downloads the files of a job that succeeded and returns it as JSON; runs in a thread.

Takes the job, what its manifest says of the inputs, and what reads the job again for fresh URLs."""

DeadlineFor = Callable[[int | None, float], float]
"""Returns a job's deadline (Unix time in s) from its creation (Unix time in ms) and the time (s)."""


@dataclass(frozen=True, slots=True)
class BatchAccount:
    """An account of a batch.

    :param conn_id: its connection, as the DAG names it; ``None`` where there is only one.
    :param settings: the checked connection.
    :param store_result: stores the files of a job.
    """

    conn_id: str | None
    settings: KlingSettings
    store_result: StoreResult


@dataclass(slots=True)
class RunContext:
    """The objects that all parts of one try of a batch share.

    :param config: parameters of the batch.
    :param accounts: the accounts in order.
    :param ledger: the ledger, already read.
    :param progress: the counts, at first without those of earlier tries.
    :param preflight: result of the check of all rows.
    :param deadline_for: returns the deadline of a job.
    :param log: where the batch logs.
    :param unexpected: row, job and type of the first unexpected error.
    :param to_resubmit: rows whose next job is to be submitted because the last one was rejected;
        created in the running event loop, like all below.
    :param limiter: the slots of all accounts.
    :param writer: writes the ledger.
    :param budget: the limit of the batch.
    """

    config: BatchConfig
    accounts: Sequence[BatchAccount]
    ledger: Ledger
    progress: Progress
    preflight: PreflightResult
    deadline_for: DeadlineFor
    log: logging.Logger
    unexpected: str = ""
    to_resubmit: RowsToResubmit = field(init=False)
    limiter: SubmissionLimiter = field(init=False)
    writer: LedgerWriter = field(init=False)
    budget: Budget = field(init=False)

    @property
    def settings(self) -> KlingSettings:
        """The connection of the first account."""
        return self.accounts[0].settings

    @property
    def can_look_up(self) -> bool:
        """Whether this host and endpoint can find a job by its external id."""
        return can_look_up(self.config.endpoint, self.settings.dialect.supports_lookup)

    @property
    def proves_absence(self) -> bool:
        """Whether a look-up that finds nothing proves that a row has no job."""
        return self.config.proves_absence(self.settings.dialect)

    def entry_of(self, row: RequestRow) -> LedgerEntry:
        """Return the line of a row with the values of this try.

        :param row: the row.
        :return: the line, in the state that the ledger has.
        """
        known = self.ledger.entries.get(row.key) or LedgerEntry(row.key, RowState.PENDING, row.number)
        return known.with_state(
            known.state,
            number=row.number,
            clear_count=self.config.clear_count,
            labels=row.labels or None,
            airflow=self.config.airflow,
        )

    def on_unexpected(self, error: Exception, number: int, job: str | None = None) -> None:
        """Log an unexpected error, and report the first one as the task's reason.

        :param error: the error.
        :param number: number of the row.
        :param job: Kling's id of its job, or the external task id of one that may exist.
        """
        what = f"Row {number}, job {job}" if job else f"Row {number}"
        self.log.error("Unexpected error in %s", what, exc_info=error)
        self.unexpected = self.unexpected or f"{what}: unexpected error {type(error).__name__}"
