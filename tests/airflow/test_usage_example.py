# SPDX-License-Identifier: Apache-2.0
"""The example DAG that reports the charges, in a real Airflow."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.operators.usage import KlingUsageOperator
from scripts.local_airflow import EXAMPLES
from tests.unit.operators.conftest import TaskInstance, image_to_video, run

pytestmark = pytest.mark.airflow


def test_the_example_reports_the_charges(
    kling_emulator: Emulator, airflow_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLING_EXAMPLE_OUTPUT", str(tmp_path))
    run(image_to_video(output_path=str(tmp_path), labels={"team": "shop"}), TaskInstance())
    dag: Any = runpy.run_path(str(EXAMPLES / "example_kling_usage.py"))["dag"]
    usage = dag.get_task("usage")
    # The job is of today.
    usage.start, usage.end = "{{ dag_run.start_date.date() }}", "2100-01-01"
    done = dag.test()
    assert done.state == "success"
    (report,) = [
        each.xcom_pull(task_ids="usage") for each in done.get_task_instances() if each.task_id == "usage"
    ]
    assert (report["charges"], report["units"], report["unknown_to_airflow"]) == (1, {"video": "3"}, 0)


def test_the_defaults_fit_a_cron_schedule(
    kling_emulator: Emulator, airflow_database: Any, tmp_path: Path
) -> None:
    """Airflow 3 gives a run of a cron schedule a data interval without a length."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with DAG("nightly_usage", schedule="@daily", start_date=start, catchup=False) as dag:
        KlingUsageOperator(task_id="usage", output_path=str(tmp_path))
    done: Any = dag.test(logical_date=datetime(2026, 3, 10, tzinfo=UTC))
    assert done.state == "success"
    (report,) = [each.xcom_pull(task_ids="usage") for each in done.get_task_instances()]
    days = (datetime.fromisoformat(report["end"]) - datetime.fromisoformat(report["start"])).days
    assert (days, report["complete"]) == (1, True)
    assert datetime.fromisoformat(report["end"]) <= done.data_interval_end
