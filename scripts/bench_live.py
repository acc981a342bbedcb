# SPDX-License-Identifier: Apache-2.0
"""Side by side in one run: mapped jobs in a live Airflow, with stock parts and with this provider."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow

DAGS = Path(__file__).parent / "bench_dags"
PATH = "/v1/videos/text2video"
EMPTY = {"bench_empty": "an operator that does nothing"}
STOCK = {"bench_stock": "HttpOperator, then HttpSensor in reschedule mode, every 5 s"}
KLING = {
    "bench_kling": "this provider, deferrable, every 5 s",
    "bench_kling_end_from_trigger": "this provider, `end_from_trigger`, every 5 s",
    "bench_kling_every_second": "this provider, `end_from_trigger`, every second",
}
_LISTENER = """
import sys
import time

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

@hookimpl
def before_stopping(component):
    if type(component).__name__ == "TaskRunnerMarker":
        # The clock of a forked process starts at 0.
        with open({path!r}, "a") as file:
            file.write(f"{{time.process_time()}}\\n")

class MeasureTasks(AirflowPlugin):
    name = "measure_tasks"
    listeners = [sys.modules[__name__]]
"""


class Row(NamedTuple):
    """What one way cost."""

    way: str
    makespan: float
    starts: int
    processor: float
    calls: int
    reads: int
    delays: list[float]

    def markdown(self) -> str:
        """Return the row of a table."""
        reads, p50, p95 = (
            (
                f"{self.reads}",
                f"{median(self.delays):.1f} s",
                f"{self.delays[int(len(self.delays) * 0.95)]:.1f} s",
            )
            if self.delays
            else ("", "", "")
        )
        return (
            f"| {self.way} | {self.makespan:.0f} s | {self.starts} | {1000 * self.processor:.0f} ms "
            f"| {self.calls} | {reads} | {p50} | {p95} |"
        )


def measure(airflow: LiveAirflow, kling: Emulator, starts: Path, way: tuple[str, str], count: int) -> Row:
    """Run one DAG and read off what it took."""
    dag_id, label = way
    kling.reset()
    starts.write_text("")
    log = airflow.home / "api-server.log"
    before = log.stat().st_size
    run_id = airflow.api.trigger(dag_id, {"count": count})
    state = airflow.api.wait_for_run(dag_id, run_id, timeout=900)
    if state != "success":
        raise RuntimeError(f"{dag_id} ended as {state}\n{airflow.last_lines()}")
    run = airflow.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
    done = sorted(job.ended_at for job in kling.jobs)
    tasks = airflow.api.task_instances(dag_id, run_id, "make") if done else []
    ended = sorted(_seconds(each["end_date"]) for each in tasks)
    processor = [float(line) for line in starts.read_text().splitlines()]
    return Row(
        label,
        _seconds(run["end_date"]) - _seconds(run["start_date"]),
        len(processor),
        median(processor),
        log.read_bytes()[before:].count(b"path=/execution/"),
        kling.count("GET", PATH) + kling.count("GET", f"{PATH}/{{id}}"),
        sorted(late - early for late, early in zip(ended, done, strict=True)),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def measure_all(
    folder: Path, kling: Emulator, ways: Mapping[str, str], count: int, *, preload: bool
) -> list[Row]:
    """Run DAGs in an Airflow of their own.

    :param folder: where it has its files.
    :param kling: the emulator.
    :param ways: label by DAG id.
    :param count: number of jobs of a run.
    :param preload: whether this provider's plugin imports what tasks need before they are forked.
    :return: a row for each DAG.
    """
    folder.mkdir()
    starts, plugins, home = folder / "starts", folder / "plugins", folder / "airflow"
    plugins.mkdir()
    home.mkdir()
    (plugins / "measure_tasks.py").write_text(_LISTENER.format(path=str(starts)))
    header = {"Authorization": f"Bearer {kling.options.api_key}"}
    http = json.dumps({"conn_type": "http", "host": kling.url, "extra": header})
    connections = {"kling_default": kling.connection_json(), "kling_http": http}
    settings = {"core.parallelism": 16, "core.plugins_folder": str(plugins), "kling.preload": preload}
    with LiveAirflow(home, DAGS, connections, settings) as airflow:
        for way in ways.items():
            # The first run of all pays for what the others find ready.
            measure(airflow, kling, starts, way, count=1)
        return [measure(airflow, kling, starts, way, count) for way in ways.items()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--job-seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Emulator(job_seconds=options.job_seconds, slots=0) as kling:
        folder, jobs = Path(name), options.jobs
        # Without the plugin of this provider stock parts would not find its imports.
        rows = measure_all(folder / "stock", kling, EMPTY | STOCK, jobs, preload=False)
        rows += measure_all(folder / "kling", kling, EMPTY | KLING, jobs, preload=True)
    table = [
        f"{options.jobs} mapped jobs of {options.job_seconds:g} s:",
        "",
        "| Method | Total time | Worker starts | Processor time of a start | Requests to Airflow "
        "| Status requests | Median delay | P95 delay |",
        "|---|---|---|---|---|---|---|---|",
        *(row.markdown() for row in rows),
    ]
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
