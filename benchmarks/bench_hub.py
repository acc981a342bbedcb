# SPDX-License-Identifier: Apache-2.0
"""What it costs to let many jobs wait on one event loop: ``python -m benchmarks.bench_hub``.

The hub beside what others do, over HTTP and TLS, and how the hub grows. The emulator runs as a process of its
own, and so does each crowd of triggers. The output is Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from scripts.local_airflow import environment

from .tls_emulator import CERTIFICATE, make_certificate
from .waiting import SLUG, WAYS

INTERVAL = 5.0
BIRTH_SECONDS = 2 * INTERVAL
"""The jobs are born, and so they end, evenly over two rounds: each end then falls anywhere in a round."""

STEADY_SECONDS = 4 * INTERVAL
_BODY = {"model_name": "kling-v3", "prompt": "a river in the morning", "duration": "5"}
_PARALLEL_BIRTHS = 8
_TIMEOUT = 300.0


@dataclass(frozen=True)
class Run:
    """One crowd of triggers.

    :param way: how they wait.
    :param count: how many they are.
    :param tls: whether they speak TLS.
    """

    way: str
    count: int
    tls: bool


@dataclass(frozen=True)
class Outcome:
    """What a run cost.

    :param per_round: requests in one poll interval while all jobs wait.
    :param p50: seconds from a job's end to the trigger's event, median.
    :param p95: the same, 95th percentile.
    :param memory: bytes that the process grew.
    :param files: most files and sockets open at once.
    :param cpu: share of one processor.
    :param lag: seconds by which the loop came late at worst.
    :param busy: the same, but only while this very process was at work.
    :param collected: longest garbage collection in seconds.
    """

    per_round: float
    p50: float
    p95: float
    memory: int
    files: int
    cpu: float
    lag: float
    busy: float
    collected: float


COMPARED = [Run("hub", 500, tls=False), *(Run(way, 1000, tls) for tls in (False, True) for way in WAYS)]
GROWTH = [Run("hub", count, tls=True) for count in (10, 100, 1000, 5000)]


async def measure(run: Run) -> Outcome:
    """Let a crowd wait for jobs that are born evenly, wait a while and end evenly."""
    job_seconds = BIRTH_SECONDS + STEADY_SECONDS
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        folder = Path(name)
        certificate = make_certificate(folder) if run.tls else None
        async with (
            _emulator(job_seconds, certificate) as url,
            _crowd(run, url, folder) as crowd,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session,
        ):
            await _warm_up(session, url, crowd)
            began = time.time()
            await _bear(session, url, run.count, crowd)
            before = await _requests(session, url, at=began + BIRTH_SECONDS + INTERVAL / 2)
            after = await _requests(session, url, at=began + job_seconds - INTERVAL / 2)
            measured = await _result(crowd, folder)
            ends = await _ends(session, url)
    delays = sorted(at - ends[ident] for ident, at in measured["events"].items())
    return Outcome(
        per_round=(after - before) / (STEADY_SECONDS / INTERVAL - 1),
        p50=statistics.median(delays),
        p95=delays[int(len(delays) * 0.95)],
        **{name: measured[name] for name in ("memory", "files", "cpu", "lag", "busy", "collected")},
    )


@asynccontextmanager
async def _emulator(job_seconds: float, certificate: Path | None) -> AsyncIterator[str]:
    arguments = [str(job_seconds), *([str(certificate.parent)] if certificate else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.tls_emulator", *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the emulator has no output")
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _crowd(run: Run, url: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    connection = {"conn_type": "kling", "host": url, "password": "emulator"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.waiting", run.way, str(INTERVAL), str(folder / "result.json")),
        env={
            **environment(folder),
            "AIRFLOW_CONN_KLING_DEFAULT": json.dumps(connection),
            # Every client trusts the throw-away certificate without settings of its own.
            **({"REQUESTS_CA_BUNDLE": str(folder / CERTIFICATE)} if run.tls else {}),
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _warm_up(session: aiohttp.ClientSession, url: str, crowd: asyncio.subprocess.Process) -> None:
    """Let one trigger wait for one job, and the job end."""
    await _tell(crowd, await _create(session, url))
    async with session.post(f"{url}/_emulator/advance", json={"seconds": 3600}) as answer:
        answer.raise_for_status()
    await asyncio.sleep(3 * INTERVAL)


async def _bear(
    session: aiohttp.ClientSession, url: str, count: int, crowd: asyncio.subprocess.Process
) -> None:
    began, numbers = time.monotonic(), iter(range(count))

    async def bear_on() -> None:
        for number in numbers:
            await asyncio.sleep(max(0.0, began + number * BIRTH_SECONDS / count - time.monotonic()))
            await _tell(crowd, await _create(session, url))

    await asyncio.gather(*(bear_on() for _ in range(_PARALLEL_BIRTHS)))
    await _tell(crowd, "")
    if (late := time.monotonic() - began - BIRTH_SECONDS) > INTERVAL:
        sys.stderr.write(f"The jobs were born {late:.0f} s late: this machine is busy.\n")


async def _create(session: aiohttp.ClientSession, url: str) -> str:
    headers = {"Authorization": "Bearer emulator"}
    async with session.post(f"{url}/v1/{SLUG}", json=_BODY, headers=headers) as answer:
        return str((await answer.json())["data"]["task_id"])


async def _tell(crowd: asyncio.subprocess.Process, line: str) -> None:
    if crowd.stdin is None:
        raise RuntimeError("the crowd has no input")
    crowd.stdin.write(f"{line}\n".encode())
    await crowd.stdin.drain()


async def _requests(session: aiohttp.ClientSession, url: str, at: float) -> int:
    """Return how many queries the emulator has answered by a time."""
    await asyncio.sleep(max(0.0, at - time.time()))
    async with session.get(f"{url}/_emulator") as answer:
        counters = (await answer.json())["requests"]
    return sum(each["count"] for each in counters if each["method"] == "GET")


async def _ends(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """Return when each job ended, on this machine's clock."""
    async with session.get(f"{url}/_emulator") as answer:
        ahead = (await answer.json())["time"] / 1000 - time.time()
    async with session.get(f"{url}/_emulator/jobs") as answer:
        return {job["task_id"]: job["ended_at"] / 1000 - ahead for job in await answer.json()}


async def _result(crowd: asyncio.subprocess.Process, folder: Path) -> dict[str, Any]:
    if code := await asyncio.wait_for(crowd.wait(), _TIMEOUT):
        raise RuntimeError(f"the crowd ended with {code}")
    return dict(json.loads((folder / "result.json").read_text()))


def table(runs: Sequence[Run], outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table."""
    lines = [
        "| Waiting jobs | Method | Requests per poll | Median delay | P95 delay | Memory | Open files | CPU "
        "| Longest loop lag | Own work | Longest collection |",
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for run, each in zip(runs, outcomes, strict=True):
        cells = [
            f"{run.count:,}",
            run.way.replace("hub", "shared poller") + ("" if run.tls else ", without TLS"),
            f"{each.per_round:,.1f}",
            f"{each.p50:.1f} s",
            f"{each.p95:.1f} s",
            f"{each.memory / 1e6:+.1f} MB",
            f"{each.files:+d}",
            f"{each.cpu:.0%}",
            f"{each.lag * 1000:.0f} ms",
            f"{each.busy * 1000:.0f} ms",
            f"{each.collected * 1000:.0f} ms",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


async def _section(title: str, runs: Sequence[Run], done: dict[Run, Outcome]) -> None:
    for run in runs:
        if run not in done:
            sys.stderr.write(f"{run.way}, {run.count} jobs, {'TLS' if run.tls else 'HTTP'} ...\n")
            done[run] = await measure(run)
    sys.stdout.write(f"\n### {title}\n\n{table(runs, [done[run] for run in runs])}\n")
    sys.stdout.flush()


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", type=int, metavar="N", help="measure only the hub, with N jobs")
    only = parser.parse_args().only
    done: dict[Run, Outcome] = {}
    sys.stdout.write(
        f"One event loop, a poll every {INTERVAL:g} s, {os.cpu_count()} processors shared with the emulator, "
        f"Python {sys.version.split()[0]}. Jobs end evenly over {BIRTH_SECONDS:g} s.\n"
    )
    if only:
        await _section("The hub", [Run("hub", only, tls=True)], done)
        return
    await _section("Side by side", COMPARED, done)
    await _section("How the hub grows", GROWTH, done)


if __name__ == "__main__":
    asyncio.run(main())
