# SPDX-License-Identifier: Apache-2.0
"""
### What was charged, for which DAG and for whom

Reads the account's billing records of the day before yesterday, which are complete by now (they lag up to 12
hours), joins them with the manifests and batch ledgers at `KLING_EXAMPLE_OUTPUT`, and writes JSONL and CSV
below it. The second task reports the sums, and charges of jobs that no task of this Airflow has
submitted.

Needs the connection `kling_default`, at one of Kling's own hosts. It submits no job and costs nothing.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.usage import KlingUsageOperator

OUTPUT = os.environ.get("KLING_EXAMPLE_OUTPUT", "s3://aws_default@my-videos/kling")

with DAG(
    dag_id="example_kling_usage",
    dag_display_name="Kling: what was charged, and for whom",
    schedule=None,  # "@daily" in your copy
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    params={"days_ago": 2},
    tags=["example", "kling", "costs"],
    doc_md=__doc__,
) as dag:
    usage = KlingUsageOperator(
        task_id="usage",
        paths=[OUTPUT],
        output_path=f"{OUTPUT}/usage",
        start="{{ (dag_run.start_date - macros.timedelta(days=params.days_ago)).date() }}",
        end="{{ (dag_run.start_date - macros.timedelta(days=params.days_ago - 1)).date() }}",
    )

    @task
    def report(**context: Any) -> dict[str, Any]:
        """Return the sums; in real life sent to a chat."""
        charges: dict[str, Any] = context["ti"].xcom_pull(task_ids="usage")
        print(f"Charged: {charges['units']} units, {charges['cash']} in cash")
        if charges["unknown_to_airflow"]:
            print(f"{charges['unknown_to_airflow']} charges are of unknown jobs: {charges['unknown_path']}")
        return charges["units"]

    usage >> report()
