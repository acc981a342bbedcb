# SPDX-License-Identifier: Apache-2.0
"""Triggers that wait for a job, or for a slot of the account."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NotRequired, TypedDict

from airflow.triggers.base import BaseTaskEndEvent, BaseTrigger, TaskSuccessEvent, TriggerEvent

from ..api.endpoint import get_endpoint
from ..api.polling import MAX_FAILURES_PAST_DEADLINE, WARN_AFTER_FAILURES, Backoff, TaskEvent
from ..results.job_origin import CONNECTION_FACT
from ..version_compat import airflow_version
from .loop_pacing import load_in_thread, start_semaphore

if TYPE_CHECKING:
    from ..hooks.connection import KlingSettings
    from .shared_poller import SharedPoller
    from .task_subscription import TaskSubscription

_SETTINGS_BACKOFF = 2.0

MAX_CONNECTION_WAIT = 300.0
"""Seconds that a connection may be unreadable before the wait for a slot returns to a worker."""

FIRST_EVENT_AFTER = 10.0
"""Seconds after the deferral before which no event is fired: Airflow 3.3 may fail a task whose event comes
before the scheduler has processed the end of its worker (apache/airflow #71580, #72716)."""

LATEST_FIRST_EVENT = 30.0
"""Seconds after the deferral from which an event is always fired."""

_EXTRA_WAIT = 4.0
"""Seconds that a first event is later for each second, after one, in which the trigger has not started."""

_EARLY_EVENTS_FAIL_FROM = (3, 3)
"""First version of Airflow with that fault. Both issues are open, so newer versions count as affected."""


class SlotEvent(TypedDict):
    """How a wait for a slot ended, with what the next refusal needs to know."""

    status: Literal["slot", "timeout"]
    message: str
    since: float
    refusals: int
    may_exist: NotRequired[bool]
    kling_conn_id: NotRequired[str]


def _to_trigger_event(event: TaskEvent | SlotEvent) -> TriggerEvent:
    return TriggerEvent(dict(event))  # type: ignore[no-untyped-call]


class _KlingBaseTrigger(BaseTrigger):
    """Base of the triggers. They have no state: another triggerer starts one again from its arguments.

    :param endpoint: slug of the endpoint.
    :param kling_conn_id: id of the connection.
    :param deadline: Unix time in seconds.
    """

    _arguments: ClassVar[tuple[str, ...]] = ("endpoint", "kling_conn_id", "deadline")
    names_connection = False

    def __init__(self, endpoint: str, kling_conn_id: str, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.endpoint = endpoint
        self.kling_conn_id = kling_conn_id
        self.deadline = deadline
        self._started_at: float | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments from which a triggerer creates this trigger."""
        cls = type(self)
        arguments = {name: getattr(self, name) for name in self._arguments}
        if self.names_connection:
            arguments["names_connection"] = True
        return f"{cls.__module__}.{cls.__qualname__}", arguments

    async def _not_too_early(self, deferred_at: float) -> None:
        """Wait until an event may be fired, on versions of Airflow that fail tasks over an early one.

        :param deferred_at: Unix time in seconds of the deferral.
        """
        # Outside a triggerer no scheduler is waiting.
        if self.trigger_id is None or airflow_version() < _EARLY_EVENTS_FAIL_FROM:
            return
        # While a hundred tasks start on two processors, the scheduler processes the end of a worker up to 8 s
        # late. If a trigger is slow to start, the machine is busier than that.
        lateness = self._started_at - deferred_at - 1.0 if self._started_at else 0.0
        wait = min(FIRST_EVENT_AFTER + max(lateness, 0.0) * _EXTRA_WAIT, LATEST_FIRST_EVENT)
        early = deferred_at + wait - time.time()
        await asyncio.sleep(min(max(early, 0.0), wait))

    async def _settings(self, until: float, conn_id: str = "") -> KlingSettings:
        """Read the connection, repeatedly unless the connection itself is invalid.

        A missing connection may be temporary, too: Airflow 3 reports that whenever a secrets backend or
        the API server does not respond. The task that deferred has just used it.

        This runs in the trigger's own coroutine, because the shared poller must not call Airflow.

        :param until: Unix time in seconds after which to give up.
        :param conn_id: another connection than the trigger's own.
        :raises KlingError: the connection cannot be used, or could not be read in time.
        """
        from ..exceptions import KlingError, KlingServerError
        from ..hooks.kling import KlingHook

        conn_id = conn_id or self.kling_conn_id
        backoff = Backoff(_SETTINGS_BACKOFF)
        while True:
            try:
                async with start_semaphore():
                    return await KlingHook(conn_id).aget_settings()
            except KlingError:
                raise
            except Exception as error:
                backoff.failed()
                left = until - time.time()
                if left <= 0 and backoff.failures >= MAX_FAILURES_PAST_DEADLINE:
                    raise KlingServerError(
                        f"Connection {conn_id!r} could not be read in time: {error}."
                    ) from error
                level = logging.WARNING if backoff.failures == WARN_AFTER_FAILURES else logging.DEBUG
                self.log.log(level, "Connection %r cannot be read, the wait continues: %s", conn_id, error)
                await asyncio.sleep(min(backoff.delay(), left) if left > 0 else backoff.delay())


class KlingTaskTrigger(_KlingBaseTrigger):
    """Waits for a job, together with all others of its connection and endpoint.

    The event is ``{"status", "task_id", "message"}`` with status ``succeed``, ``failed``, ``timeout`` or
    ``error``: the last means that the wait has ended, but not the job. It holds no result: results are signed
    URLs, and events are written to logs.

    :param endpoint: slug of the endpoint that made the job, such as ``videos/image2video``.
    :param kling_task_id: Kling's id of the job, or the external id.
    :param kling_conn_id: id of the connection.
    :param poll_interval: seconds between polls.
    :param deadline: Unix time in seconds after which to give up; one poll is made in any case.
    :param since: Unix time in seconds at which the job was known not to have ended; it is not polled before
        ``poll_interval`` has passed since.
    :param end_from_trigger: end the task here, with the job as its return value, when the job succeeds.
        Needs Airflow 3. Other events return to a worker, which raises errors and retries.
    :param external_task_id: external id of the job: responses with another one are not used,
        and the result has it even if the host omits it.
    :param names_connection: the task has several accounts, so the result says which one made the job.
    :param unknown: arguments of other versions of this package, ignored.
    """

    _arguments: ClassVar[tuple[str, ...]] = (
        "endpoint",
        "kling_task_id",
        "kling_conn_id",
        "poll_interval",
        "deadline",
        "since",
        "end_from_trigger",
        "external_task_id",
    )

    def __init__(
        self,
        endpoint: str,
        kling_task_id: str,
        kling_conn_id: str,
        poll_interval: float,
        deadline: float,
        *,
        since: float | None = None,
        end_from_trigger: bool = False,
        external_task_id: str | None = None,
        names_connection: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(endpoint, kling_conn_id, deadline)
        self.names_connection = names_connection
        # Native templates make a number of an id.
        self.kling_task_id = str(kling_task_id)
        self.poll_interval = poll_interval
        self.since = since
        self.end_from_trigger = end_from_trigger
        self.external_task_id = external_task_id

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the job has ended, the deadline has passed or the credentials are rejected.

        :return: iterator of one event: ``{"status", "task_id", "message"}``.
        """
        self._started_at = time.time()
        # A sensor does not say when it deferred, but this runs after that.
        deferred_at = self.since or self._started_at
        event = await self._wait()
        # The fault is in the scheduling of the task's second worker.
        if not isinstance(event, BaseTaskEndEvent):
            await self._not_too_early(deferred_at)
        yield event

    async def on_kill(self) -> None:
        """Log that the job continues although the task was ended; called by Airflow 3.3 and later."""
        self.log.warning(
            "The task was ended by a user, but Kling cannot cancel: job %s continues and may be charged. "
            "KlingFetchResultOperator can store its result.",
            self.kling_task_id,
        )

    async def _wait(self) -> TriggerEvent:
        await load_in_thread()
        from ..exceptions import KlingError
        from .shared_poller import get_poller

        try:
            endpoint, waiter, fingerprint = get_endpoint(self.endpoint), None, ""
            while True:
                settings = await self._usable_settings()
                if waiter and settings.fingerprint == fingerprint:
                    return self._ended(waiter)
                if waiter:
                    # The job is paid: its result must not be lost because the key was changed while it ran.
                    self.log.warning(
                        "Connection %r was changed; the wait continues with it", self.kling_conn_id
                    )
                fingerprint = settings.fingerprint
                poller = get_poller(settings, endpoint)
                # The poller has those of all its waits.
                del settings
                waiter = await self._wait_with(poller)
                if waiter.event is None or waiter.event["status"] != "error":
                    return self._ended(waiter)
        except KlingError as error:
            # Without its sentence about the job, which is about a create call; here a job exists.
            return _to_trigger_event(self._event(error.message))
        except ValueError as error:
            return _to_trigger_event(self._event(str(error)))

    async def _usable_settings(self) -> KlingSettings:
        from ..hooks.transport import ssl_context_for

        settings = await self._settings(self.deadline)
        # The poller would have no client, and could neither poll nor report the cause to the task.
        await asyncio.to_thread(ssl_context_for, settings)
        return settings

    async def _wait_with(self, poller: SharedPoller) -> TaskSubscription:
        waiter = poller.subscribe(
            self.kling_task_id,
            self.poll_interval,
            self.deadline,
            self.since,
            external_task_id=self.external_task_id,
        )
        own_logger = self._log
        try:
            while lines := await waiter.next_messages():
                for level, line in lines:
                    self.log.log(level, line)
                # Airflow 3 makes a logger of ten objects for each trigger.
                self._log = own_logger
        finally:
            poller.unsubscribe(waiter)
        return waiter

    def _ended(self, waiter: TaskSubscription) -> TriggerEvent:
        from ..results.expected_files import holds_its_files

        event = waiter.event or self._event("the wait ended without a reason")
        # Outside a triggerer (dag.test()) nothing could end the task.
        if (
            event["status"] == "succeed"
            and waiter.task
            and self.end_from_trigger
            and self.trigger_id is not None
            # A worker reads a job without files again, and fails with the reason.
            and holds_its_files(get_endpoint(self.endpoint), waiter.task)
        ):
            from ..metrics import job_ended

            job_ended(waiter.task, endpoint=self.endpoint)
            result = waiter.task.to_json(self.endpoint)
            # Not every host returns the external id.
            result["external_task_id"] = result["external_task_id"] or self.external_task_id
            if self.names_connection:
                result[CONNECTION_FACT] = self.kling_conn_id
            return TaskSuccessEvent(xcoms={"return_value": result})
        return _to_trigger_event(event)

    def _event(self, message: str) -> TaskEvent:
        return {"status": "error", "task_id": self.kling_task_id, "message": message}


class KlingSlotTrigger(_KlingBaseTrigger):
    """Waits until a new job may be accepted, after Kling has refused one because all slots are in use.

    The first in the queue is woken first: when a job of the connection is seen to end, else after a back-off.
    The event is ``{"status", "message", "since", "refusals"}`` with status ``slot`` or ``timeout``,
    ``may_exist`` where that is true, and ``kling_conn_id`` with ``names_connection``; all but the first two
    are arguments, for a task that is refused again.

    :param endpoint: slug of the endpoint that refused.
    :param kling_conn_id: id of the connection.
    :param deadline: Unix time in seconds after which to give up.
    :param since: Unix time in seconds of the first refusal; decides the order in the queue.
    :param refused_at: Unix time in seconds of the last refusal; ``since`` when unset.
    :param refusals: how often the job was refused; each time doubles the back-off.
    :param retry_after: seconds that Kling asked to wait, counted from the last refusal.
    :param may_exist: the outcome of a create call before the wait is unknown.
    :param names_connection: the task has several accounts, so the event says which one it waits for.
    :param unknown: arguments of other versions of this package, ignored.
    """

    _arguments = (
        "endpoint",
        "kling_conn_id",
        "deadline",
        "since",
        "refused_at",
        "refusals",
        "retry_after",
        "may_exist",
    )

    def __init__(
        self,
        *,
        endpoint: str,
        kling_conn_id: str,
        deadline: float,
        since: float,
        refused_at: float | None = None,
        refusals: int = 1,
        retry_after: float | None = None,
        may_exist: bool = False,
        names_connection: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(endpoint, kling_conn_id, deadline)
        self.names_connection = names_connection
        self.since = since
        self.refused_at = refused_at
        self.refusals = refusals
        self.retry_after = retry_after
        self.may_exist = may_exist

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for a free slot of the account.

        :return: iterator of one event: ``{"status", "task_id", "message"}``.
        """
        self._started_at = time.time()
        event = await self._wait()
        await self._not_too_early(self.refused_at or self.since)
        yield _to_trigger_event(event)

    async def _wait(self) -> SlotEvent:
        await load_in_thread()
        from .slot_queue import SlotWaiter, get_slot_queue

        waiter = SlotWaiter(self.since, self.refused_at or self.since, self.refusals, self.retry_after)
        try:
            async with asyncio.timeout(max(self.deadline - time.time(), 0.0)):
                settings = await self._settings(time.time() + MAX_CONNECTION_WAIT)
                queue = get_slot_queue(settings.fingerprint)
                self.log.info(
                    "Waiting for a free slot; %d tasks came before this one", queue.position(waiter)
                )
                await queue.wait(waiter)
        except TimeoutError:
            waited = time.time() - self.since
            return self._event("timeout", f"Kling had no free slot for the job within {waited:.0f} s")
        except Exception as error:
            # The worker gets the same error and can report more about it.
            return self._event("slot", str(error))
        return self._event("slot", "")

    def _event(self, status: Literal["slot", "timeout"], message: str) -> SlotEvent:
        event: SlotEvent = {
            "status": status,
            "message": message,
            "since": self.since,
            "refusals": self.refusals,
        }
        if self.may_exist:
            event["may_exist"] = True
        if self.names_connection:
            event["kling_conn_id"] = self.kling_conn_id
        return event
