# SPDX-License-Identifier: Apache-2.0
"""What a batch loses and saves that gives its worker back: ``python -m benchmarks.bench_batch_deferrable``.

Both ways run at the same time in one live Airflow with LocalExecutor, each with an emulator of its own. The
output is Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.e2e.live.airflow_processes import LiveAirflow

from .servers import KlingServer, kling_server

_TICK = 0.25
_WAYS = ("held", "deferrable")
_ENDED = ("success", "failed", "upstream_failed")


def measure(folder: Path, *, jobs: int, seconds: float, slots: int, speed: float) -> str:
    """Run both ways, and return a table.

    :param folder: empty folder.
    :param jobs: jobs of each way.
    :param seconds: seconds that a job takes.
    :param slots: slots of each account.
    :param speed: how much faster the emulators' time passes.
    :return: Markdown.
    """
    with ExitStack() as stack:
        servers = {
            way: stack.enter_context(
                kling_server(
                    folder / f"{way}.log", slots=slots, job_seconds=seconds * speed, speed=speed, scale=0.1
                )
            )
            for way in _WAYS
        }
        home = folder / "airflow"
        home.mkdir()
        variables = {
            "KLING_BENCH_OUTPUT": str(folder / "out"),
            "KLING_BENCH_COUNT": str(jobs),
            "KLING_BENCH_SLOTS": str(slots),
        }
        connections = {f"kling_{way}": server.connection for way, server in servers.items()}
        dags = Path(__file__).parent / "batch_dags"
        airflow = stack.enter_context(LiveAirflow(home, dags, connections, None, variables))
        states = _sample(airflow, {way: airflow.api.trigger(f"bench_batch_{way}") for way in _WAYS})
        rows = {way: _row(servers[way], states[way]) for way in _WAYS}
    return _table(jobs, seconds, slots, rows)


def _sample(airflow: LiveAirflow, runs: dict[str, str]) -> dict[str, Counter[str]]:
    """Watch the tasks until they have ended; return how many seconds each was in each state."""
    states = {way: Counter[str]() for way in runs}
    open_ways, before = set(runs), time.monotonic()
    while open_ways:
        time.sleep(_TICK)
        now = time.monotonic()
        for way in list(open_ways):
            (task,) = airflow.api.task_instances(f"bench_batch_{way}", runs[way], "make") or [{"state": None}]
            states[way][str(task["state"])] += now - before  # type: ignore[assignment]
            if task["state"] in _ENDED:
                open_ways.discard(way)
                if task["state"] != "success":
                    raise RuntimeError(f"{way} ended as {task['state']}\n{airflow.last_lines()}")
        before = now
    return states


def _row(server: KlingServer, states: Counter[str]) -> dict[str, Any]:
    made = server.jobs()
    span = (max(job["ended_at"] for job in made) - min(job["made_at"] for job in made)) / 1000
    return {"jobs": len(made), "span": span, "worker": states["running"], "queued": states["queued"]}


def _table(jobs: int, seconds: float, slots: int, rows: dict[str, dict[str, Any]]) -> str:
    held = rows["held"]
    lines = [
        f"{jobs} jobs of {seconds:g} s in {slots} slots (at best {jobs * seconds / slots:g} s), "
        "LocalExecutor, both ways at once:",
        "",
        "| Method | Jobs submitted | First job's start to last job's end | Throughput | Worker time "
        "| Share of the worker time |",
        "|---|---|---|---|---|---|",
    ]
    for way, row in rows.items():
        lines.append(
            f"| {way} | {row['jobs']} | {row['span']:.1f} s | {held['span'] / row['span']:.3f} of the held "
            f"worker's | {row['worker']:.1f} s | {row['worker'] / held['worker']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--slots", type=int, default=20)
    parser.add_argument("--speed", type=float, default=1.0)
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as folder:
        sys.stdout.write(f"{measure(Path(folder), **given)}\n")


if __name__ == "__main__":
    main()
