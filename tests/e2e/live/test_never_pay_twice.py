# SPDX-License-Identifier: Apache-2.0
"""One job, one charge, whatever dies: counted at the emulator while live Airflow processes are killed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.e2e.live.conftest import DAGS

pytestmark = pytest.mark.slow

DAG = "live_mapped"
SLOTS = 25


@pytest.fixture(scope="module")
def kling() -> Iterator[Emulator]:
    with Emulator(job_seconds=6, slots=SLOTS) as running:
        yield running


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, kling: Emulator) -> Iterator[LiveAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    with ExitStack() as stack:
        live = LiveAirflow(home, DAGS, {"kling_default": kling.connection_json()})
        yield stack.enter_context(live)
    assert not live.processes()


@pytest.fixture(autouse=True)
def fresh(kling: Emulator) -> Iterator[None]:
    kling.reset()
    yield
    kling.release()
    kling.faults.clear()


def run(airflow: LiveAirflow, count: int) -> str:
    return airflow.api.trigger(DAG, {"count": count})


def finish(airflow: LiveAirflow, run_id: str, timeout: float = 400) -> None:
    state = airflow.api.wait_for_run(DAG, run_id, timeout)
    logs = "" if state == "success" else failures(airflow, run_id)
    assert state == "success", logs


def failures(airflow: LiveAirflow, run_id: str) -> str:
    failed = [each for each in airflow.api.task_instances(DAG, run_id) if each["state"] != "success"]
    return "\n".join(airflow.task_log(each)[-3000:] for each in failed[:3])


def delivered(airflow: LiveAirflow, run_id: str, count: int) -> list[str]:
    """Ids of the jobs whose results the tasks returned."""
    results = [airflow.api.xcom(DAG, run_id, "make", map_index=index) for index in range(count)]
    assert all(result["status"] == "succeed" and result["videos"] for result in results)
    return [result["task_id"] for result in results]


def kill_the_one_running(airflow: LiveAirflow, run_id: str) -> None:
    def with_process() -> dict[str, Any] | None:
        running = airflow.api.task_instances(DAG, run_id, "make")
        return next((each for each in running if each["state"] == "running" and each["pid"]), None)

    airflow.kill_task(wait_until(with_process, 120, "the task to have a process"))


def test_faults_and_dead_triggerers_cost_nothing_twice(airflow: LiveAirflow, kling: Emulator) -> None:
    kling.faults.set({"lost_response": 4, "server_error": 9, "proxy_page": 13})
    run_id = run(airflow, 60)
    airflow.api.wait_for_states(DAG, run_id, "make", ["deferred"], count=5, timeout=240)
    airflow.start("triggerer", "second-triggerer")
    airflow.kill("triggerer")
    finish(airflow, run_id, 600)

    jobs = [job.task_id for job in kling.jobs]
    assert len(jobs) == 60, f"{len(jobs)} jobs were made for 60 tasks"
    assert sorted(delivered(airflow, run_id, 60)) == sorted(jobs)
    assert kling.summary["max_active"] <= SLOTS
    assert all(kling.faults.fired[name] for name in ("lost_response", "server_error", "proxy_page"))


@pytest.mark.parametrize("stall", ["stall_before", "stall_after"])
def test_a_worker_that_dies_while_submitting(airflow: LiveAirflow, kling: Emulator, stall: str) -> None:
    kling.faults.set({stall: -1})
    run_id = run(airflow, 1)
    wait_until(lambda: kling.stalled, 180, "the create call to be held")
    kill_the_one_running(airflow, run_id)
    kling.release()
    finish(airflow, run_id)

    assert delivered(airflow, run_id, 1) == [job.task_id for job in kling.jobs]
    assert airflow.api.task_instances(DAG, run_id, "make")[0]["try_number"] == 2


def test_a_worker_that_dies_while_looking_up(airflow: LiveAirflow, kling: Emulator) -> None:
    kling.faults.set({"stall_after": -1})
    run_id = run(airflow, 1)
    wait_until(lambda: kling.stalled, 180, "the create call to be held")
    kling.faults.set({"latency": 8.0})
    kill_the_one_running(airflow, run_id)
    kling.release()
    # The second try asks for the job by its name and dies before it has the answer.
    airflow.api.wait_for_states(DAG, run_id, "make", ["up_for_retry"], count=1, timeout=180)
    airflow.api.wait_for_states(DAG, run_id, "make", ["running"], count=1, timeout=180)
    time.sleep(3)
    kill_the_one_running(airflow, run_id)
    kling.faults.set({"latency": 0})
    finish(airflow, run_id)

    assert delivered(airflow, run_id, 1) == [job.task_id for job in kling.jobs]


def test_mark_failed_affects_no_other_task_and_a_clear_makes_a_new_job(
    airflow: LiveAirflow, kling: Emulator
) -> None:
    run_id = run(airflow, 4)
    airflow.api.wait_for_states(DAG, run_id, "make", ["deferred"], count=4, timeout=180)
    airflow.api.mark(DAG, run_id, "make", "failed", map_index=2)
    wait_until(lambda: airflow.api.run_state(DAG, run_id) == "failed", 240, "the run to end")
    states = airflow.api.states(DAG, run_id, "make")
    assert states == ["success", "success", "failed", "success"]
    assert len(kling.jobs) == 4

    before = airflow.api.xcom(DAG, run_id, "make", map_index=0)["task_id"]
    airflow.api.clear(DAG, run_id, "make", map_index=0)
    airflow.api.wait_for_states(
        DAG, run_id, "make", ["deferred", "running", "scheduled"], count=1, timeout=30
    )
    airflow.api.wait_for_states(DAG, run_id, "make", ["success"], count=3, timeout=180)
    after = airflow.api.xcom(DAG, run_id, "make", map_index=0)["task_id"]
    assert after != before
    assert len(kling.jobs) == 5


def test_the_api_server_dies_while_jobs_wait(airflow: LiveAirflow, kling: Emulator) -> None:
    run_id = run(airflow, 6)
    airflow.api.wait_for_states(DAG, run_id, "make", ["deferred"], count=6, timeout=180)
    airflow.kill("api-server")
    airflow.start("api-server")
    airflow.wait_until_healthy()
    finish(airflow, run_id)

    assert sorted(delivered(airflow, run_id, 6)) == sorted(job.task_id for job in kling.jobs)
