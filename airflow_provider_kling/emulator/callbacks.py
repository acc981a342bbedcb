# SPDX-License-Identifier: Apache-2.0
"""Reports of status changes to the URL that a create call named, on this machine only."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import time
import urllib.request

from .clock import Clock
from .loopback import is_loopback_url, loopback_opener
from .responses import TaskSerializer
from .signing import sign_headers
from .task import EmulatedTask

_CHECK_SECONDS = 0.05
_TIMEOUT_SECONDS = 5
_ONLY_AT_THE_END = ("solutions/drama_subtitle",)


class Callbacks:
    """Sends the bare task object when a watched job changes.

    :param clock: the emulator's time.
    :param serializer: writes task objects.
    :param secret: signs the callbacks, if any.
    """

    def __init__(self, clock: Clock, serializer: TaskSerializer, secret: str | None = None) -> None:
        self._clock = clock
        self._serializer = serializer
        self._numbers = itertools.count()
        self._ids = itertools.count(1)
        self._secret = secret
        self._task: asyncio.Task[None] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget callbacks that were not sent."""
        self._due: list[tuple[float, int, EmulatedTask, str]] = []
        self.sent = 0
        self.failed = 0

    def watch(self, job: EmulatedTask, base_url: str) -> None:
        """Schedule the callbacks of a job if its create call asked for them.

        :param job: the job.
        :param base_url: scheme and host of the emulator in the client's request.
        """
        if not job.callback_url or not is_loopback_url(job.callback_url):
            return
        times = (job.ended_at,) if job.slug in _ONLY_AT_THE_END else (job.started_at, job.ended_at)
        for time_ in times:
            heapq.heappush(self._due, (time_, next(self._numbers), job, base_url))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._send_due())

    @property
    def waiting(self) -> int:
        """How many callbacks are still to be sent."""
        return len(self._due)

    async def _send_due(self) -> None:
        while self._due:
            if self._due[0][0] > self._clock.now():
                # Not one long sleep: the clock may be advanced meanwhile.
                await asyncio.sleep(_CHECK_SECONDS)
                continue
            _, _, job, base_url = heapq.heappop(self._due)
            body = json.dumps(self._serializer.task_object(job, base_url)).encode()
            delivered = await asyncio.to_thread(self._deliver, str(job.callback_url), body)
            self.sent += delivered
            self.failed += not delivered

    def _signature(self, body: bytes) -> dict[str, str]:
        if self._secret is None:
            return {}
        # The machine's time: a receiver that checks it does not know the emulator's.
        return sign_headers(self._secret, f"msg-{next(self._ids)}", int(time.time()), body)

    def _deliver(self, url: str, body: bytes) -> bool:
        headers = {"Content-Type": "application/json", **self._signature(body)}
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - a loopback address, checked
        try:
            with loopback_opener.open(request, timeout=_TIMEOUT_SECONDS):
                return True
        except OSError:
            return False
