# SPDX-License-Identifier: Apache-2.0
"""One poller for all waits for jobs of one endpoint and connection on one event loop.

It starts with the first waiter and ends with the last. It runs in a new context: otherwise its log lines
would be written to the log of the task that came first. For the same reason it reads no connection and masks
no secret, because both call Airflow on behalf of a task.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from ..api.endpoint import Endpoint
from ..api.polling import MAX_AUTH_FAILURES, MIN_POLL_INTERVAL, Backoff
from ..api.task import KlingTask, parse_task
from ..exceptions import KlingAuthError, KlingError
from ..hooks.async_client import AsyncKlingClient
from ..hooks.connection import KlingSettings
from ..metrics import count, gauge
from .poll_planner import ListPosition
from .reads_by_id import PollFailed, ResultSink
from .slot_queue import get_slot_queue
from .task_reader import YIELD_EVERY, TaskReader
from .task_subscription import TaskSubscription

log = logging.getLogger(__name__)

BATCHING_WINDOW = 0.5
"""Seconds that an idle poller waits for further waiters before it polls for the first."""

_DEFAULT_INTERVAL = 5.0
_MAX_TASK_BACKOFF = 60.0
"""Seconds between reads of a job that cannot be read while others can."""


@dataclass(slots=True)
class _PolledTask:
    """One job and all waits for it.

    :param due: time of the next poll, on the loop's clock.
    :param interval: seconds between polls.
    :param read_in: the round in which it was last read.
    :param failures: failed reads in a row of this job alone.
    :param added_at: when the first wait for it began here, on the loop's clock.
    """

    due: float
    interval: float
    subscriptions: list[TaskSubscription] = field(default_factory=list)
    read_in: int = 0
    failures: int = 0
    added_at: float = 0.0


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], SharedPoller]] = (
    WeakKeyDictionary()
)


def get_poller(settings: KlingSettings, endpoint: Endpoint) -> SharedPoller:
    """Return the running loop's poller for an endpoint and the content of a connection.

    :param settings: settings of the connection.
    :param endpoint: the endpoint.
    :return: the poller; the same one for the same arguments while jobs are waited for.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    key = (settings.fingerprint, endpoint.slug)
    if key not in pollers:
        pollers[key] = SharedPoller(settings, endpoint, on_end=lambda: pollers.pop(key, None))
    return pollers[key]


class SharedPoller(ResultSink):
    """Polls for all its waiters with the fewest requests.

    :param settings: the connection.
    :param endpoint: the endpoint that made the jobs.
    :param on_end: called when the last waiter has left; the poller is of no use after that.
    """

    def __init__(self, settings: KlingSettings, endpoint: Endpoint, on_end: Callable[[], object]) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._on_end = on_end
        self._slot_queue = get_slot_queue(settings.fingerprint)
        self._reader = TaskReader(endpoint, lists=settings.dialect.supports_list and endpoint.listable)
        self._backoff = Backoff(MIN_POLL_INTERVAL)
        self._refusals = 0
        self._jobs: dict[str, _PolledTask] = {}
        self._positions: dict[str, ListPosition] = {}
        self._intervals: Counter[float] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._timer_context = contextvars.Context()
        self._wakeup = asyncio.Event()
        self._wakes_at = 0.0
        self._not_before = 0.0
        self._round = 0
        self._round_began = 0.0

    def subscribe(
        self,
        ident: str,
        interval: float,
        deadline: float,
        since: float | None = None,
        *,
        external_task_id: str | None = None,
    ) -> TaskSubscription:
        """Start a wait.

        :param ident: id or external id of the job.
        :param interval: seconds between polls.
        :param deadline: Unix time in seconds.
        :param since: Unix time in seconds at which the job was known not to have ended.
        :param external_task_id: external id of the job, if known.
        :return: the wait.
        """
        # One that is no number would make all times of the poller such, and no job would be due any more.
        usable = interval if math.isfinite(interval) else _DEFAULT_INTERVAL
        subscription = TaskSubscription(ident, max(usable, MIN_POLL_INTERVAL), deadline, self._timer_context)
        since = since if since is None or math.isfinite(since) else None
        due = self._first_due(subscription, since)
        job = self._jobs.setdefault(ident, _PolledTask(due, subscription.interval, added_at=_now()))
        position = self._positions.setdefault(ident, ListPosition())
        position.name = position.name or external_task_id
        job.subscriptions.append(subscription)
        self._intervals[subscription.interval] += 1
        job.interval, job.due = min(job.interval, subscription.interval), min(job.due, due)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"poll {self._endpoint}", context=contextvars.Context()
            )
        if job.due < self._wakes_at:
            self._wakeup.set()
        return subscription

    def unsubscribe(self, subscription: TaskSubscription) -> None:
        """End the wait of one subscriber, whatever its outcome.

        :param subscription: the subscriber.
        """
        subscription.close()
        job = self._jobs.get(subscription.ident)
        if job is None or subscription not in job.subscriptions:
            return
        job.subscriptions.remove(subscription)
        self._intervals -= Counter([subscription.interval])
        if job.subscriptions:
            job.interval = min(other.interval for other in job.subscriptions)
            return
        del self._jobs[subscription.ident], self._positions[subscription.ident]
        if not self._jobs:
            self._on_end()
            if self._task:
                self._task.cancel()

    def on_list_row(self, ident: str, word: str, row: Mapping[str, Any]) -> bool:
        """Handle a job's row of a list; most are unchanged and not parsed."""
        job = self._jobs[ident]
        self._mark_read(job)
        news = [subscription for subscription in job.subscriptions if not subscription.is_unchanged(word)]
        if not news or not (task := parse_task(row)):
            return False
        self._notify(job, task)
        return True

    def on_task(self, ident: str, task: KlingTask) -> None:
        """Handle a job that was read by itself."""
        if job := self._jobs.get(ident):
            self._positions[ident].created = task.created_at
            self._mark_read(job)
            self._notify(job, task)

    def on_failure(self, ident: str, error: KlingError) -> None:
        """Handle a job that cannot be read, while others can."""
        if job := self._jobs.get(ident):
            failures = job.failures + 1
            delay = max(job.interval, min(job.interval * 2.0 ** min(failures, 10), _MAX_TASK_BACKOFF))
            self._mark_read(job, delay)
            job.failures = failures
            count("poll_errors", endpoint=self._endpoint, dialect=self._settings.dialect)
            for subscription in job.subscriptions:
                subscription.on_error(str(error))

    def on_reading(self, ident: str) -> None:
        """Record that the response about a job is late."""
        if job := self._jobs.get(ident):
            job.due = float("inf")

    def on_postponed(self, ident: str) -> None:
        """Record that a job is not read in this round."""
        if job := self._jobs.get(ident):
            job.due = self._round_began + job.interval

    @property
    def _pace(self) -> float:
        return min(self._intervals, default=MIN_POLL_INTERVAL)

    def _first_due(self, subscription: TaskSubscription, since: float | None) -> float:
        """Let new waiters join a round: a thousand of them must not cause a thousand polls.

        A job that was just seen is not polled before a whole interval has passed.
        """
        now, wall = _now(), time.time()
        wanted = (
            now if since is None else now + min(since + subscription.interval - wall, subscription.interval)
        )
        pace = min([subscription.interval, *self._intervals])
        soon = now + min(BATCHING_WINDOW, pace / 2)
        if self._round:
            wanted = self._round_began + max(1, (wanted - self._round_began) // pace) * pace
        return max(soon, min(wanted, now + subscription.poller.deadline - wall))

    async def _run(self) -> None:
        try:
            await self._poll_until_done()
        finally:
            self._reader.close()

    async def _poll_until_done(self) -> None:
        while True:
            try:
                async with AsyncKlingClient(self._settings) as client:
                    while True:
                        await self._sleep_until_due()
                        await self._poll(client)
            except Exception as error:
                # A bug must not end waits for paid jobs, nor leave them without a poller.
                log.exception("The poller of %s failed; it starts again", self._endpoint)
                self._back_off(None)
                why = str(error) if isinstance(error, KlingError) else type(error).__name__
                self._reader.close()
                await self._notify_all(self._jobs.values(), f"the poller failed: {why}")
                # If no client can be created, nothing here waits, and no other task of the loop would run.
                await asyncio.sleep(self._not_before - _now())

    async def _sleep_until_due(self) -> None:
        """Wait until a job is due."""
        while True:
            self._wakeup.clear()
            due = min((job.due for job in self._jobs.values()), default=float("inf"))
            self._wakes_at = max(due, self._not_before)
            if self._wakes_at <= _now():
                return
            try:
                async with asyncio.timeout_at(self._wakes_at):
                    await self._wakeup.wait()
            except TimeoutError:
                continue

    async def _poll(self, client: AsyncKlingClient) -> None:
        self._round += 1
        self._round_began = _now()
        due = self._due()
        self._notify_oldest()
        # With ten thousand jobs, choosing and planning are each a step that others must not wait for.
        await asyncio.sleep(0)
        try:
            await self._reader.read(client, self._positions, due, self)
        except PollFailed as failure:
            self._refusals = 0
            await self._on_failed_round(due, str(failure), failure.retry_after)
        except KlingAuthError as error:
            self._refusals += 1
            await self._on_failed_round(due, str(error), None)
        else:
            self._refusals = 0
            self._backoff.succeeded()

    def _notify_oldest(self) -> None:
        added_at = min((job.added_at for job in self._jobs.values()), default=self._round_began)
        gauge(
            "oldest_wait_seconds",
            round(self._round_began - added_at, 1),
            endpoint=self._endpoint,
            dialect=self._settings.dialect,
        )

    async def _on_failed_round(self, due: Iterable[str], message: str, retry_after: float | None) -> None:
        count("poll_errors", endpoint=self._endpoint, dialect=self._settings.dialect)
        self._back_off(retry_after)
        auth_failed = self._refusals >= MAX_AUTH_FAILURES
        jobs = (
            self._jobs[ident] for ident in (list(self._jobs) if auth_failed else due) if ident in self._jobs
        )
        await self._notify_all(
            (job for job in jobs if job.read_in != self._round), message, auth_failed=auth_failed
        )

    def _due(self) -> list[str]:
        """Choose the jobs of this round, nearly due ones included, so that all are polled together."""
        pace = self._pace
        return [ident for ident, job in self._jobs.items() if job.due <= self._round_began + pace / 2]

    def _mark_read(self, job: _PolledTask, next_due: float | None = None) -> None:
        until_deadline = min(subscription.poller.deadline for subscription in job.subscriptions) - time.time()
        job.read_in = self._round
        job.failures = 0
        job.due = self._round_began + (next_due or job.interval)
        if until_deadline > 0:
            # One last poll at the deadline: the job may have ended in time.
            job.due = min(job.due, _now() + until_deadline)
        if job.due < self._wakes_at:
            # The response was late and the poller is idle.
            self._wakeup.set()

    def _notify(self, job: _PolledTask, task: KlingTask) -> None:
        for subscription in job.subscriptions:
            subscription.on_task(task)
        if task.status.is_terminal:
            self._slot_queue.release()
            # Its waiters leave as soon as they are awake.
            job.due = float("inf")

    async def _notify_all(
        self, jobs: Iterable[_PolledTask], message: str, *, auth_failed: bool = False
    ) -> None:
        for number, job in enumerate(list(jobs)):
            for subscription in job.subscriptions:
                if auth_failed:
                    subscription.on_auth_error(message)
                else:
                    subscription.on_error(message)
            if number % YIELD_EVERY == YIELD_EVERY - 1:
                await asyncio.sleep(0)

    def _back_off(self, retry_after: float | None) -> None:
        """Back off for all jobs: what fails for one would fail for all."""
        self._backoff.interval = self._pace
        self._backoff.failed()
        self._not_before = _now() + self._backoff.delay(retry_after)


def _now() -> float:
    # A reference to the loop would prevent its collection: the loop's table of pollers is weak.
    return asyncio.get_running_loop().time()
