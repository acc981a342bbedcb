# SPDX-License-Identifier: Apache-2.0
"""
### Store results that are missing from the bucket

Kling deletes every result 30 days after its job has ended. This DAG reads the account's lists of jobs,
compares them with the bucket, and stores what is missing, including jobs that were not submitted by Airflow.
If nothing is missing, it sends about 25 small requests, so run it every day.

The second task reports what expires soon. It also runs after a failed sweep. It is a teardown, so only
the sweep determines whether the run fails.

Needs the connection `kling_default`, and a folder that the environment variable `KLING_EXAMPLE_OUTPUT`
names. It submits no job and costs nothing at Kling.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.results import KlingResultSweepOperator

with DAG(
    dag_id="example_kling_sweep_results",
    dag_display_name="Kling: store results that are missing",
    schedule=None,  # "@daily" in your copy
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    max_active_runs=1,
    params={"warn_days": 5},
    tags=["example", "kling", "storage"],
    doc_md=__doc__,
) as dag:
    sweep = KlingResultSweepOperator(
        task_id="sweep",
        output_path=os.environ.get("KLING_EXAMPLE_OUTPUT", "s3://aws_default@my-videos/kling"),
        warn_days="{{ params.warn_days }}",
    )

    @task
    def report(**context: Any) -> list[str]:
        """Print results that expire soon and results that have expired. Replace this with your own alert."""
        report = context["ti"].xcom_pull(task_ids="sweep") or {}
        for job in report.get("expiring_jobs", []):
            print(f"Expires soon and is not stored: {job['endpoint']} {job['kling_task_id']}")
        for job in report.get("gone_jobs", []):
            print(f"Lost: {job['endpoint']} {job['kling_task_id']}")
        return [job["kling_task_id"] for job in report.get("expiring_jobs", [])]

    sweep >> report().as_teardown()
