# SPDX-License-Identifier: Apache-2.0
"""Start DAGs for jobs that end, by any DAG or tool: a trigger for ``AssetWatcher``. Needs Airflow 3.0."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

try:
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent
except ImportError:
    raise ImportError(
        "KlingJobEventTrigger needs Airflow 3.0 or newer, which has AssetWatcher. On Airflow 2 run "
        "KlingResultSweepOperator on a schedule instead."
    ) from None

from ..api.durations import MAX_SECONDS
from ..api.polling import MIN_POLL_INTERVAL, WARN_AFTER_FAILURES
from .kling import _KlingBaseTrigger
from .loop_pacing import Slice, load_in_thread
from .task_lists import JobWatermark, get_task_lists, watermarks_from_json

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import KlingTask
    from ..hooks.connection import KlingSettings
    from .task_lists import TaskLists

STATE_KEY = "kling_job_events"
"""Key of the watermarks in the asset's state store (Airflow 3.3 and newer)."""

STATUSES = ("succeed", "failed")

_SETTINGS_SECONDS = 600.0
"""Seconds after which the connection is read again: it may have been changed."""

_STORE_SECONDS = 600.0
"""Seconds for which a store that cannot be read is asked again."""

_STORE_RETRY_DELAY = 10.0

_EVENTS_WRITTEN_SECONDS = 30.0
"""Seconds after which Airflow has written the events that were fired."""

_WARN_EVERY = 20
_EARLIEST, _LATEST = 1_000_000_000, 4_102_444_800
"""Unix times in seconds from 2001 to 2100: another number is of milliseconds, or no time."""


class JobEndedEvent(TypedDict):
    """Payload of an event. It holds no URLs: results are signed, and events are stored and logged.

    :ivar task_id: Kling's id of the job.
    :ivar external_task_id: external id of the job, if it has one.
    :ivar endpoint: slug of the endpoint whose list has the job.
    :ivar status: ``succeed`` or ``failed``.
    """

    task_id: str
    external_task_id: str | None
    endpoint: str
    status: str


class KlingJobEventTrigger(_KlingBaseTrigger, BaseEventTrigger):
    """Fire an event for each job of an account that ends, by any DAG or tool.

    For the ``trigger`` of an ``AssetWatcher``. It reads the account's lists of jobs; triggers of one
    connection share the requests. On Airflow 3.3 and newer it continues after a restart from a watermark in
    the asset's state store; each job is reported at least once, so a DAG must tolerate a repeated event.
    Older versions store none: jobs that end while no triggerer runs are not reported.

    :param kling_conn_id: id of a connection of type ``kling``.
    :param endpoint: slug, or list of slugs, of the endpoints to watch, such as ``videos/text2video``.
        Default: all that list their jobs. Endpoints of API 2.0 share a list, which does not say which of them
        made a job: its jobs are reported under the first one that is watched, and any of them can read them.
    :param statuses: ends to report: ``succeed``, ``failed`` or both.
    :param poll_interval: seconds between polls of the lists, at least 0.2.
    :param start_from: report jobs that ended at this time or later: a ``datetime`` with a time zone, ISO text
        or Unix time in seconds. Default: jobs that end after the first poll. Without effect once a
        watermark is stored.
    :param unknown: arguments of other versions of this package, ignored.
    :raises ValueError: a value is invalid.
    """

    _arguments = ("kling_conn_id", "endpoint", "statuses", "poll_interval", "start_from")

    def __init__(
        self,
        kling_conn_id: str = "kling_default",
        endpoint: str | Sequence[str] | None = None,
        statuses: str | Sequence[str] = STATUSES,
        poll_interval: float = 30.0,
        start_from: datetime | str | float | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__("", kling_conn_id, float("inf"))
        # Sorted lists: Airflow identifies triggers by a hash of their arguments.
        self.endpoint: Any = None if endpoint is None else sorted(set(_texts(endpoint)))
        self.statuses = sorted(set(_texts(statuses)))
        self.poll_interval = _interval(poll_interval)
        self.start_from = _unix_seconds(start_from)
        self._failures: dict[str, int] = {}
        self._marks: dict[str, JobWatermark] = {}
        self._last_stored: dict[str, Any] = {}
        if not self.statuses or set(self.statuses) - set(STATUSES):
            raise ValueError(f"Invalid value for 'statuses': {statuses!r}; expected succeed, failed or both.")
        if not _in_event_loop():
            # In a DAG file. In a triggerer the import would hold the loop.
            self._watched()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch the account until the trigger is ended.

        :return: yields one event for each job that has ended.
        """
        await load_in_thread()
        watched = self._watched()
        self._marks = watermarks_from_json(await self._stored())
        self._last_stored = self._to_json()
        while True:
            settings = await self._usable_settings()
            until = time.monotonic() + _SETTINGS_SECONDS
            async for event in self._with_settings(settings, watched, until):
                yield event

    async def _with_settings(
        self, settings: KlingSettings, watched: dict[str, Endpoint], until: float
    ) -> AsyncIterator[TriggerEvent]:

        if not settings.dialect.supports_list:
            self.log.warning(
                "Host %s does not list jobs, so no event will be fired: watch an account of Kling's own API",
                settings.base_url,
            )
            await asyncio.sleep(_SETTINGS_SECONDS)
            return
        lists = get_task_lists(settings)
        await lists.acquire()
        try:
            while time.monotonic() < until:
                # Airflow writes events a moment after they are fired: a watermark that is stored before them
                # would lose them if the triggerer dies in between.
                await self._store_if_new()
                has_fired = False
                for name, endpoint in watched.items():
                    if endpoint.tasks_path and self._has_new_failures(watched):
                        # The list of a family also has the jobs of lists that could not be read.
                        continue
                    for task in await self._ended(lists, name, endpoint):
                        has_fired = True
                        yield _event(task, endpoint)
                # All triggers of a connection poll at the same moments, so that they share the responses.
                delay = self.poll_interval - time.time() % self.poll_interval
                # A restart during a long interval must not begin at an old watermark, or without one.
                written = min(delay, _EVENTS_WRITTEN_SECONDS) if has_fired else 0.0
                await asyncio.sleep(written)
                await self._store_if_new()
                await asyncio.sleep(delay - written)
        finally:
            await lists.release()

    async def _ended(self, lists: TaskLists, name: str, endpoint: Endpoint) -> list[KlingTask]:
        """Return the jobs of a list that have ended since the last look; none while it cannot be read."""
        from ..exceptions import KlingError

        start = None if self.start_from is None else round(self.start_from * 1000)
        now = round(time.time() * 1000)
        # Only a completed poll counts.
        watermark = (self._marks.get(name) or JobWatermark.starting(now, start)).copy()
        watermark.begin(now)
        found: list[KlingTask] = []
        share = Slice()
        try:
            async for tasks in lists.pages(endpoint):
                found += watermark.ended(tasks)
                if watermark.reaches(tasks):
                    break
                await share.pause_if_used()
        except KlingError as error:
            self._on_failure(name, str(error))
            return []
        except Exception as error:
            self.log.exception("Unexpected error while the list of %s was read", name)
            self._on_failure(name, type(error).__name__)
            return []
        watermark.finish()
        self._failures.pop(name, None)
        self._marks[name] = watermark
        elsewhere = self._reported_by_other_lists(name, own_list=not endpoint.tasks_path)
        # One that another list has as running, and that has ended since, is reported by that one.
        watermark.unreported |= {task.task_id for task in found if task.task_id in elsewhere}
        # The oldest first, as they were made.
        return [
            task
            for task in reversed(found)
            if task.status.value in self.statuses and task.task_id not in elsewhere
        ]

    def _reported_by_other_lists(self, name: str, *, own_list: bool) -> set[str]:
        """Return the ids of jobs that another list reports or has reported: some jobs are in two.

        :param name: name of the list.
        :param own_list: it has the jobs of one endpoint only, which is the better place to report them.
        """
        others = [mark for other, mark in self._marks.items() if other != name]
        return {
            ident
            for mark in others
            for ident in (mark.seen.keys() - mark.unreported if own_list else mark.listed | mark.seen.keys())
        }

    def _has_new_failures(self, watched: dict[str, Endpoint]) -> bool:
        """Whether the list of a single endpoint has just failed."""
        return any(
            0 < self._failures.get(name, 0) < WARN_AFTER_FAILURES
            for name, endpoint in watched.items()
            if not endpoint.tasks_path
        )

    def _on_failure(self, name: str, why: str) -> None:
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        if failures == WARN_AFTER_FAILURES or failures % _WARN_EVERY == 0:
            self.log.warning("The list of %s cannot be read, the trigger continues: %s", name, why)

    async def _usable_settings(self) -> KlingSettings:
        """Return the connection, however long it takes: Airflow does not restart this trigger."""
        from ..exceptions import KlingError
        from ..hooks.transport import ssl_context_for

        name = f"connection {self.kling_conn_id!r}"
        while True:
            try:
                settings = await self._settings(float("inf"))
                await asyncio.to_thread(ssl_context_for, settings)
            except KlingError as error:
                self._on_failure(name, str(error))
                await asyncio.sleep(self.poll_interval)
            else:
                self._failures.pop(name, None)
                return settings

    def _watched(self) -> dict[str, Endpoint]:
        """Return the endpoints whose lists are read, by the name of the list."""
        from ..api.endpoint import get_endpoint
        from ..api.registry import ENDPOINTS

        chosen = [get_endpoint(slug) for slug in self.endpoint] if self.endpoint else ENDPOINTS.values()
        watched: dict[str, Endpoint] = {}
        for endpoint in chosen:
            if endpoint.listable or endpoint.tasks_path:
                watched.setdefault(endpoint.tasks_path or endpoint.slug, endpoint)
            elif self.endpoint:
                raise ValueError(
                    f"Invalid value for 'endpoint': {endpoint.slug!r}; expected one that lists its jobs."
                )
        # Lists of one endpoint come first: see _known_elsewhere.
        return dict(sorted(watched.items(), key=lambda item: bool(item[1].tasks_path)))

    def _to_json(self) -> dict[str, Any]:
        return {name: mark.to_json() for name, mark in self._marks.items()}

    async def _stored(self) -> Any:
        """Return the stored watermarks.

        A store that does not respond is asked again for a while: without its watermarks, jobs that ended
        while no triggerer ran would not be reported, and the next watermark replaces the stored one.
        """
        store: Any = getattr(self, "asset_state_store", None)
        until = time.monotonic() + _STORE_SECONDS
        while store is not None:
            try:
                return await store.aget(STATE_KEY)
            except Exception as error:
                # Airflow's answer to a trigger of several assets, which does not change.
                if isinstance(error, ValueError) or time.monotonic() >= until:
                    self.log.warning(
                        "The watermark cannot be read, watching starts again: %s", type(error).__name__
                    )
                    return None
            await asyncio.sleep(min(self.poll_interval, _STORE_RETRY_DELAY))
        return None

    async def _store_if_new(self) -> None:
        store: Any = getattr(self, "asset_state_store", None)
        value = self._to_json()
        if store is None or value == self._last_stored:
            return
        try:
            await store.aset(STATE_KEY, value)
            self._last_stored = value
        except Exception as error:
            # Jobs may be reported twice after a restart, which is better than to stop.
            self.log.warning("The watermark cannot be stored: %s", type(error).__name__)


def _event(task: KlingTask, endpoint: Endpoint) -> TriggerEvent:
    payload: JobEndedEvent = {
        "task_id": task.task_id,
        "external_task_id": task.external_task_id,
        "endpoint": endpoint.slug,
        "status": task.status.value,
    }
    return TriggerEvent(dict(payload))  # type: ignore[no-untyped-call]


def _texts(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value]


def _interval(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not -math.inf < seconds <= MAX_SECONDS:
        raise ValueError(f"Invalid value for 'poll_interval': {value!r}; expected seconds, at most a year.")
    return max(seconds, MIN_POLL_INTERVAL)


def _unix_seconds(value: datetime | str | float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and _EARLIEST <= value < _LATEST:
        return value
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError(
            f"Invalid value for 'start_from': {value!r}; expected a datetime with a time zone, ISO text or "
            "Unix time in seconds."
        )
    # Within what this function accepts as a number: a trigger is created again from its arguments.
    return min(max(moment.timestamp(), _EARLIEST), _LATEST - 1)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
