# SPDX-License-Identifier: Apache-2.0
"""A small configurable server on the test's own event loop, and waits for its jobs."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_kling.api.polling import MIN_POLL_INTERVAL, TaskEvent
from airflow_provider_kling.hooks.connection import KlingSettings, parse_connection
from airflow_provider_kling.triggers import shared_poller
from airflow_provider_kling.triggers.shared_poller import SharedPoller

SLUG = "videos/image2video"
PATH = f"/v1/{SLUG}"
KEY = "key-of-the-test"
SIGNED = "https://files.example/video.mp4?signature=secret"
TICK = MIN_POLL_INTERVAL


class Server:
    """Answers queries and lists about tasks that the test makes and ends.

    :ivar answers: answers (status, body, headers) to give next, before all else.
    :ivar list_answer: answer to every list, instead of the list.
    :ivar single_answers: answers to queries of single tasks, by id.
    :ivar unlisted: ids that lists leave out.
    :ivar asked: the requests, ``"list <number> <size>"`` or the id.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.list_answer: tuple[int, Any, dict[str, str]] | None = None
        self.single_answers: dict[str, tuple[int, Any, dict[str, str]]] = {}
        self.unlisted: set[str] = set()
        self.request_count: list[str] = []
        self.times: list[float] = []
        self.connections: set[Any] = set()
        self.url = ""
        self._ids = itertools.count(1)

    def make(self, count: int = 1, status: str = "submitted", **info: str) -> list[str]:
        """Make tasks; return their ids."""
        created = [f"job-{next(self._ids)}" for _ in range(count)]
        for ident in created:
            self.tasks[ident] = {
                "task_id": ident,
                "task_status": status,
                "task_info": dict(info),
                "created_at": 1,
            }
        return created

    def set(self, ident: str, status: str, message: str = "") -> None:
        """Change the status of a task."""
        self.tasks[ident] |= {"task_status": status, "task_status_msg": message, "updated_at": 2}
        if status == "succeed":
            self.tasks[ident]["task_result"] = {"videos": [{"id": "v", "url": SIGNED, "duration": "5"}]}

    @property
    def lists(self) -> list[str]:
        """The list requests."""
        return [each for each in self.request_count if each.startswith("list")]

    @property
    def single_reads(self) -> list[str]:
        """The ids that were read one by one."""
        return [each for each in self.request_count if not each.startswith("list")]

    async def _list(self, request: web.Request) -> web.Response:
        number, size = int(request.query["pageNum"]), int(request.query["pageSize"])
        self._note(request, f"list {number} {size}")
        rows = [row for row in reversed(self.tasks.values()) if row["task_id"] not in self.unlisted]
        return self._answer(self.list_answer or _ok(rows[(number - 1) * size : number * size]))

    async def _single(self, request: web.Request) -> web.Response:
        ident = request.match_info["ident"]
        self._note(request, ident)
        if ident in self.single_answers:
            return self._answer(self.single_answers[ident])
        external = (t for t in self.tasks.values() if t["task_info"].get("external_task_id") == ident)
        task = self.tasks.get(ident) or next(external, None)
        return self._answer(
            _ok(task) if task else (400, {"code": 1201, "message": f"Task not found: {ident}"}, {})
        )

    def _note(self, request: web.Request, what: str) -> None:
        self.request_count.append(what)
        self.times.append(time.monotonic())
        self.connections.add(request.transport.get_extra_info("peername") if request.transport else None)

    def _answer(self, default: tuple[int, Any, dict[str, str]]) -> web.Response:
        status, body, headers = self.answers.pop(0) if self.answers else default
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers)

    def app(self) -> web.Application:
        """Return the application to serve."""
        app = web.Application()
        app.router.add_get(PATH, self._list)
        app.router.add_get(f"{PATH}/{{ident}}", self._single)
        return app


def _ok(data: Any) -> tuple[int, Any, dict[str, str]]:
    return 200, {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data}, {}


ERROR = (503, {"code": 5001, "message": "Service unavailable"}, {})
REFUSED = (401, {"code": 1002, "message": "access key not found"}, {})
TOO_FAST = (429, {"code": 1302, "message": "api request over limit"}, {"Retry-After": "1"})


def settings_for(server: Server, password: str = KEY, **extra: Any) -> KlingSettings:
    return parse_connection(
        Connection(conn_id="test", conn_type="kling", host=server.url, password=password), extra
    )


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on the wire
            await asyncio.sleep(0.01)


class Waits:
    """Waits for jobs as triggers do, and stores their events."""

    def __init__(self, hub: Callable[[], SharedPoller]) -> None:
        self._hub = hub
        self.log_messages: list[tuple[int, str]] = []

    async def one(
        self, ident: str, interval: float = TICK, seconds: float = 60, since: float | None = None
    ) -> Any:
        hub = self._hub()
        wait = hub.subscribe(ident, interval, time.time() + seconds, since)
        try:
            # A test that would wait for ever fails.
            async with asyncio.timeout(60):
                while lines := await wait.next_messages():
                    self.log_messages += lines
        finally:
            hub.unsubscribe(wait)
        return wait.event

    def all(self, idents: Iterable[str], **kwargs: Any) -> Awaitable[list[TaskEvent]]:
        return asyncio.gather(*(self.one(ident, **kwargs) for ident in idents))

    def at(self, level: int) -> list[str]:
        return [line for number, line in self.log_messages if number == level]


def poll_tasks() -> list[Any]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("poll ")]


def hubs() -> int:
    return len(shared_poller._pollers.get(asyncio.get_running_loop(), {}))
