# SPDX-License-Identifier: Apache-2.0
"""Side by side in one run: mapped jobs in a live Airflow, with stock parts and with this provider."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow

DAGS = Path(__file__).parent / "bench_dags"
PATH = "/v1/videos/text2video"
WAYS = {
    "bench_stock": "HttpOperator, then HttpSensor in reschedule mode, every 5 s",
    "bench_kling": "this provider, deferrable, every 5 s",
    "bench_kling_end_from_trigger": "this provider, `end_from_trigger`, every 5 s",
    "bench_kling_every_second": "this provider, `end_from_trigger`, every second",
}
_LISTENER = """
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
import sys

@hookimpl
def on_task_instance_running(previous_state, task_instance):
    with open({path!r}, "a") as file:
        file.write("started\\n")

class CountStarts(AirflowPlugin):
    name = "count_starts"
    listeners = [sys.modules[__name__]]
"""


class Row(NamedTuple):
    """What one way cost."""

    way: str
    makespan: float
    starts: int
    calls: int
    reads: int
    p50: float
    p95: float

    def markdown(self) -> str:
        """Return the row of a table."""
        return (
            f"| {self.way} | {self.makespan:.0f} s | {self.starts} | {self.calls} | {self.reads} "
            f"| {self.p50:.1f} s | {self.p95:.1f} s |"
        )


def measure(airflow: LiveAirflow, kling: Emulator, starts: Path, dag_id: str, count: int) -> Row:
    """Run one DAG and read off what it took."""
    kling.reset()
    starts.write_text("")
    log = airflow.home / "api-server.log"
    before = log.stat().st_size
    run_id = airflow.api.trigger(dag_id, {"count": count})
    state = airflow.api.wait_for_run(dag_id, run_id, timeout=900)
    if state != "success":
        raise RuntimeError(f"{dag_id} ended as {state}\n{airflow.last_lines()}")
    run = airflow.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
    ended = sorted(_seconds(each["end_date"]) for each in airflow.api.task_instances(dag_id, run_id, "make"))
    done = sorted(job.ended_at for job in kling.jobs)
    delays = sorted(late - early for late, early in zip(ended, done, strict=True))
    reads = kling.count("GET", PATH) + kling.count("GET", f"{PATH}/{{id}}")
    return Row(
        WAYS[dag_id],
        _seconds(run["end_date"]) - _seconds(run["start_date"]),
        len(starts.read_text().splitlines()),
        log.read_bytes()[before:].count(b"path=/execution/"),
        reads,
        median(delays),
        delays[int(len(delays) * 0.95)],
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--job-seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Emulator(job_seconds=options.job_seconds, slots=0) as kling:
        home = Path(folder)
        starts = home / "starts"
        plugins = home / "plugins"
        plugins.mkdir()
        (plugins / "count_starts.py").write_text(_LISTENER.format(path=str(starts)))
        header = {"Authorization": f"Bearer {kling.options.api_key}"}
        http = json.dumps({"conn_type": "http", "host": kling.url, "extra": header})
        connections = {"kling_default": kling.connection_json(), "kling_http": http}
        settings = {"core.parallelism": 16, "core.plugins_folder": str(plugins)}
        airflow_home = home / "airflow"
        airflow_home.mkdir()
        with LiveAirflow(airflow_home, DAGS, connections, settings) as airflow:
            for dag_id in WAYS:
                # The first run of all pays for what the others find ready.
                measure(airflow, kling, starts, dag_id, count=1)
            rows = [measure(airflow, kling, starts, dag_id, options.jobs) for dag_id in WAYS]
    table = [
        f"{options.jobs} mapped jobs of {options.job_seconds:g} s:",
        "",
        "| Method | Total time | Worker starts | Requests to Airflow | Status requests | Median delay "
        "| P95 delay |",
        "|---|---|---|---|---|---|---|",
        *(row.markdown() for row in rows),
    ]
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
