# SPDX-License-Identifier: Apache-2.0
"""When a batch defers, and the state that it stores then."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ..triggers.batch_wakeup import worth_deferring
from .limiter import AdaptiveWidth, StopReason

if TYPE_CHECKING:
    from .accounts import AccountRuns
    from .config import BatchConfig
    from .context import RunContext
    from .monitor import RunningJob

CHECK_SECONDS = 0.2
"""Seconds between two checks of whether the batch can defer."""

FIRST_LEAD = 4.0
"""Assumed seconds until a worker starts, before that was measured."""

MAX_LEAD = 120.0
"""Longest lead that is used: a longer one means a full queue, which cannot be predicted."""

_DURATIONS = 20
_LEAD_SHARE = 0.5
_JSON_KEYS = {"submitted": "made", "reattached": "attached", "unexpected": "unforeseen"}


@dataclass(frozen=True, slots=True)
class DeferralState:
    """State of a try across deferrals; plain JSON, stored by Airflow with the deferred task.

    :param began: when the try began, Unix time in seconds.
    :param submitted: jobs that this try has submitted.
    :param reattached: jobs of earlier tries that this one has attached to.
    :param ended: jobs that have ended in this try.
    :param estimate: estimated units of all rows, as text; ``None`` while the rows are not checked.
    :param unpriced: rows whose cost cannot be known beforehand.
    :param width: how many jobs Kling accepted at once.
    :param lead: seconds from a trigger's event until a worker runs.
    :param durations: seconds that the last jobs took.
    :param unexpected: row, job and type of the first unexpected error.
    :param rows: how many rows there are, if the ledger has all others by number; 0 to read them again.
    :param position: how many rows need not be read again: each of them has been submitted or has failed.
    :param digest: digest of the rows' keys when they were read; empty if they are read again.
    :param shard: the part of the rows that the try began with, as text; empty for all rows.
    """

    began: float
    submitted: int = 0
    reattached: int = 0
    ended: int = 0
    estimate: str | None = None
    unpriced: int = 0
    width: int | None = None
    lead: float = field(default_factory=lambda: FIRST_LEAD)
    durations: tuple[float, ...] = ()
    unexpected: str = ""
    rows: int = 0
    position: int = 0
    shard: str = ""
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain JSON.

        :return: one key for each field.
        """
        values = {_JSON_KEYS.get(name, name): value for name, value in asdict(self).items()}
        return values | {"durations": list(self.durations)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DeferralState:
        """Read a state, which another version of the package may have written.

        :param values: what :meth:`to_json` has returned.
        :return: the state.
        """
        names = {_JSON_KEYS.get(each.name, each.name): each.name for each in fields(cls)}
        known = {names[key]: value for key, value in values.items() if key in names}
        return cls(**{**known, "durations": tuple(known.get("durations") or ())})

    def with_measured_lead(self, fired_at: object, now: float) -> DeferralState:
        """Return the state with the measured time from a trigger's event to this worker.

        :param fired_at: when the event was fired, Unix time in seconds.
        :param now: Unix time in seconds.
        :return: the state.
        """
        if not isinstance(fired_at, int | float) or not 0 <= now - fired_at <= MAX_LEAD:
            return self
        lead = self.lead + _LEAD_SHARE * (now - fired_at - self.lead)
        return replace(self, lead=round(lead, 2))


@dataclass(frozen=True, slots=True)
class Deferral:
    """A wait in the triggerer.

    :param jobs: the running jobs: Kling's id, external id, Unix time in seconds of the submission, and with
        several accounts the connection of the one that has it.
    :param deadline: the earliest deadline of the jobs, Unix time in seconds.
    :param rows_left: rows wait for a slot, or a running job may cause one more.
    :param state: state for the next part of the try.
    """

    jobs: Sequence[Sequence[Any]]
    deadline: float
    rows_left: bool
    state: DeferralState


def width_of(config: BatchConfig) -> AdaptiveWidth:
    """Return the working width, which an earlier part of this try may have measured.

    :param config: parameters of the batch.
    :return: the width.
    """
    width = AdaptiveWidth(config.concurrency)
    if config.state and config.state.width:
        width.width = min(config.state.width, config.concurrency)
    return width


class DeferralCheck:
    """Decides whether a batch has nothing to do but wait.

    :param run: the run.
    :param state: state of the try so far.
    :param account_runs: the accounts with their create calls and running jobs.
    """

    def __init__(self, run: RunContext, state: DeferralState, account_runs: AccountRuns) -> None:
        self._run = run
        self._state = state
        self._account_runs = account_runs
        self._began = time.time()

    def deferral(self, rows_left: bool, position: int = 0) -> Deferral | None:
        """Return the wait in the triggerer, if there is nothing else to do.

        :param rows_left: rows wait for a slot.
        :param position: how many rows need not be read again.
        :return: the wait; ``None`` while the worker is needed.
        """
        if not self._only_waits(rows_left=rows_left):
            return None
        jobs, now = self._account_runs.running, time.time()
        # The files of a job that ends may cause one more job.
        wakes_soon = rows_left or self._run.config.regenerate_on_fail > 0
        if not worth_deferring(
            [job.started for job in jobs],
            rows_left=wakes_soon,
            usual=self._account_runs.schedule.median,
            lead=self._state.lead,
            now=now,
            held=now - self._began,
        ):
            return None
        if self._run.writer.pending:
            self._run.writer.flush_soon()
            return None
        return Deferral(
            [_job_arguments(job) for job in jobs],
            min(job.deadline for job in jobs),
            wakes_soon,
            replace(
                self._next_state(),
                unexpected=self._run.unexpected,
                position=position if self._state.rows else 0,
            ),
        )

    def _only_waits(self, *, rows_left: bool) -> bool:
        """Whether every slot is used by a job that is known to run."""
        if self._run.limiter.stopped not in (None, StopReason.BUDGET, StopReason.FAILURES):
            return False
        jobs = self._account_runs.running
        return (
            bool(jobs)
            and self._account_runs.is_settled
            and not self._account_runs.busy
            # No wait is about to start, and no job has just ended.
            and len(jobs) == self._run.limiter.width.active
            and all(job.is_known and not job.has_ended for job in jobs)
            and (self._run.limiter.is_full or not rows_left)
        )

    def _next_state(self) -> DeferralState:
        width = self._run.limiter.width
        return replace(
            self._state,
            submitted=self._run.progress.submitted,
            reattached=self._run.progress.reattached,
            ended=self._run.progress.ended,
            width=width.width if width.width < width.max_width else None,
            durations=tuple(round(each, 1) for each in self._account_runs.schedule.durations[-_DURATIONS:]),
        )


def _job_arguments(job: RunningJob) -> tuple[Any, ...]:
    known = (str(job.entry.task_id), job.entry.external_task_id, job.started)
    return (*known, job.entry.kling_conn_id) if job.entry.kling_conn_id else known
