# SPDX-License-Identifier: Apache-2.0
"""Jobs that end within seconds fail no task: their events do not overtake the end of the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow

# On a busy machine the start of each worker takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

JOBS = 50


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Kling without limits whose jobs take 1 to 6 seconds."""
    with Emulator(job_seconds=(1, 2, 3, 4, 5, 6), slots=0) as running:
        yield running


@pytest.mark.parametrize("dag_id", ["live_short", "live_short_end_from_trigger"])
def test_no_task_is_red(start_airflow: Callable[..., LiveAirflow], emulator: Emulator, dag_id: str) -> None:
    # A machine that is busy delays heartbeats, which is not what this test is about.
    airflow = start_airflow(settings={"scheduler.task_instance_heartbeat_timeout": 300})
    run_id = airflow.api.trigger(dag_id, {"count": JOBS})
    state = airflow.api.wait_for_run(dag_id, run_id, timeout=1800)
    instances = airflow.api.task_instances(dag_id, run_id, "make")
    states = [(each["map_index"], each["state"], each["try_number"]) for each in instances]
    assert states == [(index, "success", 1) for index in range(JOBS)], airflow.last_lines()
    assert state == "success"
    assert len(emulator.jobs) == JOBS
