# SPDX-License-Identifier: Apache-2.0
"""``TriggerDagRunOperator(reset_dag_run=True)`` clears a run that nobody cleared: ``on_clear`` decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow

# On a busy machine the start of each worker takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

TASKS = ("new", "attach")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Kling whose jobs take a second."""
    with Emulator(job_seconds=1, slots=0) as running:
        yield running


def test_a_run_that_is_reset_attaches_or_makes_new_jobs(
    start_airflow: Callable[..., LiveAirflow], emulator: Emulator
) -> None:
    api = start_airflow(settings={"scheduler.task_instance_heartbeat_timeout": 300}).api
    made = []
    for _ in range(2):
        api.wait_for_dag("live_reset", timeout=300)
        parent = api.trigger("live_reset_parent")
        assert api.wait_for_run("live_reset_parent", parent, 600) == "success"
        assert api.wait_for_run("live_reset", "same", 600) == "success"
        made.append({name: api.xcom("live_reset", "same", name)["task_id"] for name in TASKS})
    first, second = made
    assert first["attach"] == second["attach"]
    assert {job.task_id for job in emulator.jobs} == {*first.values(), second["new"]}
    assert len(emulator.jobs) == 3
