# SPDX-License-Identifier: Apache-2.0
"""What our waits add to a triggerer's full garbage collection: ``python -m benchmarks.bench_waits``.

Each row is a process of its own that has loaded what a triggerer loads: without triggers, with triggers that
only sleep, and with triggers that wait for jobs. The output is Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.bench_loop import AT_ONCE, INTERVAL, SLUG, _server

_FIRST_ID = 900_000_000_000_000_000
_FAR = 3600.0
_COLLECTIONS = 21
KINDS = ("none", "sleep", "wait")
COUNTS = (5_000,)


def collect() -> tuple[int, float]:
    """Collect the garbage several times.

    :return: objects that the collector knows, and the processor time of the shortest collection: other
        programs use the processor's caches.
    """
    gc.collect()
    times = []
    for _ in range(_COLLECTIONS):
        began = time.thread_time()
        gc.collect()
        times.append(time.thread_time() - began)
    return len(gc.get_objects()), min(times)


@cache
def sleeper() -> Any:
    """Define the smallest trigger that Airflow can run.

    :return: its class.
    """
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    class Sleeper(BaseTrigger):
        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "benchmarks.Sleeper", {}

        async def run(self) -> AsyncIterator[TriggerEvent]:
            await asyncio.sleep(_FAR)
            yield TriggerEvent(None)  # type: ignore[no-untyped-call]

    return Sleeper


async def measure(kind: str, count: int) -> tuple[int, float, int, float]:
    """Measure one process.

    :param kind: one of :data:`KINDS`.
    :param count: number of triggers.
    :return: objects and seconds before the triggers start, and while they wait.
    """
    importlib.import_module("airflow.jobs.triggerer_job_runner")

    async def wait(trigger: Any) -> None:
        async for _ in trigger.run():
            pass

    async with _server(count + 1) as url:
        connection = {"conn_type": "kling", "host": url, "password": "key-of-the-benchmark"}
        os.environ["AIRFLOW_CONN_KLING_DEFAULT"] = json.dumps(connection)
        from airflow_provider_kling.triggers.kling import KlingTaskTrigger

        deadline = time.time() + _FAR

        def trigger(number: int) -> KlingTaskTrigger:
            return KlingTaskTrigger(SLUG, str(_FIRST_ID + number), "kling_default", INTERVAL, deadline)

        waits = []
        if kind == "wait":
            # What is loaded once, whatever the number of waits.
            waits.append(asyncio.ensure_future(wait(trigger(count))))
            await asyncio.sleep(3 * INTERVAL)
        before = collect()
        for start in range(0, count if kind != "none" else 0, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, count))
            waits += [
                asyncio.ensure_future(wait(sleeper()() if kind == "sleep" else trigger(number)))
                for number in numbers
            ]
            await asyncio.sleep(3 * INTERVAL)
        after = collect()
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return *before, *after


async def _in_a_process_of_its_own(kind: str, count: int) -> tuple[int, float, int, float]:
    from scripts.local_airflow import environment

    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.bench_waits", "--process", kind, str(count)),
            env={**environment(Path(name)), "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    before, first, after, second = json.loads(output.splitlines()[-1])
    return before, first, after, second


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--process", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.process:
        sys.stdout.write(f"{json.dumps(await measure(given.process[0], int(given.process[1])))}\n")
        return
    sys.stdout.write("| What waits | Objects | Per trigger | A full collection |\n|---|--:|--:|--:|\n")
    loaded, _, _, seconds = await _in_a_process_of_its_own("none", 0)
    sys.stdout.write(f"| nothing: Airflow's triggerer is loaded | {loaded:,} | | {seconds * 1000:.0f} ms |\n")
    for kind, title in (("sleep", "triggers that only sleep"), ("wait", "triggers of this package")):
        for count in COUNTS:
            before, _, after, seconds = await _in_a_process_of_its_own(kind, count)
            each = (after - before) / count
            sys.stdout.write(f"| {count:,} {title} | {after:,} | {each:.1f} | {seconds * 1000:.0f} ms |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
