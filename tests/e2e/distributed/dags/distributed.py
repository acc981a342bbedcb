# SPDX-License-Identifier: Apache-2.0
"""Mapped jobs that wait in triggerers, and a batch that runs in a worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator

JOBS = 60
ROWS = 30

with DAG(
    dag_id="distributed",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"output_path": "/nowhere"},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
) as dag:
    KlingBatchOperator(
        task_id="batch",
        endpoint="images/generations",
        requests=[{"prompt": f"product {number}"} for number in range(ROWS)],
        output_path="{{ params.output_path }}",
        concurrency=5,
        poll_interval=1.0,
        contact_sheet=False,
        priority_weight=100,
    )
    KlingTextToVideoOperator.partial(
        task_id="make", duration="5", deferrable=True, poll_interval=2.0, timeout=600
    ).expand(prompt=[f"wave number {number}" for number in range(JOBS)])
