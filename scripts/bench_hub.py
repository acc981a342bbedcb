# SPDX-License-Identifier: Apache-2.0
"""What many waiting jobs cost a triggerer: requests, delay, memory and the loop's lag.

All triggers run on one event loop, as they do in a triggerer; the emulator is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .local_airflow import Program, environment, wait_until

JOB_SECONDS = 20.0
_PATH = "/v1/videos/text2video"
_LAG_SAMPLE = 0.01
_QUIET = {"logging.logging_level": "WARNING"}


@dataclass(frozen=True)
class Measured:
    """One run.

    :param jobs: waiting at once.
    :param requests: polls in all.
    :param rounds: poll rounds in the time that jobs ran.
    :param delays: seconds from each job's end to its trigger's event, sorted.
    :param megabytes: growth of resident memory while all waited.
    :param files: growth of open file descriptors.
    :param lag: longest time that the loop was late, in milliseconds.
    """

    jobs: int
    requests: int
    rounds: float
    delays: list[float]
    megabytes: float
    files: int
    lag: float

    def row(self) -> str:
        """The run as a line of the table."""
        p50, p95 = (self.delays[int(len(self.delays) * part)] for part in (0.5, 0.95))
        return (
            f"{self.jobs:6d} {self.requests:9d} {self.requests / self.rounds:10.2f} {p50:7.2f} s {p95:7.2f} s"
            f" {self.megabytes:8.1f} MB {self.files:6d} {self.lag:8.0f} ms"
        )


HEAD = "  jobs  requests  per round       p50       p95       memory  files       lag"


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Run an emulator without limits as a process; yield its address."""
    log = folder / "emulator.log"
    options = ["--port", "0", "--slots", "0", "--job-seconds", str(JOB_SECONDS)]
    command = [sys.executable, "-m", "airflow_provider_kling.emulator", *options]
    program = Program(command, os.environ, log)
    try:
        found = wait_until(
            lambda: re.search(r"http://[\d.]+:\d+", log.read_text()), 30, "the emulator to be up", every=0.05
        )
        yield found[0]
    finally:
        program.stop()


async def measure(url: str, jobs: int, interval: float) -> Measured:
    """Let this many triggers wait for as many jobs."""
    from airflow_provider_kling.triggers.kling import KlingTaskTrigger

    await asyncio.to_thread(_ask, url, "POST", "/_emulator/reset")
    task_ids = await _make_jobs(jobs)
    memory, files = _memory(), _files()
    deadline = time.time() + 10 * JOB_SECONDS

    async def wait(task_id: str) -> tuple[str, float]:
        trigger = KlingTaskTrigger(
            endpoint=_PATH.removeprefix("/v1/"),
            kling_task_id=task_id,
            kling_conn_id="kling_default",
            poll_interval=interval,
            deadline=deadline,
        )
        event = await anext(aiter(trigger.run()))
        if event.payload["status"] != "succeed":
            raise RuntimeError(f"trigger for {task_id}: {event.payload}")
        return task_id, time.time()

    async with _lag() as lag:
        waits = [asyncio.create_task(wait(task_id)) for task_id in task_ids]
        await asyncio.sleep(JOB_SECONDS / 2)
        growth, more_files = _memory() - memory, _files() - files
        events = dict(await asyncio.gather(*waits))
    counters = await asyncio.to_thread(_ask, url, "GET", "/_emulator")
    facts = await asyncio.to_thread(_ask, url, "GET", "/_emulator/jobs")
    ended = {job["task_id"]: job["ended_at"] / 1000 for job in facts}
    polls = sum(each["count"] for each in counters["requests"] if each["method"] == "GET")
    return Measured(
        jobs=jobs,
        requests=polls,
        rounds=(max(ended.values()) + interval - facts[0]["made_at"] / 1000) / interval,
        delays=sorted(events[task_id] - ended[task_id] for task_id in task_ids),
        megabytes=growth,
        files=more_files,
        lag=max(lag) * 1000,
    )


async def _make_jobs(count: int) -> list[str]:
    from airflow_provider_kling.hooks.kling import KlingHook

    def make() -> list[str]:
        hook = KlingHook()
        body = {"model_name": "kling-v3", "prompt": "a wave"}
        return [hook.submit(_PATH.removeprefix("/v1/"), body).task_id for _ in range(count)]

    return await asyncio.to_thread(make)


@asynccontextmanager
async def _lag() -> AsyncIterator[list[float]]:
    """Collect by how many seconds the loop is late, ten milliseconds at a time."""
    late = [0.0]

    async def sample() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(_LAG_SAMPLE)
            late.append(time.perf_counter() - start - _LAG_SAMPLE)

    task = asyncio.create_task(sample())
    try:
        yield late
    finally:
        task.cancel()


def _ask(url: str, method: str, path: str) -> Any:
    request = urllib.request.Request(url + path, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def _memory() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_hub", description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[10, 100, 500], help="how many wait at once")
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between polls (%(default)s)")
    arguments = parser.parse_args()
    print(f"Jobs of {JOB_SECONDS:.0f} s that wait on one event loop, polled every {arguments.interval:g} s")
    print(HEAD)
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as folder, emulator(Path(folder)) as url:
        connection = json.dumps({"conn_type": "kling", "host": url, "password": "emulator"})
        os.environ.update(environment(Path(folder), settings=_QUIET))
        os.environ["AIRFLOW_CONN_KLING_DEFAULT"] = connection
        asyncio.run(measure(url, 1, arguments.interval))  # so that no row pays for the imports
        for jobs in arguments.jobs:
            print(asyncio.run(measure(url, jobs, arguments.interval)).row(), flush=True)


if __name__ == "__main__":
    main()
