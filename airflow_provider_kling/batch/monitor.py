# SPDX-License-Identifier: Apache-2.0
"""Wait for the jobs of a batch, store their results, and record the outcome of each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..api.pricing import amount_of, charged_units
from ..api.task import KlingTask, TaskStatus
from ..exceptions import KlingError, KlingResultExpired, KlingTaskNotFound, error_from_event
from ..metrics import job_ended
from ..results.expected_files import holds_its_files, result_missing
from ..results.job_origin import CONNECTION_FACT, REUSED_FACT
from ..results.rejected_jobs import MAKE_AGAIN, MEDIA_CHECK, NO_PROTECTION, SAME_INPUTS, media_check_error
from ..triggers.poll_schedule import PollSchedule, wait_in_stages
from ..triggers.shared_poller import get_poller
from .circuit_breaker import CircuitBreaker, FailureCause, outage_delay
from .context import RunContext
from .ledger_entry import LedgerEntry, RowState
from .stored_rows import without_urls

if TYPE_CHECKING:
    from ..triggers.task_subscription import TaskSubscription
    from .accounts import AccountRun


STORE_WORKERS = 8
"""Jobs whose files are fetched at the same time."""

MISSING_RESULT_SECONDS = 45.0
"""Seconds for which a job that succeeded without files is read again."""

FIRST_MISSING_DELAY = 2.0
"""Seconds before the first of these reads; doubled after each."""

READ_SECONDS = 300.0
"""How long reading a job again may take."""

MAX_UNSTORED = 100
"""Ended jobs that wait for their files to be stored, above which nothing new is submitted."""


@dataclass(slots=True)
class RunningJob:
    """A job that is waited for.

    :param entry: the row's line.
    :param started: when it was submitted, Unix time in seconds.
    :param is_seen: whether it was seen in this try to run.
    :param deadline: when the wait ends, Unix time in seconds.
    """

    entry: LedgerEntry
    started: float
    is_seen: bool
    deadline: float = 0.0
    _subscription: TaskSubscription | None = None

    def on_subscribe(self, subscription: TaskSubscription) -> None:
        """Record the subscription of the next stage.

        :param subscription: what the shared poller reports to.
        """
        self.is_seen = self.is_known
        self._subscription = subscription

    @property
    def is_known(self) -> bool:
        """Whether the job was seen in this try to run."""
        return self.is_seen or bool(self._subscription and self._subscription.poller.has_response)

    @property
    def has_ended(self) -> bool:
        """Whether the wait has ended and that was not handled yet."""
        event = self._subscription.event if self._subscription else None
        return event is not None and event["status"] != "timeout"


class JobMonitor:
    """Waits for the jobs of one account and stores their results.

    :param run: the run.
    :param account_run: the account.
    """

    def __init__(self, run: RunContext, account_run: AccountRun) -> None:
        self._run = run
        self._account_run = account_run
        self.schedule = PollSchedule(run.config.poll_interval)
        self.busy = 0
        """Jobs that have ended and are not recorded yet."""
        self._running: dict[str, RunningJob] = {}
        self._pool = ThreadPoolExecutor(STORE_WORKERS, thread_name_prefix="kling-store")
        self._outage = CircuitBreaker()
        self._warned = False
        self._unstored = 0
        self._capacity = asyncio.Condition()

    async def wait_for_capacity(self) -> None:
        """Wait while too many jobs have ended whose files are not stored."""
        async with self._capacity:
            await self._capacity.wait_for(lambda: self._unstored < MAX_UNSTORED)

    async def run_to_completion(self, entry: LedgerEntry, task: KlingTask | None) -> None:
        """Wait for a job's end, release its slot, and store its files.

        :param entry: the row's line, submitted.
        :param task: the job as just seen; ``None`` if it was not read in this try.
        :raises KlingError: there is no result, or not yet.
        """
        try:
            if task is None or not task.status.is_terminal:
                task = await self._wait(entry, task)
        finally:
            self._account_run.limiter.release()
        self.busy += 1
        try:
            await self._on_ended(entry, task)
        finally:
            self.busy -= 1

    @property
    def running(self) -> list[RunningJob]:
        """Return the jobs that are waited for."""
        return list(self._running.values())

    async def _on_ended(self, entry: LedgerEntry, task: KlingTask) -> None:
        self._warned = False
        if seconds := task.seconds_to_end:
            self.schedule.record(seconds)
        # An invalid amount means an unknown charge; it must not stop a paid job.
        units = None if amount_of(task.units) is None else task.units
        charges, failed = task.charges or None, task.status is TaskStatus.FAILED
        facts = _facts_of(entry)
        charged = charged_units(
            self._account_run.config.endpoint, task, self._account_run.client.settings.currency
        )
        reused = facts.get(REUSED_FACT)
        if reused:
            units, charges = "0", None
        in_cash = any(row["type"] == "cash" for row in charges or ())
        total = f"{charged:f}" if in_cash and charged is not None else None
        submitted = entry
        entry = submitted.with_state(RowState.SUBMITTED, units=units, charges=charges, total=total)
        if (failed and (units or charges)) or entry.committed_units > submitted.committed_units:
            # The next row may be submitted while the files of this one are stored, which can take long.
            self._run.writer.record(entry)
        await self._settle(entry, charged)
        if failed:
            raise error_from_event({"status": "failed", "task_id": task.task_id, "message": task.message})
        task = await self._wait_for_files(task)
        stored = await self._store(task, facts)
        self._record_metrics(entry, task)
        if entry.estimate is None and charged is not None:
            self._run.budget.record_charge(charged)
        verdict = stored.get(MEDIA_CHECK)
        result = (
            without_urls(stored)
            | ({REUSED_FACT: reused} if reused else {})
            | ({MEDIA_CHECK: verdict} if verdict else {})
            | ({CONNECTION_FACT: entry.kling_conn_id} if entry.kling_conn_id else {})
        )
        paid = entry.with_state(entry.state, result=result)
        if verdict and not verdict["passed"]:
            self._on_rejected(paid, verdict)
        else:
            self._run.writer.record(paid.with_state(RowState.DONE, error=None, facts=None))

    def _on_rejected(self, line: LedgerEntry, verdict: Mapping[str, Any]) -> None:
        """Open a row again whose files fail the media check, or raise the error for the row.

        A retry that reads the line before this one checks the same files with the same outcome.
        """
        config, reason = self._run.config, ""
        job_count = config.jobs_of(line)
        if job_count > config.regenerate_on_fail:
            reason = f"{job_count} jobs were made for it." if job_count > 1 else ""
        elif not (self._run.proves_absence and self._run.can_look_up):
            reason = NO_PROTECTION
        else:
            text = media_check_error(verdict).message
            self._run.log.info("Row %d: another job is submitted. %s", line.number, text)
            self._run.writer.record(config.reopened(line, config.clear_count))
            self._run.to_resubmit.add(line.key)
            return
        self._run.writer.record(line)
        raise media_check_error(verdict, reason, next_steps=SAME_INPUTS if config.scope else MAKE_AGAIN)

    async def _settle(self, entry: LedgerEntry, units: Decimal | None) -> None:
        if self._account_run.config.shared:
            await asyncio.to_thread(self._account_run.config.shared.settle, entry.external_task_id, units)

    def _record_metrics(self, entry: LedgerEntry, task: KlingTask) -> None:
        model = (entry.facts or {}).get("model_name")
        job_ended(
            task,
            endpoint=self._account_run.config.endpoint,
            dialect=self._account_run.client.settings.dialect,
            model=model,
        )

    def close(self) -> None:
        """Stop storing results."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, entry: LedgerEntry, task: KlingTask | None) -> KlingTask:
        """Wait in stages: each stage has its own interval, and one poll at its end."""
        now = time.time()
        job = RunningJob(entry, min((entry.submitted_at or now * 1000) / 1000, now), task is not None)
        job.deadline = self._run.deadline_for(entry.submitted_at, now)
        self._running[entry.key] = job
        try:
            subscription = await wait_in_stages(
                get_poller(self._account_run.client.settings, self._account_run.config.endpoint),
                str(entry.task_id),
                self.schedule,
                started=job.started,
                deadline=job.deadline,
                since=now if task else None,
                external_task_id=entry.external_task_id
                if self._account_run.config.endpoint.external_id
                else None,
                on_line=self._log_line,
                on_join=job.on_subscribe,
            )
        finally:
            del self._running[entry.key]
        return _task_or_raise(subscription)

    def _log_line(self, level: int, line: str) -> None:
        # One line for each status of thousands of jobs would hide the progress; errors are logged once.
        is_first_warning = level >= logging.WARNING and not self._warned
        self._warned = self._warned or is_first_warning
        self._run.log.log(level if is_first_warning else logging.DEBUG, "%s", line)

    async def _read(self, task: KlingTask) -> KlingTask:
        found = await self._account_run.client.find_task(
            self._account_run.config.endpoint, task.task_id, by_external_id=False
        )
        if found is None:
            raise KlingTaskNotFound(f"Kling does not know job {task.task_id}.", task_id=task.task_id)
        return found

    async def _wait_for_files(self, task: KlingTask) -> KlingTask:
        """Return a job that succeeded once it has its files, which may appear after its end."""
        endpoint, delay = self._account_run.config.endpoint, FIRST_MISSING_DELAY
        until = time.monotonic() + MISSING_RESULT_SECONDS
        while not holds_its_files(endpoint, task):
            if endpoint.synchronous or time.monotonic() + delay > until:
                raise result_missing(task.task_id, endpoint.slug, at_once=endpoint.synchronous)
            await asyncio.sleep(delay)
            delay *= 2
            try:
                updated = await self._read(task)
            except KlingError as error:
                self._run.log.debug("Job %s cannot be read: %s", task.task_id, error)
                continue
            task = updated if updated.status is task.status else task
        return task

    async def _store(self, task: KlingTask, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Store a job's files, with retries while the storage is down: they are paid for.

        The retries end after ``timeout``, as the wait for a job does; a retry of the task stores them then.
        """
        loop = asyncio.get_running_loop()
        first_failure, failures = loop.time(), 0
        now = time.time()
        until = first_failure + self._run.deadline_for(None, now) - now

        def read() -> KlingTask:
            # In the loop: threads must not share a session of requests.
            return asyncio.run_coroutine_threadsafe(self._read(task), loop).result(READ_SECONDS)

        self._unstored += 1
        try:
            while True:
                try:
                    stored = await loop.run_in_executor(
                        self._pool, self._account_run.account.store_result, task, facts, read
                    )
                except KlingResultExpired:
                    raise
                except Exception as error:
                    failures += 1
                    delay, now = outage_delay(failures), loop.time()
                    if self._outage.on_failure(first_failure, failures, now) is not FailureCause.UNDECIDED:
                        raise
                    if now + delay > until:
                        raise
                    self._run.log.info("Job %s: %s Trying again", task.task_id, error)
                    await asyncio.sleep(delay)
                else:
                    self._outage.on_success(loop.time())
                    return stored
        finally:
            self._unstored -= 1
            async with self._capacity:
                self._capacity.notify_all()


def _facts_of(entry: LedgerEntry) -> dict[str, Any]:
    """Return the manifest's part about the request, the task instance and the labels."""
    return {**(entry.facts or {}), **({"labels": entry.labels} if entry.labels else {})}


def _task_or_raise(subscription: TaskSubscription) -> KlingTask:
    event, task = subscription.event, subscription.task
    if event and event["status"] in ("succeed", "failed") and task:
        return task
    raise error_from_event(
        event
        or {"status": "error", "task_id": subscription.ident, "message": "the wait ended without a reason"}
    )
