# SPDX-License-Identifier: Apache-2.0
"""The trigger of a deferred batch: waits for its running jobs and wakes it when enough have ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from airflow.triggers.base import TriggerEvent

from ..api.endpoint import get_endpoint
from .batch_wakeup import WakeRule
from .kling import _KlingBaseTrigger
from .loop_pacing import load_in_thread
from .poll_schedule import PollSchedule, wait_in_stages

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..hooks.connection import KlingSettings

_ACCOUNT = 3
"""Index of the connection in the tuple of a job."""

_YIELD_EVERY = 50
"""Subscriptions that start in one step of the event loop."""

MAX_LISTED_JOBS = 10
"""Most job ids that a log line names."""


class BatchEvent(TypedDict):
    """Why a batch is woken.

    :ivar status: ``wake``.
    :ivar ended: how many of the jobs have ended.
    :ivar message: an error of the connection; usually empty.
    :ivar fired_at: Unix time in seconds.
    """

    status: Literal["wake"]
    ended: int
    message: str
    fired_at: float


class KlingBatchTrigger(_KlingBaseTrigger):
    """Wait for the running jobs of a batch, together with all others of its connection and endpoint.

    The event is ``{"status": "wake", "ended", "message", "fired_at"}``. It holds no result: the worker reads
    the jobs again. The trigger has no state: another triggerer starts it again from its arguments.

    :param endpoint: slug of the endpoint that made the jobs, such as ``videos/image2video``.
    :param kling_conn_id: id of the connection.
    :param deadline: Unix time in seconds at which the batch is woken at the latest.
    :param jobs: the running jobs: Kling's id, external id or ``None``, Unix time in seconds of the
        submission, and with several accounts the connection of the one that has it.
    :param poll_interval: seconds between polls while the usual duration is not known.
    :param since: Unix time in seconds of the deferral.
    :param rows_left: rows of the batch wait for a slot.
    :param durations: seconds that earlier jobs took.
    :param lead: seconds from the event until a worker runs.
    :param unknown: arguments of other versions of this package, ignored.
    """

    _arguments = (
        "endpoint",
        "kling_conn_id",
        "deadline",
        "jobs",
        "poll_interval",
        "since",
        "rows_left",
        "durations",
        "lead",
    )

    def __init__(
        self,
        *,
        endpoint: str,
        kling_conn_id: str,
        deadline: float,
        jobs: Sequence[Sequence[Any]],
        poll_interval: float,
        since: float,
        rows_left: bool = True,
        durations: Sequence[float] = (),
        lead: float = 0.0,
        **unknown: Any,
    ) -> None:
        super().__init__(endpoint, kling_conn_id, deadline)
        # Lists, because Airflow serializes tuples differently.
        self.jobs = [list(job) for job in jobs]
        self.poll_interval = poll_interval
        self.since = since
        self.rows_left = rows_left
        self.durations = list(durations)
        self.lead = lead

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the batch should resume.

        :return: yields one event.
        """
        self._started_at = time.time()
        event = await self._wait()
        await self._not_too_early(self.since)
        event["fired_at"] = time.time()
        yield TriggerEvent(dict(event))  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Log that the jobs continue; called by Airflow 3.3 and later."""
        named = ", ".join(str(job[0]) for job in self.jobs[:MAX_LISTED_JOBS])
        self.log.warning(
            "The task was ended by a user, but Kling cannot cancel: %d jobs continue and may be charged "
            "(%s%s). Clear the task: it attaches to them",
            len(self.jobs),
            named,
            ", ..." if len(self.jobs) > MAX_LISTED_JOBS else "",
        )

    async def _wait(self) -> BatchEvent:
        await load_in_thread()
        from ..exceptions import KlingError

        try:
            return await self._wait_until_worth_resuming(
                get_endpoint(self.endpoint), await self._settings(self.deadline)
            )
        except (KlingError, ValueError) as error:
            # The worker gets the same error, and can report its effect on each row.
            self.log.warning("The batch goes back to a worker: %s", error)
            return _event(0, str(error))

    async def _wait_until_worth_resuming(self, endpoint: Endpoint, settings: KlingSettings) -> BatchEvent:
        watch = _JobWatch(self)
        rule = WakeRule(
            {str(job[0]): float(job[2]) for job in self.jobs},
            since=self.since,
            deadline=self.deadline,
            rows_left=self.rows_left,
            usual=watch.schedule.median,
            lead=self.lead,
        )
        try:
            await watch.start(await self._accounts(settings), endpoint)
            while not watch.error:
                left = rule.wake_at(watch.ended) - time.time()
                if left <= 0:
                    break
                await watch.changed(left)
            return _event(len(watch.ended), watch.error)
        finally:
            await watch.stop()

    async def _accounts(self, first: KlingSettings) -> dict[str, KlingSettings]:
        """Read the connections of all jobs."""
        found = {self.kling_conn_id: first}
        for job in self.jobs:
            conn_id = _conn_id_of(job) or self.kling_conn_id
            if conn_id not in found:
                found[conn_id] = await self._settings(self.deadline, conn_id)
        return found


def _conn_id_of(job: Sequence[Any]) -> str | None:
    return str(job[_ACCOUNT]) if len(job) > _ACCOUNT and job[_ACCOUNT] else None


class _JobWatch:
    """The waits of one trigger for its jobs.

    :param trigger: has the jobs.
    """

    def __init__(self, trigger: KlingBatchTrigger) -> None:
        self.ended: dict[str, float] = {}
        self.error = ""
        self.schedule = PollSchedule(trigger.poll_interval)
        self.schedule.record_all(trigger.durations)
        self._trigger = trigger
        self._changed = asyncio.Event()
        self._waits: list[asyncio.Task[None]] = []
        self._warned = False

    async def start(self, accounts: Mapping[str, KlingSettings], endpoint: Endpoint) -> None:
        """Start to wait for all jobs.

        :param accounts: the checked connections by their ids.
        :param endpoint: the endpoint that made the jobs.
        """
        from ..hooks.transport import ssl_context_for

        # The poller would have no client, and could not report why.
        for settings in accounts.values():
            await asyncio.to_thread(ssl_context_for, settings)
        for number, job in enumerate(self._trigger.jobs, 1):
            settings = accounts[_conn_id_of(job) or self._trigger.kling_conn_id]
            self._waits.append(asyncio.create_task(self._wait(settings, endpoint, *job[:_ACCOUNT])))
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def changed(self, seconds: float) -> None:
        """Wait until a job has ended.

        :param seconds: longest wait.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def stop(self) -> None:
        """End all waits."""
        for wait in self._waits:
            wait.cancel()
        await asyncio.gather(*self._waits, return_exceptions=True)

    async def _wait(
        self,
        settings: KlingSettings,
        endpoint: Endpoint,
        ident: str,
        external_task_id: str | None,
        started: float,
    ) -> None:
        from .shared_poller import get_poller

        try:
            wait = await wait_in_stages(
                get_poller(settings, endpoint),
                str(ident),
                self.schedule,
                started=float(started),
                deadline=self._trigger.deadline,
                since=self._trigger.since,
                external_task_id=external_task_id,
                on_line=self._log_line,
            )
            event = wait.event
            if event is None or event["status"] == "error":
                self.error = event["message"] if event else "the wait ended without a reason"
            elif event["status"] != "timeout":
                self.ended[str(ident)] = time.time()
        except Exception as error:
            self.error = f"{type(error).__name__} while job {ident} was waited for"
            self._trigger.log.exception("The wait for job %s failed; the batch goes back to a worker", ident)
        finally:
            self._changed.set()

    def _log_line(self, level: int, line: str) -> None:
        # One line for each status of a thousand jobs would not be read; errors are logged once.
        loud = level >= logging.WARNING and not self._warned
        self._warned = self._warned or loud
        self._trigger.log.log(level if loud else logging.DEBUG, "%s", line)


def _event(ended: int, message: str) -> BatchEvent:
    return {"status": "wake", "ended": ended, "message": message, "fired_at": time.time()}
