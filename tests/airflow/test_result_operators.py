# SPDX-License-Identifier: Apache-2.0
"""Both operators in a real Airflow, and the example that sweeps."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.results.manifest import stored_task_ids
from scripts.local_airflow import EXAMPLES
from tests.support.dag_runs import run as run_dag
from tests.unit.operators.results.conftest import Make, kling_emulator_options, make

__all__ = ["kling_emulator_options", "make", "run_dag"]

pytestmark = pytest.mark.airflow

EXAMPLE = EXAMPLES / "example_kling_sweep_results.py"
IMPORT = "from airflow_provider_kling.operators.results import *"


def test_one_task_stores_the_result_of_another(
    run_dag: Any, tmp_path: Any, make: Make, kling_emulator: Emulator
):
    """Every argument of the fetch operator may come from another task."""
    (task_id,) = make()
    states, values = run_dag(
        f"""
        {IMPORT}
        @task(multiple_outputs=True)
        def job():
            return {{"endpoint": "videos/text2video", "kling_task_id": "{task_id}"}}

        made = job()
        KlingFetchResultOperator(
            task_id="fetch",
            endpoint=made["endpoint"],
            kling_task_id="{{{{ ti.xcom_pull(task_ids='job')['kling_task_id'] }}}}",
            output_path="{tmp_path}/out/{{{{ ti.task_id }}}}",
        ) << made
        """
    )
    assert states == {"job": "success", "fetch": "success"}
    assert values["fetch"]["videos"][0]["path"] == f"{tmp_path}/out/fetch/{task_id}/0-video.mp4"
    assert len(kling_emulator.jobs) == 1


def test_a_sweep_that_fails_still_says_what_expires(
    run_dag: Any, tmp_path: Any, make: Make, kling_emulator: Emulator
):
    kept, lost = make(2)
    kling_emulator.faults.set({"download_error": 5})
    states, values = run_dag(
        f"""
        {IMPORT}
        sweep = KlingResultSweepOperator(
            task_id="sweep", output_path="{tmp_path}/out", warn_days=40, parallel=1
        )

        @task(trigger_rule="all_done")
        def tell(**context):
            return context["ti"].xcom_pull(task_ids="sweep")["expiring_jobs"]

        sweep >> tell()
        """
    )
    assert states == {"sweep": "failed", "tell": "success"}
    (message,) = values["tell"]
    assert {message["kling_task_id"], *stored_task_ids(str(tmp_path / "out"))} == {kept, lost}


def test_the_example_stores_missing_results(
    airflow_database: Any, tmp_path: Any, make: Make, monkeypatch: pytest.MonkeyPatch
):
    made = make(2)
    monkeypatch.setenv("KLING_EXAMPLE_OUTPUT", str(tmp_path / "out"))
    run = runpy.run_path(str(EXAMPLE))["dag"].test()
    instances = {ti.task_id: ti for ti in run.get_task_instances()}
    assert {name: ti.state for name, ti in instances.items()} == {"sweep": "success", "report": "success"}
    assert instances["sweep"].xcom_pull(task_ids="sweep")["landed"] == 2
    assert instances["report"].xcom_pull(task_ids="report") == []
    assert stored_task_ids(str(tmp_path / "out")) == set(made)


def test_the_example_is_red_when_results_could_not_be_stored(
    airflow_database: Any,
    tmp_path: Any,
    make: Make,
    kling_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
):
    make()
    kling_emulator.faults.set({"download_error": 99})
    monkeypatch.setenv("KLING_EXAMPLE_OUTPUT", str(tmp_path / "out"))
    dag = runpy.run_path(str(EXAMPLE))["dag"]
    for task in dag.tasks:
        task.retries = 0
    run = dag.test()
    states = {ti.task_id: ti.state for ti in run.get_task_instances()}
    assert states == {"sweep": "failed", "report": "success"}
    assert run.state == "failed"
