# SPDX-License-Identifier: Apache-2.0
"""Sees a job through to its end and keeps its files."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..api.task import Task, TaskStatus
from ..exceptions import KlingResultExpired, KlingTaskNotFound, error_from_event
from ..triggers.poll_hub import hub_of
from .book import Book
from .budget import Budget
from .entry import Entry, State
from .gate import Gate
from .outage import Blame, Outage, pause_after
from .pace import Pace
from .plan import BatchPlan

if TYPE_CHECKING:
    from ..hooks.async_client import AsyncKlingClient
    from ..triggers.waiter import Waiter

Land = Callable[[Task, Mapping[str, Any], Callable[[], Task]], dict[str, Any]]
"""Fetches the files of a job that succeeded and returns it as JSON; runs in a thread.

Takes the job, what its manifest says of the inputs, and what reads the job again for fresh addresses."""

DeadlineOf = Callable[[int | None, float], float]
"""When a job's time is up (Unix time in s), of when it was made (Unix time in ms) and of now (s)."""

LANDERS = 8
"""Jobs whose files are fetched at the same time."""

READ_SECONDS = 300.0
"""How long reading a job again may take."""

UNKEPT_AHEAD = 100
"""Ended jobs that wait for their files to be kept, above which nothing new is submitted."""


class Follower:
    """Waits for jobs and keeps what they made.

    :param plan: what is asked.
    :param client: calls Kling.
    :param land: keeps the files of a job.
    :param deadline_of: when a job's time is up.
    """

    def __init__(
        self,
        *,
        plan: BatchPlan,
        client: AsyncKlingClient,
        gate: Gate,
        book: Book,
        budget: Budget,
        land: Land,
        deadline_of: DeadlineOf,
        log: logging.Logger,
    ) -> None:
        self._plan = plan
        self._client = client
        self._gate = gate
        self._book = book
        self._budget = budget
        self._land = land
        self._deadline_of = deadline_of
        self._log = log
        self._pace = Pace(plan.poll_interval)
        self._pool = ThreadPoolExecutor(LANDERS, thread_name_prefix="kling-land")
        self._outage = Outage()
        self._troubled = False
        self._unkept = 0
        self._room = asyncio.Condition()

    async def room(self) -> None:
        """Wait while too many jobs have ended whose files are not kept."""
        async with self._room:
            await self._room.wait_for(lambda: self._unkept < UNKEPT_AHEAD)

    async def see_through(self, entry: Entry, task: Task | None) -> None:
        """Wait for a job's end, give its place back, and keep its files.

        :param entry: the row's line, submitted.
        :param task: the job as just seen; ``None`` if it was not looked at in this try.
        :raises KlingError: there is no result, or not yet.
        """
        try:
            if task is None or not task.status.ended:
                task = await self._wait(entry, task)
        finally:
            self._gate.leave()
        self._troubled = False
        if task.created_at and task.updated_at:
            self._pace.learn((task.updated_at - task.created_at) / 1000)
        if task.status is TaskStatus.FAILED:
            if task.units:
                self._book.note(entry.to(State.SUBMITTED, units=task.units))
            raise error_from_event({"status": "failed", "task_id": task.task_id, "message": task.message})
        landed = await self._keep(task, entry.facts or {})
        if entry.estimate is None:
            self._budget.learn(task.units)
        self._book.note(
            entry.to(State.DONE, units=task.units, error=None, facts=None, result=_without_addresses(landed))
        )

    def close(self) -> None:
        """Fetch nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, entry: Entry, task: Task | None) -> Task:
        """Wait in stages: the hub looks at the end of each, and as often as the stage says."""
        now = time.time()
        began = min((entry.submitted_at or now * 1000) / 1000, now)
        deadline = self._deadline_of(entry.submitted_at, now)
        hub = hub_of(self._client.settings, self._plan.endpoint)
        waiter: Waiter | None = None
        since = now if task else None
        try:
            while True:
                interval, until = self._pace.stage(began, now)
                # It begins before the last one ends, so that the hub keeps in mind where the job is.
                following = hub.join(str(entry.task_id), interval, min(until, deadline), since)
                if waiter:
                    hub.leave(waiter)
                waiter = following
                await self._tell(waiter)
                now = time.time()
                if waiter.event and waiter.event["status"] == "timeout" and now < deadline:
                    since = now
                    continue
                return _ended(waiter)
        finally:
            if waiter:
                hub.leave(waiter)

    async def _tell(self, waiter: Waiter) -> None:
        async for level, line in waiter.lines():
            # A line for each status of thousands of jobs would bury the progress; trouble is said once.
            loud = level >= logging.WARNING and not self._troubled
            self._troubled = self._troubled or loud
            self._log.log(level if loud else logging.DEBUG, "%s", line)

    async def _read(self, task: Task) -> Task:
        found = await self._client.find_task(self._plan.endpoint, task.task_id)
        if found is None:
            raise KlingTaskNotFound(f"Kling does not know job {task.task_id}.", task_id=task.task_id)
        return found

    async def _keep(self, task: Task, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a job's files, trying again while the storage is down: they are paid for."""
        loop = asyncio.get_running_loop()
        first, times = loop.time(), 0

        def read() -> Task:
            # Through the loop: a session of requests must not be shared by threads.
            return asyncio.run_coroutine_threadsafe(self._read(task), loop).result(READ_SECONDS)

        self._unkept += 1
        try:
            while True:
                try:
                    landed = await loop.run_in_executor(self._pool, self._land, task, facts, read)
                except KlingResultExpired:
                    raise
                except Exception as error:
                    times += 1
                    if self._outage.failed(first, times, loop.time()) is not Blame.NOBODY_YET:
                        raise
                    self._log.info("Job %s: %s Trying again", task.task_id, error)
                    await asyncio.sleep(pause_after(times))
                else:
                    self._outage.worked(loop.time())
                    return landed
        finally:
            self._unkept -= 1
            async with self._room:
                self._room.notify_all()


def _ended(waiter: Waiter) -> Task:
    event, task = waiter.event, waiter.task
    if event and event["status"] in ("succeed", "failed") and task:
        return task
    raise error_from_event(
        event or {"status": "error", "task_id": waiter.ident, "message": "the wait ended without a reason"}
    )


def _without_addresses(landed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job made, without the vendor's addresses: they are signed."""
    return {
        name: [
            {key: value for key, value in item.items() if "url" not in key}
            for item in items
            if isinstance(item, Mapping)
        ]
        for name, items in landed.items()
        if isinstance(items, list)
    }
