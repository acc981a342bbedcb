# SPDX-License-Identifier: Apache-2.0
"""What ``docs/troubleshooting.md`` says of a red task, done in a live Airflow: nothing is paid twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import ROOT
from tests.e2e.live.airflow_processes import LiveAirflow

pytestmark = pytest.mark.slow

FETCH = f"{ROOT}/docs/troubleshooting.md:kling_fetch"
REFUSED = f"{ROOT}/docs/retries-and-money.md:video_or_ask"
DAG = "live_red"


def red(airflow: LiveAirflow, kling: Emulator) -> str:
    """Run the DAG until its first task has given up; let the job end at Kling. Return the run's id."""
    run_id = airflow.api.trigger(DAG)
    assert airflow.api.wait_for_run(DAG, run_id, 120) == "failed"
    assert airflow.api.states(DAG, run_id, "use") == ["upstream_failed"]
    kling.advance(60)
    return run_id


def test_the_result_is_fetched_and_handed_on(
    start_airflow: Callable[..., LiveAirflow], emulator: Emulator, tmp_path: Path
) -> None:
    airflow = start_airflow(variables={"LIVE_RECIPES": FETCH})
    run_id = red(airflow, emulator)
    job = airflow.api.xcom(DAG, run_id, "make", "task_id")

    conf = {"endpoint": "videos/text2video", "job": job, "folder": str(tmp_path / "kept")}
    fetched = airflow.api.trigger("kling_fetch", conf)
    assert airflow.api.wait_for_run("kling_fetch", fetched, 120) == "success"
    result = airflow.api.xcom("kling_fetch", fetched, "fetch")
    assert Path(result["videos"][0]["path"]).stat().st_size == result["videos"][0]["bytes"]

    entries = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/make/xcomEntries"
    airflow.api.call("POST", entries, {"key": "return_value", "value": result})
    airflow.api.mark(DAG, run_id, "make", "success")
    airflow.api.clear(DAG, run_id, "use")
    assert airflow.api.wait_for_run(DAG, run_id, 120) == "success"
    assert airflow.api.xcom(DAG, run_id, "use") == f"video {result['videos'][0]['id']}"
    assert len(emulator.jobs) == 1


def test_a_task_that_takes_a_name_attaches_after_a_clear(
    start_airflow: Callable[..., LiveAirflow], emulator: Emulator
) -> None:
    airflow = start_airflow()
    run_id = red(airflow, emulator)
    name = airflow.api.xcom(DAG, run_id, "make", "external_task_id")

    airflow.api.call("POST", "/variables", {"key": "kling_attach", "value": name})
    for task_id in ("make", "use"):
        airflow.api.clear(DAG, run_id, task_id)
    assert airflow.api.wait_for_run(DAG, run_id, 120) == "success"
    made = airflow.api.xcom(DAG, run_id, "make")["videos"][0]
    assert airflow.api.xcom(DAG, run_id, "use") == f"video {made['id']}"
    assert len(emulator.jobs) == 1


def test_a_callback_leaves_word_of_a_refusal(
    start_airflow: Callable[..., LiveAirflow], emulator: Emulator
) -> None:
    airflow = start_airflow(variables={"LIVE_RECIPES": REFUSED})
    emulator.faults.set({"refused_word": "storm"})
    run_id = airflow.api.trigger("video_or_ask")
    assert airflow.api.wait_for_run("video_or_ask", run_id, 120) == "success"
    assert airflow.api.states("video_or_ask", run_id, "video") == ["failed"]
    assert airflow.api.states("video_or_ask", run_id, "ask") == ["success"]
    assert "refused by the content safety check" in airflow.api.xcom("video_or_ask", run_id, "refused")
    assert not emulator.jobs
