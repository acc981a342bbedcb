# SPDX-License-Identifier: Apache-2.0
"""Mapped jobs that wait in the triggerer; ``conf`` says how many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

with DAG(
    dag_id="live_mapped",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"count": 1},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
) as dag:

    @task
    def prompts(params: dict) -> list[str]:
        """Write one prompt for each job."""
        return [f"wave number {number}" for number in range(params["count"])]

    KlingTextToVideoOperator.partial(
        task_id="make", duration="5", deferrable=True, poll_interval=2.0, timeout=300
    ).expand(prompt=prompts())
