# SPDX-License-Identifier: Apache-2.0
"""Many triggers wait on one event loop, in one of three ways; what it costs goes to a file.

``python -m benchmarks.waiting WAY INTERVAL RESULT`` reads a job id a line from its input and starts a trigger
for each; after an empty line it waits for all of them. The connection is ``kling_default``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.triggers.kling import KlingTaskTrigger

SLUG = "videos/text2video"
_SAMPLE = 0.01
_FAR = 3600.0


class SessionPerTrigger(KlingTaskTrigger):
    """What most providers do well: one session a trigger, one request a job and poll."""

    async def run(self) -> AsyncIterator[Any]:
        """Poll for this job alone."""
        endpoint, settings = await _prepared(self)
        async with AsyncKlingClient(settings) as client:
            while True:
                if await _ended(client, endpoint, self.kling_task_id):
                    break
                await asyncio.sleep(self.poll_interval)
        yield None


class SessionPerPoll(KlingTaskTrigger):
    """What many hooks do: every poll opens a session of its own."""

    async def run(self) -> AsyncIterator[Any]:
        """Poll for this job alone."""
        endpoint, settings = await _prepared(self)
        while True:
            async with AsyncKlingClient(settings) as client:
                if await _ended(client, endpoint, self.kling_task_id):
                    break
            await asyncio.sleep(self.poll_interval)
        yield None


async def _prepared(trigger: KlingTaskTrigger) -> tuple[Any, Any]:
    settings = await KlingHook(trigger.kling_conn_id).aget_settings()
    # A real trigger starts at any moment of its job's life; these start with it, and all last equally long.
    await asyncio.sleep(random.uniform(0, trigger.poll_interval))  # noqa: S311
    return get_endpoint(trigger.endpoint), settings


async def _ended(client: AsyncKlingClient, endpoint: Any, ident: str) -> bool:
    try:
        return (await client.get_task(endpoint, ident)).status.is_terminal
    except KlingError:
        return False


WAYS: dict[str, type[KlingTaskTrigger]] = {
    "hub": KlingTaskTrigger,
    "session per trigger": SessionPerTrigger,
    "session per poll": SessionPerPoll,
}


@dataclass
class Meter:
    """What the process uses, sampled.

    :ivar lags: seconds by which the loop came late, one a sample.
    :ivar busy: the same, as far as this process itself was at work; the rest is due to others on the machine.
    :ivar collected: seconds of the longest garbage collection, which stops the loop.
    """

    lags: list[float] = field(default_factory=list)
    busy: float = 0.0
    collected: float = 0.0
    memory: int = 0
    files: int = 0
    cpu: float = 0.0
    wall: float = 0.0

    def start(self) -> None:
        """Take what is used now as nothing."""
        gc.collect()
        gc.callbacks.append(self._collection)
        self._memory, self._files = _resident(), _open_files()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def _collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.collected = max(self.collected, time.perf_counter() - self._began)

    def stop(self) -> None:
        """Count processor time up to now."""
        gc.callbacks.remove(self._collection)
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall

    async def sample(self) -> None:
        """Sample until cancelled."""
        count = 0
        while True:
            before, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_SAMPLE)
            self.lags.append(time.perf_counter() - before - _SAMPLE)
            self.busy = max(self.busy, min(self.lags[-1], time.thread_time() - worked))
            count += 1
            if count % 20 == 0:
                self.memory = max(self.memory, _resident() - self._memory)
                self.files = max(self.files, _open_files() - self._files)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def measure(way: str, interval: float) -> dict[str, Any]:
    """Wait for all jobs named on the input; return what it cost."""
    lines = await _input()
    # The first wait loads modules and certificates, which every way needs once.
    await _wait(way, interval, (await lines()), {})
    meter = Meter()
    meter.start()
    sampling = asyncio.ensure_future(meter.sample())
    events: dict[str, float] = {}
    waits = []
    while ident := await lines():
        waits.append(asyncio.ensure_future(_wait(way, interval, ident, events)))
        await asyncio.sleep(0)
    await asyncio.gather(*waits)
    meter.stop()
    sampling.cancel()
    return {
        "events": events,
        "memory": meter.memory,
        "files": meter.files,
        "cpu": meter.cpu / meter.wall,
        "busy": meter.busy,
        "collected": meter.collected,
        "lag": max(meter.lags),
    }


async def _wait(way: str, interval: float, ident: str, events: dict[str, float]) -> None:
    now = time.time()
    trigger = WAYS[way](
        endpoint=SLUG,
        kling_task_id=ident,
        kling_conn_id="kling_default",
        poll_interval=interval,
        deadline=now + _FAR,
        since=now,
    )
    async for _ in trigger.run():
        events[ident] = time.time()


async def _input() -> Callable[[], Any]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )

    async def line() -> str:
        return (await reader.readline()).decode().strip()

    return line


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(asyncio.run(measure(sys.argv[1], float(sys.argv[2])))))
