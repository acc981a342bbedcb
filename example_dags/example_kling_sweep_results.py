# SPDX-License-Identifier: Apache-2.0
"""
### Keep what nobody kept

Kling deletes every result 30 days after its job has ended. This DAG walks the account's lists of jobs,
compares them with what the bucket holds, and lands what is missing, whoever made it. Where nothing is missing
it makes some twenty small requests, so run it every day.

The second task tells what is about to be lost. It runs even when the sweep has failed: then it matters most.

Needs the connection `kling_default`, and a place that the environment variable `KLING_EXAMPLE_OUTPUT` names.
It makes no job and costs nothing at Kling.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.results import KlingResultSweepOperator

with DAG(
    dag_id="example_kling_sweep_results",
    schedule=None,  # "@daily" in your copy
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    max_active_runs=1,
    tags=["example", "kling"],
    doc_md=__doc__,
) as dag:
    sweep = KlingResultSweepOperator(
        task_id="sweep",
        output_path=os.environ.get("KLING_EXAMPLE_OUTPUT", "s3://aws_default@my-videos/kling"),
        warn_days=5,
    )

    @task(trigger_rule="all_done")
    def tell(**context: Any) -> list[str]:
        """Name what is not kept and expires soon, and what is lost; in real life in a chat."""
        report = context["ti"].xcom_pull(task_ids="sweep") or {}
        for job in report.get("expiring_jobs", []):
            print(f"Expires soon and is not kept: {job['endpoint']} {job['kling_task_id']}")
        for job in report.get("gone_jobs", []):
            print(f"Lost: {job['endpoint']} {job['kling_task_id']}")
        return [job["kling_task_id"] for job in report.get("expiring_jobs", [])]

    sweep >> tell()
