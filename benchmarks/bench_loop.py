# SPDX-License-Identifier: Apache-2.0
"""How long one step of ours holds the event loop of a triggerer: ``python -m benchmarks.bench_loop``.

Crowds of triggers start at once and wait for jobs of one endpoint; half of the jobs end in one poll.
A process of its own lists the jobs. The output is Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

SLUG = "videos/text2video"
INTERVAL = 1.0
AT_ONCE = 1_000
"""Triggers that start at the same moment."""

CROWDS = ((1_000, 500), (5_000, 2_500), (10_000, 5_000))
"""Triggers that wait, and how many of their jobs end in one poll."""

_FIRST_ID = 900_000_000_000_000_000
_FAR = 3600.0
_TIMEOUT = 300.0


class Meter:
    """The longest step of the running loop: whatever runs between two turns of a callback that is always due.

    :ivar wall: seconds that the longest step took.
    :ivar own: the same in processor time of the loop's thread, without other programs.
    """

    def __init__(self) -> None:
        self.wall = self.own = 0.0
        self._wall = self._own = 0.0
        self._on = False

    def start(self) -> None:
        """Measure from now on."""
        self.wall = self.own = 0.0
        self._wall, self._own = time.perf_counter(), time.thread_time()
        self._on = True
        asyncio.get_running_loop().call_soon(self._tick)

    def stop(self) -> tuple[float, float]:
        """Measure no more.

        :return: the longest step in seconds, in wall and in processor time.
        """
        self._on = False
        return self.wall, self.own

    def _tick(self) -> None:
        wall, own = time.perf_counter(), time.thread_time()
        self.wall, self.own = max(self.wall, wall - self._wall), max(self.own, own - self._own)
        self._wall, self._own = wall, own
        if self._on:
            asyncio.get_running_loop().call_soon(self._tick)


async def serve(count: int) -> None:
    """List jobs over HTTP; a POST ends every second one."""
    from aiohttp import web

    rows = [_row(number, "processing") for number in reversed(range(count))]

    async def listed(request: web.Request) -> web.Response:
        number, size = int(request.query["pageNum"]), int(request.query["pageSize"])
        page = rows[(number - 1) * size : number * size]
        return web.json_response({"code": 0, "message": "SUCCEED", "request_id": "r", "data": page})

    async def single(request: web.Request) -> web.Response:
        row = rows[count - 1 - int(request.match_info["ident"]) + _FIRST_ID]
        return web.json_response({"code": 0, "message": "SUCCEED", "request_id": "r", "data": row})

    async def end(_: web.Request) -> web.Response:
        for index in range(0, count, 2):
            rows[index] = _row(count - 1 - index, "succeed")
        return web.json_response({})

    app = web.Application()
    app.router.add_get(f"/v1/{SLUG}", listed)
    app.router.add_get(f"/v1/{SLUG}/{{ident}}", single)
    app.router.add_post("/end", end)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def _row(number: int, status: str) -> dict[str, Any]:
    url = f"https://files.example.com/{number}/" + "a" * 300
    ended = {"task_result": {"videos": [{"id": f"v{number}", "url": url, "duration": "5"}]}}
    return {
        "task_id": str(_FIRST_ID + number),
        "task_status": status,
        "task_status_msg": "",
        "task_info": {"external_task_id": f"af-{number:032d}"},
        "created_at": 1_780_000_000_000 + number,
        "updated_at": 1_780_000_060_000 + number,
        **(ended if status == "succeed" else {}),
        **({"final_unit_deduction": "3.5"} if status == "succeed" else {}),
    }


@asynccontextmanager
async def _server(count: int) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bench_loop", "--serve", str(count)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


Row = tuple[str, float, float]


async def measure(count: int, ends: int) -> list[Row]:
    """Measure one crowd, in a process that has waited for nothing yet.

    :param count: triggers that start at once.
    :param ends: jobs that end in one poll.
    :return: what was measured, and the longest step in wall and in processor time.
    """
    async with _server(count) as url:
        connection = {"conn_type": "kling", "host": url, "password": "key-of-the-benchmark"}
        os.environ["AIRFLOW_CONN_KLING_DEFAULT"] = json.dumps(connection)
        # As the triggerer does before it runs any of them.
        from airflow_provider_kling.triggers.kling import KlingTaskTrigger

        done: list[Any] = []
        all_done = asyncio.Event()

        async def wait(trigger: KlingTaskTrigger) -> None:
            async for event in trigger.run():
                done.append(event)
                if len(done) == ends:
                    all_done.set()

        deadline = time.time() + _FAR
        triggers = [
            KlingTaskTrigger(SLUG, str(_FIRST_ID + number), "kling_default", INTERVAL, deadline)
            for number in range(count)
        ]
        # Collections of garbage scan all that Airflow has loaded, whoever makes the garbage.
        gc.collect()
        gc.disable()
        meter = Meter()
        meter.start()
        waits = []
        found: list[Row] = []
        for start in range(0, count, AT_ONCE):
            waits += [asyncio.ensure_future(wait(trigger)) for trigger in triggers[start : start + AT_ONCE]]
            await asyncio.sleep(3 * INTERVAL)
            if not found:
                found.append((f"{len(waits):,} triggers start at once, in a new process", *meter.stop()))
        if ends:
            meter.start()
            await asyncio.sleep(3 * INTERVAL)
            found.append((f"{count:,} jobs are waited for", *meter.stop()))
            meter.start()
            await _post(url, "/end")
            await asyncio.wait_for(all_done.wait(), _TIMEOUT)
            found.append((f"{len(done):,} of {count:,} jobs end in one poll", *meter.stop()))
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return found


async def _post(url: str, path: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
    await reader.readline()
    writer.close()


async def _in_a_process_of_its_own(count: int, ends: int) -> list[Row]:
    from scripts.local_airflow import environment

    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.bench_loop", "--crowd", str(count), str(ends)),
            env={**environment(Path(name)), "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    return [(str(what), float(wall), float(own)) for what, wall, own in json.loads(output.splitlines()[-1])]


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--crowd", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        await serve(given.serve)
        return
    if given.crowd:
        sys.stdout.write(f"{json.dumps(await measure(*given.crowd))}\n")
        return
    sys.stdout.write("| What | Processor time of the longest step | Elapsed time |\n|---|--:|--:|\n")
    for count, ends in CROWDS:
        for what, wall, own in await _in_a_process_of_its_own(count, ends):
            sys.stdout.write(f"| {what} | {own * 1000:.0f} ms | {wall * 1000:.0f} ms |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
