# SPDX-License-Identifier: Apache-2.0
"""Jobs made equal jobs wanted, though a worker and a triggerer die in the middle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.e2e.distributed.conftest import SLOTS, DistributedAirflow

pytestmark = pytest.mark.slow

DAG, JOBS, ROWS = "distributed", 60, 30


def made(kling: Emulator, slug: str) -> list[str]:
    return [job.task_id for job in kling.jobs if job.slug == slug]


def the_batch(airflow: DistributedAirflow, run_id: str) -> dict[str, Any]:
    (instance,) = airflow.api.task_instances(DAG, run_id, "batch")
    return instance


def failures(airflow: DistributedAirflow, run_id: str) -> str:
    bad = [each for each in airflow.api.task_instances(DAG, run_id) if each["state"] != "success"]
    logs = "\n".join(airflow.task_log(each)[-3000:] for each in bad[:3])
    return f"{[(each['task_id'], each['map_index'], each['state']) for each in bad]}\n{logs}"


@pytest.mark.timeout(1800)
def test_a_dead_worker_and_a_dead_triggerer_cost_nothing_twice(
    airflow: DistributedAirflow, kling: Emulator, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kling.faults.set({"lost_response": 7})
    run_id = airflow.api.trigger(DAG, {"output_path": str(kept)})
    airflow.api.wait_for_states(DAG, run_id, "make", ["deferred"], count=3, timeout=300)
    wait_until(lambda: len(made(kling, "images/generations")) >= 5, 120, "the batch to have jobs")
    first = the_batch(airflow, run_id)
    assert first["state"] == "running", "the batch was to be interrupted"
    airflow.kill("triggerer-1")
    airflow.kill(airflow.worker_of(first))

    state = airflow.api.wait_for_run(DAG, run_id, 900)
    assert state == "success", failures(airflow, run_id)

    videos, images = made(kling, "videos/text2video"), made(kling, "images/generations")
    assert (len(videos), len(images)) == (JOBS, ROWS), "jobs made for jobs wanted"
    assert len(kling.jobs) == JOBS + ROWS
    results = [airflow.api.xcom(DAG, run_id, "make", map_index=index) for index in range(JOBS)]
    assert all(result["status"] == "succeed" and result["videos"] for result in results)
    assert sorted(result["task_id"] for result in results) == sorted(videos)

    rows = [json.loads(line) for line in (kept / "results.jsonl").read_text().splitlines()]
    assert sorted(row["task_id"] for row in rows) == sorted(images)
    assert all(Path(image["path"]).read_bytes() for row in rows for image in row["images"])
    assert airflow.api.xcom(DAG, run_id, "batch")["done"] == ROWS
    assert the_batch(airflow, run_id)["try_number"] > first["try_number"]
    assert kling.summary["max_active"] <= SLOTS
    assert kling.faults.fired["lost_response"]
