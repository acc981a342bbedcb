# SPDX-License-Identifier: Apache-2.0
"""The example DAG that reports the charges, in a real Airflow."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
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


NIGHTLY = """
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.usage import KlingUsageOperator

start = datetime(2026, 1, 1, tzinfo=UTC)
with DAG("nightly_usage", schedule="@daily", start_date=start, catchup=False) as dag:
    KlingUsageOperator(task_id="usage", output_path={output!r})
"""


def test_the_defaults_fit_a_cron_schedule(
    kling_emulator: Emulator, dags_folder: Path, tmp_path: Path
) -> None:
    """Airflow 3 gives a run of a cron schedule a data interval without a length."""
    file = dags_folder / "nightly_usage.py"
    file.write_text(NIGHTLY.format(output=str(tmp_path / "usage")))
    dag: Any = runpy.run_path(str(file))["dag"]
    done = dag.test(logical_date=datetime(2026, 3, 10, tzinfo=UTC))
    assert done.state == "success"
    (report,) = [each.xcom_pull(task_ids="usage") for each in done.get_task_instances()]
    start, end = (datetime.fromisoformat(report[name]) for name in ("start", "end"))
    assert (end - start, report["complete"]) == (timedelta(days=1), True)
    assert end <= done.data_interval_end
