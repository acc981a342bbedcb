# SPDX-License-Identifier: Apache-2.0
"""``fallback_conn_ids`` on real processes: each job once, at the account that has credit, whatever dies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.e2e.live.conftest import DAGS

pytestmark = pytest.mark.slow

DAG = "live_accounts"
PROMPTS = ["a red boat", "a green boat", "a blue boat"]
JOBS = len(PROMPTS)
PATH = "/v1/videos/text2video"


@pytest.fixture
def poor() -> Iterator[Emulator]:
    """An account without credit."""
    with Emulator(job_seconds=6, slots=0) as running:
        running.faults.set({"no_credit": True})
        yield running


@pytest.fixture
def rich() -> Iterator[Emulator]:
    """The account that makes the jobs; its first answer is held."""
    with Emulator(job_seconds=6, slots=0, scale=0.1) as running:
        running.faults.set({"stall_after": -1})
        yield running
        running.release()


def test_jobs_stay_at_the_account_that_made_them(poor: Emulator, rich: Emulator, tmp_path: Path) -> None:
    home, media = tmp_path / "airflow", tmp_path / "media"
    home.mkdir()
    connections = {"kling_default": poor.connection_json(), "kling_second": rich.connection_json()}
    with LiveAirflow(home, DAGS, connections, variables={"LIVE_ACCOUNTS": str(media)}) as airflow:
        run_id = airflow.api.trigger(DAG)
        wait_until(lambda: rich.stalled, 180, "a create call to be held", every=0.1)
        # The job of this worker exists, and its answer never comes.
        killed = PROMPTS.index(rich.jobs[0].body["prompt"])
        airflow.kill_task(wait_until(lambda: running(airflow, run_id, killed), 60, "its process"))
        rich.faults.clear()
        rich.release()
        state = airflow.api.wait_for_run(DAG, run_id, 300)
        instances = airflow.api.task_instances(DAG, run_id, "make")
        assert state == "success", "\n".join(airflow.task_log(each)[-3000:] for each in instances)
        results = [airflow.api.xcom(DAG, run_id, "make", map_index=index) for index in range(JOBS)]
    check(poor, rich, results, media)
    tries = {each["map_index"]: each["try_number"] for each in instances}
    assert tries == {index: 2 if index == killed else 1 for index in range(JOBS)}


def running(airflow: LiveAirflow, run_id: str, index: int) -> dict[str, Any] | None:
    instance = airflow.api.task_instances(DAG, run_id, "make")[index]
    return instance if instance["state"] == "running" and instance["pid"] else None


def check(poor: Emulator, rich: Emulator, results: list[dict[str, Any]], media: Path) -> None:
    """Compare what was made, waited for and stored with what was asked for."""
    assert not poor.jobs
    assert sorted(job.body["prompt"] for job in rich.jobs) == sorted(PROMPTS)
    made = {job.task_id for job in rich.jobs}
    assert {result["task_id"] for result in results} == made
    assert {result["kling_conn_id"] for result in results} == {"kling_second"}
    # Nothing was waited for at the first account: it was only asked whether it has a job.
    assert not poor.count("GET", PATH), "its list is what the shared poller reads"
    assert rich.count("GET", PATH) or rich.count("GET", f"{PATH}/{{id}}")
    for result in results:
        folder = media / result["task_id"]
        assert (folder / "0-video.mp4").stat().st_size == result["videos"][0]["bytes"]
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["request"]["kling_conn_id"] == "kling_second"
