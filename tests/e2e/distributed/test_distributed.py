# SPDX-License-Identifier: Apache-2.0
"""Jobs made equal jobs wanted, though a worker and a triggerer die in the middle."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.e2e.distributed.conftest import MAPPED, ROWS, SLOTS, TRIGGERERS, WORKERS, DistributedAirflow

pytestmark = pytest.mark.slow

DAG, JOBS, FEW_ROWS = "distributed", 60, 30
MANY = "many"
KILL_EVERY = 20.0
FAULTS = {"lost_response": 13, "late_error": 17, "lost_request": 19, "server_error": 23, "proxy_page": 29}


def made(kling: Emulator, slug: str) -> list[str]:
    return [job.task_id for job in kling.jobs if job.slug == slug]


def the_batch(airflow: DistributedAirflow, run_id: str) -> dict[str, Any]:
    (instance,) = airflow.api.task_instances(DAG, run_id, "batch")
    return instance


def failures(airflow: DistributedAirflow, run_id: str, dag_id: str = DAG) -> str:
    bad = [each for each in airflow.api.task_instances(dag_id, run_id) if each["state"] != "success"]
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
    assert (len(videos), len(images)) == (JOBS, FEW_ROWS), "jobs made for jobs wanted"
    assert len(kling.jobs) == JOBS + FEW_ROWS
    results = [airflow.api.xcom(DAG, run_id, "make", map_index=index) for index in range(JOBS)]
    assert all(result["status"] == "succeed" and result["videos"] for result in results)
    assert sorted(result["task_id"] for result in results) == sorted(videos)

    rows = [json.loads(line) for line in (kept / "results.jsonl").read_text().splitlines()]
    assert sorted(row["task_id"] for row in rows) == sorted(images)
    assert all(Path(image["path"]).read_bytes() for row in rows for image in row["images"])
    assert airflow.api.xcom(DAG, run_id, "batch")["done"] == FEW_ROWS
    assert the_batch(airflow, run_id)["try_number"] > first["try_number"]
    assert kling.summary["max_active"] <= SLOTS
    assert kling.faults.fired["lost_response"]


@pytest.mark.skipif(not (MAPPED and ROWS), reason="takes long: make test-distributed MAPPED=20 ROWS=80")
@pytest.mark.timeout(3600)
def test_a_worker_and_a_triggerer_are_killed_every_twenty_seconds(
    airflow: DistributedAirflow, kling: Emulator, tmp_path: Path
) -> None:
    kept, began, kills = tmp_path / "kept", time.monotonic(), 0
    kling.faults.set(FAULTS)
    run_id = airflow.api.trigger(MANY, {"output_path": str(kept)})
    ended: list[str] = []

    def over() -> bool:
        if (state := airflow.api.run_state(MANY, run_id)) in ("success", "failed"):
            ended.append(state)
        return bool(ended)

    while not ended:
        try:
            wait_until(over, KILL_EVERY, "the run's end", every=1)
        except TimeoutError:
            airflow.replace("worker", WORKERS[kills % 2])
            airflow.replace("triggerer", TRIGGERERS[kills % 2])
            kills += 1
    assert ended == ["success"], failures(airflow, run_id, MANY)
    assert kills, "nothing was killed"

    videos, images = made(kling, "videos/text2video"), made(kling, "images/generations")
    assert (len(videos), len(images)) == (MAPPED, ROWS), "jobs made for jobs wanted"
    results = [airflow.api.xcom(MANY, run_id, "make", map_index=index) for index in range(MAPPED)]
    rows = [
        json.loads(line)
        for name in ("held", "deferred")
        for line in (kept / name / "results.jsonl").read_text().splitlines()
    ]
    assert sorted(result["task_id"] for result in results) == sorted(videos)
    assert sorted(row["task_id"] for row in rows) == sorted(images)
    stored = [item["path"] for result in results for item in result["videos"]]
    stored += [item["path"] for row in rows for item in row["images"]]
    assert len({path for path in stored if Path(path).stat().st_size}) == MAPPED + ROWS
    assert kling.summary["max_active"] <= SLOTS
    assert all(kling.faults.fired[name] for name in ("lost_response", "server_error"))
    sys.stdout.write(
        f"{MAPPED} mapped jobs, {ROWS} rows, {kills} kills of each, {time.monotonic() - began:.0f} s\n"
    )
