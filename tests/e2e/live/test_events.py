# SPDX-License-Identifier: Apache-2.0
"""Jobs that others have made start DAGs, and a sensor starts without a worker, in a live Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import airflow as installed
import pytest
import requests
from packaging.version import Version

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.e2e.live.airflow_processes import LiveAirflow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(Version(installed.__version__) < Version("3.3"), reason="needs Airflow 3.3"),
]

PATH = "/v1/images/generations"
DAG_ID = "live_job_events"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Kling whose jobs take five seconds."""
    with Emulator(job_seconds=5, slots=0, scale=0.1) as running:
        yield running


def call(emulator: Emulator, method: str, path: str, body: object = None) -> dict[str, str]:
    """Ask Kling as the console does."""
    headers = {"Authorization": f"Bearer {emulator.connection()['password']}"}
    answer = requests.request(method, emulator.url + path, json=body, headers=headers, timeout=10)
    return dict(answer.json()["data"])


def make(emulator: Emulator) -> str:
    """Make a job."""
    return call(emulator, "POST", PATH, {"model_name": "kling-v3", "prompt": "made elsewhere"})["task_id"]


def status_of(emulator: Emulator, job: str) -> str:
    """Return how far a job has come."""
    return call(emulator, "GET", f"{PATH}/{job}")["task_status"]


def test_what_others_made_is_stored_and_a_sensor_needs_no_worker(tmp_path: Path, emulator: Emulator) -> None:
    home, output = tmp_path / "airflow", tmp_path / "out"
    home.mkdir()
    dags = Path(__file__).parent / "event_dags"
    connections = {"kling_default": emulator.connection_json()}
    variables = {"KLING_LIVE_OUTPUT": str(output)}
    with LiveAirflow(home, dags, connections, None, variables) as airflow:
        airflow.api.wait_for_dag(DAG_ID)
        wait_until(lambda: emulator.count("GET", PATH), 90, "the watcher to look")

        def stored(job: str) -> bool:
            return (output / job / "manifest.json").exists()

        first = make(emulator)
        wait_until(lambda: stored(first), 120, "the first job to be stored")
        airflow.kill("triggerer")
        second = make(emulator)
        wait_until(lambda: status_of(emulator, second) == "succeed", 30, "the second job to end")
        airflow.start("triggerer")
        wait_until(lambda: stored(second), 120, "what ended without a triggerer to be stored")

        job = make(emulator)
        run_id = airflow.api.trigger("live_start_from_trigger", {"job": job})
        assert airflow.api.wait_for_run("live_start_from_trigger", run_id, timeout=120) == "success"
        (task,) = airflow.api.task_instances("live_start_from_trigger", run_id, "wait")
        assert airflow.api.xcom("live_start_from_trigger", run_id, "wait")["task_id"] == job
        assert "Pre Execute" not in airflow.task_log(dict(task)), "a worker has run"
    assert len(emulator.jobs) == 3
