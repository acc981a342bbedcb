# SPDX-License-Identifier: Apache-2.0
"""A backfill that reprocesses a run clears its tasks, which nobody has cleared: ``on_clear`` decides.

The same run shows that a triggerer ends a task with ``end_from_trigger``: no second worker starts for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.e2e.live.airflow_api import AirflowApi
from tests.e2e.live.airflow_processes import LiveAirflow

# On a busy machine the start of each worker takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

DAG_ID = "live_backfill"
DAY = "2026-02-03T00:00:00Z"
TASKS = ("attach", "ended", "new", "shared")
WORKER_BEGINS = "Pre Execute"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Kling whose jobs take a second."""
    with Emulator(job_seconds=1, slots=0) as running:
        yield running


def backfill(api: AirflowApi, tries: int) -> tuple[str, list[dict[str, Any]]]:
    """Run the day again; return the run and its tasks once each has succeeded in so many tries."""
    body = {"dag_id": DAG_ID, "from_date": DAY, "to_date": DAY, "reprocess_behavior": "completed"}
    number = api.call("POST", "/backfills", body)["id"]
    wait_until(lambda: api.call("GET", f"/backfills/{number}")["completed_at"], 900, "the backfill to end")
    runs = api.call("GET", f"/dags/{DAG_ID}/dagRuns", run_type=["backfill"])["dag_runs"]
    (run_id,) = [run["dag_run_id"] for run in runs]
    tasks = api.task_instances(DAG_ID, run_id)
    assert [(each["task_id"], each["state"], each["try_number"]) for each in tasks] == [
        (name, "success", tries) for name in TASKS
    ]
    return run_id, tasks


def test_a_run_that_is_reprocessed_attaches_or_makes_new_jobs(
    start_airflow: Callable[..., LiveAirflow], emulator: Emulator
) -> None:
    airflow = start_airflow(settings={"scheduler.task_instance_heartbeat_timeout": 300})
    api = airflow.api
    api.wait_for_dag(DAG_ID, timeout=300)
    made = []
    for tries in (1, 2):
        run_id, tasks = backfill(api, tries)
        made.append({name: api.xcom(DAG_ID, run_id, name)["task_id"] for name in TASKS})
        workers = {each["task_id"]: airflow.task_log(each).count(WORKER_BEGINS) for each in tasks}
        assert workers == {"attach": 1, "ended": 1, "new": 2, "shared": 1}
    first, second = made
    same = {name for name in TASKS if first[name] == second[name]}
    assert same == {"attach", "ended", "shared"}
    assert {job.task_id for job in emulator.jobs} == {*first.values(), second["new"]}
    assert len(emulator.jobs) == len(TASKS) + 1
